//! A unit kept for a user, and the receipt it turns into.

use crate::{Code, Item, SaleId, Slot, Unit, UnixMillis, UserId, operator::Reason};

/// A unit kept for a user until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The secret that redeems it.
    pub code: Code,
    /// The sale of the unit.
    pub sale: SaleId,
    /// Whom the unit is kept for.
    pub user: UserId,
    /// The unit.
    pub unit: Unit,
    /// Which of the user's slots it takes.
    pub slot: Slot,
    /// When it becomes due, by the ledger's clock. It stays good until the ledger has
    /// decided that it expired, a moment later.
    pub expires_at: UnixMillis,
}

/// A redeemed hold: the unit is sold, or was until the purchase was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The code that was redeemed.
    pub code: Code,
    /// The sale of the unit.
    pub sale: SaleId,
    /// The buyer.
    pub user: UserId,
    /// The unit.
    pub unit: Unit,
    /// What the unit turned out to be.
    pub item: Item,
    /// When it was sold, by the ledger's clock.
    pub purchased_at: UnixMillis,
    /// Since when it is not, and why; `None` of a purchase that stands.
    pub cancelled: Option<Cancellation>,
}

/// The end of a purchase, by an operator. It is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// When, by the ledger's clock.
    pub at: UnixMillis,
    /// Why, in the operator's words, which the buyer reads.
    pub reason: Reason,
}
