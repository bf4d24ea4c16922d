//! Whose turn a step of the upkeep is.

use async_trait::async_trait;

use crate::{SaleId, StoreError, processes::ProcessId};

/// Whose turn it is, of the processes that serve from one ledger, to do what any of them may do and one
/// is enough for. No promise rests on it: who has a turn may do nothing with it, and who has none may do
/// the step all the same.
#[async_trait]
pub trait Turns: Send + Sync {
    /// Takes the turn, or keeps it from now on. Says whether it is the caller's.
    ///
    /// It is lost with the memory of whoever keeps it, and then anybody's.
    async fn take(&self, asked: TurnAsked) -> Result<bool, StoreError>;
}

/// What of the upkeep of a sale is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Resolving holds that are due.
    Sweep,
    /// Comparing both stores.
    Reconcile,
    /// Expiring holds that the live store forgot.
    Expire,
    /// Closing the sale when it is over.
    Close,
    /// Writing down how the sale stands, for charts.
    Chart,
}

/// What a process asks that wants a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnAsked {
    /// The sale.
    pub sale: SaleId,
    /// What is to be done.
    pub duty: Duty,
    /// Who asks.
    pub by: ProcessId,
    /// For how long nobody else is to have it, in milliseconds.
    pub for_ms: u64,
    /// Whether the caller failed at it the last time. Then whoever else has asked for it meanwhile comes
    /// first: a process that cannot do what it has the turn for must not keep it.
    pub has_failed: bool,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 5] =
        [Self::Sweep, Self::Reconcile, Self::Expire, Self::Close, Self::Chart];

    /// The word for it, where it is written down.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Reconcile => "reconcile",
            Self::Expire => "expire",
            Self::Close => "close",
            Self::Chart => "chart",
        }
    }
}
