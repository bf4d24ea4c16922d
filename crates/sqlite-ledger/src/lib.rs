//! The ledger in SQLite, for a shop that runs one process: `LedgerStore` and `SaleRegister`.
//!
//! Tables, rules and words are those of the ledger in Postgres (`migrations/`): what the unique
//! indexes, constraints and triggers forbid cannot happen, whatever the live side believes. What
//! Postgres needs row locks for comes for nothing: there is one writer at a time.
//!
//! All that writes goes to one thread ([`worker`]), which does whatever is waiting in one
//! transaction and one flush of the log: the group commit of attempts, redemptions and upkeep
//! together. Reading goes on beside it, on threads of its own, and sees what was committed.
//!
//! One process serves from a directory ([`DataDir`]); others may look at its ledger and write to
//! it meanwhile, as `flashsale audit` and `flashsale sales` do, and take turns with it.

mod audit;
mod data_dir;
mod database;
mod error;
mod ledger_store;
mod rows;
mod sale_register;
mod tables;
mod worker;

use std::{num::NonZeroUsize, sync::Arc};

use batcher::{BatchError, Batcher, Limits};
use domain::{
    Code, Failure, SaleId, StoreError, UnixMillis,
    ports::{Attempt, Redemption},
};

use crate::{
    ledger_store::{CodeReply, Find, RecordAttempts, RecordReply, Redeem, Release},
    sale_register::{FindSales, SaleReply},
    worker::{Kind, Worker},
};

pub use data_dir::{DataDir, InService, ServiceError};
pub use database::{Database, OpenError};
pub use error::SqliteError;
pub use tables::Tables;

/// The ledger's clock, which decides when holds are due: that of the machine, as a database's is.
pub type LedgerClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// Requests that may wait for a look-up of a code. Few: a made-up code costs one.
const FIND_QUEUE_MAX: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// The ledger in one directory.
pub struct SqliteLedger {
    limits: Limits,
    dir: DataDir,
    threads: Arc<Threads>,
    record: Batcher<Attempt, RecordReply>,
    redeem: Batcher<Redemption, CodeReply>,
    release: Batcher<Code, CodeReply>,
    find: Batcher<Code, CodeReply>,
    find_sale: Batcher<SaleId, SaleReply>,
}

/// The threads that do the work, each with a connection to itself.
struct Threads {
    /// Everything that writes.
    writer: Worker,
    /// The look-ups that buyers wait for.
    finder: Worker,
    /// The looks of the upkeep and of operators, which may take longer.
    looker: Worker,
}

impl SqliteLedger {
    /// The ledger in `dir`; it is made if there is none. Must be called on a tokio runtime.
    pub fn open(dir: DataDir, clock: &LedgerClock, limits: Limits) -> Result<Self, OpenError> {
        let writer = Database::open(&dir)?;
        Self::on(writer, dir, clock, limits)
    }

    /// The ledger that is in `dir`. Fails if there is none.
    pub fn open_existing(
        dir: DataDir,
        clock: &LedgerClock,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let writer = Database::open_existing(&dir)?;
        Self::on(writer, dir, clock, limits)
    }

    fn on(
        writer: Database,
        dir: DataDir,
        clock: &LedgerClock,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let reader = |name| -> Result<Worker, OpenError> {
            let database = Database::open_existing(&dir)?;
            Ok(Worker::spawn(name, Kind::Reader, database, Arc::clone(clock)))
        };
        let threads = Threads {
            writer: Worker::spawn("ledger-writer", Kind::Writer, writer, Arc::clone(clock)),
            finder: reader("ledger-finder")?,
            looker: reader("ledger-looker")?,
        };
        Ok(Self::over(Arc::new(threads), dir, limits))
    }

    /// The same ledger, with queues and batches of its own on the caller's runtime.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        Self::over(Arc::clone(&self.threads), self.dir.clone(), self.limits)
    }

    fn over(threads: Arc<Threads>, dir: DataDir, limits: Limits) -> Self {
        let narrow = Limits { queue_max: limits.queue_max.min(FIND_QUEUE_MAX), ..limits };
        let (writer, finder) = (|| threads.writer.clone(), || threads.finder.clone());
        Self {
            record: Batcher::spawn(limits, [RecordAttempts(writer())]),
            redeem: Batcher::spawn(limits, [Redeem(writer())]),
            release: Batcher::spawn(limits, [Release(writer())]),
            find: Batcher::spawn(narrow, [Find(finder())]),
            find_sale: Batcher::spawn(narrow, [FindSales(finder())]),
            limits,
            dir,
            threads,
        }
    }
}

/// Tells what a failed batch means to one of its callers.
fn not_accepted(operation: &'static str) -> impl Fn(BatchError) -> StoreError {
    move |error| {
        let failure = match error {
            BatchError::Full => Failure::Overloaded,
            BatchError::Stopped => Failure::Unknown,
        };
        StoreError::new(operation, failure, error)
    }
}
