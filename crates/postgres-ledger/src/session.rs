//! A connection that is borrowed once and kept, and what its errors mean.

mod error;
mod remedy;
mod wrong_connection;

use std::time::Duration;

use domain::Failure;
use scopeguard::ScopeGuard;
use telemetry::{Watch, store_call_ended};
use tokio::time::{Instant, error::Elapsed, timeout};
use tokio_postgres::{Row, types::ToSql};

use crate::servers::{Answer, By, Connection, Object, Pool, of_pool};

pub(crate) use error::SessionError;
pub(crate) use remedy::remedy_of;
pub(crate) use wrong_connection::is_of_another_session;

/// How long one statement may take, the way there and back included. The server gives up on
/// its own a little earlier, see [`settings`](crate::settings).
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);

/// [`REPLY_TIMEOUT`], for the upkeep.
const UPKEEP_REPLY_TIMEOUT: Duration = Duration::from_secs(7);

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
    /// Whether the connection goes back after each statement.
    is_borrowing: bool,
    reply_timeout: Duration,
}

impl Session {
    /// A session that connects when it is needed.
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            pool,
            client: None,
            is_eager: false,
            is_borrowing: false,
            reply_timeout: REPLY_TIMEOUT,
        }
    }

    /// A session that has a connection only while it needs one.
    pub(crate) fn borrowing(pool: Pool) -> Self {
        Self { is_borrowing: true, ..Self::new(pool) }
    }

    /// The same for the upkeep, whose statements may take longer.
    pub(crate) fn patient(self) -> Self {
        Self { reply_timeout: UPKEEP_REPLY_TIMEOUT, ..self }
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
    /// are here. If the connection was the wrong one, it is run once more on a new one.
    pub(crate) async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        // One that is of no use any more is gone before the next is asked for: there may be no room
        // for both.
        let kept = self.client.take().filter(|it| !it.is_closed() && it.is_trusted());
        let (client, is_new) = match kept {
            Some(client) => (client, false),
            None => connect(&self.pool).await?,
        };
        let result = self.query_on(client, sql, parameters).await;
        if is_new || !matches!(result, Err(SessionError::WrongConnection { .. })) {
            return result;
        }
        let client = connect_anew(&self.pool).await?;
        self.query_on(client, sql, parameters).await
    }

    async fn query_on(
        &mut self,
        client: Object,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        let began = Watch::start();
        let client = for_as_long_as_wanted(client);
        let replied = timeout(self.reply_timeout, async {
            let statement = client.prepare_cached(sql).await.map_err(SessionError::of)?;
            client.query(&statement, parameters).await.map_err(SessionError::of)
        });
        let result = believed(&self.pool, &client, replied).await;
        store_call_ended("postgres", name_of(sql), began, result.is_ok());
        match &result {
            Err(error) if error.condemns_connection() => drop(client),
            _ if self.is_borrowing => drop(ScopeGuard::into_inner(client)),
            _ => self.client = Some(ScopeGuard::into_inner(client)),
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

    /// [`query_patiently`](Self::query_patiently) for what only reads, which is asked once more if its answer
    /// gets lost.
    pub(crate) async fn look_up(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        match self.query_patiently(sql, parameters).await {
            Err(error) if error.failure() == Failure::Unknown => {
                tracing::debug!(%error, "looking up again: {}", name_of(sql));
                self.query_patiently(sql, parameters).await
            }
            decided => decided,
        }
    }

    /// Notes what is answered with what came of a statement.
    pub(crate) fn saw(
        &self,
        by: By,
        answers: impl DoubleEndedIterator<Item = Answer> + ExactSizeIterator,
    ) {
        self.pool.manager().servers().witness().saw(by, answers);
    }

    /// How often the ledger has moved to another server.
    pub(crate) fn moves(&self) -> u64 {
        self.pool.manager().servers().moves()
    }

    /// Runs a statement again whose outcome got lost, until it is certain. The statement must
    /// be one that does nothing more when it was done before.
    pub(crate) async fn query_again(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        let deadline = Instant::now() + CERTAIN_WITHIN;
        let mut warning = None;
        while Instant::now() < deadline {
            tokio::time::sleep(PAUSE_BETWEEN_TRIES).await;
            match self.query_patiently(sql, parameters).await {
                Ok(rows) => return Ok(rows),
                // Whatever keeps this run from it says nothing of what the one before did.
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "again");
                    warning = error.warning().or(warning);
                }
            }
        }
        match warning {
            // Which is why no answer is believed.
            Some(warning) => Err(SessionError::Unconfirmed { warning: Some(warning) }),
            None => Err(SessionError::TimedOut),
        }
    }
}

