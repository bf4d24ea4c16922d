//! Ports meet adapters here, and only here.

use std::sync::Arc;

use domain::{
    Catalog, Checkout, Purchase, Standings,
    ports::{AuditedLedger, AuditedLive, CodeStore, LedgerStore, SaleRegister, SaleStore},
    remembered::{RememberedLive, SoldOutMemo},
    upkeep::{Rebuild, Reconcile, Retire, Rotate, Sweep},
};
use memory_stores::MemoryStores;
use postgres_ledger::{MigrateError, PostgresLedger, PostgresLedgerError};
use redis_stores::{RedisStores, RedisStoresError};
use scheduler::{Scheduler, Steps};
use sqlite_ledger::{DataDir, InService, OpenError, ServiceError, SqliteLedger};

use crate::{
    config::{Config, HalfSet, Place, SettingError},
    environment::{SystemDice, TokioClock, check_dice, wall_clock},
    live_socket::{LiveSocket, LiveSocketError, RemoteLive},
};

/// The service, put together.
pub(crate) struct Service {
    pub(crate) shared: Shared,
    pub(crate) scheduler: Scheduler,
    /// Where the upkeep must wait until the schema is up to date.
    pub(crate) to_migrate: Option<Arc<PostgresLedger>>,
    /// What a process has to itself that serves from a directory.
    pub(crate) embedded: Option<Embedded>,
}

/// What a process has to itself that serves from a directory.
pub(crate) struct Embedded {
    pub(crate) socket: LiveSocket,
    pub(crate) in_service: InService,
}

/// What the threads of the service have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    stores: Stores,
    catalog: Arc<Catalog>,
    rebuild: Arc<Rebuild>,
}

/// Where the service keeps what it knows.
#[derive(Clone)]
enum Stores {
    /// On Postgres and Redis, with any number of processes.
    Servers { ledger: Arc<PostgresLedger>, live: Arc<RedisStores>, memo: Arc<SoldOutMemo> },
    /// In SQLite and this process's memory, which need no memo of what they say.
    Embedded { ledger: Arc<SqliteLedger>, live: Arc<MemoryStores> },
}

/// The same stores, by what they are asked.
struct Ports {
    register: Arc<dyn SaleRegister>,
    ledger: Arc<dyn LedgerStore>,
    sales: Arc<dyn SaleStore>,
    codes: Arc<dyn CodeStore>,
    live: Arc<dyn AuditedLive>,
}

/// What the HTTP API asks, on one thread.
pub(crate) struct Api {
    pub(crate) checkout: Checkout,
    pub(crate) purchase: Purchase,
    pub(crate) standings: Standings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) register: Arc<dyn SaleRegister>,
    pub(crate) live: Arc<dyn AuditedLive>,
    pub(crate) names: Names,
}

/// What the stores are called where their health is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) ledger: &'static str,
    pub(crate) live: &'static str,
}

/// The stores as an audit looks at them.
pub(crate) struct Audited {
    pub(crate) ledger: Arc<dyn AuditedLedger>,
    pub(crate) live: Arc<dyn AuditedLive>,
    /// What says where the ledger is, and how it comes to have tables.
    pub(crate) ledger_hint: &'static str,
    /// What says where the live side is.
    pub(crate) live_hint: &'static str,
}

