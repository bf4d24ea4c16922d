//! The live store of sales on Redis 7.0 or newer: `SaleStore` and `CodeStore`.
//!
//! All that happens in Redis happens in the functions of one library (`lua/`), which is loaded
//! into any server that lacks it. The library remembers, in the memory of the server process
//! only, which epoch of each sale it was given; so a server that restarted, failed over or
//! came back with an old copy serves nothing until the sale is loaded again.
//!
//! Requests are batched: many holds in one call, on a connection that is kept. The server
//! needs no persistence and must not evict (`maxmemory-policy noeviction`).

mod code_store;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(test)]
mod garbled;
mod keys;
mod line;
mod reply;
mod sale_store;
mod snapshot;

use std::{num::NonZeroUsize, time::Duration};

use batcher::{BatchError, Batcher, Limits};
use deadpool_redis::{
    Manager, Pool, Runtime,
    redis::{AsyncConnectionConfig, RedisError},
};
use domain::{
    Code, Failure, StoreError, Unit,
    ports::{HoldRequest, Operation, PlaceReply, Verdict},
};

use crate::{
    code_store::{FindUnits, PlaceHolds, Settle},
    line::{Line, LineError},
};

/// How long a connection may take to come about, and a caller may wait for one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections that the batchers of all threads keep; each thread has three.
const KEPT_CONNECTIONS_MAX: usize = 1_024;

/// Connections besides, for the upkeep and for status requests.
const UPKEEP_CONNECTIONS: usize = 8;

/// The live store on one Redis server.
pub struct RedisStores {
    limits: Limits,
    kept: Pool,
    pool: Pool,
    place: Batcher<HoldRequest, Result<PlaceReply, StoreError>>,
    find: Batcher<Code, Result<Option<Unit>, StoreError>>,
    settle: Batcher<(Code, Verdict), ()>,
}

/// Why the stores cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RedisStoresError {
    /// The URL does not name a Redis server.
    #[error("not a URL of a Redis server")]
    Url(#[source] RedisError),
    /// The pool cannot be built.
    #[error("the pool of connections cannot be built")]
    Pool(#[source] deadpool_redis::BuildError),
}

impl RedisStores {
    /// Stores on the server of `url`; connections are made when they are needed, so the server
    /// may still be down. Must be called on a tokio runtime.
    pub fn new(url: &str, limits: Limits) -> Result<Self, RedisStoresError> {
        let pool = |size| pool(url, size);
        let (kept, pool) = (pool(KEPT_CONNECTIONS_MAX)?, pool(UPKEEP_CONNECTIONS)?);
        Ok(Self::over(kept, pool, limits, Line::new))
    }

    /// The same stores, with queues, batches and connections of their own on the caller's
    /// runtime. If that is a thread, what is asked there never leaves it. The connections are
    /// made at once.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        Self::over(self.kept.clone(), self.pool.clone(), self.limits, Line::eager)
    }

    fn over(kept: Pool, pool: Pool, limits: Limits, line: fn(Pool) -> Line) -> Self {
        // A function unpacks a batch onto Lua's stack, three values a request.
        let limits = Limits { batch_max: limits.batch_max.min(BATCH_MAX), ..limits };
        let line = || line(kept.clone());
        Self {
            place: Batcher::spawn(limits, [PlaceHolds(line())]),
            find: Batcher::spawn(limits, [FindUnits(line())]),
            // Nobody waits for these, and who wants a unit waits for them.
            settle: Batcher::spawn(Limits::patient(limits.queue_max, BATCH_MAX), [Settle(line())]),
            limits,
            kept,
            pool,
        }
    }

    fn line(&self) -> Line {
        Line::new(self.pool.clone())
    }
}

fn pool(url: &str, size: usize) -> Result<Pool, RedisStoresError> {
    let connection = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(Duration::from_millis(line::REPLY_MS_MAX)));
    let manager = Manager::new_with_config(url, connection).map_err(RedisStoresError::Url)?;
    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(CONNECT_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(RedisStoresError::Pool)
}

/// The most requests of one call, however large the queue's batches may be.
const BATCH_MAX: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

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

/// One error for each of many callers: an error cannot be cloned, its text can.
fn shared(error: &LineError, operation: Operation) -> impl Fn() -> StoreError {
    let failure = error.failure();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    move || StoreError::new(operation, failure, text.clone())
}
