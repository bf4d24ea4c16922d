//! The ledger: the record of attempts and purchases, and the judge of every code.

use async_trait::async_trait;

use crate::{
    CheckoutRefusal, Code, Item, Receipt, Sale, SaleId, StoreError, Unit, UserId,
    ports::{Grant, Granted, Verdict},
};

/// The durable record of checkout attempts and purchases, and the judge of every code.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Takes a permit of the bounded queue of attempts. It is taken before a unit is, so that
    /// a full queue is never discovered while holding stock.
    ///
    /// # Errors
    ///
    /// [`Failure::Overloaded`](crate::Failure) when the queue is full.
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError>;

    /// Sells the unit of a hold: `held` becomes `sold` by compare-and-set on the code's own
    /// record, and the purchase is written with it. No clock is looked at, so a hold that is
    /// live is never refused.
    ///
    /// A repetition finds the code already sold, and its receipt.
    async fn redeem(&self, redemption: Redemption) -> Result<CodeRecord, StoreError>;

    /// Gives a hold back before its time: `held` becomes `released` by compare-and-set.
    /// Says what the code is afterwards.
    async fn release(&self, code: Code) -> Result<CodeRecord, StoreError>;

    /// What the ledger has of a code. The way in is narrow, so that made-up codes cannot
    /// crowd out purchases.
    async fn find(&self, code: Code) -> Result<CodeRecord, StoreError>;

    /// Decides codes that the live store calls due: a code without a record gets a tombstone,
    /// so that its late record is refused; a hold that is due expires; anything else is
    /// reported as it is. The verdicts are final unless they say `Held`, or `Sold` and the purchase is cancelled
    /// later, and name the unit of the record, whatever the live store has under the code.
    async fn judge(&self, sale: SaleId, codes: &[Code])
    -> Result<Vec<(Code, Verdict)>, StoreError>;

    /// Expires at most `limit` holds of these sales that have been due for longer than
    /// `overdue_ms`: those that the live store forgot. Says which.
    async fn expire_overdue(
        &self,
        sales: &[Sale],
        overdue_ms: i64,
        limit: usize,
    ) -> Result<Vec<Code>, StoreError>;
}

/// A place in the queue of attempts: the right to record one.
#[async_trait]
pub trait AttemptPermit: Send {
    /// Records the attempt, durably, and says what became of it.
    ///
    /// A granted attempt may be recorded again with the same code, also with another unit: what was
    /// recorded first stands. A refused one has no code and must not be.
    ///
    /// # Errors
    ///
    /// After [`Failure::NotDone`](crate::Failure) there is no record and there will be none.
    /// After [`Failure::Unknown`](crate::Failure) there may be one: a grant must then neither
    /// be answered nor taken back.
    async fn record(self: Box<Self>, attempt: Attempt) -> Result<Recorded, StoreError>;
}

/// A checkout attempt, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The sale that was asked.
    pub sale: SaleId,
    /// Who asked.
    pub user: UserId,
    /// What the live store said.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A unit is on hold.
    Granted(Grant),
    /// The rules said no.
    Refused(CheckoutRefusal),
}

/// What became of an attempt in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The code has a hold, or is sold: this is what the record has under it, and will have for ever.
    /// It is what was granted here, but where the code was granted before.
    Hold(Granted),
    /// The refusal is written down.
    Refusal,
    /// The grant comes too late: the code was already judged.
    TooLate,
    /// The grant is of an older epoch, or its unit or slot is live under another code, or the sale is
    /// paused or over by now: the live store is out of date, or the grant was late. It has no record and
    /// will have none.
    Stale,
}

/// A code to redeem, with what its unit turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// The code.
    pub code: Code,
    /// The unit the code is believed to hold. If the ledger has another, nothing is sold and
    /// the reply says which.
    pub unit: Unit,
    /// The item of that unit.
    pub item: Item,
}

/// What the ledger has of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeRecord {
    /// Nothing, or the tombstone of a code that nobody was ever given.
    Unknown,
    /// A live hold of this unit.
    Held {
        /// The unit.
        unit: Unit,
    },
    /// Sold, and by this very call.
    SoldNow(Receipt),
    /// Sold before.
    Sold(Receipt),
    /// The hold ran out.
    Expired,
    /// The owner gave the hold back.
    Released,
    /// Sold before, and an operator has cancelled the purchase.
    Cancelled(Receipt),
}
