//! The ledger's register of sales, and the epochs of their live state.

use async_trait::async_trait;

use crate::{
    Epoch, NewSale, NotScheduled, Sale, SaleId, StoreError, UnixMillis, ports::SaleSnapshot,
};

/// The ledger's register of sales.
#[async_trait]
pub trait SaleRegister: Send + Sync {
    /// The ledger's clock.
    async fn now(&self) -> Result<UnixMillis, StoreError>;

    /// The sale of this number.
    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError>;

    /// At most `limit` sales with numbers below `before`, the newest first.
    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError>;

    /// The sales that need a live store.
    async fn calendar(&self) -> Result<Calendar, StoreError>;

    /// Makes one sale. If it is not made, nothing is used up, not even a number, so any number of
    /// schedulers may ask again and again for the same of the timetable. A sale of an operator is made
    /// each time.
    async fn schedule(&self, sale: NewSale) -> Result<Result<Sale, NotScheduled>, StoreError>;

    /// Starts a new generation of the sale's live state, in a transaction that waits for the records
    /// in flight, and reads the snapshot for it, then or later: a grant of an older epoch is either
    /// in the snapshot or never recorded.
    ///
    /// `live` is the epoch that the live store knows, if any. Whether the epoch may be raised, and
    /// to what, is for [`Sale::at_next_epoch`] to say.
    async fn raise_epoch(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, StoreError>;

    /// How many units of a sale are held and sold, at one moment, and its epoch then. `None`
    /// if there is no such sale.
    async fn tally(&self, sale: SaleId) -> Result<Option<Tally>, StoreError>;

    /// Closes a sale that is over and has no hold left, and raises its epoch so that no grant
    /// can be recorded any more. Says whether the sale is closed now.
    async fn close(&self, sale: SaleId) -> Result<bool, StoreError>;
}

/// A sale, and the ledger's clock when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The sale.
    pub sale: Sale,
    /// The ledger's clock when it was read.
    pub seen_at: UnixMillis,
}

/// The sales that need a live store, and the ledger's clock when it said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The ledger's clock.
    pub now: UnixMillis,
    /// Every sale that is not closed, by its start.
    pub sales: Vec<Sale>,
    /// The sales closed less than [`JUST_CLOSED_MS`](crate::sale::JUST_CLOSED_MS) ago: the live
    /// store may forget them.
    pub just_closed: Vec<SaleId>,
}

/// The epoch of a sale that the live store knows, as far as it matters for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveEpoch {
    /// It serves this one. If the ledger never issued it, the ledger has lost data.
    Served(Epoch),
    /// The next epoch must be above this one, whether the ledger issued it or not: the live store
    /// loads no older one and serves nothing; or it serves this one, and an operator has said
    /// that the ledger is right.
    Fence(Epoch),
}

/// How the raising of an epoch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RaiseReply {
    /// The snapshot of the new epoch, to be loaded.
    Raised(SaleSnapshot),
    /// Another rebuild raised it less than [`EPOCH_AGE_MIN_MS`](crate::sale::EPOCH_AGE_MIN_MS) ago; wait for that one.
    TooSoon,
    /// The live store serves an epoch the ledger never issued: the ledger has lost data.
    Behind {
        /// The ledger's epoch.
        ledger: Epoch,
    },
    /// The sale is closed, or there is no such sale.
    Closed,
}

/// How many units are live in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The ledger's clock.
    pub now: UnixMillis,
    /// The sale's epoch.
    pub epoch: Epoch,
    /// Units on hold.
    pub held: u32,
    /// Units sold.
    pub sold: u32,
    /// Whether the epoch is known to have been raised on the server that is the ledger now, and not on
    /// one before it.
    pub is_epoch_of_server: bool,
    /// How often another server has become the ledger, as this process knows it; no smaller than
    /// when the units were counted.
    pub moves: u64,
}
