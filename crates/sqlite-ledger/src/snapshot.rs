//! Several connections that see the ledger as it is at one moment, for what takes too long on one.

use std::{
    num::NonZeroUsize,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use domain::{SaleId, audit::Findings};

use crate::{
    DataDir, Database, OpenError, SqliteError,
    tables::{CHECKS, gather},
};

/// Connections that look: more could not share out the few checks that take long.
const LOOKERS_MAX: usize = 4;

/// How often the connections begin anew because somebody wrote while they began. They begin in
/// microseconds and a commit takes longer, so a few times are enough whoever writes.
const TRIES_MAX: u32 = 10_000;

/// The ledger at one moment. Whoever writes does not wait for it.
pub(crate) struct Snapshot {
    lookers: Vec<Database>,
}

impl Snapshot {
    /// The ledger in `dir` as it is now, for as many threads as there are cores.
    pub(crate) fn take(dir: &DataDir) -> Result<Self, OpenError> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::of(dir, cores.min(LOOKERS_MAX))
    }

    fn of(dir: &DataDir, lookers: usize) -> Result<Self, OpenError> {
        let watch = Database::open_existing(dir)?;
        let open = || Database::open_to_look(dir);
        let mut lookers = (0..lookers).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
        let is_one_moment = begin(&watch, &lookers)
            .map_err(|source| OpenError::Database { path: dir.path().to_owned(), source })?;
        if !is_one_moment {
            // One alone sees one moment, whoever writes.
            lookers.truncate(1);
        }
        Ok(Self { lookers })
    }

    /// Checks the invariants of the ledger, of one sale or of all. After an error what could be
    /// checked is in `findings`.
    pub(crate) fn check(
        &mut self,
        sale: Option<SaleId>,
        findings: &mut Findings,
    ) -> Result<(), SqliteError> {
        if let Some(looker) = self.lookers.first() {
            looker.look(|tables| tables.check_schema(findings))?;
        }
        let next = AtomicUsize::new(0);
        let next_check = || CHECKS.get(next.fetch_add(1, Ordering::Relaxed));
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            for looker in &mut self.lookers {
                let tell = tell.clone();
                scope.spawn(move || {
                    while let Some(check) = next_check() {
                        let found = looker.look(|tables| tables.find(check, sale));
                        // Whoever asked waits for the last.
                        let _ = tell.send(found);
                    }
                });
            }
            drop(tell);
            gather(told, findings)
        })
    }
}

/// Lets all begin to look at the same moment. Says whether they did; if not, each sees a moment of
/// its own.
fn begin(watch: &Database, lookers: &[Database]) -> rusqlite::Result<bool> {
    for _ in 0..TRIES_MAX {
        let before = watch.version()?;
        lookers.iter().try_for_each(Database::look_from_now)?;
        if watch.version()? == before {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::TryRecvError;

    use super::*;

    #[test]
    fn all_connections_see_the_same_moment_while_somebody_writes_all_the_time() {
        let dir = tempfile::tempdir().unwrap();
        let dir = DataDir::at(dir.path().join("data"));
        let writer = Database::open(&dir).unwrap();
        let ticks = "PRAGMA synchronous = OFF; CREATE TABLE ticks (tick INTEGER PRIMARY KEY)";
        writer.connection().execute_batch(ticks).unwrap();

        let moments: Vec<Vec<i64>> = thread::scope(|scope| {
            let (_go_on, stop) = mpsc::channel::<()>();
            scope.spawn(move || {
                while stop.try_recv() == Err(TryRecvError::Empty) {
                    writer.connection().execute("INSERT INTO ticks DEFAULT VALUES", []).unwrap();
                }
            });
            let last_tick = |looker: &Database| {
                let last = "SELECT coalesce(max(tick), 0) FROM ticks";
                looker.connection().query_row(last, [], |row| row.get(0)).unwrap()
            };
            let moment = |_| Snapshot::of(&dir, 3).unwrap().lookers.iter().map(last_tick).collect();
            (0..50).map(moment).collect()
        });

        assert!(moments.iter().all(|moment| moment.len() == 3), "one alone looked: {moments:?}");
        assert!(moments.iter().all(|moment| moment[0] == moment[1] && moment[1] == moment[2]));
        assert_ne!(moments.first(), moments.last(), "nobody wrote");
    }
}
