//! Reading all attempts or purchases of a sale, however many they are.

use std::ops::ControlFlow;

use async_trait::async_trait;

use super::{AttemptCopy, Cursor, PurchaseCopy};
use crate::{SaleId, StoreError};

/// Every row of a sale, in the order in which they were recorded, in a memory that does not grow with them.
/// Nobody who sells waits for it.
///
/// After an error, or when the reader has had enough, the export can go on after the last row that was
/// taken. A row is as it was when it was read. What is recorded meanwhile may be in it or not: also, where rows
/// that are recorded together are not seen in their order, in none of the parts of one that went on. The parts
/// of a sale that is over are the whole. Where the
/// row to go on after is not there, the cursor is of another ledger, and nothing is read.
#[async_trait]
pub trait Exports: Send + Sync {
    /// Every attempt at the sale, granted or refused. Tombstones are nobody's attempts.
    async fn attempts(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<AttemptCopy>,
    ) -> Result<(), StoreError>;

    /// Every purchase of the sale.
    async fn purchases(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<PurchaseCopy>,
    ) -> Result<(), StoreError>;
}

/// What a ledger says of a cursor that leads to no row.
pub const NO_SUCH_ROW: &str =
    "there is no row where the cursor leads: it is of another ledger, or was never printed";

/// What of a sale is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportAsked {
    /// The sale.
    pub sale: SaleId,
    /// Where to go on; at the first row without.
    pub after: Option<Cursor>,
}

/// Where rows go, some at a time.
#[async_trait]
pub trait Sink<T: Send + 'static>: Send {
    /// Takes rows, and waits until there is room for others; `next` is where an export goes on that ends
    /// with the last of them. To break off is to have had enough.
    async fn take(&mut self, rows: Vec<T>, next: Cursor) -> ControlFlow<()>;
}