/// What a statement calls itself: the first word of its header.
fn name_of(sql: &str) -> &str {
    sql.strip_prefix("-- ").and_then(|header| header.split(':').next()).unwrap_or("other")
}

/// A connection of the pool, and whether it was made just now.
pub(crate) async fn connect(pool: &Pool) -> Result<(Object, bool), SessionError> {
    let client = pool.get().await.map_err(|error| SessionError::Unreachable(of_pool(error)))?;
    let is_new = Object::metrics(&client).recycle_count == 0;
    Ok((client, is_new))
}

/// A connection that is made now: those that wait in the pool may be wrong as the last one was.
pub(crate) async fn connect_anew(pool: &Pool) -> Result<Object, SessionError> {
    pool.retain(|_, _| false);
    Ok(connect(pool).await?.0)
}

/// A connection on which something is done. It goes back to its pool only if it is taken out of here: if that
/// failed in a bad way, or nobody waits for it any more, it is closed, for whatever is still under way there, the
/// next who gets it shall not wait for it.
pub(crate) type InUse = ScopeGuard<Object, fn(Object)>;

pub(crate) fn for_as_long_as_wanted(client: Object) -> InUse {
    scopeguard::guard(client, |client| drop(Object::take(client)))
}

/// The connections for one transaction of a few statements: one of the pool, and if that turns out
/// to be the wrong one, a new one.
pub(crate) struct Turns<'p> {
    pool: &'p Pool,
    had: Option<Had>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Had {
    New,
    Kept,
}

impl<'p> Turns<'p> {
    pub(crate) const fn on(pool: &'p Pool) -> Self {
        Self { pool, had: None }
    }

    pub(crate) async fn connect(&mut self) -> Result<InUse, SessionError> {
        let (client, is_new) = match self.had {
            None => connect(self.pool).await?,
            Some(_) => (connect_anew(self.pool).await?, true),
        };
        self.had = Some(if is_new { Had::New } else { Had::Kept });
        Ok(for_as_long_as_wanted(client))
    }

    /// What came of the transaction, or nothing if it shall be run once more. The connection goes
    /// back to the pool only if it is of use to others.
    pub(crate) fn end<T>(
        &self,
        client: InUse,
        replied: Result<Result<T, SessionError>, Elapsed>,
    ) -> Option<Result<T, SessionError>> {
        let result = judged(self.pool, &client, replied);
        if !result.as_ref().is_err_and(SessionError::condemns_connection) {
            drop(ScopeGuard::into_inner(client));
        }
        let is_wrong = matches!(result, Err(SessionError::WrongConnection { .. }));
        (!is_wrong || self.had == Some(Had::New)).then_some(result)
    }
}

/// What a server answers, unless it takes too long or the connection is not trusted any more.
async fn believed<T>(
    pool: &Pool,
    client: &Connection,
    replied: impl Future<Output = Result<Result<T, SessionError>, Elapsed>>,
) -> Result<T, SessionError> {
    let replied = tokio::select! {
        biased;
        replied = replied => replied,
        () = client.trust().cancelled() => {
            Ok(Err(SessionError::Unconfirmed { warning: client.credit().warning() }))
        }
    };
    judged(pool, client, replied)
}

/// What an answer is worth that came on this connection. If others may see what is not confirmed, no
/// connection that is there is trusted any more.
pub(crate) fn judged<T>(
    pool: &Pool,
    client: &Connection,
    replied: Result<Result<T, SessionError>, Elapsed>,
) -> Result<T, SessionError> {
    let mut result = replied.unwrap_or(Err(SessionError::TimedOut));
    if result.is_ok() && !client.is_trusted() {
        result = Err(SessionError::Unconfirmed { warning: client.credit().warning() });
    }
    if result.as_ref().is_err_and(SessionError::may_be_seen_unconfirmed) {
        pool.manager().servers().distrust(client.trust());
    }
    if result.as_ref().is_err_and(SessionError::is_of_another_session) {
        pool.manager().servers().ask_for_sessions_again();
    }
    result
}

/// Every part of a batch that is refused as a whole for one bad request in it: the batch is
/// halved until the bad one is alone.
pub(crate) fn halves<T>(mut batch: Vec<T>) -> [Vec<T>; 2] {
    let second = batch.split_off(batch.len() / 2);
    [batch, second]
}
