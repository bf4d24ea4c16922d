//! What the domain needs from the outside world.
//!
//! A port is cut by who needs it, and each method is one atomic step, safe to repeat with the
//! same arguments: a retry is the normal case. The live side ([`SaleStore`], [`CodeStore`])
//! may lose everything at any moment; what the ledger ([`LedgerStore`], [`SaleRegister`]) has
//! said stays said, and is on disk before it says so.

use async_trait::async_trait;

use crate::{
    CheckoutRefusal, Code, Epoch, Item, Receipt, Sale, SaleId, Slot, StoreError, Terms, Unit,
    UnixMillis, UserId, Window,
};

// ---------------------------------------------------------------------------- the live side

/// The live state of whole sales.
#[async_trait]
pub trait SaleStore: Send + Sync {
    /// Puts `image` in the place of whatever the store has of the sale, and serves it.
    ///
    /// `ledger_now` is the ledger's clock read just before: the store keeps the difference to
    /// its own, so the sale opens and its holds become due by the ledger's time.
    async fn load(
        &self,
        image: &SaleImage,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError>;

    /// What the store serves of the sale, or `None` if it would refuse to serve it: because
    /// it never loaded it, or lost it, or came back with an old copy.
    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError>;

    /// Drops all that the store has of the sale.
    async fn forget(&self, sale: SaleId) -> Result<(), StoreError>;
}

/// The codes of a sale while their holds are live.
#[async_trait]
pub trait CodeStore: Send + Sync {
    /// Takes a free unit and the user's lowest free slot, and keeps both under the code.
    /// All checks come before the first change: a refusal changes nothing.
    ///
    /// The same code again is granted the same unit and takes nothing more.
    ///
    /// # Errors
    ///
    /// After [`Failure::Unknown`](crate::Failure) the hold may stand; it then ends by its
    /// expiry, since no record of it will reach the ledger.
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError>;

    /// The unit a live code holds. `None` proves nothing: the ledger knows better.
    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError>;

    /// At most `limit` codes whose holds are due, the longest due first; or `None` if the
    /// store does not serve the sale.
    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError>;

    /// Carries out what the ledger decided. Acts only on codes the store still has, so a
    /// verdict may come twice or late. Does nothing if the store does not serve the sale.
    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError>;

    /// [`settle`](Self::settle) that nobody waits for: it may be dropped when the store is
    /// busy or gone. The sweep does it then, when the hold is due.
    fn settle_soon(&self, code: Code, verdict: Verdict);
}

/// All that is needed to serve a sale: what the ledger had when it raised the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleImage {
    /// The sale, with the epoch this image is of.
    pub sale: Sale,
    /// Every live unit; each at most once.
    pub live: Vec<LiveUnit>,
}

/// A unit that is held or sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveUnit {
    /// The code of the hold or of the purchase.
    pub code: Code,
    /// The user it is held for or sold to.
    pub user: UserId,
    /// The unit.
    pub unit: Unit,
    /// The user's slot it takes.
    pub slot: Slot,
    /// When the hold is due, or `None` if the unit is sold.
    pub held_until: Option<UnixMillis>,
}

/// How a load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadReply {
    /// The store serves the image.
    Loaded,
    /// The store serves an epoch at least as new; nothing changed.
    Fenced,
}

/// What the live side says of a sale, all at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveStatus {
    /// The epoch that is served.
    pub epoch: Epoch,
    /// The ledger's clock as the store reckons it.
    pub now: UnixMillis,
    /// The window that is served.
    pub window: Window,
    /// The limits that are served.
    pub terms: Terms,
    /// Whether the sale is served as paused.
    pub paused: bool,
    /// Units that can be had.
    pub free: u32,
    /// Units on hold.
    pub held: u32,
    /// Units sold.
    pub sold: u32,
}

/// A request for a unit, with the code it shall be kept under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRequest {
    /// The code; its sale is the one asked.
    pub code: Code,
    /// The sale of the unit.
    pub sale: SaleId,
    /// Who asks.
    pub user: UserId,
}

/// What the live side says to a [`HoldRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceReply {
    /// A unit is taken.
    Granted(Grant),
    /// The sale's rules say no; nothing changed.
    Refused(CheckoutRefusal),
    /// The store does not serve the sale; nothing changed.
    NotLoaded,
}

/// A unit taken on the live side, not yet in the ledger: worth nothing until it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The code it is kept under.
    pub code: Code,
    /// The unit.
    pub unit: Unit,
    /// The user's slot it takes.
    pub slot: Slot,
    /// The generation of the live state that granted it.
    pub epoch: Epoch,
}

/// What the ledger decided of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The unit is sold.
    Sold,
    /// The unit and the slot are free again.
    Free,
    /// The hold is live for this much longer.
    Held {
        /// Milliseconds until it is due.
        left_ms: i64,
    },
}

// ------------------------------------------------------------------------------- the ledger

