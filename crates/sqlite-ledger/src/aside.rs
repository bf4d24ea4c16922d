//! Looking at the ledger beside all other work, for what takes too long between it.

use domain::{Failure, StoreError, UnixMillis, ports::Operation};

use crate::{DataDir, Database, SqliteError, SqliteLedger, tables::Tables, worker::Worker};

/// A way to look that nobody else waits for: a connection of its own, made when it is first needed.
/// A ledger in memory has but one.
pub(crate) struct Aside {
    dir: Option<DataDir>,
    kept: Option<Database>,
    looker: Worker,
}

impl SqliteLedger {
    pub(crate) fn aside(&self) -> Aside {
        let (dir, looker) = (self.workers.dir.clone(), self.workers.looker.clone());
        Aside { dir, kept: None, looker }
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
        let kept = self.kept.take();
        let looked = tokio::task::spawn_blocking(move || {
            let mut database = match kept {
                Some(database) => database,
                None => Database::open_to_look(&dir)
                    .map_err(|error| StoreError::new(operation, Failure::NotDone, error))?,
            };
            let found = database.read(UnixMillis(0), |tables| look(tables));
            Ok((database, found.map_err(|error| error.during(operation))?))
        });
        let looked = looked.await;
        let looked = looked.map_err(|error| StoreError::new(operation, Failure::Unknown, error))?;
        let (database, found) = looked?;
        self.kept = Some(database);
        Ok(found)
    }
}
