//! What operators do with sales, products and holds, and what is kept of it.
//!
//! An [`Order`] is one value, and is carried out in one transaction together with its row in the trail, so
//! what was done and what is said of it cannot part. It has an id that its operator made: the same id
//! again answers what came of it the first time, a refusal too, for an order that is believed to be lost may
//! still arrive. Whether it may be carried out is decided in one place, [`Order::decide`], from what the
//! ledger has under the lock of the sale.
//!
//! The trail is read by versions before the one that wrote it, while one takes the place of the other: what they do
//! not know they show by its name.
//!
//! Whatever changes a sale raises its epoch in the same transaction: what was granted under what was so
//! before is either recorded by then or never will be. `docs/decisions/18` has the model of it.

mod change;
mod decide;
mod json;
mod names;
mod product_json;
mod record;
mod refused;
mod steering;
#[cfg(test)]
mod tests;

use crate::{Code, ProductId, SaleId, Sku, Terms, Window, product::ProductChange};

pub use change::{Change, ChangeError, Changed};
pub use decide::{Beside, Decided, Facts};
pub use names::{
    ActionId, OperatorName, ParseActionIdError, ParseOperatorError, ParseReasonError, Reason,
    RequestName,
};
pub use record::{
    Acted, ActionRecord, HoldSeen, NewerAction, Noted, PurchaseSeen, SaleSeen, Seen, StoredAction,
};
pub use refused::Refused;
pub use steering::{Answer, EFFECT_WAIT_MS, Steering};

/// What an operator wants done, and who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name, made by whoever gives it: the same again is the same order.
    pub id: ActionId,
    /// Who gives it.
    pub by: OperatorName,
    /// Why, in their own words.
    pub why: Option<Reason>,
    /// The request that brought it, as the log names it.
    pub request_id: Option<RequestName>,
    /// What is to be done.
    pub action: Action,
    /// The number of the last change of the sale that they know of, 0 if they know of none: if there has been
    /// another since, they are told of it, and nothing is done. Without it nobody looks, nor at what is no
    /// change of a sale.
    pub if_at: Option<i64>,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Puts a sale on, beside whatever there is.
    ScheduleSale {
        /// When it is on.
        window: Window,
        /// The limits a checkout is held to.
        terms: Terms,
        /// What it is of; `None` for generated items.
        product: Option<ProductId>,
    },
    /// Changes when a sale is on, and its terms.
    ChangeSale {
        /// Which.
        sale: SaleId,
        /// What is to be otherwise.
        change: Change,
    },
    /// Stops a sale for now; codes given before stay good.
    PauseSale(SaleId),
    /// Lets a paused sale go on.
    ResumeSale(SaleId),
    /// Ends a sale at this moment; codes given before stay good until they expire.
    EndSale(SaleId),
    /// Gives a hold back before its time.
    ReleaseHold(Code),
    /// Cancels a purchase: its receipt stays and says so, with the reason, and the unit and the buyer's slot are free
    /// again. A unit of a sale that is closed does not go back on sale.
    CancelPurchase(Code),
    /// Makes a product, or says anew all that it is. One that is so already stays as it is.
    PutProduct(ProductChange),
    /// Takes a product out of use, for ever: no sale of it can be made any more. Those there are go on.
    ArchiveProduct(Sku),
    /// What only a newer version can do, as the trail has it: it is shown, and never carried out here.
    Newer(NewerAction),
}

impl Action {
    /// What the trail calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ScheduleSale { .. } => "sale-scheduled",
            Self::ChangeSale { .. } => "sale-changed",
            Self::PauseSale(_) => "sale-paused",
            Self::ResumeSale(_) => "sale-resumed",
            Self::EndSale(_) => "sale-ended",
            Self::ReleaseHold(_) => "hold-released",
            Self::CancelPurchase(_) => "purchase-cancelled",
            Self::PutProduct(_) => "product-put",
            Self::ArchiveProduct(_) => "product-archived",
            Self::Newer(newer) => &newer.name,
        }
    }

    /// The sale it is about; `None` of one that is not made yet.
    #[must_use]
    pub const fn sale(&self) -> Option<SaleId> {
        match *self {
            Self::ScheduleSale { .. }
            | Self::PutProduct(_)
            | Self::ArchiveProduct(_)
            | Self::Newer(_) => None,
            Self::ChangeSale { sale, .. }
            | Self::PauseSale(sale)
            | Self::ResumeSale(sale)
            | Self::EndSale(sale) => Some(sale),
            Self::ReleaseHold(code) | Self::CancelPurchase(code) => Some(code.sale()),
        }
    }

    /// The key of the product that it changes.
    #[must_use]
    pub const fn sku(&self) -> Option<&Sku> {
        match self {
            Self::PutProduct(to) => Some(&to.sku),
            Self::ArchiveProduct(sku) => Some(sku),
            _ => None,
        }
    }

    /// The product that a sale is to be of.
    #[must_use]
    pub const fn product(&self) -> Option<ProductId> {
        match *self {
            Self::ScheduleSale { product, .. } => product,
            _ => None,
        }
    }

    /// The code it is about.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match *self {
            Self::ReleaseHold(code) | Self::CancelPurchase(code) => Some(code),
            Self::Newer(ref newer) => newer.code,
            _ => None,
        }
    }

    /// Whether what it does to a sale is seen in the live store once that was loaded anew.
    #[must_use]
    pub const fn is_of_sale(&self) -> bool {
        !matches!(
            self,
            Self::ReleaseHold(_) | Self::PutProduct(_) | Self::ArchiveProduct(_) | Self::Newer(_)
        )
    }

    /// Whether it only takes away: then it is done although the live store cannot be asked.
    #[must_use]
    pub(crate) const fn only_stops(&self) -> bool {
        matches!(self, Self::PauseSale(_) | Self::EndSale(_))
    }
}
