//! What commands need of the stores, and no more.

use std::{path::Path, sync::Arc, time::Duration};

use credentials::Access;
use domain::{
    Ports, Services, Steering,
    ports::{Clock, Exports, Inspections, Operator, Products, SaleRegister},
};
use memory_stores::{MemoryStores, RemoteLive};
use postgres_ledger::{PostgresLedger, Schema};
use sqlite_ledger::{DataDir, InService, ServiceError, SqliteLedger};
use tokio::time::Instant;

use super::{ComposeError, clock_of, postgres, postgres_to_look_at, redis, stores::ports};
use crate::{
    config::{Config, Place},
    environment::{TokioClock, TokioTasks, steady_clock},
    no_live::NoLive,
    orders::Acting,
};

/// How long is waited for another process that has a directory, and how long between two looks.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(5);
const LOOK_AGAIN_MS: u64 = 25;

/// What a command wants of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Look,
    Change,
}

/// The ledger of sales and products, for commands that need no more.
#[derive(Clone)]
pub(crate) struct Registers {
    pub(crate) sales: Arc<dyn SaleRegister>,
    pub(crate) products: Arc<dyn Products>,
}

impl Registers {
    fn of(ledger: &Arc<impl SaleRegister + Products + 'static>) -> Self {
        Self { sales: ledger.clone(), products: ledger.clone() }
    }
}

/// The registers of sales and products. Those that are not there are not made: they would be those of
/// a mistyped place.
pub(crate) async fn registers(config: &Config, task: Task) -> Result<Registers, ComposeError> {
    Ok(match config.ledger_place()? {
        Place::Servers { database, .. } => {
            Registers::of(&postgres_for(task, database, config).await?)
        }
        Place::Embedded { data_dir } => Registers::of(&visited(data_dir, config).await?),
    })
}

/// The ledger as an operator looks things up in it.
pub(crate) struct Inspected {
    pub(crate) register: Arc<dyn SaleRegister>,
    pub(crate) inspections: Arc<dyn Inspections>,
    pub(crate) exports: Arc<dyn Exports>,
}

impl Inspected {
    fn of(ledger: &Arc<impl SaleRegister + Inspections + Exports + 'static>) -> Self {
        Self { register: ledger.clone(), inspections: ledger.clone(), exports: ledger.clone() }
    }
}

/// The ledger to look things up in; one that is not there is not made.
pub(crate) async fn inspected(config: &Config) -> Result<Inspected, ComposeError> {
    inspected_giving_way(config, || {}).await
}

/// [`inspected`], for what takes long: `give_way` is called when what has to be done in time is done, and
/// before the threads begin that have the work.
pub(crate) async fn inspected_giving_way(
    config: &Config,
    give_way: impl FnOnce(),
) -> Result<Inspected, ComposeError> {
    Ok(match config.ledger_place()? {
        Place::Servers { database, .. } => {
            let ledger = postgres_for(Task::Look, database, config).await?;
            ledger.connect_for_operators().await;
            give_way();
            Inspected::of(&ledger)
        }
        Place::Embedded { data_dir } => {
            Inspected::of(&visited_giving_way(data_dir, config, give_way).await?)
        }
    })
}

/// The trail of what operators did.
pub(crate) async fn trail(config: &Config, task: Task) -> Result<Arc<dyn Operator>, ComposeError> {
    Ok(match config.ledger_place()? {
        Place::Servers { database, .. } => postgres_for(task, database, config).await?,
        Place::Embedded { data_dir } => visited(data_dir, config).await?,
    })
}

