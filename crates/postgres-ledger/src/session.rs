//! A connection that is borrowed once and kept, and what its errors mean.

use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError};
use domain::{Failure, StoreError, answer::Doing};
use tokio::time::{Instant, error::Elapsed, timeout};
use tokio_postgres::{
    Error, Row,
    error::{DbError, SqlState},
    types::ToSql,
};

/// How long one statement may take, the way there and back included. The server gives up on
/// its own a little earlier, see [`settings`](crate::settings).
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a transaction of a few statements may take. A server that stands still, or a network
/// that lets nothing through, says nothing at all.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits between two tries.
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// How often a batch that met another's lock or a deadlock is tried.
pub(crate) const TRIES_MAX: u32 = 4;

/// How long a batch is run again whose outcome got lost: as long as a server takes to come back
/// from a crash, and no longer than a client waits.
const CERTAIN_WITHIN: Duration = Duration::from_secs(5);

/// A connection kept between statements. One that broke is replaced by the next statement.
pub(crate) struct Session {
    pool: Pool,
    client: Option<Object>,
    is_eager: bool,
}

/// Why a statement brought no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// No connection could be had; nothing was sent.
    #[error("Postgres cannot be reached")]
    Unreachable(#[source] PoolError),
    /// The statement was refused for what it says; nothing was done.
    #[error("Postgres refuses what the statement says")]
    Poison(#[source] Error),
    /// Another transaction was in the way; nothing was done.
    #[error("Postgres could not get a lock")]
    Contended(#[source] Error),
    /// The server could not do it, such as for want of room; nothing was done.
    #[error("Postgres could not do it")]
    Refused(#[source] Error),
    /// The connection broke or the server went down. The work may be done.
    #[error("Postgres gave no answer")]
    Lost(#[source] Error),
    /// No reply came in time. The work may be done, or be done later.
    #[error("Postgres gave no answer in time")]
    TimedOut,
    /// What came of a statement that was carried out cannot be read back.
    #[error("Postgres did it, but cannot be asked what came of it")]
    Unseen(#[source] Box<SessionError>),
    /// A row is not of the form the statement promises.
    #[error("Postgres gave an unreadable answer: {0}")]
    Unreadable(String),
}

impl SessionError {
    /// What is known of the work that was asked for.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Unreachable(_) | Self::Poison(_) | Self::Contended(_) | Self::Refused(_) => {
                Failure::NotDone
            }
            Self::Lost(_) | Self::TimedOut | Self::Unseen(_) | Self::Unreadable(_) => {
                Failure::Unknown
            }
        }
    }

    /// Whether a row met one that is there already.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Poison(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    pub(crate) fn during(self, doing: impl Into<Doing>) -> StoreError {
        StoreError::new(doing, self.failure(), self)
    }

    /// One error for each of many callers: an error cannot be cloned, its text can.
    pub(crate) fn shared(&self, doing: impl Into<Doing>) -> StoreError {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        StoreError::new(doing, self.failure(), text)
    }

    /// Logs what became of a batch. That a server is down is the scheduler's to say, once.
    pub(crate) fn log(&self, what: &'static str, requests: usize) {
        let error = self as &dyn std::error::Error;
        if matches!(self, Self::Unreachable(_)) {
            tracing::debug!(error, requests, "{what}");
        } else {
            tracing::warn!(error, requests, "{what}");
        }
    }

    fn outcome_is_lost(&self) -> bool {
        self.failure() == Failure::Unknown
    }

    /// The driver's error, with what it means for the work.
    pub(crate) fn of(error: Error) -> Self {
        match error.as_db_error().map(meaning) {
            None | Some(Meaning::Lost) => Self::Lost(error),
            Some(Meaning::Poison) => Self::Poison(error),
            Some(Meaning::Contended) => Self::Contended(error),
            Some(Meaning::Refused) => Self::Refused(error),
        }
    }
}

enum Meaning {
    Lost,
    Poison,
    Contended,
    Refused,
}

/// What the server's own error says of the work. A server that goes down in mid-commit, or
/// whose disk fails, may have committed all the same; an ordinary error has undone everything.
fn meaning(error: &DbError) -> Meaning {
    let ordinary = matches!(error.severity(), "ERROR");
    let class = &error.code().code()[..2];
    match class {
        _ if *error.code() == SqlState::QUERY_CANCELED => Meaning::Refused,
        "08" | "57" | "58" | "XX" => Meaning::Lost,
        _ if !ordinary => Meaning::Lost,
        "22" | "23" | "P0" => Meaning::Poison,
        "40" | "55" => Meaning::Contended,
        _ => Meaning::Refused,
    }
}

impl Session {
    /// A session that connects when it is needed.
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool, client: None, is_eager: false }
    }

    /// A session that connects when it is made ready.
    pub(crate) fn eager(pool: Pool) -> Self {
        Self { is_eager: true, ..Self::new(pool) }
    }

    /// Connects and prepares the statement, if this session is eager and the server is there.
    pub(crate) async fn make_ready(&mut self, sql: &'static str) {
        if self.is_eager
            && let Ok(client) = self.pool.get().await
        {
            let prepared = timeout(REPLY_TIMEOUT, client.prepare_cached(sql)).await;
            self.client = prepared.is_ok_and(|prepared| prepared.is_ok()).then_some(client);
        }
    }

    /// Runs one statement as a transaction of its own. What it wrote is on disk when the rows
    /// are here.
    pub(crate) async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.pool.get().await.map_err(SessionError::Unreachable)?,
        };
        let replied = timeout(REPLY_TIMEOUT, async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        });
        let result = match replied.await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(SessionError::of(error)),
            Err(_) => Err(SessionError::TimedOut),
        };
        match &result {
            // Whatever is still under way there, the next statement shall not wait for it.
            Err(error) if error.outcome_is_lost() => drop(Object::take(client)),
            _ => self.client = Some(client),
        }
        result
    }

    /// [`query`](Self::query) that waits out other transactions' locks for a moment.
    pub(crate) async fn query_patiently(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        let mut result = self.query(sql, parameters).await;
        for _ in 1..TRIES_MAX {
            match result {
                Err(SessionError::Contended(_)) => result = self.query(sql, parameters).await,
                decided => return decided,
            }
        }
        result
    }

    /// Runs a statement again whose outcome got lost, until it is certain. The statement must
    /// be one that does nothing more when it was done before.
    pub(crate) async fn query_again(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        let deadline = Instant::now() + CERTAIN_WITHIN;
        while Instant::now() < deadline {
            tokio::time::sleep(PAUSE_BETWEEN_TRIES).await;
            match self.query_patiently(sql, parameters).await {
                Ok(rows) => return Ok(rows),
                // Whatever keeps this run from it says nothing of what the one before did.
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "again"),
            }
        }
        Err(SessionError::TimedOut)
    }
}

/// What came of a transaction, whose connection goes back to the pool only if nothing is under
/// way there any more.
pub(crate) fn give_back<T>(
    client: Object,
    replied: Result<Result<T, SessionError>, Elapsed>,
) -> Result<T, SessionError> {
    let result = replied.unwrap_or(Err(SessionError::TimedOut));
    if result.as_ref().is_err_and(SessionError::outcome_is_lost) {
        drop(Object::take(client));
    }
    result
}

/// Every part of a batch that is refused as a whole for one bad request in it: the batch is
/// halved until the bad one is alone.
pub(crate) fn halves<T>(mut batch: Vec<T>) -> [Vec<T>; 2] {
    let second = batch.split_off(batch.len() / 2);
    [batch, second]
}
