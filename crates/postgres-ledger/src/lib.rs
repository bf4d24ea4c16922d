//! The ledger on PostgreSQL 15 or newer: `LedgerStore` and `SaleRegister`.
//!
//! The hot paths are group commits: a batch of attempts or of redemptions is one statement,
//! and so one transaction and one write to disk. Statements live in `sql/`, one file each; the
//! schema lives in the project's `migrations/`. What the schema's unique indexes forbid cannot
//! happen, whatever the live store believes.
//!
//! An outcome that got lost with a connection is neither a success nor a failure: the same
//! statement is run again until it is certain, and every statement is one that does nothing
//! more the second time.

mod attempts;
mod audit;
mod codes;
#[cfg(test)]
mod hostile_rows;
mod identity;
mod import;
mod ledger_store;
mod migrate;
#[cfg(test)]
mod plans;
mod rows;
mod sale_register;
mod session;

use std::{num::NonZeroUsize, str::FromStr, time::Duration};

use batcher::{BatchError, Batcher, Limits};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use domain::{
    Code, Failure, SaleId, StoreError,
    ports::{Attempt, Listed, Operation, Redemption},
};
use tokio_postgres::NoTls;

use crate::{
    attempts::{RecordAttempts, RecordReply},
    codes::{CodeReply, Find, Redeem, Release},
    sale_register::FindSales,
    session::{Session, SessionError},
};

pub use import::{Import, ImportConnection};
pub use migrate::MigrateError;

/// How long a connection may take to come about, and a caller may wait for one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// When an unanswered connection counts as broken.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections that the batchers of all threads keep; each thread has six. A bound that the
/// server's own is met long before.
const KEPT_CONNECTIONS_MAX: usize = 1_024;

/// Connections besides, for the upkeep and the register.
const UPKEEP_CONNECTIONS: usize = 6;

/// Requests that may wait for a look-up of a code. Few: a made-up code costs one.
const FIND_QUEUE_MAX: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// What every connection is set to.
///
/// A process that is paused in mid-transaction must not keep others from a sale for long, and
/// whatever the tables' statistics say, the hot statements shall go by the indexes: a plan is
/// kept as long as its connection, and the first one is often made on empty tables, where
/// reading all there is looks cheap.
pub(crate) fn settings() -> &'static str {
    "SET statement_timeout = '2s'; \
     SET lock_timeout = '250ms'; \
     SET idle_in_transaction_session_timeout = '1s'; \
     SET synchronous_commit = 'on'; \
     SET enable_seqscan = off; \
     SET enable_bitmapscan = off; \
     SET enable_hashjoin = off; \
     SET enable_mergejoin = off"
}

/// The ledger in one Postgres database.
///
/// One writer records attempts and one redeems codes, each a batch at a time: while one batch
/// commits, the next gathers. With a second writer of attempts a commit had 24 rows instead of
/// 36, and a grant cost a tenth more CPU time in all (64 connections, two cores).
pub struct PostgresLedger {
    limits: Limits,
    kept: Pool,
    pool: Pool,
    record: Batcher<Attempt, RecordReply>,
    redeem: Batcher<Redemption, CodeReply>,
    release: Batcher<Code, CodeReply>,
    find: Batcher<Code, CodeReply>,
    find_sale: Batcher<SaleId, Result<Option<Listed>, StoreError>>,
}

/// Why the ledger cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum PostgresLedgerError {
    /// The URL does not name a Postgres database.
    #[error("not a URL of a Postgres database")]
    Url(#[source] tokio_postgres::Error),
    /// The pool cannot be built.
    #[error("the pool of connections cannot be built")]
    Pool(#[source] deadpool_postgres::BuildError),
}

impl PostgresLedger {
    /// A ledger in the database of `url`; connections are made when they are needed, so the
    /// server may still be down. Must be called on a tokio runtime.
    pub fn new(url: &str, limits: Limits) -> Result<Self, PostgresLedgerError> {
        let mut config = tokio_postgres::Config::from_str(url).map_err(PostgresLedgerError::Url)?;
        if config.get_application_name().is_none() {
            config.application_name("flashsale");
        }
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_USER_TIMEOUT);
        let pool = |size| pool(&config, size).map_err(PostgresLedgerError::Pool);
        let (kept, pool) = (pool(KEPT_CONNECTIONS_MAX)?, pool(UPKEEP_CONNECTIONS)?);
        Ok(Self::over(kept, pool, limits, Session::new))
    }

    /// The same ledger, with queues, batches and connections of its own on the caller's
    /// runtime. If that is a thread, what is asked there never leaves it: waking another
    /// thread twice a request costs more than the work it does. The connections of the hot
    /// paths are made at once.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        Self::over(self.kept.clone(), self.pool.clone(), self.limits, Session::eager)
    }

    fn over(kept: Pool, pool: Pool, limits: Limits, hot: fn(Pool) -> Session) -> Self {
        let hot = || hot(kept.clone());
        let session = || Session::new(kept.clone());
        let narrow = Limits { queue_max: limits.queue_max.min(FIND_QUEUE_MAX), ..limits };
        Self {
            record: Batcher::spawn(limits, [RecordAttempts::on(hot)]),
            redeem: Batcher::spawn(limits, [Redeem(hot())]),
            release: Batcher::spawn(limits, [Release(session())]),
            find: Batcher::spawn(narrow, [Find(session())]),
            find_sale: Batcher::spawn(narrow, [FindSales(session())]),
            limits,
            kept,
            pool,
        }
    }

    /// Brings the schema up to date and says how many migrations were missing. Several
    /// processes may do so at once.
    pub async fn migrate(&self) -> Result<usize, MigrateError> {
        migrate::migrate(&self.pool, &migrate::ours(), migrate::PATIENCE).await
    }

    fn session(&self) -> Session {
        Session::new(self.pool.clone())
    }

    async fn client(&self) -> Result<Object, SessionError> {
        self.pool.get().await.map_err(SessionError::Unreachable)
    }
}

fn pool(
    config: &tokio_postgres::Config,
    size: usize,
) -> Result<Pool, deadpool_postgres::BuildError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_config(config.clone(), NoTls, recycling))
        .max_size(size)
        .wait_timeout(Some(CONNECT_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(
                async move { client.batch_execute(settings()).await.map_err(HookError::Backend) },
            )
        }))
        .runtime(Runtime::Tokio1)
        .build()
}

/// What a failed batch means to one of its callers.
fn not_accepted(operation: Operation) -> impl Fn(BatchError) -> StoreError {
    move |error| {
        let failure = match error {
            BatchError::Full => Failure::Overloaded,
            BatchError::Stopped => Failure::Unknown,
        };
        StoreError::new(operation, failure, error)
    }
}
