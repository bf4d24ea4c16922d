//! One connection to the ledger's file: its settings, its schema, its transactions.

mod error;
mod file;
mod schema;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, fs::File, os::unix::fs::OpenOptionsExt, path::PathBuf, time::Duration};

use domain::UnixMillis;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use crate::{DataDir, SqliteError, guard::Guard, tables::Tables};

use self::file::LedgerFile;

pub use error::OpenError;

/// Held while the schema is looked at, so that two processes that start at once take turns.
const SCHEMA_LOCK: &str = "schema.lock";

/// How long a transaction waits for one of another process.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Statements a connection keeps prepared; there are about forty.
const STATEMENTS_MAX: usize = 64;

/// What the connection is set to, beyond SQLite's defaults.
///
/// A commit is on the disk when it returns: `synchronous = FULL` flushes the log with each. The
/// log begins anew when it has 16 MiB.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA wal_autocheckpoint = 4096;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
";

/// What a connection is set to besides that looks at whole tables: it sorts millions of rows, in
/// files if they take more than 32 MiB.
const SETTINGS_TO_LOOK: &str = "
    PRAGMA temp_store = FILE;
    PRAGMA cache_size = -32768;
";

/// The same of one that looks at a part of them, for an operator, of which there may be several.
const SETTINGS_ASIDE: &str = "
    PRAGMA temp_store = FILE;
    PRAGMA cache_size = -4096;
";

/// How many steps of SQLite's machine are between two looks whether it shall go on: a fraction of a
/// millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// A connection to the ledger.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    /// Where a process serves from it.
    guard: Option<RefCell<Guard>>,
    /// What the ledger says as long as this is who serves from it.
    owner: Option<i64>,
    /// Which file it is, of a process that serves.
    file: Option<LedgerFile>,
    /// When this connection last wrote.
    written_at: UnixMillis,
}