/// Whoever carries out what an operator orders, and the registers of the same ledger. On a directory that is
/// the process that serves from it; if none does, this one serves from it for that long.
pub(crate) async fn acting(config: &Config) -> Result<(Acting, Registers), ComposeError> {
    match config.ledger_place()? {
        Place::Servers { database, redis: live } => {
            let ledger = postgres_for(Task::Change, database, config).await?;
            let ports = match live {
                Some(_) => ports(&ledger, &redis(live, &ledger, config)?),
                None => ports(&ledger, &Arc::new(NoLive)),
            };
            let steering = steering_over(ports, config)?;
            Ok((Acting::Here(steering), Registers::of(&ledger)))
        }
        Place::Embedded { data_dir } => {
            let ledger = visited(data_dir, config).await?;
            let dir = DataDir::at(data_dir.to_owned());
            match serve_or_find_service(&dir).await? {
                Served::There(service) => Ok((Acting::There(service), Registers::of(&ledger))),
                Served::Here(in_service) => {
                    let clock = steady_clock();
                    let ledger = Arc::new(SqliteLedger::serve(dir, &clock, config.limits())?);
                    let live = Arc::new(MemoryStores::new(Arc::new(TokioClock)));
                    let steering = steering_over(ports(&ledger, &live), config)?;
                    let acting = Acting::Alone { steering, _in_service: in_service };
                    Ok((acting, Registers::of(&ledger)))
                }
            }
        }
    }
}

/// Who serves from a directory.
enum Served {
    Here(InService),
    There(RemoteLive),
}

/// Serves from a directory, or finds the process that does. One that has it and takes no orders is waited for: it
/// may be about to serve, or be a command that ends soon.
async fn serve_or_find_service(dir: &DataDir) -> Result<Served, ComposeError> {
    let give_up_at = Instant::now() + PATIENCE_WITH_OTHERS;
    loop {
        let is_late = Instant::now() >= give_up_at;
        let service = RemoteLive::at(dir.live_socket());
        if dir.is_in_service() && !is_late {
            if service.now().await.is_some() {
                return Ok(Served::There(service));
            }
        } else {
            match dir.serve() {
                Ok(in_service) => return Ok(Served::Here(in_service)),
                // One has begun to meanwhile.
                Err(ServiceError::InUse { .. }) if !is_late => {}
                Err(ServiceError::InUse { dir, pid }) => {
                    return Err(ComposeError::NoOrders { dir, pid });
                }
                Err(error) => return Err(error.into()),
            }
        }
        TokioClock.wait(LOOK_AGAIN_MS).await;
    }
}

/// Waits a little for whoever has a directory and takes no orders: a command gives it back when it has acted. Who
/// serves from it is not waited for.
pub(crate) async fn wait_for_commands(data_dir: &Path) {
    let dir = DataDir::at(data_dir.to_owned());
    let service = RemoteLive::at(dir.live_socket());
    let give_up_at = Instant::now() + PATIENCE_WITH_OTHERS;
    let mut is_told = false;
    while dir.is_in_service() && Instant::now() < give_up_at && service.now().await.is_none() {
        if !is_told {
            let dir = data_dir.display();
            tracing::info!("{dir} is in use by another process; waiting until that has acted");
            is_told = true;
        }
        TokioClock.wait(LOOK_AGAIN_MS).await;
    }
}

/// A large sale takes longer to load than a command waits at a time, and its load goes on meanwhile.
fn steering_over(ports: Ports, config: &Config) -> Result<Steering, ComposeError> {
    let services = Services::going_on_in(Arc::new(TokioTasks::here()), ports);
    Ok(services.steering(config.timetable()?))
}

async fn visited(data_dir: &Path, config: &Config) -> Result<Arc<SqliteLedger>, ComposeError> {
    visited_giving_way(data_dir, config, || {}).await
}

async fn visited_giving_way(
    data_dir: &Path,
    config: &Config,
    give_way: impl FnOnce(),
) -> Result<Arc<SqliteLedger>, ComposeError> {
    let dir = DataDir::at(data_dir.to_owned());
    let clock = clock_of(&RemoteLive::at(dir.live_socket())).await;
    give_way();
    Ok(Arc::new(SqliteLedger::visit(dir, &clock, config.limits())?))
}

async fn postgres_for(
    task: Task,
    database: Access,
    config: &Config,
) -> Result<Arc<PostgresLedger>, ComposeError> {
    let ledger = match task {
        Task::Look => postgres_to_look_at(database, config)?,
        Task::Change => postgres(database, config)?,
    };
    match ledger.schema().await.map_err(ComposeError::Schema)? {
        Schema::Current => Ok(ledger),
        Schema::Older { lacks } => Err(ComposeError::OlderLedger(lacks)),
        Schema::Absent { .. } => Err(ComposeError::NoLedger),
    }
}
