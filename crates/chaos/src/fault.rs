//! What can be done to the service and its stores on one machine.

use std::{fmt, ops::RangeInclusive};

use crate::{powers::Power, timetable::HOLD_MS};

/// Processes of the service.
pub(crate) const SERVICES: usize = 3;

/// A kind of fault, and the process it strikes if it strikes one.
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
    /// One by one, all processes give way to a build with a newer function library.
    ServicesReplaced,
    /// FLUSHALL: the process and what its library remembers stay.
    RedisFlushed,
    /// SIGKILL; it comes back empty.
    RedisEmptied,
    /// SIGKILL; it comes back with what it held a while ago.
    RedisRolledBack,
    /// A replica that missed the last moments takes over.
    RedisFailedOver,
    /// SIGSTOP.
    RedisStopped,
    /// SIGKILL; it recovers from its log.
    PostgresKilled,
    /// A clean stop and a start.
    PostgresRestarted,
    /// SIGSTOP of the process that accepts connections and of all that work.
    PostgresStopped,
    /// No room for data or log.
    DiskFull,
    /// Every fsync and fdatasync says EIO.
    FsyncFails,
    /// The ledger's clock jumps, and jumps back.
    ClockAhead,
    /// The same, the other way.
    ClockBehind,
    /// The network between two programs.
    Network(Pair, Trouble),
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

/// What a fault strikes: two of one target must not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Service(usize),
    Services,
    Redis,
    Postgres,
    Clock,
    Road(Pair, usize),
}

/// From when on a recovery is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// From the moment something is lost: all that it takes to come back counts.
    Struck,
    /// From the moment the fault is over: before, nothing can be done.
    Healed,
}

const PAIRS: [Pair; 3] = [Pair::ClientsAndService, Pair::ServiceAndRedis, Pair::ServiceAndPostgres];

const TROUBLES: [Trouble; 4] =
    [Trouble::Drops, Trouble::Resets, Trouble::LosesAnswers, Trouble::Delays];

impl Kind {
    /// Every kind.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let network =
            PAIRS.into_iter().flat_map(|pair| TROUBLES.map(|how| Self::Network(pair, how)));
        [
            Self::ServiceKilled,
            Self::ServiceStopped,
            Self::ServicesReplaced,
            Self::RedisFlushed,
            Self::RedisEmptied,
            Self::RedisRolledBack,
            Self::RedisFailedOver,
            Self::RedisStopped,
            Self::PostgresKilled,
            Self::PostgresRestarted,
            Self::PostgresStopped,
            Self::DiskFull,
            Self::FsyncFails,
            Self::ClockAhead,
            Self::ClockBehind,
        ]
        .into_iter()
        .chain(network)
    }

    /// Whether the live side loses what it held.
    pub(crate) fn loses_redis(self) -> bool {
        use Kind::{RedisEmptied, RedisFailedOver, RedisFlushed, RedisRolledBack};
        matches!(self, RedisFlushed | RedisEmptied | RedisRolledBack | RedisFailedOver)
    }

    /// How long it lasts, in milliseconds. What is over at once leaves time to recover.
    pub(crate) fn lasts_ms(self) -> RangeInclusive<u32> {
        match self {
            Self::ServiceStopped => HOLD_MS + 200..=HOLD_MS + 500,
            Self::ServicesReplaced => 3_000..=3_500,
            // How old the copy is that comes back.
            Self::RedisRolledBack | Self::RedisFailedOver => 300..=2_000,
            Self::RedisStopped | Self::PostgresStopped => 300..=2_500,
            Self::FsyncFails => 300..=1_000,
            Self::DiskFull | Self::ClockAhead | Self::ClockBehind => 500..=2_500,
            // Longer than a hold, too: what was held up arrives when it has been judged.
            Self::Network(..) => 500..=HOLD_MS + 500,
            _ => 0..=0,
        }
    }

    /// What it needs that not every machine has.
    pub(crate) fn needs(self) -> Option<Power> {
        match self {
            Self::DiskFull => Some(Power::Mount),
            Self::FsyncFails => Some(Power::Trace),
            Self::ClockAhead | Self::ClockBehind => Some(Power::FakeTime),
            Self::ServicesReplaced => Some(Power::NextBuild),
            _ => None,
        }
    }
}

impl Fault {
    pub(crate) fn target(self) -> Target {
        match self.kind {
            Kind::ServiceKilled | Kind::ServiceStopped => Target::Service(self.service),
            Kind::ServicesReplaced => Target::Services,
            Kind::Network(pair, _) => Target::Road(pair, self.service),
            Kind::ClockAhead | Kind::ClockBehind => Target::Clock,
            kind if kind.loses_redis() || kind == Kind::RedisStopped => Target::Redis,
            _ => Target::Postgres,
        }
    }

    /// From when on a recovery is timed, and the process whose it is if it is one's.
    pub(crate) fn recovery(self) -> (Since, Option<usize>) {
        match self.kind {
            Kind::ServiceKilled => (Since::Struck, Some(self.service)),
            Kind::ServiceStopped | Kind::Network(..) => (Since::Healed, Some(self.service)),
            Kind::RedisFlushed
            | Kind::RedisEmptied
            | Kind::PostgresKilled
            | Kind::PostgresRestarted => (Since::Struck, None),
            _ => (Since::Healed, None),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceKilled => "service killed",
            Self::ServiceStopped => "service stopped longer than a hold",
            Self::ServicesReplaced => "rolling restart to a newer library",
            Self::RedisFlushed => "Redis flushed",
            Self::RedisEmptied => "Redis killed, back empty",
            Self::RedisRolledBack => "Redis killed, back with an old copy",
            Self::RedisFailedOver => "stale Redis replica promoted",
            Self::RedisStopped => "Redis stopped",
            Self::PostgresKilled => "Postgres killed",
            Self::PostgresRestarted => "Postgres restarted",
            Self::PostgresStopped => "Postgres stopped",
            Self::DiskFull => "disk of Postgres full",
            Self::FsyncFails => "fsync of Postgres fails",
            Self::ClockAhead => "clock of Postgres ahead",
            Self::ClockBehind => "clock of Postgres behind",
            Self::Network(pair, trouble) => return write!(f, "{pair}: network {trouble}"),
        })
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientsAndService => "clients - service",
            Self::ServiceAndRedis => "service - Redis",
            Self::ServiceAndPostgres => "service - Postgres",
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drops => "drops",
            Self::Resets => "resets",
            Self::LosesAnswers => "loses answers",
            Self::Delays => "delays",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target() {
            Target::Service(number) | Target::Road(_, number) => {
                write!(f, "{} (process {number})", self.kind)
            }
            _ => self.kind.fmt(f),
        }
    }
}
