//! One service under trial: three processes and their stores, a proxy between any two, and
//! what is done to them.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dev_servers::{
    PostgresServer, RedisServer,
    tied::{self, Signal},
};
use tokio::{
    task::block_in_place,
    time::{sleep, timeout},
};

use crate::{
    disk::Disk,
    error::{ChaosError, during},
    fault::{Pair, SERVICES},
    powers::Powers,
    proxy::Proxy,
    service::Service,
    shop::Shop,
    timetable::{HOLD_MS, LASTS_MS, STOCK},
};

pub(crate) const DATABASE: &str = "flashsale";

/// How long a service may take until it says that it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that is not moved.
const ON_TIME: &str = "+0";

/// The builds of the service that take part.
#[derive(Debug, Clone)]
pub(crate) struct Builds {
    pub(crate) service: PathBuf,
    /// What takes its place in a rolling restart.
    pub(crate) next: Option<PathBuf>,
}

/// What an audit said.
pub(crate) enum Audit {
    Clean,
    /// A promise is broken; the report.
    Breach(String),
    /// A store cannot be asked; why.
    Impossible(String),
}

/// One service under trial. All of it is gone when this value is dropped.
pub(crate) struct Stand {
    services: [Mutex<Option<Service>>; SERVICES],
    build: Mutex<PathBuf>,
    next_build: Option<PathBuf>,
    clients_roads: Vec<Proxy>,
    redis_roads: Vec<Proxy>,
    postgres_roads: Vec<Proxy>,
    /// One of them serves, the other follows it.
    redis: [RedisServer; 2],
    serving: AtomicUsize,
    pub(crate) redis_turn: tokio::sync::Mutex<()>,
    pub(crate) postgres: PostgresServer,
    pub(crate) postgres_turn: tokio::sync::Mutex<()>,
    pub(crate) disk: Option<Disk>,
    clock: PathBuf,
    dir: PathBuf,
}

impl Stand {
    /// Starts everything in `dir`, an empty directory that stays, and waits until it is ready.
    pub(crate) async fn start(
        dir: &Path,
        builds: &Builds,
        powers: &Powers,
    ) -> Result<Self, ChaosError> {
        let clock = dir.join("clock");
        fs::write(&clock, ON_TIME).map_err(during("set a clock"))?;
        let home = dir.join("postgres");
        fs::create_dir(&home).map_err(during("make a directory"))?;
        let (disk, postgres, redis) = block_in_place(|| {
            let disk = powers.is_root.then(|| Disk::mount(&home)).transpose()?;
            let postgres = PostgresServer::start_in_with(&home, fake_time(powers, &clock))?;
            postgres.create_database(DATABASE)?;
            let redis = [RedisServer::start()?, RedisServer::start()?];
            redis[1].follow(&redis[0])?;
            Ok::<_, ChaosError>((disk, postgres, redis))
        })?;
        let stand = Self {
            services: [const { Mutex::new(None) }; SERVICES],
            build: Mutex::new(builds.service.clone()),
            next_build: builds.next.clone(),
            // Where a process listens is known when it does.
            clients_roads: roads_to(0).await?,
            redis_roads: roads_to(redis[0].port()).await?,
            postgres_roads: roads_to(postgres.port()).await?,
            redis,
            serving: AtomicUsize::new(0),
            redis_turn: tokio::sync::Mutex::default(),
            postgres,
            postgres_turn: tokio::sync::Mutex::default(),
            disk,
            clock,
            dir: dir.to_owned(),
        };
        for number in 0..SERVICES {
            stand.start_service(number)?;
        }
        stand.until_ready().await?;
        Ok(stand)
    }

    /// The shop as its clients see it.
    pub(crate) fn shop(&self) -> Result<Shop, ChaosError> {
        Shop::at(self.clients_roads.iter().map(Proxy::port))
    }

