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

mod answered;
mod attempts;
mod audit;
mod codes;
mod connections;
mod ending;
mod exports;
mod history;
#[cfg(test)]
mod hostile_rows;
mod identity;
mod import;
mod inspections;
mod ledger_store;
mod lookups;
mod migrate;
mod operator;
#[cfg(test)]
mod plans;
mod products;
mod rows;
mod sale_register;
mod servers;
mod session;
mod settings;
mod snapshot;
mod sold_blocks;
mod tally;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use batcher::{BatchError, Batcher, Limits, Wait};
use credentials::Access;
use deadpool::managed::Status;
use domain::{
    Code, Failure, SaleId, StoreError,
    history::Uncounted,
    ports::{Attempt, Listed, Operation, Redemption, UserOfSale},
};
use telemetry::PoolFigures;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    answered::{AnsweredReply, LookUpAnswered},
    attempts::{RecordAttempts, RecordReply},
    codes::{CodeReply, Find, FindOwner, OwnerReply, Redeem, Release},
    connections::ForBatchers,
    lookups::{LifeReply, LookUp, Units, UnitsReply},
    sale_register::FindSales,
    servers::{ConnectError, Object, Pool, Servers, Source, Use, pool, watch},
    session::{Session, SessionError, connect},
    sold_blocks::SoldBlocks,
    tally::{CountSales, TallyReply},
};

pub use connections::{Connections, TooFewConnections};
pub use import::{Import, ImportConnection};
pub use migrate::{MigrateError, Schema};
pub use servers::{Durability, SourceError, TlsSettingError, UrlError};

/// How long it may take until a server accepts a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// When an unanswered connection counts as broken.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(3);

/// When one on which nothing is said is asked whether it is there, how often, and how many times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(2);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_RETRIES: u32 = 3;

/// Looks at sales that may be under way or wait for a connection. A bound that only a ledger that
/// stands still is met with.
const READS_MAX: usize = 512;

/// Requests that may wait for a look-up of a code. Few: a made-up code costs one.
const FIND_QUEUE_MAX: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// Users who are looked up in one call: each may have as many units as the limit of a sale says.
const USERS_MAX: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// Sales that are counted in one call. The upkeep waits for it, however long it takes.
const SALES_MAX: NonZeroUsize = NonZeroUsize::new(128).unwrap();

/// The ledger in one Postgres database.
///
/// One writer records attempts and one redeems codes, each a batch at a time: while one batch
/// commits, the next gathers. A second writer of attempts would make smaller commits, and so a grant
/// dearer.
pub struct PostgresLedger {
    limits: Limits,
    shared: Shared,
    role: Role,
    record: Batcher<Attempt, RecordReply>,
    redeem: Batcher<Redemption, CodeReply>,
    release: Batcher<Code, CodeReply>,
    find: Batcher<Code, CodeReply>,
    answered: Batcher<Code, AnsweredReply>,
    owner: Batcher<Code, OwnerReply>,
    look_up: Batcher<Code, LifeReply>,
    units: Batcher<UserOfSale, UnitsReply>,
    find_sale: Batcher<SaleId, Result<Option<Listed>, StoreError>>,
    tally: Batcher<SaleId, TallyReply>,
}

/// What the ledgers of all threads have in common.
#[derive(Clone)]
struct Shared {
    servers: Arc<Servers>,
    /// The connections of what buyers wait for.
    hot: Lent,
    /// Those of the other batchers.
    cold: Lent,
    upkeep: Pool,
    reads: Pool,
    /// One permit a look at sales.
    looks: Arc<Semaphore>,
    sold_blocks: Arc<SoldBlocks>,
    /// The attempts that this process has recorded, for the history of sales.
    uncounted: Arc<Uncounted>,
}

/// Connections of batchers.
#[derive(Clone)]
enum Lent {
    /// Each batcher keeps its own.
    ForGood(Pool),
    /// They are too few for that: each has one only while it needs one.
    ForACall(Pool),
}

/// Whom a ledger is for, and so whose connections it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The upkeep of the process, or the one task of a command.
    Upkeep,
    /// Those who buy and look on one thread.
    Thread,
}

/// What a ledger is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Whatever may write, where an answer must be so safe before it is given.
    Work(Durability),
    /// Nothing but looks.
    Look,
}

/// Why the ledger cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum PostgresLedgerError {
    /// The settings do not say where the ledger is, or how to get in.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The pool cannot be built.
    #[error("the pool of connections cannot be built")]
    Pool(#[source] deadpool::managed::BuildError),
}

