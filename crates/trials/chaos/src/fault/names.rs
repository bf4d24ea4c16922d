//! What faults are called, in reports and by `--only`.

use std::fmt;

use super::{Fault, Kind, Pair, PostgresFault, RedisFault, Target, Trouble};

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceKilled => "service killed",
            Self::ServiceStopped => "service stopped longer than a hold",
            Self::ServiceRestarted => "service restarted",
            Self::ServicesReplaced => "rolling restart to a newer library",
            Self::ServicesUpgraded => "upgrade from the version before",
            Self::Redis(RedisFault::Flushed) => "Redis flushed",
            Self::Redis(RedisFault::Emptied) => "Redis killed, back empty",
            Self::Redis(RedisFault::RolledBack) => "Redis killed, back with an old copy",
            Self::Redis(RedisFault::FailedOver) => "stale Redis replica promoted",
            Self::Redis(RedisFault::Stopped) => "Redis stopped",
            Self::Redis(RedisFault::OutOfMemory) => "Redis out of memory",
            Self::Redis(RedisFault::Shared) => "another ledger on the same Redis",
            Self::Postgres(PostgresFault::Killed) => "Postgres killed",
            Self::Postgres(PostgresFault::Restarted) => "Postgres restarted",
            Self::Postgres(PostgresFault::Stopped) => "Postgres stopped",
            Self::Postgres(PostgresFault::ReadOnly) => "Postgres read-only",
            Self::DiskFull => "disk of the ledger full",
            Self::LogDiskFull => "disk of the service's log full",
            Self::FsyncFails => "fsync of the ledger fails",
            Self::ClockAhead => "clock of the ledger ahead",
            Self::ClockBehind => "clock of the ledger behind",
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
            Target::Service(number) | Target::Link(_, number) => {
                write!(f, "{} (process {number})", self.kind)
            }
            _ => self.kind.fmt(f),
        }
    }
}