    /// The ledger's URL, past every fault of the network.
    pub(crate) fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// Asks `flashsale audit`.
    pub(crate) fn audit(&self) -> Result<Audit, ChaosError> {
        let mut audit = tied::command(&*lock(&self.build), Signal::Kill);
        audit.args(["audit", "--json"]).env("DATABASE_URL", self.database_url());
        audit.env("REDIS_URL", self.serving_redis().url()).env("RUST_LOG", "warn");
        let output = block_in_place(|| audit.output()).map_err(during("run the audit"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(match output.status.code() {
            Some(0) => Audit::Clean,
            Some(1) => Audit::Breach(text(&output.stdout)),
            _ => Audit::Impossible(text(&output.stderr)),
        })
    }

    pub(crate) fn road(&self, pair: Pair, service: usize) -> &Proxy {
        let roads = match pair {
            Pair::ClientsAndService => &self.clients_roads,
            Pair::ServiceAndRedis => &self.redis_roads,
            Pair::ServiceAndPostgres => &self.postgres_roads,
        };
        &roads[service]
    }

    /// Sends a signal to a process of the service.
    pub(crate) fn signal_service(&self, number: usize, signal: Signal) -> Result<(), ChaosError> {
        let service = lock(&self.services[number]);
        block_in_place(|| service.as_ref().map_or(Ok(()), |service| service.signal(signal)))
    }

    /// Kills a process of the service and starts another in its place.
    pub(crate) fn kill_service(&self, number: usize) -> Result<(), ChaosError> {
        block_in_place(|| drop(lock(&self.services[number]).take()));
        self.start_service(number)
    }

    /// Stops a process of the service as an operator would, and starts another in its place.
    pub(crate) fn replace_service(&self, number: usize) -> Result<(), ChaosError> {
        let old = lock(&self.services[number]).take();
        // What it still has to do goes through our proxies.
        block_in_place(|| old.map_or(Ok(()), Service::end))?;
        self.start_service(number)
    }

    /// From now on, whatever process is started is one of the next build.
    pub(crate) fn take_next_build(&self) {
        if let Some(next) = &self.next_build {
            lock(&self.build).clone_from(next);
        }
    }

    pub(crate) fn serving_redis(&self) -> &RedisServer {
        &self.redis[self.serving.load(Ordering::SeqCst)]
    }

    pub(crate) fn following_redis(&self) -> &RedisServer {
        &self.redis[1 - self.serving.load(Ordering::SeqCst)]
    }

    /// Lets the other Redis serve.
    pub(crate) fn switch_redis(&self) {
        self.serving.fetch_xor(1, Ordering::SeqCst);
        for road in &self.redis_roads {
            road.lead_to(self.serving_redis().port());
        }
    }

    /// Moves the ledger's clock this far from the true time, in milliseconds.
    pub(crate) fn move_clock(&self, by_ms: i64) -> Result<(), ChaosError> {
        let (sign, ms) = (if by_ms < 0 { '-' } else { '+' }, by_ms.abs());
        let offset = format!("{sign}{}.{:03}", ms / 1_000, ms % 1_000);
        // All at once: a reader must not see half of it.
        let new = self.dir.join("clock.new");
        fs::write(&new, offset)
            .and_then(|()| fs::rename(&new, &self.clock))
            .map_err(during("move a clock"))
    }

    fn start_service(&self, number: usize) -> Result<(), ChaosError> {
        let mut command = tied::command(&*lock(&self.build), Signal::Kill);
        let (redis, postgres) = (&self.redis_roads[number], &self.postgres_roads[number]);
        command
            .arg("serve")
            .env(
                "DATABASE_URL",
                format!("postgres://postgres@127.0.0.1:{}/{DATABASE}", postgres.port()),
            )
            .env("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port()))
            .env("HTTP_ADDR", "127.0.0.1:0")
            .env("SALE_PERIOD", format!("{LASTS_MS}ms"))
            .env("SALE_STOCK", STOCK.to_string())
            .env("HOLD_TTL", format!("{HOLD_MS}ms"))
            .env("RUST_LOG", "info");
        let log = self.dir.join(format!("service-{number}.log"));
        let service = block_in_place(|| Service::start(command, &log))?;
        self.clients_roads[number].lead_to(service.port());
        *lock(&self.services[number]) = Some(service);
        Ok(())
    }

    async fn until_ready(&self) -> Result<(), ChaosError> {
        let shop = self.shop()?;
        let all_ready = async {
            for service in 0..SERVICES {
                while !shop.is_ready(service).await {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        };
        timeout(PATIENCE, all_ready).await.map_err(|_| ChaosError::Failed {
            what: "waiting for the service",
            said: format!("it is not ready; its logs are in {}", self.dir.display()),
        })
    }
}

async fn roads_to(target: u16) -> Result<Vec<Proxy>, ChaosError> {
    let mut roads = Vec::new();
    for _ in 0..SERVICES {
        roads.push(Proxy::to(target).await.map_err(during("open a proxy"))?);
    }
    Ok(roads)
}

/// What makes a server believe in the time that a file tells, read at every look.
fn fake_time(powers: &Powers, clock: &Path) -> Vec<(&'static str, OsString)> {
    let Some(library) = &powers.fake_time else { return Vec::new() };
    vec![
        ("LD_PRELOAD", library.into()),
        ("FAKETIME_TIMESTAMP_FILE", clock.into()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        // Else every look at a file takes a lock that all processes share, and one that is killed
        // with it leaves the others waiting for good (libfaketime 0.9.10; seen after a PANIC).
        ("NO_FAKE_STAT", "1".into()),
    ]
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
