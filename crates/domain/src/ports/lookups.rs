//! What buyers look up: what a code is now, and what a user has of a sale.

use async_trait::async_trait;

use crate::{Code, Receipt, SaleId, StoreError, Unit, UnixMillis, UserId};

/// What the ledger has of one code, or of one user. Each has a narrow way in of its own, so that those
/// who only look never crowd out those who buy.
#[async_trait]
pub trait Lookups: Send + Sync {
    /// What a code is now; `None` if it was given to nobody.
    async fn code(&self, code: Code) -> Result<Option<CodeLife>, StoreError>;

    /// The units that a user has of a sale, held and sold, at one moment, and what was sold to them and cancelled.
    /// None of a sale that there is not.
    async fn units(&self, of: UserOfSale) -> Result<UnitsOfUser, StoreError>;
}

/// A user, and the sale of which is asked what they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserOfSale {
    /// The sale.
    pub sale: SaleId,
    /// The user.
    pub user: UserId,
}

/// The life of a code, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLife {
    /// The code.
    pub code: Code,
    /// Whom it was given to.
    pub user: UserId,
    /// The unit it was given for.
    pub unit: Unit,
    /// When its hold is due, or was.
    pub expires_at: UnixMillis,
    /// What it is. A hold that is due is `Held` until the ledger has decided.
    pub state: CodeState,
    /// When it became that; `None` of a hold.
    pub resolved_at: Option<UnixMillis>,
    /// The ledger's clock.
    pub seen_at: UnixMillis,
}

/// What has become of a code that was given to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeState {
    /// It keeps a unit, and can be redeemed.
    Held,
    /// It was redeemed.
    Sold,
    /// Its hold ran out.
    Expired,
    /// Its hold was given back.
    Released,
    /// It was redeemed, and the purchase cancelled.
    Cancelled,
}

/// The units that a user has of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitsOfUser {
    /// Those on hold, in the order of the user's slots.
    pub held: Vec<HeldUnit>,
    /// Those sold, in the same order; none whose purchase was cancelled.
    pub bought: Vec<Receipt>,
    /// Purchases that were cancelled, in the order of the slots that they had; of one slot the first one first.
    pub cancelled: Vec<Receipt>,
    /// The ledger's clock.
    pub seen_at: UnixMillis,
}

/// A unit on hold, as its user has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUnit {
    /// The code that redeems it.
    pub code: Code,
    /// The unit.
    pub unit: Unit,
    /// When the hold is due.
    pub expires_at: UnixMillis,
}
