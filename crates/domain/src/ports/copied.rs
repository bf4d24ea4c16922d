//! What a ledger holds, row by row: for another ledger to take over, and for whoever runs the service.

use crate::{Code, Epoch, ProductId, Receipt, Sale, SaleId, Sku, Slot, Unit, UnixMillis, UserId};

/// A product, of which all that is said is in its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductCopy {
    /// Its number.
    pub id: ProductId,
    /// The shop's own key of it.
    pub sku: Sku,
    /// Since when it is archived.
    pub archived_at: Option<UnixMillis>,
}

/// A sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleCopy {
    /// The sale.
    pub sale: Sale,
    /// When its epoch was raised last.
    pub epoch_at: Option<UnixMillis>,
    /// When it was closed.
    pub closed_at: Option<UnixMillis>,
    /// How many of its units are sold, as counted.
    pub sold: u32,
}

/// A checkout attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptCopy {
    /// The sale that was asked; there may be no such sale.
    pub sale: SaleId,
    /// When it was recorded.
    pub attempted_at: UnixMillis,
    /// Who asked, and what came of it.
    pub outcome: OutcomeCopy,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeCopy {
    /// A unit was put on hold.
    Granted(HoldCopy),
    /// It was refused.
    Refused {
        /// Who asked.
        user: UserId,
        /// The name of the refusal, as [`CheckoutRefusal::name`](crate::CheckoutRefusal::name)
        /// has it.
        name: String,
    },
    /// It is the tombstone of a code whose record came too late.
    Tombstone(Code),
}

/// A hold, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldCopy {
    /// The code.
    pub code: Code,
    /// Whom the unit was kept for.
    pub user: UserId,
    /// The unit.
    pub unit: Unit,
    /// The user's slot it took.
    pub slot: Slot,
    /// The generation of the live state that granted it.
    pub epoch: Epoch,
    /// When it was due.
    pub expires_at: UnixMillis,
    /// How it ended, and when; `None` while it stands.
    pub ended: Option<(HoldEnd, UnixMillis)>,
}

impl HoldCopy {
    /// The code as it may be shown to others than its owner: masked as long as it can be redeemed,
    /// which is until the ledger has decided.
    #[must_use]
    pub fn shown_code(&self) -> String {
        match self.ended {
            None => self.code.masked(),
            Some(_) => self.code.to_string(),
        }
    }
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    /// Its unit was sold.
    Sold,
    /// It ran out.
    Expired,
    /// Its owner gave it back.
    Released,
    /// Its unit was sold, and the purchase cancelled then.
    Cancelled,
}

/// A purchase; its receipt says whether it was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseCopy {
    /// The receipt.
    pub receipt: Receipt,
    /// Which of the buyer's slots it takes, or took.
    pub slot: Slot,
}
