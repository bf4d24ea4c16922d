//! Ports meet adapters here, and only here.

use std::sync::Arc;

use domain::{
    Catalog, Checkout, Purchase, Standings,
    ports::SaleRegister,
    remembered::{RememberedLive, SoldOutMemo},
    upkeep::{Rebuild, Reconcile, Retire, Rotate, Sweep},
};
use postgres_ledger::{PostgresLedger, PostgresLedgerError};
use redis_stores::{RedisStores, RedisStoresError};
use scheduler::{Scheduler, Steps};

use crate::{
    config::{Config, MissingSetting},
    environment::{SystemDice, TokioClock, check_dice},
};

/// The service, put together.
pub(crate) struct Service {
    pub(crate) shared: Shared,
    pub(crate) scheduler: Scheduler,
}

/// What the threads of the service have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) ledger: Arc<PostgresLedger>,
    redis: Arc<RedisStores>,
    memo: Arc<SoldOutMemo>,
    catalog: Arc<Catalog>,
    rebuild: Arc<Rebuild>,
}

/// What the HTTP API asks, on one thread.
pub(crate) struct Api {
    pub(crate) checkout: Checkout,
    pub(crate) purchase: Purchase,
    pub(crate) standings: Standings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) redis: Arc<RedisStores>,
    pub(crate) ledger: Arc<PostgresLedger>,
}

/// Why the service cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error(transparent)]
    Missing(#[from] MissingSetting),
    #[error("DATABASE_URL is wrong")]
    Ledger(#[source] PostgresLedgerError),
    #[error("REDIS_URL is wrong")]
    Live(#[source] RedisStoresError),
    #[error("the system has no random source to draw codes from")]
    Dice(#[source] getrandom::Error),
}

/// The ledger alone, for commands that need no more.
pub(crate) fn ledger(config: &Config) -> Result<Arc<PostgresLedger>, ComposeError> {
    let ledger = PostgresLedger::new(config.database_url()?, config.limits());
    ledger.map(Arc::new).map_err(ComposeError::Ledger)
}

/// The live side alone.
pub(crate) fn redis(config: &Config) -> Result<Arc<RedisStores>, ComposeError> {
    let redis = RedisStores::new(config.redis_url()?, config.limits());
    redis.map(Arc::new).map_err(ComposeError::Live)
}

/// Puts the service together. Connections are made on first use, so it comes up, and its
/// health tells the truth, while a database is still down.
pub(crate) fn compose(config: &Config) -> Result<Service, ComposeError> {
    check_dice().map_err(ComposeError::Dice)?;
    let ledger = ledger(config)?;
    let redis = redis(config)?;
    let clock = Arc::new(TokioClock);
    let memo = Arc::new(SoldOutMemo::new(clock.clone()));
    let live = Arc::new(RememberedLive::new(redis.clone(), memo.clone()));
    let register: Arc<dyn SaleRegister> = ledger.clone();

    let catalog = Arc::new(Catalog::new(register.clone()));
    let rebuild = Arc::new(Rebuild::new(register.clone(), live.clone(), clock));
    let steps = Steps {
        rotate: Rotate::new(register.clone(), catalog.clone(), config.timetable()),
        sweep: Sweep::new(live.clone(), ledger.clone()),
        rebuild: rebuild.clone(),
        reconcile: Reconcile::new(register.clone(), live.clone(), rebuild.clone()),
        retire: Retire::new(register, live, catalog.clone()),
    };
    let scheduler = Scheduler::new(steps, catalog.clone());
    Ok(Service { shared: Shared { ledger, redis, memo, catalog, rebuild }, scheduler })
}

impl Shared {
    /// The API for the thread that calls, with a way to the stores that no other thread uses.
    pub(crate) fn api(&self) -> Api {
        let (catalog, rebuild) = (self.catalog.clone(), self.rebuild.clone());
        let ledger = Arc::new(self.ledger.on_this_thread());
        let redis = Arc::new(self.redis.on_this_thread());
        let live = Arc::new(RememberedLive::new(redis.clone(), self.memo.clone()));
        let dice = Arc::new(SystemDice::default());
        Api {
            checkout: Checkout::new(catalog.clone(), live.clone(), ledger.clone(), rebuild, dice),
            purchase: Purchase::new(live.clone(), ledger.clone()),
            standings: Standings::new(catalog.clone(), live, ledger.clone()),
            catalog,
            redis,
            ledger,
        }
    }
}
