//! The ledger in SQLite, for a shop that runs one process: `LedgerStore` and `SaleRegister`.
//!
//! **On the disk** everything is written in the order of time (`migrations/`): SQLite's log takes
//! whole pages, and three indexes in random order would cost three pages a row, and more than half
//! of the checkouts a second (`docs/decisions/08`). **In memory** is the guard (`guard`): the codes
//! of the sales that are not closed, and what may not come twice of them. Both change in one
//! transaction and are undone together. A process that begins to serve makes the guard from the
//! disk, and does not begin if that has something twice. When a sale is closed, its codes are
//! archived on the disk, in their order.
//!
//! **One thread** does all that writes, and the look-ups that need the guard (`worker`): whatever
//! is waiting goes into one transaction and one flush of the log, attempts, redemptions and upkeep
//! together. What Postgres needs row locks for comes for nothing. Other looks go on beside it, on
//! threads of their own, and see what was committed.
//!
//! **In the simulation** the same adapter runs on a ledger in memory ([`InMemory`]): nothing differs but
//! that whoever asks does the work.
//!
//! **One process** serves from a directory ([`DataDir`]); others may look at its ledger meanwhile,
//! and make and pause sales, as `flashsale audit` and `flashsale sales` do: they take turns.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of tables with a lifetime is not general enough to be passed on"
)]

mod answered;
mod aside;
mod audit;
mod backup;
mod checkpointer;
mod data_dir;
mod database;
mod error;
mod exports;
mod guard;
mod history;
mod in_memory;
mod inspections;
mod ledger_store;
mod lookups;
mod operator;
mod products;
mod rows;
mod sale_register;
mod snapshot;
mod tables;
mod worker;

use std::{
    num::NonZeroUsize,
    sync::{Arc, atomic::AtomicI64},
};

use batcher::{BatchError, Batcher};
use domain::{
    Code, Failure, SaleId, StoreError, UnixMillis,
    history::Uncounted,
    ports::{Attempt, Operation, Redemption, UserOfSale},
};

use crate::{
    answered::{AnsweredReply, LookUpAnswered, LookUpFiledAnswer},
    aside::Places,
    checkpointer::Checkpointer,
    ledger_store::{
        CodeReply, Find, FindFiled, FindFiledOwner, FindOwner, OwnerReply, RecordAttempts,
        RecordReply, Redeem, Release,
    },
    lookups::{FiledUnits, LifeReply, LookUp, LookUpFiled, Units, UnitsReply},
    sale_register::{FindSales, SaleReply},
    worker::{Kind, Worker},
};

pub use backup::BackupError;
pub use batcher::Limits;
pub use data_dir::{DataDir, InService, ServiceError};
pub use database::{Database, OpenError};
pub use error::SqliteError;
pub use in_memory::InMemory;
pub use tables::{Copies, Tables};
pub use worker::BrokenOff;

/// The ledger's clock, which decides when holds are due: that of the machine, as a database's is.
pub type LedgerClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// Requests that may wait for a look-up of a code. Few: a made-up code costs one.
const FIND_QUEUE_MAX: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// Users who are looked up in one piece: each may have as many units as the limit of a sale says.
const USERS_MAX: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The ledger in one directory, or in memory.
pub struct SqliteLedger {
    limits: Limits,
    workers: Arc<Workers>,
    record: Batcher<Attempt, RecordReply>,
    redeem: Batcher<Redemption, CodeReply>,
    release: Batcher<Code, CodeReply>,
    find: Batcher<Code, CodeReply>,
    find_filed: Batcher<Code, CodeReply>,
    answered: Batcher<Code, AnsweredReply>,
    answered_filed: Batcher<Code, AnsweredReply>,
    find_owner: Batcher<Code, OwnerReply>,
    find_filed_owner: Batcher<Code, OwnerReply>,
    look_up: Batcher<Code, LifeReply>,
    look_up_filed: Batcher<Code, LifeReply>,
    units: Batcher<UserOfSale, UnitsReply>,
    filed_units: Batcher<UserOfSale, UnitsReply>,
    find_sale: Batcher<SaleId, SaleReply>,
}