/// The durable record of checkout attempts and purchases, and the judge of every code.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Takes a place in the bounded queue of attempts. It is taken before a unit is, so that
    /// a full queue is never discovered while holding stock.
    ///
    /// # Errors
    ///
    /// [`Failure::Overloaded`](crate::Failure) when the queue is full.
    fn admit(&self) -> Result<Box<dyn AttemptPlace>, StoreError>;

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

    /// Decides codes that the live side calls due: a code without a record gets a tombstone,
    /// so that its late record is refused; a hold that is due expires; anything else is told
    /// as it is. The verdicts are final unless they say `Held`.
    async fn judge(&self, sale: SaleId, codes: &[Code])
    -> Result<Vec<(Code, Verdict)>, StoreError>;

    /// Expires at most `limit` holds that have been due for longer than `overdue_ms`: those
    /// that the live side forgot. Says which.
    async fn expire_overdue(&self, overdue_ms: i64, limit: usize) -> Result<Vec<Code>, StoreError>;
}

/// A place in the queue of attempts: the right to record one.
#[async_trait]
pub trait AttemptPlace: Send {
    /// Records the attempt, durably, and says what became of it.
    ///
    /// A granted attempt may be recorded again with the same code: it stands once. A refused
    /// one has no code and must not be.
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
    /// What the live side said.
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
    /// The hold stands until then.
    Hold {
        /// When it is due, by the ledger's clock.
        expires_at: UnixMillis,
    },
    /// The refusal is written down.
    Refusal,
    /// The grant comes too late: the code was already judged.
    TooLate,
    /// The grant is of an older epoch, or its unit or slot is live under another code: the
    /// live side is out of date. The grant has no record and will have none.
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
}

/// The ledger's register of sales.
#[async_trait]
pub trait SaleRegister: Send + Sync {
    /// The ledger's clock.
    async fn now(&self) -> Result<UnixMillis, StoreError>;

    /// The sale of this number.
    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError>;

    /// At most `limit` sales with numbers below `before`, the newest first.
    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError>;

    /// The sales that need a live side.
    async fn calendar(&self) -> Result<Calendar, StoreError>;

    /// Puts a sale into every slot of the timetable from the current one to the last that
    /// starts within `lead_ms` from now. A slot that overlaps a sale keeps what it has, so
    /// any number of schedulers may race, and a sale made by hand is left alone. Says which
    /// sales are new.
    async fn fill_timetable(&self, timetable: Timetable) -> Result<Vec<Sale>, StoreError>;

    /// Makes one sale. `None` if its window overlaps another's.
    async fn schedule(&self, window: Window, terms: Terms) -> Result<Option<Sale>, StoreError>;

    /// Stops a sale for now, or lets it go on. `None` if there is no such sale, or it is closed.
    async fn set_paused(&self, sale: SaleId, paused: bool) -> Result<Option<Sale>, StoreError>;

    /// Starts a new generation of the sale's live state and reads the image for it, in one
    /// transaction that waits for the records in flight: a grant of an older epoch is either
    /// in the image or never recorded.
    ///
    /// `served` is the epoch the live side serves now, if any.
    async fn raise_epoch(
        &self,
        sale: SaleId,
        served: Option<Epoch>,
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

/// The sales that need a live side, and the ledger's clock when it said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The ledger's clock.
    pub now: UnixMillis,
    /// Every sale that is not closed, by its start.
    pub sales: Vec<Sale>,
    /// The sales closed in the last ten minutes: the live side may forget them.
    pub just_closed: Vec<SaleId>,
}

/// The shop's standing order: a sale of `terms` in each slot of `period_ms`, the slots counted
/// from midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timetable {
    /// The length of a slot.
    pub period_ms: i64,
    /// How far ahead sales are made.
    pub lead_ms: i64,
    /// What each sale offers.
    pub terms: Terms,
}

/// How the raising of an epoch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RaiseReply {
    /// The image of the new epoch, to be loaded.
    Raised(SaleImage),
    /// Another rebuild raised it less than [`EPOCH_AGE_MIN_MS`] ago; wait for that one.
    TooSoon,
    /// The live side serves an epoch the ledger never issued: the ledger has lost data.
    Behind {
        /// The ledger's epoch.
        ledger: Epoch,
    },
    /// The sale is closed, or there is no such sale.
    Closed,
}

/// The shortest time between two rebuilds of one sale, in milliseconds: several processes
/// that find the live side lost shall not keep replacing each other's image.
pub const EPOCH_AGE_MIN_MS: i64 = 500;

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
}

// ------------------------------------------------------------------------------- the world

/// A way to wait. Nothing is decided by it: a sale's clock is the stores' own.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns after about `ms` milliseconds.
    async fn wait(&self, ms: u64);
}

/// The dice behind codes.
pub trait CodeMint: Send + Sync {
    /// 128 bits that nobody can guess.
    fn draw(&self) -> u128;
}
