//! What operators do, with its trail.

use async_trait::async_trait;

use crate::{
    SaleId, StoreError,
    operator::{ActionId, ActionRecord, Beside, Order},
    ports::SaleSnapshot,
};

/// Carries out what operators order, and keeps the trail of it.
#[async_trait]
pub trait Operator: Send + Sync {
    /// Carries an order out, or refuses it, as [`Order::decide`] says, in one transaction with its row in the
    /// trail; or finds that an order of this id came before, and does nothing. Refusals are kept as well.
    ///
    /// A change of a sale waits for the records in flight and raises its epoch: a grant of an older one is
    /// in the snapshot or never recorded. A sale that is paused or ended takes no grant of any epoch: whoever
    /// stops it [blindly](Beside::is_blind) raises none.
    ///
    /// # Errors
    ///
    /// After [`Failure::Unknown`](crate::Failure) it may be done: the same order again says so.
    async fn act(&self, order: &Order, beside: &Beside) -> Result<ActReply, StoreError>;

    /// What came of the order of this id.
    async fn action(&self, id: ActionId) -> Result<Option<ActionRecord>, StoreError>;

    /// The trail, the newest first.
    async fn trail(&self, page: TrailPage) -> Result<Vec<ActionRecord>, StoreError>;
}

/// What the ledger says to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActReply {
    /// It was carried out or refused now.
    Now {
        /// Its row.
        record: ActionRecord,
        /// What a new epoch is to be loaded with, if there is one. It is sent to the live store once.
        snapshot: Option<SaleSnapshot>,
    },
    /// An order of this id came before, and this is what came of it.
    Before(ActionRecord),
}

/// A part of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailPage {
    /// Only of this sale.
    pub sale: Option<SaleId>,
    /// Only rows of lower numbers.
    pub before: Option<i64>,
    /// Only what has changed a sale or a product, or made one.
    pub changes_only: bool,
    /// At most so many.
    pub limit: usize,
}
