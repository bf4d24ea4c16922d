//! Ports meet adapters here, and only here.

mod commands;
mod stores;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use credentials::{Access, DATABASE, REDIS};
use domain::{
    Company, Health, Ports, ProductImages, Services, Steering,
    ports::{AuditedLedger, AuditedLive, CodeMint as _},
    processes::ProcessId,
    remembered::SoldOutMemo,
};
use http_api::{
    Api, Control, Hosts, Limits, Manners, Pictures, SaleBoard, Streams, health_line, sale_board,
};
use memory_stores::{LiveSocket, LiveSocketError, MemoryStores, Orders, RemoteLive};
use postgres_ledger::{MigrateError, PostgresLedger, PostgresLedgerError, TooFewConnections};
use redis_stores::{RedisStores, RedisStoresError};
use scheduler::{Beats, Minutes, Scheduler};
use sqlite_ledger::{
    DataDir, Database, InService, LedgerClock, OpenError, ServiceError, SqliteLedger,
};
use telemetry::watch_pools;

pub(crate) use self::commands::{
    Inspected, Registers, Task, acting, inspected, inspected_giving_way, registers, trail,
    wait_for_commands,
};
use self::stores::{Asked, Stores};
use crate::{
    config::{BuyersError, Config, LetIn, NowhereError, Place, PlaceError, SettingError},
    environment::{SystemRandom, TokioClock, TokioTasks, check_random, steady_clock, wall_clock},
    operator_tokens::{OperatorTokens, OperatorTokensError},
    orders::OrdersOf,
    token_keys::{TokenKeys, TokenKeysError},
};

/// The service, put together.
pub(crate) struct Service {
    pub(crate) shared: Shared,
    pub(crate) scheduler: Scheduler,
    /// What writes down how sales go.
    pub(crate) minutes: Minutes,
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
    product_images: Arc<ProductImages>,
    process: ProcessId,
    /// The processes that tell each other what they do, if this one does.
    company: Option<Arc<Company>>,
    /// What operators order.
    pub(crate) steering: Arc<Steering>,
    /// Where buyers have tokens.
    pub(crate) token_keys: Option<TokenKeys>,
    /// Where operators are let in.
    pub(crate) operator_tokens: Option<OperatorTokens>,
    limits: Arc<Limits>,
    manners: Arc<Manners>,
}

