//! What can be done to the service and its stores on one machine.

mod names;

use std::ops::RangeInclusive;

use dev_servers::Stack;

use crate::{capabilities::Capability, stack::services_on, timetable::HOLD_MS};

/// A kind of fault, and the process it hits if it hits one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) service: usize,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// SIGKILL; another process takes its place at once.
    ServiceKilled,
    /// SIGSTOP, for longer than a hold.
    ServiceStopped,
    /// The only process is stopped as an operator would, and started again.
    ServiceRestarted,
    /// One by one, all processes give way to a build with a newer function library.
    ServicesReplaced,
    /// One by one, all processes of the version before give way to those of this one. It has no
    /// way back, so it is no fault among others: see `upgrade.rs`.
    ServicesUpgraded,
    /// Of a live store in Redis.
    Redis(RedisFault),
    /// Of a ledger in Postgres.
    Postgres(PostgresFault),
    /// No room for the ledger's data or log.
    DiskFull,
    /// No room for what the service says.
    LogDiskFull,
    /// Every fsync and fdatasync of the ledger says EIO.
    FsyncFails,
    /// The ledger's clock jumps, and jumps back.
    ClockAhead,
    /// The same, the other way.
    ClockBehind,
    /// The network between two programs.
    Network(Pair, Trouble),
}

/// What can be done to Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RedisFault {
    /// FLUSHALL: the process and what its library remembers stay.
    Flushed,
    /// SIGKILL; it comes back empty.
    Emptied,
    /// SIGKILL; it comes back with what it held a while ago.
    RolledBack,
    /// A replica that missed the last moments takes over.
    FailedOver,
    /// SIGSTOP.
    Stopped,
    /// It may hold no more than it does, and refuses to.
    OutOfMemory,
    /// A service with another ledger is set to it, too.
    Shared,
}

/// What can be done to Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PostgresFault {
    /// SIGKILL; it recovers from its log.
    Killed,
    /// A clean stop and a start.
    Restarted,
    /// SIGSTOP of the process that accepts connections and of all that work.
    Stopped,
    /// Sessions that begin meanwhile may only read, also afterwards, as those of a standby.
    ReadOnly,
}

/// Between whom the network is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Pair {
    ClientsAndService,
    ServiceAndRedis,
    ServiceAndPostgres,
}

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Trouble {
    /// Nothing gets through.
    Drops,
    /// Every connection is reset, again and again.
    Resets,
    /// Requests get through and are carried out, answers do not and are lost in the end.
    LosesAnswers,
    /// Everything takes longer.
    Delays,
}

/// What a fault hits: two of one target must not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Service(usize),
    Services,
    Redis,
    Ledger,
    Log,
    Clock,
    Link(Pair, usize),
}

/// From when on a recovery is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// From the moment something is lost: all that it takes to come back counts.
    Injected,
    /// From the moment the fault is over: before, nothing can be done.
    Healed,
}

const PAIRS: [Pair; 3] = [Pair::ClientsAndService, Pair::ServiceAndRedis, Pair::ServiceAndPostgres];

const TROUBLES: [Trouble; 4] =
    [Trouble::Drops, Trouble::Resets, Trouble::LosesAnswers, Trouble::Delays];

impl Kind {
    /// Every kind that applies to a stack.
    pub(crate) fn of(stack: Stack) -> impl Iterator<Item = Self> {
        Self::all().filter(move |kind| kind.applies_to(stack))
    }

    fn all() -> impl Iterator<Item = Self> {
        let network =
            PAIRS.into_iter().flat_map(|pair| TROUBLES.map(|how| Self::Network(pair, how)));
        [
            Self::ServiceKilled,
            Self::ServiceStopped,
            Self::ServiceRestarted,
            Self::ServicesReplaced,
            Self::Redis(RedisFault::Flushed),
            Self::Redis(RedisFault::Emptied),
            Self::Redis(RedisFault::RolledBack),
            Self::Redis(RedisFault::FailedOver),
            Self::Redis(RedisFault::Stopped),
            Self::Redis(RedisFault::OutOfMemory),
            Self::Redis(RedisFault::Shared),
            Self::Postgres(PostgresFault::Killed),
            Self::Postgres(PostgresFault::Restarted),
            Self::Postgres(PostgresFault::Stopped),
            Self::Postgres(PostgresFault::ReadOnly),
            Self::DiskFull,
            Self::LogDiskFull,
            Self::FsyncFails,
            Self::ClockAhead,
            Self::ClockBehind,
        ]
        .into_iter()
        .chain(network)
    }

