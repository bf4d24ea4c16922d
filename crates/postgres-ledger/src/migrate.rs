//! Bringing the schema up to date, while others serve from it.
//!
//! One connection is enough: it takes the turn, migrates, and is closed. It is never given back to
//! the pool, so no session of the service has its settings, and the turn ends with it, however it
//! ends. Where nothing is missing, nothing is written, and a role that may only read and write rows
//! will do.

mod careful;
mod error;
#[cfg(test)]
mod tests;

use std::time::Duration;

use refinery::{Migration, Runner};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{
    Client,
    error::{DbError, SqlState},
};

use crate::{
    servers::{Connection, Object, Pool},
    session::TRANSACTION_TIMEOUT,
};

use careful::Careful;
pub use error::MigrateError;

refinery::embed_migrations!("../../migrations");

/// The turn: processes that start at once migrate one after the other.
const TURN: i64 = 0x666c_6173_6873_616c;

/// How long it is tried to get the turn, or a lock on a table, before it is given up; and how long a
/// commit may wait for a standby.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before asking for the turn again. It is not waited for on the server: a statement
/// that waits has a snapshot, and a migration that waits for all snapshots would wait for it.
const PAUSE_FOR_TURN: Duration = Duration::from_millis(100);

/// How long to wait before trying a migration again that did not get its locks: whoever queued
/// behind it gets their work done meanwhile.
const PAUSE_FOR_LOCKS: Duration = Duration::from_secs(1);

/// What the connection is set to that migrates.
///
/// While a migration waits for a lock on a table, everybody else queues behind it: so it waits less
/// long than they do, and comes again. A process that is paused in mid-migration keeps neither its
/// locks (`idle_in_transaction_session_timeout`, as everywhere) nor its turn, and what a process
/// began that is gone ends with it.
const SETTINGS: &str = "SET statement_timeout = 0; \
     SET lock_timeout = '100ms'; \
     SET idle_session_timeout = '10s'; \
     SET client_connection_check_interval = '1s'; \
     RESET enable_seqscan; \
     RESET enable_bitmapscan; \
     RESET enable_hashjoin; \
     RESET enable_mergejoin";

const IS_FRESH_SQL: &str = "SELECT current_schema() IS NULL AS has_no_schema, \
     to_regclass('refinery_schema_history') IS NULL AS is_fresh";
const APPLIED_SQL: &str = include_str!("sql/migrate/applied.sql");
const TAKE_TURN_SQL: &str = "SELECT pg_try_advisory_lock($1) AS is_taken";
const BLOCKER_SQL: &str = include_str!("sql/migrate/blocker.sql");

/// The migrations of this program.
///
/// A newer program may have brought the schema further; an older one works with it too.
pub(crate) fn ours() -> Runner {
    migrations::runner().set_abort_missing(false)
}

/// Applies the migrations that are missing and says how many they were.
pub(crate) async fn migrate(
    pool: &Pool,
    runner: &Runner,
    patience: Duration,
) -> Result<usize, MigrateError> {
    let client = pool.get().await.map_err(MigrateError::unreachable)?;
    let looked = look_on(&client, runner.get_migrations()).await;
    if looked.as_ref().is_ok_and(Vec::is_empty) {
        return Ok(0);
    }
    // A look that was not waited for to its end may still be on its way on this connection.
    let mut client = Object::take(client);
    looked?;
    in_time(async { client.batch_execute(SETTINGS).await.map_err(MigrateError::of) }).await?;
    let give_up_at = Instant::now() + patience;
    take_turn(&client, give_up_at).await?;
    run(&mut client, runner, give_up_at, patience.max(TRANSACTION_TIMEOUT)).await
}

/// What of the schema is in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// All of it, as far as this program knows.
    Current,
    /// That of a version before.
    Older {
        /// The names of the migrations that are missing.
        lacks: String,
    },
    /// Nothing: there is no ledger.
    Absent {
        /// The names of all migrations.
        lacks: String,
    },
}

/// What of the schema is there, as far as the role may see; applies nothing.
pub(crate) async fn look(pool: &Pool) -> Result<Schema, MigrateError> {
    let runner = ours();
    let ours = runner.get_migrations();
    let client = pool.get().await.map_err(MigrateError::unreachable)?;
    match look_on(&client, ours).await {
        Ok(missing) if missing.is_empty() => Ok(Schema::Current),
        Ok(missing) if missing.len() == ours.len() => {
            Ok(Schema::Absent { lacks: missing.join(", ") })
        }
        Ok(missing) => Ok(Schema::Older { lacks: missing.join(", ") }),
        Err(error) => {
            // It may still be on its way on this connection.
            drop(Object::take(client));
            Err(error)
        }
    }
}

/// [`missing`], in time and from a server that is believed.
async fn look_on(
    client: &Connection,
    migrations: &[Migration],
) -> Result<Vec<String>, MigrateError> {
    let missing = in_time(missing(client, migrations)).await?;
    if client.is_trusted() { Ok(missing) } else { Err(MigrateError::unbelieved()) }
}

