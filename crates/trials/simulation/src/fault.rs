//! Everything that goes wrong.

/// A way of going wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A request does not arrive.
    RequestLost,
    /// A reply does not arrive: the work is done.
    ReplyLost,
    /// A request arrives late, perhaps after its caller gave up.
    RequestDelayed,
    /// A request arrives a second time, some time later.
    RequestRepeated,
    /// A store refuses a call.
    CallRefused,
    /// The ledger's connection breaks while a transaction commits: done or not.
    CommitUnknown,
    /// A process cannot reach a store for a while.
    CutOff,
    /// The live store loses everything and does not restart.
    LiveWiped,
    /// The live store restarts with nothing.
    LiveRestartedEmpty,
    /// The live store restarts from an old copy.
    LiveRestartedStale,
    /// The live store goes back to an old copy and does not know.
    LiveRolledBack,
    /// The live store is down for a while.
    LiveDown,
    /// The live store's clock is set.
    LiveClockSet,
    /// The ledger restarts: calls in flight end, done or not.
    LedgerRestarted,
    /// The ledger is down for a while.
    LedgerDown,
    /// The ledger's clock is set.
    LedgerClockSet,
    /// A process stands still for longer than a hold lasts.
    ProcessStopped,
    /// A process stands still for a moment.
    ProcessSlowed,
    /// A process dies with all it was doing, and another is started in its place.
    ProcessKilled,
    /// The services are stopped, the ledger goes back to a backup, and they are started again; the
    /// live store was up all the while.
    LedgerRestored,
    /// The services of another shop, with a ledger of their own, use the same live store for a while.
    OtherShop,
    /// A client goes away in the middle of a request, and the request ends there.
    ClientHungUp,
    /// A request of a client, or its answer, gets lost.
    ClientCutOff,
}

impl Fault {
    pub(crate) const ALL: [Self; 23] = [
        Self::RequestLost,
        Self::ReplyLost,
        Self::RequestDelayed,
        Self::RequestRepeated,
        Self::CallRefused,
        Self::CommitUnknown,
        Self::CutOff,
        Self::LiveWiped,
        Self::LiveRestartedEmpty,
        Self::LiveRestartedStale,
        Self::LiveRolledBack,
        Self::LiveDown,
        Self::LiveClockSet,
        Self::LedgerRestarted,
        Self::LedgerDown,
        Self::LedgerClockSet,
        Self::ProcessStopped,
        Self::ProcessSlowed,
        Self::ProcessKilled,
        Self::LedgerRestored,
        Self::OtherShop,
        Self::ClientHungUp,
        Self::ClientCutOff,
    ];

    /// Those that befall a store or a process, and not one call.
    pub(crate) const OF_STORES_AND_PROCESSES: [Self; 13] = [
        Self::CutOff,
        Self::LiveWiped,
        Self::LiveRestartedEmpty,
        Self::LiveRestartedStale,
        Self::LiveRolledBack,
        Self::LiveDown,
        Self::LiveClockSet,
        Self::LedgerRestarted,
        Self::LedgerDown,
        Self::LedgerClockSet,
        Self::ProcessStopped,
        Self::ProcessSlowed,
        Self::ProcessKilled,
    ];

    /// Those that need a live store which outlives a process.
    pub(crate) const OF_SERVERS_ALONE: [Self; 2] = [Self::LedgerRestored, Self::OtherShop];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RequestLost => "request lost",
            Self::ReplyLost => "reply lost",
            Self::RequestDelayed => "request delayed",
            Self::RequestRepeated => "request repeated",
            Self::CallRefused => "call refused",
            Self::CommitUnknown => "commit unknown",
            Self::CutOff => "process cut off from a store",
            Self::LiveWiped => "live store wiped",
            Self::LiveRestartedEmpty => "live store restarted empty",
            Self::LiveRestartedStale => "live store restarted from an old copy",
            Self::LiveRolledBack => "live store rolled back unnoticed",
            Self::LiveDown => "live store down",
            Self::LiveClockSet => "live store's clock set",
            Self::LedgerRestarted => "ledger restarted",
            Self::LedgerDown => "ledger down",
            Self::LedgerClockSet => "ledger's clock set",
            Self::ProcessStopped => "process stopped for longer than a hold",
            Self::ProcessSlowed => "process slowed",
            Self::ProcessKilled => "process killed",
            Self::LedgerRestored => "ledger restored from a backup",
            Self::OtherShop => "another shop on the same live store",
            Self::ClientHungUp => "client hung up",
            Self::ClientCutOff => "client cut off",
        }
    }
}