/// Why the service cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error(transparent)]
    HalfSet(#[from] HalfSet),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("DATABASE_URL is wrong")]
    Ledger(#[source] PostgresLedgerError),
    #[error("REDIS_URL is wrong")]
    Live(#[source] RedisStoresError),
    #[error(transparent)]
    Embedded(#[from] OpenError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Socket(#[from] LiveSocketError),
    #[error("the schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    #[error("the system has no random source to draw codes from")]
    Dice(#[source] getrandom::Error),
}

/// Puts the service together. Connections are made on first use, so it comes up, and its
/// health tells the truth, while a database is still down.
pub(crate) fn compose(config: &Config) -> Result<Service, ComposeError> {
    check_dice().map_err(ComposeError::Dice)?;
    let mut to_migrate = None;
    let mut embedded = None;
    let stores = match config.place()? {
        Place::Servers { database_url, redis_url } => {
            let ledger = postgres(database_url, config)?;
            to_migrate = Some(Arc::clone(&ledger));
            let memo = Arc::new(SoldOutMemo::new(Arc::new(TokioClock)));
            Stores::Servers { ledger, live: redis(redis_url, config)?, memo }
        }
        Place::Embedded { data_dir } => {
            let dir = DataDir::at(data_dir.to_owned());
            let in_service = dir.serve()?;
            let live = Arc::new(MemoryStores::new(Arc::new(TokioClock)));
            let socket = LiveSocket::bind(dir.live_socket(), Arc::clone(&live))?;
            embedded = Some(Embedded { socket, in_service });
            let ledger = Arc::new(SqliteLedger::serve(dir, &wall_clock(), config.limits())?);
            Stores::Embedded { ledger, live }
        }
    };
    let Ports { register, ledger, sales, codes, .. } = stores.ports();
    let catalog = Arc::new(Catalog::new(register.clone()));
    let rebuild = Arc::new(Rebuild::new(register.clone(), sales.clone(), Arc::new(TokioClock)));
    let steps = Steps {
        rotate: Rotate::new(register.clone(), catalog.clone(), config.timetable()?),
        sweep: Sweep::new(codes, ledger),
        rebuild: rebuild.clone(),
        reconcile: Reconcile::new(register.clone(), sales.clone(), rebuild.clone()),
        retire: Retire::new(register, sales, catalog.clone()),
    };
    let scheduler = Scheduler::new(steps, catalog.clone());
    let shared = Shared { stores, catalog, rebuild };
    Ok(Service { shared, scheduler, to_migrate, embedded })
}

/// The register of sales, for commands that need no more; its schema is up to date.
pub(crate) async fn register(config: &Config) -> Result<Arc<dyn SaleRegister>, ComposeError> {
    Ok(match config.ledger_place()? {
        Place::Servers { database_url, .. } => {
            let ledger = postgres(database_url, config)?;
            ledger.migrate().await?;
            ledger
        }
        Place::Embedded { data_dir } => {
            let dir = DataDir::at(data_dir.to_owned());
            Arc::new(SqliteLedger::visit(dir, &wall_clock(), config.limits())?)
        }
    })
}

/// The stores as an audit looks at them; what is not there is not made.
pub(crate) fn audited(config: &Config) -> Result<Audited, ComposeError> {
    Ok(match config.place()? {
        Place::Servers { database_url, redis_url } => Audited {
            ledger: postgres(database_url, config)?,
            live: redis(redis_url, config)?,
            ledger_hint: "DATABASE_URL says where it is, and `flashsale migrate` makes its tables",
            live_hint: "REDIS_URL says where it is",
        },
        Place::Embedded { data_dir } => {
            let dir = DataDir::at(data_dir.to_owned());
            let live = Arc::new(RemoteLive::of(&dir));
            let ledger = SqliteLedger::visit_existing(dir, &wall_clock(), config.limits())?;
            Audited {
                ledger: Arc::new(ledger),
                live,
                ledger_hint: "DATA_DIR says where it is",
                live_hint: "the process that serves from DATA_DIR has it",
            }
        }
    })
}

/// A ledger on Postgres.
pub(crate) fn postgres(url: &str, config: &Config) -> Result<Arc<PostgresLedger>, ComposeError> {
    PostgresLedger::new(url, config.limits()).map(Arc::new).map_err(ComposeError::Ledger)
}

fn redis(url: &str, config: &Config) -> Result<Arc<RedisStores>, ComposeError> {
    RedisStores::new(url, config.limits()).map(Arc::new).map_err(ComposeError::Live)
}

impl Stores {
    /// The stores for the upkeep.
    fn ports(&self) -> Ports {
        match self {
            Self::Servers { ledger, live, memo } => servers(ledger, live, memo),
            Self::Embedded { ledger, live } => embedded(ledger, live),
        }
    }

    /// The stores by a way that no other thread uses.
    fn ports_on_this_thread(&self) -> Ports {
        match self {
            Self::Servers { ledger, live, memo } => {
                let ledger = Arc::new(ledger.on_this_thread());
                servers(&ledger, &Arc::new(live.on_this_thread()), memo)
            }
            Self::Embedded { ledger, live } => embedded(&Arc::new(ledger.on_this_thread()), live),
        }
    }

    const fn names(&self) -> Names {
        match self {
            Self::Servers { .. } => Names { ledger: "postgres", live: "redis" },
            Self::Embedded { .. } => Names { ledger: "sqlite", live: "memory" },
        }
    }
}

/// Postgres, and what is remembered of Redis before Redis.
fn servers(
    ledger: &Arc<PostgresLedger>,
    live: &Arc<RedisStores>,
    memo: &Arc<SoldOutMemo>,
) -> Ports {
    let remembered = Arc::new(RememberedLive::new(live.clone(), memo.clone()));
    Ports {
        register: ledger.clone(),
        ledger: ledger.clone(),
        sales: remembered.clone(),
        codes: remembered,
        live: live.clone(),
    }
}

fn embedded(ledger: &Arc<SqliteLedger>, live: &Arc<MemoryStores>) -> Ports {
    Ports {
        register: ledger.clone(),
        ledger: ledger.clone(),
        sales: live.clone(),
        codes: live.clone(),
        live: live.clone(),
    }
}

impl Shared {
    /// The API for the thread that calls, with a way to the stores that no other thread uses.
    pub(crate) fn api(&self) -> Api {
        let (catalog, rebuild) = (self.catalog.clone(), self.rebuild.clone());
        let Ports { register, ledger, sales, codes, live } = self.stores.ports_on_this_thread();
        let dice = Arc::new(SystemDice::default());
        Api {
            checkout: Checkout::new(catalog.clone(), codes.clone(), ledger.clone(), rebuild, dice),
            purchase: Purchase::new(codes, ledger),
            standings: Standings::new(catalog.clone(), sales, register.clone()),
            catalog,
            register,
            live,
            names: self.stores.names(),
        }
    }
}
