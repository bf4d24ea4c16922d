//! The live store of sales on Redis 7.0 or newer, one server, one of several that sentinels watch, or a
//! cluster: `SaleStore` and `CodeStore`; and what processes tell each other, `Processes`, and share out, `Turns`.
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
mod give_back;
mod keys;
mod line;
mod load;
mod owner;
mod probe;
mod processes;
mod refusal;
mod reply;
mod sale_store;
mod server;
mod snapshot;
mod turns;

use std::{num::NonZeroUsize, sync::Arc};

use batcher::{BatchError, Batcher, Limits, Wait};
use credentials::Access;
use deadpool::managed::Status;
use domain::{
    Code, Failure, SaleId, StoreError, Unit,
    ports::{HoldRequest, LedgerIdentity, LiveStatus, Operation, PlaceReply, TurnAsked, Verdict},
};
use telemetry::PoolFigures;

use crate::{
    code_store::{DueReply, FindDue, FindUnits, place::PlaceHolds, settle::Settle},
    give_back::GiveBack,
    line::{Line, LineError},
    owner::Owner,
    processes::Left,
    sale_store::LookAtSales,
    server::{Doors, Purpose, Servers},
    turns::{TakeTurns, TurnReply},
};

pub use server::SourceError;

/// The live store on one Redis server, on the primary that sentinels name, or on a cluster.
pub struct RedisStores {
    limits: Limits,
    servers: Arc<Servers>,
    owner: Owner,
    place: Batcher<HoldRequest, Result<PlaceReply, StoreError>>,
    find: Batcher<Code, Result<Option<Unit>, StoreError>>,
    settle: Batcher<(Code, Verdict), ()>,
    give_back: Batcher<(Code, Verdict), Result<(), StoreError>>,
    due: Batcher<(SaleId, usize), DueReply>,
    status: Batcher<SaleId, Result<Option<LiveStatus>, StoreError>>,
    turns: Batcher<TurnAsked, TurnReply>,
    left: Left,
}

/// Why the stores cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RedisStoresError {
    /// The settings do not say where the server is, or how one gets in.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The pool cannot be built.
    #[error("the pool of connections cannot be built")]
    Pool(#[source] server::BuildError),
}

impl RedisStores {
    /// Stores on the server that `access` leads to, for the sales of `ledger`; connections are made
    /// when they are needed, so both may still be down. Must be called on a tokio runtime. Warns if
    /// what is said to the server crosses a network in plain text.
    pub fn new(
        access: Access,
        ledger: Arc<dyn LedgerIdentity>,
        limits: Limits,
    ) -> Result<Self, RedisStoresError> {
        let doors = Doors::new(access);
        let form = doors.check()?;
        let servers = Servers::new(doors, form).map_err(RedisStoresError::Pool)?;
        Ok(Self::over(servers, Owner::new(ledger), limits, Line::new))
    }

    /// The same stores, with queues, batches and connections of their own on the caller's
    /// runtime. If that is a thread, what is asked there never leaves it. The connections are
    /// made at once.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        let owner = self.owner.clone();
        Self::over(Arc::clone(&self.servers), owner, self.limits, Line::eager)
    }

    /// How long a request for a unit would wait, for the ledger to count in before it gives a permit.
    #[must_use]
    pub fn wait(&self) -> Wait {
        self.place.wait()
    }

    fn over(
        servers: Arc<Servers>,
        owner: Owner,
        limits: Limits,
        line_of_crowd: fn(Arc<Servers>, Purpose, Owner) -> Line,
    ) -> Self {
        // A function unpacks a batch onto Lua's stack, three values a request.
        let limits = Limits { batch_max: limits.batch_max.min(BATCH_MAX), ..limits };
        let line = |purpose| Line::new(Arc::clone(&servers), purpose, owner.clone());
        let kept = || line_of_crowd(Arc::clone(&servers), Purpose::Crowd, owner.clone());
        // How long one may wait here and for the ledger, the ledger's permit has said by then.
        let admitted = Limits::patient(limits.queue_max, limits.batch_max);
        // Whoever wants a unit waits for these, also where nobody waits for the reply.
        let verdicts = Limits::patient(limits.queue_max, BATCH_MAX);
        Self {
            place: Batcher::spawn(admitted, [PlaceHolds(kept())]),
            find: Batcher::spawn(limits, [FindUnits(kept())]),
            settle: Batcher::spawn(verdicts, [Settle(kept())]),
            give_back: Batcher::spawn(verdicts, [GiveBack(line(Purpose::Crowd))]),
            due: Batcher::spawn(verdicts, [FindDue(line(Purpose::Upkeep))]),
            status: Batcher::spawn(verdicts, [LookAtSales(line(Purpose::Upkeep))]),
            turns: Batcher::spawn(verdicts, [TakeTurns(line(Purpose::Upkeep))]),
            left: Left::default(),
            limits,
            owner,
            servers,
        }
    }

    /// How its connections are used just now.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolFigures> {
        let pools = [("kept", Purpose::Crowd), ("upkeep", Purpose::Upkeep)];
        pools
            .into_iter()
            .map(|(name, purpose)| figures(name, &self.servers.status(purpose)))
            .collect()
    }

    fn line(&self) -> Line {
        Line::new(Arc::clone(&self.servers), Purpose::Upkeep, self.owner.clone())
    }

    /// A line that gives a server nothing that it lacks, and asks for no right but those it uses.
    fn line_to_look(&self) -> Line {
        Line::new(Arc::clone(&self.servers), Purpose::Look, self.owner.clone())
    }
}

fn figures(pool: &'static str, now: &Status) -> PoolFigures {
    let Status { max_size: max, size, available: idle, waiting } = *now;
    PoolFigures { pool, in_use: size.saturating_sub(idle), idle, waiting, max }
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
        let remedy = error.remedy().map(Into::into);
        StoreError::new(operation, failure, error).with_remedy(remedy)
    }
}

/// One error for each of many callers: an error cannot be cloned, its text can.
fn shared(error: &LineError, operation: Operation) -> impl Fn() -> StoreError {
    let (failure, remedy) = (error.failure(), error.remedy());
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    move || StoreError::new(operation, failure, text.clone()).with_remedy(remedy.clone())
}