/// The stores as an audit looks at them.
pub(crate) struct Audited {
    pub(crate) ledger: Arc<dyn AuditedLedger>,
    /// `None` where there is none: that of a directory is in the memory of the process that serves.
    pub(crate) live: Option<Arc<dyn AuditedLive>>,
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
    #[error(transparent)]
    Buyers(#[from] BuyersError),
    #[error(transparent)]
    TokenKeys(#[from] TokenKeysError),
    #[error(transparent)]
    Nowhere(#[from] NowhereError),
    #[error(transparent)]
    OperatorTokens(#[from] OperatorTokensError),
    #[error(transparent)]
    Connections(#[from] TooFewConnections),
    #[error("the settings of the ledger are wrong")]
    Ledger(#[source] PostgresLedgerError),
    #[error("the settings of the live store are wrong")]
    Live(#[source] RedisStoresError),
    #[error(transparent)]
    Embedded(#[from] OpenError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(
        "{} is in use by another process{}, which takes no orders: it is not ready, or stands still. Nothing was \
         done", .dir.display(), .pid.as_ref().map(|pid| format!(" ({pid})")).unwrap_or_default()
    )]
    NoOrders { dir: PathBuf, pid: Option<u32> },
    #[error(transparent)]
    Socket(#[from] LiveSocketError),
    #[error("the schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    #[error(
        "there is no ledger in the database of DATABASE_URL, or its role does not see it (USAGE on the \
         schema, and a search_path that names it); `flashsale migrate` makes one, and so does \
         `flashsale` when it serves"
    )]
    NoLedger,
    #[error(
        "the ledger in the database of DATABASE_URL is of an older version, and lacks {0}; `flashsale \
         migrate` brings it up to date"
    )]
    OlderLedger(String),
    #[error("the schema could not be looked at")]
    Schema(#[source] MigrateError),
    #[error("the system has no random source to draw codes from")]
    Random(#[source] getrandom::Error),
}

/// Puts the service together. Connections are made on first use, so it comes up, and
/// reports its health as it is, while a database is still down.
pub(crate) fn compose(config: &Config) -> Result<Service, ComposeError> {
    check_random().map_err(ComposeError::Random)?;
    let limits = Arc::new(config.rates()?);
    let manners = Arc::new(Manners::towards(config.cors_origins.clone()));
    let token_keys = config.believed()?.map(TokenKeys::read).transpose()?;
    let (listed, hosts_of_own) = operators(config)?;
    let mut operator_tokens = listed;
    let mut to_migrate = None;
    let mut embedded = None;
    let stores = match config.place()? {
        Place::Servers { database, redis: live } => {
            let ledger = PostgresLedger::serve(
                database,
                config.ledger_durability,
                config.connections()?,
                config.limits(),
            );
            let ledger = ledger.map(Arc::new).map_err(ComposeError::Ledger)?;
            to_migrate = Some(Arc::clone(&ledger));
            let memo = Arc::new(SoldOutMemo::new(Arc::new(TokioClock)));
            Stores::Servers { live: redis(live, &ledger, config)?, ledger, memo }
        }
        Place::Embedded { data_dir } => {
            let dir = DataDir::at(data_dir.to_owned());
            let in_service = dir.serve()?;
            if let Some(hosts) = hosts_of_own {
                operator_tokens = Some(OperatorTokens::of_directory(data_dir, hosts)?);
            }
            let live = Arc::new(MemoryStores::new(Arc::new(TokioClock)));
            let clock = steady_clock();
            let socket = LiveSocket::bind(dir.live_socket(), Arc::clone(&live), clock.clone())?;
            embedded = Some(Embedded { socket, in_service });
            let ledger = Arc::new(SqliteLedger::serve(dir, &clock, config.limits())?);
            Stores::Embedded { ledger, live }
        }
    };
    let tasks = Arc::new(TokioTasks::here());
    let services = Services::going_on_in(tasks.clone(), stores.ports());
    let services = match stores {
        Stores::Servers { .. } => services.watching_clock(),
        // Its ledger goes by a clock that is watched already.
        Stores::Embedded { .. } => services,
    };
    let timetable = config.timetable()?;
    let process = ProcessId(SystemRandom::default().draw());
    let scheduler = Scheduler::new(services.upkeep(timetable))
        .with_shares(stores.shares(process))
        .with_wall_clock(Arc::new(wall_clock));
    let history = services.history(stores.history(), process);
    let minutes = Minutes::of(history.with_shares(stores.shares(process)));
    let health = services.health(stores.live(), tasks.clone(), timetable.is_some());
    let product_images = services.product_images(tasks.clone());
    let board = sale_board(&services, tasks);
    let steering = Arc::new(services.steering(timetable));
    let services = Arc::new(services);
    let shared = Shared {
        stores,
        services,
        board,
        health,
        product_images,
        process,
        company: None,
        steering,
        token_keys,
        operator_tokens,
        limits,
        manners,
    };
    Ok(Service { shared, scheduler, minutes, to_migrate, embedded })
}

/// Who operates, if a file says so; and else by which hosts they may ask where they listen.
fn operators(config: &Config) -> Result<(Option<OperatorTokens>, Option<Hosts>), ComposeError> {
    Ok(match config.let_in()? {
        Some(LetIn { file: Some(file), hosts }) => {
            (Some(OperatorTokens::listed(file, hosts)?), None)
        }
        Some(LetIn { file: None, hosts }) => (None, Some(hosts)),
        None => (None, None),
    })
}

/// Makes the ledger if there is none, and brings its schema up to date.
pub(crate) async fn migrate(config: &Config) -> Result<(), ComposeError> {
    match config.ledger_place()? {
        Place::Servers { database, .. } => {
            postgres(database, config)?.migrate().await?;
        }
        Place::Embedded { data_dir } => drop(Database::open(&DataDir::at(data_dir.to_owned()))?),
    }
    Ok(())
}

/// The stores as an audit looks at them; what is not there is not made. `give_way` is called when what
/// has to be done in time is done, and before the threads begin that have the work: connections are
/// there by then, if they can be had, and are used from then on.
pub(crate) async fn audited(
    config: &Config,
    give_way: impl FnOnce(),
) -> Result<Audited, ComposeError> {
    Ok(match config.place()? {
        Place::Servers { database, redis: live } => {
            let ledger = postgres_to_look_at(database, config)?;
            let live = redis(live, &ledger, config)?;
            // What is wrong with one of them is said when it is looked at.
            if ledger.schema().await.is_ok() {
                let _ = live.ping().await;
                give_way();
            }
            Audited {
                live: Some(live),
                ledger,
                ledger_hint: "DATABASE_URL says where it is, and `flashsale migrate` makes its tables",
                live_hint: "REDIS_URL says where it is",
            }
        }
        Place::Embedded { data_dir } => {
            let dir = DataDir::at(data_dir.to_owned());
            let live = RemoteLive::at(dir.live_socket());
            let clock = clock_of(&live).await;
            give_way();
            let live = dir.is_in_service().then_some(Arc::new(live) as Arc<dyn AuditedLive>);
            let ledger = SqliteLedger::visit(dir, &clock, config.limits())?;
            Audited {
                ledger: Arc::new(ledger),
                live,
                ledger_hint: "DATA_DIR says where it is",
                live_hint: "the process that serves from DATA_DIR has it",
            }
        }
    })
}

/// The clock that a ledger in a directory goes by: that of the process which serves from it, and if
/// none does, the machine's, as it will for the next one.
async fn clock_of(service: &RemoteLive) -> LedgerClock {
    let ahead_ms = service.now().await.map_or(0, |now| now - wall_clock());
    Arc::new(move || wall_clock() + ahead_ms)
}

/// A ledger on Postgres.
pub(crate) fn postgres(
    access: Access,
    config: &Config,
) -> Result<Arc<PostgresLedger>, ComposeError> {
    PostgresLedger::new(access, config.ledger_durability, config.connections()?, config.limits())
        .map(Arc::new)
        .map_err(ComposeError::Ledger)
}

/// A ledger on Postgres that is only looked at: also while no standby confirms what is written.
fn postgres_to_look_at(
    access: Access,
    config: &Config,
) -> Result<Arc<PostgresLedger>, ComposeError> {
    PostgresLedger::look_at(access, config.connections()?, config.limits())
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

impl Shared {
    /// Has this process, which serves buyers at `address`, tell the others what it does.
    pub(crate) fn in_company(&mut self, address: String) -> Beats {
        let company = self.services.company(self.stores.processes(), self.process, address);
        self.company = Some(company.clone());
        Beats::new(company)
    }

    /// Whether this process can serve, and how it does, in a line.
    pub(crate) async fn how_it_does(&self) -> (bool, String) {
        match self.health.look().await {
            Ok(checked) => (checked.can_serve(), health_line(&checked, self.stores.names())),
            Err(error) => (false, error.to_string()),
        }
    }

    /// What carries out orders that come through the socket.
    pub(crate) fn orders(&self) -> Arc<dyn Orders> {
        Arc::new(OrdersOf(self.steering.clone()))
    }

    /// Shows the connections to the stores to whoever watches.
    pub(crate) fn watch_pools(&self) {
        if let Stores::Servers { ledger, live, .. } = &self.stores {
            let (ledger, live) = (Arc::downgrade(ledger), Arc::downgrade(live));
            watch_pools("postgres", move || {
                ledger.upgrade().map_or_else(Vec::new, |it| it.pools())
            });
            watch_pools("redis", move || live.upgrade().map_or_else(Vec::new, |it| it.pools()));
        }
    }

    /// The API for the thread that calls, with a way to the stores that no other thread uses.
    pub(crate) fn api(&self) -> Api {
        let (ports, asked) = self.stores.on_this_thread();
        self.api_by_way_of(ports, asked, self.limits.clone(), self.manners.clone())
    }

    /// The API for whoever runs the service, who buys nothing: by the way of the upkeep.
    pub(crate) fn operator_api(&self) -> Api {
        let (ports, asked) = (self.stores.ports(), self.stores.asked());
        let operators = self.operator_tokens.as_ref().map(|it| Arc::clone(&it.operators));
        let records = Some(self.stores.records());
        Api {
            operators,
            records,
            control: self.company.clone().map(Control::of),
            ..self.api_by_way_of(ports, asked, Arc::default(), Arc::default())
        }
    }

    fn api_by_way_of(
        &self,
        ports: Ports,
        Asked { owners, lookups, products }: Asked,
        limits: Arc<Limits>,
        manners: Arc<Manners>,
    ) -> Api {
        let services = self.services.by_way_of(ports);
        Api {
            board: self.board.clone(),
            way: services.way(&self.health),
            health: self.health.clone(),
            product_images: self.product_images.clone(),
            services,
            owners,
            lookups,
            manners,
            identity: self.token_keys.as_ref().map(|it| Arc::clone(&it.identity)),
            operators: None,
            steering: self.steering.clone(),
            products,
            records: None,
            control: None,
            limits,
            names: self.stores.names(),
            draw: item_art::picture,
            pictures: Pictures::default(),
            streams: Streams::default(),
        }
    }
}