impl Database {
    /// Opens the ledger in `dir`, which is made if it is missing, as is the ledger; brings its
    /// schema up to date.
    pub fn open(dir: &DataDir) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Directory { path: dir.path().to_owned(), source };
        dir.make().map_err(failed)?;
        dir.make_ledger().map_err(failed)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(false).mode(0o600);
        let turn = options.open(dir.path().join(SCHEMA_LOCK)).map_err(failed)?;
        turn.lock().map_err(failed)?;
        let mut database = Self::connect(dir, OpenFlags::default())?;
        database.check_history()?;
        database.migrate()?;
        Ok(database)
    }

    /// Opens the ledger that is in `dir`, as it is. Fails if there is none, or if it is of an older
    /// version, which this one could not read.
    pub fn open_existing(dir: &DataDir) -> Result<Self, OpenError> {
        if !dir.ledger().exists() {
            return Err(OpenError::Missing { path: dir.path().to_owned() });
        }
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE;
        let database = Self::connect(dir, flags)?;
        database.check_history()?;
        if database.is_older() {
            return Err(OpenError::Older { path: dir.path().to_owned() });
        }
        Ok(database)
    }

    /// Opens the ledger that is in `dir` to look at it whole. Fails if there is none.
    pub(crate) fn open_to_look(dir: &DataDir) -> Result<Self, OpenError> {
        Self::open_set_to(dir, SETTINGS_TO_LOOK)
    }

    /// Opens the ledger that is in `dir` to look at a part of it beside others. Fails if there is none.
    pub(crate) fn open_aside(dir: &DataDir) -> Result<Self, OpenError> {
        Self::open_set_to(dir, SETTINGS_ASIDE)
    }

    fn open_set_to(dir: &DataDir, settings: &str) -> Result<Self, OpenError> {
        let database = Self::open_existing(dir)?;
        let set = database.connection.execute_batch(settings);
        set.map_err(|source| OpenError::Database { path: dir.ledger(), source })?;
        Ok(database)
    }

    /// From now on breaks off whatever it is at, when that is so.
    pub(crate) fn break_off_when(
        &mut self,
        is_so: impl FnMut() -> bool + Send + 'static,
    ) -> rusqlite::Result<()> {
        self.connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_so))
    }

    /// Opens the ledger in `dir` for the one process that serves from it, with its guard.
    pub fn open_to_serve(dir: &DataDir) -> Result<Self, OpenError> {
        let mut database = Self::open(dir)?;
        let path = dir.ledger();
        let file = LedgerFile::at(&path);
        database.file =
            Some(file.map_err(|source| OpenError::Directory { path: path.clone(), source })?);
        database.begin_to_serve().map_err(|error| OpenError::Unfit { path, error })?;
        Ok(database)
    }

    /// A ledger that is gone with this value, with a guard.
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = || PathBuf::from(":memory:");
        let failed = |source| OpenError::Database { path: path(), source };
        let mut database = Self::on(Connection::open_in_memory().map_err(failed)?);
        database.configure().map_err(failed)?;
        database.migrate()?;
        database.begin_to_serve().map_err(|error| OpenError::Unfit { path: path(), error })?;
        Ok(database)
    }

    /// Makes the guard from what is on the disk, whatever there was before, and does what another
    /// process may have left half done. The time does not matter for it.
    pub(crate) fn begin_to_serve(&mut self) -> Result<(), SqliteError> {
        self.owner = None;
        self.guard = Some(RefCell::default());
        let owner = self.write(UnixMillis(0), |tables| tables.become_owner())?;
        self.owner = Some(owner);
        self.write(UnixMillis(0), |tables| tables.fill_guard())?;
        for sale in self.read(UnixMillis(0), |tables| tables.unfiled_sales())? {
            while !self.write(UnixMillis(0), |tables| tables.file_codes(sale))? {}
        }
        Ok(())
    }

    const fn on(connection: Connection) -> Self {
        Self { connection, guard: None, owner: None, file: None, written_at: UnixMillis(0) }
    }

    fn connect(dir: &DataDir, flags: OpenFlags) -> Result<Self, OpenError> {
        let path = dir.ledger();
        let open = || {
            let connection = Connection::open_with_flags(&path, flags)?;
            let database = Self::on(connection);
            database.configure()?;
            Ok(database)
        };
        open().map_err(|source| OpenError::Database { path, source })
    }

    fn configure(&self) -> rusqlite::Result<()> {
        self.wait_for_others(BUSY_TIMEOUT)?;
        self.connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // Otherwise a statement is planned anew each time it is given other values.
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        self.connection.execute_batch(SETTINGS)
    }

    /// How long a transaction waits from now on for one of another process; it is [`BUSY_TIMEOUT`] at
    /// the most.
    pub(crate) fn wait_for_others(&self, at_most: Duration) -> rusqlite::Result<()> {
        self.connection.busy_timeout(at_most.min(BUSY_TIMEOUT))
    }

    /// Does `work` in a transaction that writes, at the moment `now`. What it wrote is on the disk
    /// when this returns. After an error of `work` nothing is written.
    pub(crate) fn write<T>(
        &mut self,
        now: UnixMillis,
        work: impl FnOnce(&Tables<'_>) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        self.transact(TransactionBehavior::Immediate, now, work)
    }

    /// Does `work` in a transaction that reads: all it sees is of one moment.
    pub fn read<T>(
        &mut self,
        now: UnixMillis,
        work: impl FnOnce(&Tables<'_>) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        self.transact(TransactionBehavior::Deferred, now, work)
    }

    fn transact<T>(
        &mut self,
        behavior: TransactionBehavior,
        now: UnixMillis,
        work: impl FnOnce(&Tables<'_>) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        // Dropped without a commit, it is undone.
        let changes_before = self.connection.total_changes();
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let mut tables = Tables::at(&transaction, self.guard.as_ref(), now);
        tables.written_at = self.written_at;
        let may_write = match self.owner {
            Some(owner) if matches!(behavior, TransactionBehavior::Immediate) => {
                let is_there = self.file.as_ref().map_or(Ok(()), LedgerFile::check);
                is_there.and_then(|()| tables.check_owner(owner))
            }
            _ => Ok(()),
        };
        let done = may_write.and_then(|()| work(&tables));
        let has_tried = tables.has_tried.clone();
        let done = done.and_then(|done| {
            let committed = transaction.commit();
            committed.map(|()| done).map_err(|error| SqliteError::of_commit(&error))
        });
        if done.is_ok() && (has_tried.get() || self.connection.total_changes() > changes_before) {
            self.written_at = now;
        }
        if let Some(guard) = self.guard.as_mut().map(RefCell::get_mut) {
            if done.is_ok() { guard.keep() } else { guard.undo() }
        }
        done
    }

    /// Keeps to what is there now: from here on this connection looks at nothing later.
    pub(crate) fn look_from_now(&self) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        // It is the first read that settles the moment.
        self.connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")
    }

    /// Looks at what this connection keeps to; there is no time in it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Tables<'_>) -> T) -> T {
        look(&Tables::at(&self.connection, None, UnixMillis(0)))
    }

    /// A number that is another one when somebody else has written since this connection last
    /// asked for it.
    pub(crate) fn version(&self) -> rusqlite::Result<i64> {
        self.connection.query_row("PRAGMA data_version", [], |row| row.get(0))
    }

    /// Copies into the file what nobody needs in the log any more. Nobody waits for it.
    pub(crate) fn copy_log(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }

    /// The connection itself, to let it fail.
    #[cfg(test)]
    pub(crate) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The connection itself, for whoever must go past the rules.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }
}
