//! The live store: the stock of sales and the codes of holds.

use async_trait::async_trait;

use crate::{
    CheckoutRefusal, Code, Epoch, Sale, SaleId, Slot, StoreError, Terms, Unit, UnixMillis, UserId,
    Window,
};

/// The live state of whole sales.
#[async_trait]
pub trait SaleStore: Send + Sync {
    /// Puts `snapshot` in the place of whatever the store has of the sale, and serves it.
    ///
    /// `ledger_now` is the ledger's clock read just before: the store keeps the difference to
    /// its own, so the sale opens and its holds become due by the ledger's time.
    ///
    /// A snapshot is sent once. If the store lost everything in between, a snapshot that comes a
    /// second time would be served without what was granted since the first.
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError>;

    /// What the store serves of the sale, or `None` if it would refuse to serve it: because
    /// it never loaded it, or lost it, or came back with an old copy.
    ///
    /// # Errors
    ///
    /// [`Failure::Rebuilding`](crate::Failure) while a load is under way, which takes its time: the
    /// sale is served soon, unless a newer load makes it begin anew.
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
    ///
    /// A code that was here, went and came back may hold another unit than its record has. That one
    /// is nobody's, and free again, whatever the verdict.
    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError>;

    /// [`settle`](Self::settle) that nobody waits for: it may be dropped when the store is
    /// busy or gone. The sweep does it then, when the hold is due.
    fn settle_soon(&self, code: Code, verdict: Verdict);
}

/// All that is needed to serve a sale: what the ledger had when it raised the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleSnapshot {
    /// The sale, with the epoch this snapshot is of.
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
    /// The store serves the snapshot.
    Loaded,
    /// The store has loaded an epoch at least as new, and loads no older one; nothing changed.
    Fenced {
        /// The epoch it has loaded.
        epoch: Epoch,
        /// Whether it serves that one. If not, it has lost what it loaded, and serves nothing.
        is_served: bool,
    },
}

/// What the live store says of a sale, all at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveStatus {
    /// The epoch that is served.
    pub epoch: Epoch,
    /// The ledger's clock as the store reckons it.
    pub now: UnixMillis,
    /// The window that is served, or `None` if it is none: somebody changed the store by hand.
    pub window: Option<Window>,
    /// The limits that are served, or `None` if no sale can have them.
    pub terms: Option<Terms>,
    /// Whether the sale is served as paused.
    pub paused: bool,
    /// Units that can be had.
    pub free: u32,
    /// Units on hold.
    pub held: u32,
    /// Units sold.
    pub sold: u32,
    /// Counts the changes of the sale's holds since the store started: equal twice, nothing moved
    /// in between. It means nothing from one start to the next.
    pub changes: u64,
}

/// A request for a unit, with the code it shall be kept under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRequest {
    /// The code; its sale is the one asked.
    pub code: Code,
    /// Who asks.
    pub user: UserId,
    /// Whether the code leads from a key, and so may have been asked for before.
    pub has_key: bool,
}

/// What the live store says to a [`HoldRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceReply {
    /// A unit is taken.
    Granted(Grant),
    /// The sale's rules say no; nothing changed.
    Refused(CheckoutRefusal),
    /// The store does not serve the sale; nothing changed.
    NotLoaded,
}

/// A unit taken on the live store, not yet in the ledger: worth nothing until it is recorded.
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
    Sold {
        /// The unit.
        unit: Unit,
    },
    /// Nothing is on hold under the code, nor will it be: whatever is there is free again.
    Free,
    /// The hold is live for this much longer.
    Held {
        /// Its unit.
        unit: Unit,
        /// Milliseconds until it is due.
        left_ms: i64,
    },
    /// The code has this unit, whatever became of it. Anything else that is there under it is free
    /// again.
    Only {
        /// The unit.
        unit: Unit,
    },
}

impl Verdict {
    /// The unit that the ledger has under the code, if it has one that is live.
    #[must_use]
    pub const fn unit(self) -> Option<Unit> {
        match self {
            Self::Sold { unit } | Self::Held { unit, .. } | Self::Only { unit } => Some(unit),
            Self::Free => None,
        }
    }
}