/// The names of those of these migrations that are missing, or are not what was applied.
async fn missing(client: &Client, migrations: &[Migration]) -> Result<Vec<String>, MigrateError> {
    let fresh = client.query_one(IS_FRESH_SQL, &[]).await.map_err(MigrateError::of)?;
    if fresh.try_get("has_no_schema").map_err(MigrateError::of)? {
        return Err(MigrateError::no_schema());
    }
    if fresh.try_get("is_fresh").map_err(MigrateError::of)? {
        return Ok(named(migrations.iter()));
    }
    let rows = client.query(APPLIED_SQL, &[]).await.map_err(MigrateError::of_looking)?;
    let applied = rows
        .iter()
        .map(|row| Ok((row.try_get("version")?, row.try_get("name")?, row.try_get("checksum")?)));
    let applied = applied.collect::<Result<Vec<(i32, String, String)>, _>>();
    let applied = applied.map_err(MigrateError::of)?;
    check_order(migrations, &applied.iter().map(|(version, ..)| *version).collect::<Vec<_>>())?;
    let is_applied = |ours: &&Migration| {
        applied.iter().any(|(version, name, checksum)| {
            *version == ours.version()
                && name == ours.name()
                && *checksum == ours.checksum().to_string()
        })
    };
    Ok(named(migrations.iter().filter(|ours| !is_applied(ours))))
}

/// Their names, in their order.
fn named<'m>(migrations: impl Iterator<Item = &'m Migration>) -> Vec<String> {
    let mut migrations = migrations.collect::<Vec<_>>();
    migrations.sort_unstable_by_key(|migration| migration.version());
    migrations.into_iter().map(ToString::to_string).collect()
}

/// Fails unless one of the two histories goes on where the other ends: what was applied after one
/// that is missing, or before one of ours that it does not know, was made for another schema.
fn check_order(migrations: &[Migration], applied: &[i32]) -> Result<(), MigrateError> {
    let last_applied = applied.iter().max().copied().unwrap_or_default();
    let last_of_ours = migrations.iter().map(Migration::version).max().unwrap_or_default();
    let left_out = migrations.iter().find(|ours| {
        let version = ours.version();
        version < last_applied && !applied.contains(&version)
    });
    if let Some(left_out) = left_out {
        let reason = format!("V{last_applied} was applied, but {left_out} before it was not");
        return Err(MigrateError::OtherHistory(reason.into()));
    }
    let is_ours = |version: &i32| migrations.iter().any(|ours| ours.version() == *version);
    match applied.iter().find(|version| **version < last_of_ours && !is_ours(version)) {
        Some(unknown) => {
            let reason = format!("V{unknown} was applied, which this version does not know");
            Err(MigrateError::OtherHistory(reason.into()))
        }
        None => Ok(()),
    }
}

/// Waits until nobody else migrates.
async fn take_turn(client: &Client, give_up_at: Instant) -> Result<(), MigrateError> {
    let mut told = None;
    loop {
        let taken = in_time(async {
            let row = client.query_one(TAKE_TURN_SQL, &[&TURN]).await.map_err(MigrateError::of)?;
            row.try_get("is_taken").map_err(MigrateError::of)
        });
        if taken.await? {
            return Ok(());
        }
        wait(client, give_up_at, PAUSE_FOR_TURN, &mut told).await?;
    }
}

/// Runs the migrations, again and again as long as they do not get their locks.
async fn run(
    connection: &mut Connection,
    runner: &Runner,
    give_up_at: Instant,
    patience: Duration,
) -> Result<usize, MigrateError> {
    let mut applied = 0;
    let mut told = None;
    loop {
        let mut careful = Careful { connection, patience };
        match runner.run_async(&mut careful).await {
            Ok(report) => return Ok(applied + report.applied_migrations().len()),
            Err(error) => {
                applied += error.report().map_or(0, |report| report.applied_migrations().len());
                let code = error::db_error(&error).map(DbError::code);
                if code != Some(&SqlState::LOCK_NOT_AVAILABLE) {
                    return Err(MigrateError::of_migration(error));
                }
            }
        }
        wait(connection, give_up_at, PAUSE_FOR_LOCKS, &mut told).await?;
    }
}

/// Logs whom a migration waits for, once for each, and waits; or gives up.
async fn wait(
    client: &Client,
    give_up_at: Instant,
    pause: Duration,
    told: &mut Option<i32>,
) -> Result<(), MigrateError> {
    let found =
        in_time(async { client.query_opt(BLOCKER_SQL, &[&TURN]).await.map_err(MigrateError::of) });
    let blocker = match found.await? {
        Some(row) => {
            let column = |error| MigrateError::of(error);
            let pid: i32 = row.try_get("pid").map_err(column)?;
            Some((pid, row.try_get::<_, String>("blocker").map_err(column)?))
        }
        None => None,
    };
    if Instant::now() >= give_up_at {
        let gone = || "a session that is gone now".to_owned();
        let blocker = blocker.map_or_else(gone, |(_, blocker)| blocker);
        return Err(MigrateError::Blocked { blocker });
    }
    if let Some((pid, blocker)) = blocker
        && *told != Some(pid)
    {
        tracing::warn!(blocker, "a migration waits");
        *told = Some(pid);
    }
    sleep(pause).await;
    Ok(())
}

/// Does what takes no time, unless the server stands still.
async fn in_time<T>(
    work: impl Future<Output = Result<T, MigrateError>>,
) -> Result<T, MigrateError> {
    timeout(TRANSACTION_TIMEOUT, work).await.unwrap_or(Err(MigrateError::timed_out()))
}