    /// Whether a stack has what it hits.
    fn applies_to(self, stack: Stack) -> bool {
        match self {
            Self::Redis(_) | Self::Postgres(_) => stack == Stack::Servers,
            Self::Network(pair, _) => pair == Pair::ClientsAndService || stack == Stack::Servers,
            // Where there are several processes, they are restarted one by one.
            Self::ServiceRestarted => services_on(stack) == 1,
            Self::ServicesReplaced => services_on(stack) > 1,
            Self::ServicesUpgraded => false,
            Self::ServiceKilled
            | Self::ServiceStopped
            | Self::DiskFull
            | Self::LogDiskFull
            | Self::FsyncFails
            | Self::ClockAhead
            | Self::ClockBehind => true,
        }
    }

    /// Whether it comes by itself. A mistake of an operator is made by name alone: no service that
    /// takes it for an order can keep its promises.
    pub(crate) fn is_usual(self) -> bool {
        self != Self::Redis(RedisFault::Shared)
    }

    /// Whether the live store of a stack loses what it held.
    pub(crate) fn loses_live_side(self, stack: Stack) -> bool {
        match stack {
            Stack::Servers => {
                use RedisFault::{Emptied, FailedOver, Flushed, RolledBack};
                matches!(self, Self::Redis(Flushed | Emptied | RolledBack | FailedOver))
            }
            // It is in the memory of the process.
            Stack::Embedded => matches!(
                self,
                Self::ServiceKilled | Self::ServiceRestarted | Self::ServicesUpgraded
            ),
        }
    }

    /// How long it lasts, in milliseconds. What is over at once leaves time to recover.
    pub(crate) fn lasts_ms(self) -> RangeInclusive<u32> {
        match self {
            Self::ServiceStopped => HOLD_MS + 200..=HOLD_MS + 500,
            Self::ServicesReplaced | Self::ServicesUpgraded => 3_000..=3_500,
            // How old the copy is that comes back.
            Self::Redis(RedisFault::RolledBack | RedisFault::FailedOver) => 300..=2_000,
            Self::Redis(RedisFault::Stopped | RedisFault::OutOfMemory)
            | Self::Postgres(PostgresFault::Stopped | PostgresFault::ReadOnly) => 300..=2_500,
            Self::Redis(RedisFault::Shared) => 2_000..=3_000,
            Self::FsyncFails => 300..=1_000,
            Self::DiskFull | Self::ClockAhead | Self::ClockBehind => 500..=2_500,
            // Long enough for the service to have something to say.
            Self::LogDiskFull => 1_500..=3_500,
            // Longer than a hold, too: what was held up arrives when it has been judged.
            Self::Network(..) => 500..=HOLD_MS + 500,
            _ => 0..=0,
        }
    }

    /// What it needs that not every machine has.
    pub(crate) fn needs(self) -> Option<Capability> {
        match self {
            Self::DiskFull | Self::LogDiskFull => Some(Capability::Mount),
            Self::FsyncFails => Some(Capability::Trace),
            Self::ClockAhead | Self::ClockBehind => Some(Capability::FakeTime),
            Self::ServicesReplaced => Some(Capability::NextBuild),
            _ => None,
        }
    }
}

impl Fault {
    pub(crate) fn target(self) -> Target {
        match self.kind {
            Kind::ServiceKilled | Kind::ServiceStopped | Kind::ServiceRestarted => {
                Target::Service(self.service)
            }
            Kind::ServicesReplaced | Kind::ServicesUpgraded => Target::Services,
            Kind::Redis(_) => Target::Redis,
            Kind::Postgres(_) | Kind::DiskFull | Kind::FsyncFails => Target::Ledger,
            Kind::LogDiskFull => Target::Log,
            Kind::ClockAhead | Kind::ClockBehind => Target::Clock,
            Kind::Network(pair, _) => Target::Link(pair, self.service),
        }
    }

    /// From when on a recovery is timed, and the process whose it is if it is one's.
    pub(crate) fn recovery(self) -> (Since, Option<usize>) {
        match self.kind {
            Kind::ServiceKilled | Kind::ServiceRestarted => (Since::Injected, Some(self.service)),
            Kind::ServiceStopped | Kind::Network(..) => (Since::Healed, Some(self.service)),
            Kind::Redis(RedisFault::Flushed | RedisFault::Emptied)
            | Kind::Postgres(PostgresFault::Killed | PostgresFault::Restarted) => {
                (Since::Injected, None)
            }
            _ => (Since::Healed, None),
        }
    }
}
