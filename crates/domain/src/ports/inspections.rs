//! What operators look up: a code, a unit, a user, row by row.

use async_trait::async_trait;

use super::{AttemptCopy, HeldUnit, Page, PageAsked, PurchaseCopy};
use crate::{Code, Receipt, SaleId, StoreError, Unit, UserId};

/// What the ledger has of one code, unit or user, for whoever runs the service. Nobody who sells waits
/// for it, and it may take long: the records of a large sale, or all there are, may have to be read.
#[async_trait]
pub trait Inspections: Send + Sync {
    /// All that is recorded of a code; `None` if nothing is.
    async fn code(&self, code: Code) -> Result<Option<CodeRows>, StoreError>;

    /// The holds that a unit had, the first one first.
    async fn holders(
        &self,
        of: UnitOfSale,
        asked: PageAsked,
    ) -> Result<Page<AttemptCopy>, StoreError>;

    /// The units that a user has, held and bought, and those whose purchase was cancelled: those of the newest sale
    /// first, each sale's in the order of the user's slots. Who had one slot more than once had what was bought first
    /// first.
    async fn units(&self, of: UserOfSales, asked: PageAsked) -> Result<Page<UnitHad>, StoreError>;

    /// All that a user asked for, granted and refused, the last first. Reads every attempt there is:
    /// no index leads to those that hold nothing, for it would be written with each of them.
    async fn attempts(
        &self,
        of: UserOfSales,
        asked: PageAsked,
    ) -> Result<Page<AttemptCopy>, StoreError>;
}

/// A unit of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitOfSale {
    /// The sale.
    pub sale: SaleId,
    /// The unit.
    pub unit: Unit,
}

/// A user, and the sale of which is asked; of all without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserOfSales {
    /// The user.
    pub user: UserId,
    /// The sale.
    pub sale: Option<SaleId>,
}

/// All that is recorded of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRows {
    /// The attempt that it was granted, or its tombstone.
    pub attempt: AttemptCopy,
    /// The purchase, if it was redeemed.
    pub purchase: Option<PurchaseCopy>,
}

/// A unit that a user has, or had bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitHad {
    /// It is on hold.
    Held {
        /// Of this sale.
        sale: SaleId,
        /// What it is.
        hold: HeldUnit,
    },
    /// It was bought; the receipt says if that was cancelled.
    Bought(Receipt),
}
