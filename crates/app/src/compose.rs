//! Ports meet adapters here, and only here.

use std::sync::Arc;

use credentials::{Access, DATABASE, REDIS};
use domain::{
    Health, Ports, Services,
    ports::{AuditedLedger, AuditedLive, CodeStore, LedgerStore, SaleRegister, SaleStore},
    remembered::{RememberedLive, SoldOutMemo},
};
use http_api::{Api, Pictures, SaleBoard, StoreNames, sale_board};
use memory_stores::{LiveSocket, LiveSocketError, MemoryStores, RemoteLive};
use postgres_ledger::{MigrateError, PostgresLedger, PostgresLedgerError};
use redis_stores::{RedisStores, RedisStoresError};
use scheduler::Scheduler;
use sqlite_ledger::{DataDir, InService, OpenError, ServiceError, SqliteLedger};

use crate::{
    config::{Config, Place, PlaceError, SettingError},
    environment::{GeneratedItems, SystemRandom, TokioClock, TokioTasks, check_random, wall_clock},
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
    services: Arc<Services>,
    board: Arc<SaleBoard>,
    health: Arc<Health>,
}

/// Where the service keeps what it knows.
#[derive(Clone)]
enum Stores {
    /// On Postgres and Redis, with any number of processes.
    Servers { ledger: Arc<PostgresLedger>, live: Arc<RedisStores>, memo: Arc<SoldOutMemo> },
    /// In SQLite and this process's memory, which need no memo of what they say.
    Embedded { ledger: Arc<SqliteLedger>, live: Arc<MemoryStores> },
}

/// The stores as an audit looks at them.
pub(crate) struct Audited {
    pub(crate) ledger: Arc<dyn AuditedLedger>,
    pub(crate) live: Arc<dyn AuditedLive>,
    /// What says where the ledger is, and how it comes to have tables.
    pub(crate) ledger_hint: &'static str,
    /// What says where the live store is.
    pub(crate) live_hint: &'static str,
}

/// Why the service cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("the settings of the ledger are wrong")]
    Ledger(#[source] PostgresLedgerError),
    #[error("the settings of the live store are wrong")]
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
    Random(#[source] getrandom::Error),
}

/// Puts the service together. Connections are made on first use, so it comes up, and
/// reports its health as it is, while a database is still down.
pub(crate) fn compose(config: &Config) -> Result<Service, ComposeError> {
    check_random().map_err(ComposeError::Random)?;
    let mut to_migrate = None;
    let mut embedded = None;
    let stores = match config.place()? {
        Place::Servers { database, redis: live } => {
            let ledger = postgres(database, config)?;
            to_migrate = Some(Arc::clone(&ledger));
            let memo = Arc::new(SoldOutMemo::new(Arc::new(TokioClock)));
            Stores::Servers { live: redis(live, &ledger, config)?, ledger, memo }
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
    let services = Services::over(stores.ports());
    let timetable = config.timetable()?;
    let scheduler = Scheduler::new(services.upkeep(timetable));
    let tasks = Arc::new(TokioTasks::here());
    let health = services.health(stores.live(), tasks.clone(), timetable.is_some());
    let board = sale_board(&services, tasks);
    let shared = Shared { stores, services: Arc::new(services), board, health };
    Ok(Service { shared, scheduler, to_migrate, embedded })
}

/// The register of sales, for commands that need no more; its schema is up to date.
pub(crate) async fn register(config: &Config) -> Result<Arc<dyn SaleRegister>, ComposeError> {
    Ok(match config.ledger_place()? {
        Place::Servers { database, .. } => {
            let ledger = postgres(database, config)?;
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
        Place::Servers { database, redis: live } => {
            let ledger = postgres(database, config)?;
            Audited {
                live: redis(live, &ledger, config)?,
                ledger,
                ledger_hint: "DATABASE_URL says where it is, and `flashsale migrate` makes its tables",
                live_hint: "REDIS_URL says where it is",
            }
        }
        Place::Embedded { data_dir } => {
            let dir = DataDir::at(data_dir.to_owned());
            let live = Arc::new(RemoteLive::at(dir.live_socket()));
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
pub(crate) fn postgres(
    access: Access,
    config: &Config,
) -> Result<Arc<PostgresLedger>, ComposeError> {
    PostgresLedger::new(access, config.ledger_durability, config.limits())
        .map(Arc::new)
        .map_err(ComposeError::Ledger)
}

/// The live store on Redis of the sales of `ledger`.
pub(crate) fn redis(
    access: Option<Access>,
    ledger: &Arc<PostgresLedger>,
    config: &Config,
) -> Result<Arc<RedisStores>, ComposeError> {
    let access = access.ok_or(PlaceError::Without { set: DATABASE.url, missing: REDIS.url })?;
    RedisStores::new(access, ledger.clone(), config.limits())
        .map(Arc::new)
        .map_err(ComposeError::Live)
}

impl Stores {
    /// The stores for the upkeep.
    fn ports(&self) -> Ports {
        match self {
            Self::Servers { ledger, live, memo } => on_servers(ledger, live, memo),
            Self::Embedded { ledger, live } => ports(ledger, live),
        }
    }

    /// The stores by a way that no other thread uses.
    fn ports_on_this_thread(&self) -> Ports {
        match self {
            Self::Servers { ledger, live, memo } => {
                let ledger = Arc::new(ledger.on_this_thread());
                on_servers(&ledger, &Arc::new(live.on_this_thread()), memo)
            }
            Self::Embedded { ledger, live } => ports(&Arc::new(ledger.on_this_thread()), live),
        }
    }

    /// The live store itself, with nothing remembered before it.
    fn live(&self) -> Arc<dyn AuditedLive> {
        match self {
            Self::Servers { live, .. } => live.clone(),
            Self::Embedded { live, .. } => live.clone(),
        }
    }

    const fn names(&self) -> StoreNames {
        match self {
            Self::Servers { .. } => StoreNames { ledger: "postgres", live: "redis" },
            Self::Embedded { .. } => StoreNames { ledger: "sqlite", live: "memory" },
        }
    }
}

/// Postgres, and what is remembered of Redis before Redis.
fn on_servers(
    ledger: &Arc<PostgresLedger>,
    live: &Arc<RedisStores>,
    memo: &Arc<SoldOutMemo>,
) -> Ports {
    ports(ledger, &Arc::new(RememberedLive::new(live.clone(), memo.clone())))
}

/// A ledger and a live store, and what else the services need.
fn ports(
    ledger: &Arc<impl SaleRegister + LedgerStore + 'static>,
    live: &Arc<impl SaleStore + CodeStore + 'static>,
) -> Ports {
    Ports {
        register: ledger.clone(),
        ledger: ledger.clone(),
        sales: live.clone(),
        codes: live.clone(),
        items: Arc::new(GeneratedItems),
        mint: Arc::new(SystemRandom::default()),
        clock: Arc::new(TokioClock),
    }
}

impl Shared {
    /// The API for the thread that calls, with a way to the stores that no other thread uses.
    pub(crate) fn api(&self) -> Api {
        self.api_by_way_of(self.stores.ports_on_this_thread())
    }

    /// The API for whoever runs the service, who buys nothing: by the way of the upkeep.
    pub(crate) fn operator_api(&self) -> Api {
        self.api_by_way_of(self.stores.ports())
    }

    fn api_by_way_of(&self, ports: Ports) -> Api {
        let services = self.services.by_way_of(ports);
        Api {
            board: self.board.clone(),
            way: services.way(&self.health),
            health: self.health.clone(),
            services,
            names: self.stores.names(),
            draw: item_art::picture,
            pictures: Pictures::default(),
        }
    }
}