/// Who does the work.
struct Workers {
    /// Everything that writes, and the look-ups that need the guard.
    writer: Worker,
    /// The other look-ups that buyers wait for.
    finder: Worker,
    /// The looks of the upkeep and of operators, which may take longer.
    looker: Worker,
    /// The codes of lower sales are filed, and need no guard to be found. Until a sale has been
    /// closed nobody asks for much that is filed.
    first_unfiled: AtomicI64,
    /// The attempts that this process has recorded, for the history of sales.
    uncounted: Arc<Uncounted>,
    /// Where the ledger is, if not in memory.
    dir: Option<DataDir>,
    /// Room for whoever looks past all of these.
    asides: Places,
    _checkpointer: Option<Checkpointer>,
}

impl SqliteLedger {
    /// The ledger in `dir`, for the one process that serves from it; it is made if there is none.
    /// Must be called on a tokio runtime.
    pub fn serve(dir: DataDir, clock: &LedgerClock, limits: Limits) -> Result<Self, OpenError> {
        let writer = Database::open_to_serve(&dir)?;
        Self::on(writer, dir, clock, limits)
    }

    /// The ledger that is in `dir`, for another process, that makes and pauses sales and looks at
    /// them. Fails if there is none, or if it is of an older version. What needs the guard fails.
    pub fn visit(dir: DataDir, clock: &LedgerClock, limits: Limits) -> Result<Self, OpenError> {
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
        let workers = Workers {
            writer: Worker::spawn("ledger-writer", Kind::Writer, writer, Arc::clone(clock)),
            finder: reader("ledger-finder")?,
            looker: reader("ledger-looker")?,
            first_unfiled: AtomicI64::new(0),
            uncounted: Arc::default(),
            asides: Places::default(),
            _checkpointer: Some(Checkpointer::spawn(Database::open_existing(&dir)?)),
            dir: Some(dir),
        };
        Ok(Self::over(Arc::new(workers), limits))
    }

    /// The same ledger, with queues and batches of its own on the caller's runtime.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        Self::over(Arc::clone(&self.workers), self.limits)
    }

    fn over(workers: Arc<Workers>, limits: Limits) -> Self {
        let narrow = Limits { queue_max: limits.queue_max.min(FIND_QUEUE_MAX), ..limits };
        let of_users = Limits { batch_max: narrow.batch_max.min(USERS_MAX), ..narrow };
        let (writer, finder) = (|| workers.writer.clone(), || workers.finder.clone());
        Self {
            record: Batcher::spawn(
                limits,
                [RecordAttempts(writer(), Arc::clone(&workers.uncounted))],
            ),
            redeem: Batcher::spawn(limits, [Redeem(writer())]),
            release: Batcher::spawn(limits, [Release(writer())]),
            find: Batcher::spawn(narrow, [Find(writer())]),
            find_filed: Batcher::spawn(narrow, [FindFiled(finder())]),
            answered: Batcher::spawn(limits, [LookUpAnswered(writer())]),
            answered_filed: Batcher::spawn(narrow, [LookUpFiledAnswer(finder())]),
            // Every purchase of a service that knows its buyers asks for an owner first.
            find_owner: Batcher::spawn(limits, [FindOwner(writer())]),
            find_filed_owner: Batcher::spawn(narrow, [FindFiledOwner(finder())]),
            look_up: Batcher::spawn(narrow, [LookUp(writer())]),
            look_up_filed: Batcher::spawn(narrow, [LookUpFiled(finder())]),
            units: Batcher::spawn(of_users, [Units(writer())]),
            filed_units: Batcher::spawn(of_users, [FiledUnits(finder())]),
            find_sale: Batcher::spawn(narrow, [FindSales(finder())]),
            limits,
            workers,
        }
    }
}

/// Tells what a failed batch means to one of its callers.
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
