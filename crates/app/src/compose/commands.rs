//! What commands need of the stores, and no more.

use std::{path::Path, sync::Arc};

use credentials::Access;
use domain::{
    Ports, Services, Steering,
    ports::{Exports, Inspections, Operator, Products, SaleRegister},
};
use memory_stores::{MemoryStores, RemoteLive};
use postgres_ledger::{PostgresLedger, Schema};
use sqlite_ledger::{DataDir, ServiceError, SqliteLedger};

use super::{ComposeError, clock_of, postgres, postgres_to_look_at, redis, stores::ports};
use crate::{
    config::{Config, Place},
    environment::{TokioClock, TokioTasks, steady_clock},
    no_live::NoLive,
    orders::Acting,
};

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
    Ok(match config.ledger_place()? {
        Place::Servers { database, .. } => {
            Inspected::of(&postgres_for(Task::Look, database, config).await?)
        }
        Place::Embedded { data_dir } => Inspected::of(&visited(data_dir, config).await?),
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
            if dir.is_in_service() {
                return Ok((
                    Acting::There(RemoteLive::at(dir.live_socket())),
                    Registers::of(&ledger),
                ));
            }
            let in_service = match dir.serve() {
                // One has begun to meanwhile.
                Err(ServiceError::InUse { .. }) => {
                    return Ok((
                        Acting::There(RemoteLive::at(dir.live_socket())),
                        Registers::of(&ledger),
                    ));
                }
                served => served?,
            };
            let ledger = Arc::new(SqliteLedger::serve(dir, &steady_clock(), config.limits())?);
            let live = Arc::new(MemoryStores::new(Arc::new(TokioClock)));
            let steering = steering_over(ports(&ledger, &live), config)?;
            Ok((Acting::Alone { steering, _in_service: in_service }, Registers::of(&ledger)))
        }
    }
}

/// A large sale takes longer to load than a command waits at a time, and its load goes on meanwhile.
fn steering_over(ports: Ports, config: &Config) -> Result<Steering, ComposeError> {
    let services = Services::going_on_in(Arc::new(TokioTasks::here()), ports);
    Ok(services.steering(config.timetable()?))
}

async fn visited(data_dir: &Path, config: &Config) -> Result<Arc<SqliteLedger>, ComposeError> {
    let dir = DataDir::at(data_dir.to_owned());
    let clock = clock_of(&RemoteLive::at(dir.live_socket())).await;
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