impl PostgresLedger {
    /// A ledger in the database that `access` leads to; connections are made when they are needed, so
    /// the server may still be down. Must be called on a tokio runtime. Warns if what is said to the
    /// server crosses a network in plain text.
    pub fn new(
        access: Access,
        durability: Durability,
        connections: Connections,
        limits: Limits,
    ) -> Result<Self, PostgresLedgerError> {
        Self::with(&settings::upkeep(), Task::Work(durability), access, connections, limits)
    }

    /// [`new`](Self::new), for a process that serves from it: as long as one does, the ledger keeps
    /// its [identity](Self::renew_identity).
    pub fn serve(
        access: Access,
        durability: Durability,
        connections: Connections,
        limits: Limits,
    ) -> Result<Self, PostgresLedgerError> {
        Self::with(&settings::serving(), Task::Work(durability), access, connections, limits)
    }

    /// [`new`](Self::new), for whoever only looks, and so can while no standby confirms what is
    /// written. What is seen then may be lost with the server.
    pub fn look_at(
        access: Access,
        connections: Connections,
        limits: Limits,
    ) -> Result<Self, PostgresLedgerError> {
        Self::with(&settings::upkeep(), Task::Look, access, connections, limits)
    }

    fn with(
        upkeep: &str,
        task: Task,
        access: Access,
        connections: Connections,
        limits: Limits,
    ) -> Result<Self, PostgresLedgerError> {
        let source = Source::new(access)?;
        let (durability, is_to_look) = match task {
            Task::Work(durability) => (durability, false),
            Task::Look => (Durability::Single, true),
        };
        let servers = Arc::new(Servers::of(source, durability, connections.total()));
        watch(&servers);
        let pool = |size, settings: &str, is_for| {
            let is_for = if is_to_look { Use::Lookers } else { is_for };
            pool(&servers, size, settings, is_for).map_err(PostgresLedgerError::Pool)
        };
        let for_buyers = |size| pool(size, &settings::hot(), Use::Buyers);
        let (hot, cold) = match connections.batchers {
            ForBatchers::Kept(size) => {
                let kept = for_buyers(size)?;
                (Lent::ForGood(kept.clone()), Lent::ForGood(kept))
            }
            ForBatchers::HotKept { kept, borrowed } => {
                (Lent::ForGood(for_buyers(kept)?), Lent::ForACall(for_buyers(borrowed)?))
            }
            ForBatchers::Borrowed(size) => {
                let borrowed = for_buyers(size)?;
                (Lent::ForACall(borrowed.clone()), Lent::ForACall(borrowed))
            }
        };
        let shared = Shared {
            servers: Arc::clone(&servers),
            hot,
            cold,
            upkeep: pool(connections.upkeep, upkeep, Use::Others)?,
            reads: pool(connections.reads, &settings::hot(), Use::Others)?,
            looks: Arc::new(Semaphore::new(READS_MAX)),
            sold_blocks: Arc::default(),
            uncounted: Arc::default(),
        };
        Ok(Self::over(shared, limits, Role::Upkeep, None))
    }

    /// The same ledger, with queues, batches and connections of its own on the caller's
    /// runtime. If that is a thread, what is asked there never leaves it: waking another
    /// thread twice a request costs more than the work it does. The connections of the hot
    /// paths are made at once, if each thread keeps its own. Looks at sales use other connections than the upkeep.
    ///
    /// Whoever has a permit of an attempt waits in the queue `before` first.
    #[must_use]
    pub fn on_this_thread(&self, before: Option<Wait>) -> Self {
        Self::over(self.shared.clone(), self.limits, Role::Thread, before)
    }

    fn over(shared: Shared, limits: Limits, role: Role, before: Option<Wait>) -> Self {
        let cold = || match &shared.cold {
            Lent::ForGood(pool) => Session::new(pool.clone()),
            Lent::ForACall(pool) => Session::borrowing(pool.clone()),
        };
        let hot = || match (role, &shared.hot) {
            (Role::Thread, Lent::ForGood(pool)) => Session::eager(pool.clone()),
            (Role::Upkeep, _) | (_, Lent::ForACall(_)) => cold(),
        };
        let lent = || match role {
            Role::Upkeep => cold(),
            Role::Thread => Session::borrowing(shared.reads.clone()),
        };
        let count = CountSales {
            session: match role {
                Role::Upkeep => Session::borrowing(shared.upkeep.clone()).patient(),
                Role::Thread => lent(),
            },
            sold_blocks: Arc::clone(&shared.sold_blocks),
        };
        let narrow = Limits { queue_max: limits.queue_max.min(FIND_QUEUE_MAX), ..limits };
        let of_users = Limits { batch_max: narrow.batch_max.min(USERS_MAX), ..narrow };
        Self {
            record: Batcher::spawn_behind(
                before,
                limits,
                [RecordAttempts::on(hot, &shared.uncounted)],
            ),
            redeem: Batcher::spawn(limits, [Redeem(hot())]),
            release: Batcher::spawn(limits, [Release(cold())]),
            find: Batcher::spawn(narrow, [Find(cold())]),
            answered: Batcher::spawn(limits, [LookUpAnswered(cold())]),
            // Every purchase of a service that knows its buyers asks for an owner first: its queue is as
            // long as that of purchases, and no connection of it is lent by those for looks.
            owner: Batcher::spawn(limits, [FindOwner(cold())]),
            look_up: Batcher::spawn(narrow, [LookUp(lent())]),
            units: Batcher::spawn(of_users, [Units(lent())]),
            find_sale: Batcher::spawn(narrow, [FindSales(cold())]),
            tally: Batcher::spawn(Limits::patient(limits.queue_max, SALES_MAX), [count]),
            limits,
            role,
            shared,
        }
    }

