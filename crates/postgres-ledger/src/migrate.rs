//! Bringing the schema up to date.

use deadpool_postgres::Pool;
use refinery::error::Kind;

use crate::session::SessionError;

refinery::embed_migrations!("../../migrations");

/// The lock migrations are run under: two processes that start at once take turns.
const LOCK: i64 = 0x666c_6173_6873_616c;

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be asked.
    #[error(transparent)]
    Session(SessionErrorText),
    /// A migration failed, or was changed after it was applied.
    #[error("a migration failed")]
    Migration(#[source] refinery::Error),
}

/// A connection's error.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be migrated")]
pub struct SessionErrorText(#[source] SessionError);

impl MigrateError {
    /// Whether trying again is of no use: the database has another history than this program.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Session(_) => false,
            Self::Migration(error) => !matches!(error.kind(), Kind::Connection(..)),
        }
    }
}

/// Applies the migrations that are missing and says how many they were.
///
/// The lock belongs to a transaction, so it is given back whatever happens to this process.
pub(crate) async fn migrate(pool: &Pool) -> Result<usize, MigrateError> {
    let session = |error| MigrateError::Session(SessionErrorText(error));
    let driver = |error| session(SessionError::of(error));
    let mut guard = pool.get().await.map_err(|error| session(SessionError::Unreachable(error)))?;
    let turn = guard.transaction().await.map_err(driver)?;
    let no_limits = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
                     SET LOCAL idle_in_transaction_session_timeout = 0";
    turn.batch_execute(no_limits).await.map_err(driver)?;
    turn.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(driver)?;

    let mut client = pool.get().await.map_err(|error| session(SessionError::Unreachable(error)))?;
    let client: &mut tokio_postgres::Client = &mut client;
    client.batch_execute("SET statement_timeout = 0").await.map_err(driver)?;
    // A newer program may have brought the schema further; an older one works with it too.
    let runner = migrations::runner().set_abort_missing(false);
    let report = runner.run_async(client).await.map_err(MigrateError::Migration)?;
    client.batch_execute("SET statement_timeout = '2s'").await.map_err(driver)?;
    turn.commit().await.map_err(driver)?;
    Ok(report.applied_migrations().len())
}
