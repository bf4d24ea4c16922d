//! Looking at the ledger beside all other work, for what takes too long between it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::{Failure, StoreError, UnixMillis, ports::Operation};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{DataDir, Database, SqliteError, SqliteLedger, tables::Tables, worker::Worker};

/// Connections of this kind at a time, of all threads together: each has a cache, and reads from the disk
/// that purchases are written to. Whoever wants one more waits.
const ASIDES_MAX: usize = 4;

/// A way to look that nobody else waits for: a connection of its own, made when it is first needed.
/// A ledger in memory has but one.
pub(crate) struct Aside {
    dir: Option<DataDir>,
    places: Places,
    kept: Option<Kept>,
    looker: Worker,
}

/// Where there is room for such connections.
#[derive(Clone)]
pub(crate) struct Places(Arc<Semaphore>);

/// A connection and its place: both are kept for as long as there is work on it, whether anybody waits for that
/// or not.
struct Kept {
    database: Option<Database>,
    _place: OwnedSemaphorePermit,
}

/// Somebody waits for a look. Whatever it is at, it is broken off when they do not any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ASIDES_MAX)))
    }
}

impl SqliteLedger {
    pub(crate) fn aside(&self) -> Aside {
        let (dir, looker) = (self.workers.dir.clone(), self.workers.looker.clone());
        Aside { dir, places: self.workers.asides.clone(), kept: None, looker }
    }
}

impl Aside {
    /// Looks in a transaction. There is no time in it.
    pub(crate) async fn look<T: Send + 'static>(
        &mut self,
        operation: Operation,
        mut look: impl FnMut(&Tables<'_>) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(dir) = self.dir.clone() else {
            return self.looker.run(look).await.map_err(|error| error.during(operation));
        };
        let mut kept = match self.kept.take() {
            Some(kept) => kept,
            None => Kept { database: None, _place: self.places.take(operation).await? },
        };
        let is_given_up = Arc::<AtomicBool>::default();
        let _waiting = Waiting(Arc::clone(&is_given_up));
        let looked = tokio::task::spawn_blocking(move || {
            let mut database = match kept.database.take() {
                Some(database) => database,
                None => Database::open_aside(&dir)
                    .map_err(|error| StoreError::new(operation, Failure::NotDone, error))?,
            };
            let looked = database
                .break_off_when(move || is_given_up.load(Ordering::Relaxed))
                .map_err(SqliteError::from)
                .and_then(|()| database.read(UnixMillis(0), |tables| look(tables)));
            let found = looked.map_err(|error| error.during(operation))?;
            kept.database = Some(database);
            Ok::<_, StoreError>((kept, found))
        });
        let looked = looked.await;
        let looked = looked.map_err(|error| StoreError::new(operation, Failure::Unknown, error))?;
        let (kept, found) = looked?;
        self.kept = Some(kept);
        Ok(found)
    }
}

impl Places {
    async fn take(&self, operation: Operation) -> Result<OwnedSemaphorePermit, StoreError> {
        let taken = Arc::clone(&self.0).acquire_owned().await;
        // It is never closed.
        taken.map_err(|error| StoreError::new(operation, Failure::NotDone, error))
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, time::Duration};

    use batcher::Limits;
    use tokio::{sync::mpsc::unbounded_channel, time::timeout};

    use super::*;

    /// Counts for minutes.
    const LONG: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
                        LIMIT 2000000000) SELECT max(n) FROM numbers";
    const OPERATION: Operation = Operation::InspectAttempts;

    fn ledger_in(dir: &tempfile::TempDir) -> SqliteLedger {
        let max = |count: usize| NonZeroUsize::new(count).unwrap();
        let dir = DataDir::at(dir.path().join("data"));
        let clock: crate::LedgerClock = Arc::new(|| UnixMillis(0));
        SqliteLedger::serve(dir, &clock, Limits::patient(max(9), max(9))).unwrap()
    }

    #[tokio::test]
    async fn no_more_look_at_a_time_than_may_and_who_is_gone_keeps_no_place() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = ledger_in(&dir);
        let (begun, mut begins) = unbounded_channel();
        let looks = (0..ASIDES_MAX).map(|_| {
            let (mut aside, begun) = (ledger.aside(), begun.clone());
            tokio::spawn(async move {
                let look = move |tables: &Tables<'_>| {
                    begun.send(()).unwrap();
                    tables.one(LONG, [], |row| row.get::<_, i64>(0))
                };
                aside.look(OPERATION, look).await
            })
        });
        let looks: Vec<_> = looks.collect();
        for _ in 0..ASIDES_MAX {
            begins.recv().await.unwrap();
        }
        let mut next = ledger.aside();

        let in_vain = timeout(Duration::from_millis(200), next.look(OPERATION, |_| Ok(()))).await;
        assert!(in_vain.is_err(), "there is no place");
        for look in looks {
            look.abort();
        }

        timeout(Duration::from_secs(30), next.look(OPERATION, |_| Ok(()))).await.unwrap().unwrap();
        // The same connection is used again, and whoever waited before is not taken for whoever waits now.
        next.look(OPERATION, |_| Ok(())).await.unwrap();
    }
}