    /// Brings the schema up to date and says how many migrations were missing. Several
    /// processes may do so at once.
    pub async fn migrate(&self) -> Result<usize, MigrateError> {
        migrate::migrate(&self.shared.upkeep, &migrate::ours(), migrate::PATIENCE).await
    }

    /// Makes the connection ahead on which operators look things up and take them out. What fails is tried
    /// again by whoever asks.
    pub async fn connect_for_operators(&self) {
        let _ = self.for_operators().get().await;
    }

    /// Waits until it is certain that the servers cannot be used this way, such as through a pooler in
    /// transaction mode that came in between, and says why.
    pub async fn unusable(&self) -> MigrateError {
        self.shared.servers.unusable().cancelled().await;
        MigrateError::WrongWay(ConnectError::Pooler.into())
    }

    /// What of the schema is there. Changes nothing.
    pub async fn schema(&self) -> Result<Schema, MigrateError> {
        migrate::look(&self.shared.upkeep).await
    }

    /// Fails, with what is missing, unless the schema is up to date. Changes nothing.
    pub async fn check_schema(&self) -> Result<(), MigrateError> {
        match self.schema().await? {
            Schema::Current => Ok(()),
            Schema::Older { lacks } | Schema::Absent { lacks } => {
                Err(MigrateError::Missing { versions: lacks })
            }
        }
    }

    /// How its connections are used just now.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolFigures> {
        let Shared { hot, cold, upkeep, reads, .. } = &self.shared;
        let kept = if let Lent::ForGood(pool) = hot { Some(pool) } else { None };
        let borrowed = if let Lent::ForACall(pool) = cold { Some(pool) } else { None };
        let pools = [
            ("kept", kept),
            ("borrowed", borrowed),
            ("upkeep", Some(upkeep)),
            ("reads", Some(reads)),
        ];
        pools.into_iter().filter_map(|(name, pool)| Some(figures(name, &pool?.status()))).collect()
    }

    /// The connections for what is not batched.
    const fn pool(&self) -> &Pool {
        match self.role {
            Role::Upkeep => &self.shared.upkeep,
            Role::Thread => &self.shared.reads,
        }
    }

    /// The connections for what operators look up and take out, which may take long: none of the upkeep,
    /// without which nothing is sold.
    const fn for_operators(&self) -> &Pool {
        &self.shared.reads
    }

    fn session(&self) -> Session {
        match self.role {
            Role::Upkeep => Session::new(self.pool().clone()).patient(),
            Role::Thread => Session::new(self.pool().clone()),
        }
    }

    /// The right to look at sales, if not too many do.
    fn may_look(&self, operation: Operation) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        if self.role == Role::Upkeep {
            return Ok(None);
        }
        let reason = "too many look at sales already";
        let overloaded = |_| StoreError::new(operation, Failure::Overloaded, reason);
        self.shared.looks.try_acquire().map(Some).map_err(overloaded)
    }

    async fn client(&self) -> Result<Object, SessionError> {
        Ok(connect(self.pool()).await?.0)
    }
}

#[cfg(test)]
fn pool_of(url: &str, size: usize, settings: &str) -> Pool {
    let source = Source::new(Access::to_database(url)).unwrap();
    let servers = Servers::of(source, Durability::Single, size);
    pool(&Arc::new(servers), size, settings, Use::Others).unwrap()
}

fn figures(pool: &'static str, now: &Status) -> PoolFigures {
    let Status { max_size: max, size, available: idle, waiting } = *now;
    PoolFigures { pool, in_use: size.saturating_sub(idle), idle, waiting, max }
}

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
