//! How many connections there is room for: what the system lets a process open, without what the
//! stores need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections of one thread, however much the system allows: each may take some 200 KiB.
const PER_WORKER_MAX: u64 = 25_600;

/// Files of a process whatever it serves: the program's own, the upkeep's connections, audits.
const RESERVED: u64 = 96;

/// Files of one thread beside its clients: its connections to the stores, what it waits with.
const RESERVED_PER_WORKER: u64 = 16;

/// With fewer there are not enough for an hour that anybody waits for.
const FEW: u64 = 1_000;

/// Connections of one thread at least: enough to be asked after its health.
const PER_WORKER_MIN: u64 = 16;

/// Room for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Connections of one thread.
    pub(crate) per_worker: usize,
    /// Files that the process may open.
    files: Option<u64>,
    /// Whether clients or the stores may find none left.
    is_narrow: bool,
}

/// Lets this process open as many files as it may and needs, and says how many connections that
/// leaves to each of so many threads.
pub(crate) fn make_room(workers: usize) -> Room {
    let workers = u64::try_from(workers).unwrap_or(u64::MAX);
    let wanted = wanted(workers);
    let limit = getrlimit(Resource::Nofile);
    let mut files = limit.current;
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if files.is_some_and(|files| files < raised) {
        let limit = Rlimit { current: Some(raised), ..limit };
        if setrlimit(Resource::Nofile, limit).is_ok() {
            files = Some(raised);
        }
    }
    Room::of(workers, files)
}

fn wanted(workers: u64) -> u64 {
    workers.saturating_mul(PER_WORKER_MAX + RESERVED_PER_WORKER).saturating_add(RESERVED)
}

impl Room {
    /// The room that so many files leave; `None` for any number.
    fn of(workers: u64, files: Option<u64>) -> Self {
        let reserved = RESERVED.saturating_add(RESERVED_PER_WORKER.saturating_mul(workers));
        let left = files.map_or(u64::MAX, |files| files.saturating_sub(reserved));
        let each = left / workers.max(1);
        let is_narrow = each < PER_WORKER_MIN || left < FEW;
        let per_worker = each.clamp(PER_WORKER_MIN, PER_WORKER_MAX);
        Self { per_worker: usize::try_from(per_worker).unwrap_or(usize::MAX), files, is_narrow }
    }

    /// Says how many clients there is room for.
    pub(crate) fn log(self, workers: usize) {
        let connections = self.per_worker.saturating_mul(workers);
        let files = self.files.map_or_else(|| "any number".to_owned(), |files| files.to_string());
        tracing::info!(connections, files, "room for this many connections of clients");
        if self.is_narrow {
            tracing::warn!(
                connections,
                "these are few for a crowd; raise the limit of open files (`ulimit -Hn`, or \
                 LimitNOFILE of the unit)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_the_stores_leave() {
        assert_eq!(Room::of(1, Some(1_024)).per_worker, 1_024 - 96 - 16);
        assert_eq!(Room::of(4, Some(1_024)).per_worker, (1_024 - 96 - 64) / 4);
        assert_eq!(Room::of(4, Some(wanted(4))).per_worker, 25_600);
        assert_eq!(Room::of(2, None).per_worker, 25_600);
        assert_eq!(Room::of(1, Some(64)).per_worker, 16);
    }

    #[test]
    fn who_has_little_room_is_told() {
        assert!(Room::of(1, Some(1_024)).is_narrow);
        assert!(Room::of(512, Some(4_096)).is_narrow);
        assert!(!Room::of(1, Some(4_096)).is_narrow);
        assert!(!Room::of(1, None).is_narrow);
    }
}
