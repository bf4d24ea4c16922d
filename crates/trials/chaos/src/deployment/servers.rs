//! The stores of a service on Redis and Postgres, a proxy before each for every process, and what
//! is done to them alone.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use dev_servers::{Place, PostgresServer, Program, Proxy, RedisServer, Stack};
use tokio::{task::block_in_place, time::sleep};

use crate::{
    capabilities::Capabilities,
    clock::LedgerClock,
    deployment::processes::with_terms,
    disk::Disk,
    error::{ChaosError, during},
    fault::{PostgresFault, RedisFault},
    history::now_ms,
    stack::services_on,
};

const DATABASE: &str = "flashsale";

/// That of a service that has nothing to do with the one under trial.
const OTHER_DATABASE: &str = "other_shop";

/// Room for a cluster, its log and what a trial writes.
const DISK_MIB: u32 = 384;

/// Redis with a replica, and Postgres.
pub(crate) struct Servers {
    pub(crate) redis_proxies: Vec<Proxy>,
    pub(crate) postgres_proxies: Vec<Proxy>,
    /// One of them serves, the other follows it.
    redis: [RedisServer; 2],
    serving: AtomicUsize,
    /// Faults of Redis take turns.
    redis_turn: tokio::sync::Mutex<()>,
    pub(crate) postgres: PostgresServer,
    pub(crate) disk: Option<Disk>,
}

/// As many proxies that lead to one port.
async fn proxies_to(target: u16, count: usize) -> Result<Vec<Proxy>, ChaosError> {
    let mut proxies = Vec::with_capacity(count);
    for _ in 0..count {
        proxies.push(Proxy::to(target).await.map_err(during("open a proxy"))?);
    }
    Ok(proxies)
}

/// Has the server compile no statement to machine code. libfaketime (0.9.10) allocates memory at
/// every look at the clock, also in the handler of a signal that interrupts an allocation, and the
/// compiler allocates all the time: the heap breaks, and the server with it, which is no fault that
/// a machine could have. What is left of the chance is small: Postgres allocates in large pieces.
fn spare_the_allocator(postgres: &PostgresServer) -> Result<(), ChaosError> {
    postgres.psql("postgres", "ALTER SYSTEM SET jit = off")?;
    postgres.psql("postgres", "SELECT pg_reload_conf()")?;
    Ok(())
}

impl Servers {
    /// Starts them, with the cluster of Postgres in `dir`, on a disk of its own if that can be.
    pub(crate) async fn start(
        dir: &Path,
        capabilities: &Capabilities,
        clock: &LedgerClock,
    ) -> Result<Self, ChaosError> {
        let home = dir.join("postgres");
        fs::create_dir(&home).map_err(during("make a directory"))?;
        let (disk, postgres, redis) = block_in_place(|| {
            let disk = capabilities.is_root.then(|| Disk::mount(&home, DISK_MIB)).transpose()?;
            let postgres = PostgresServer::start_in_with(&home, clock.environment())?;
            postgres.create_database(DATABASE)?;
            spare_the_allocator(&postgres)?;
            let redis = [RedisServer::start()?, RedisServer::start()?];
            redis[1].follow(&redis[0])?;
            Ok::<_, ChaosError>((disk, postgres, redis))
        })?;
        let services = services_on(Stack::Servers);
        Ok(Self {
            redis_proxies: proxies_to(redis[0].port(), services).await?,
            postgres_proxies: proxies_to(postgres.port(), services).await?,
            redis,
            serving: AtomicUsize::new(0),
            redis_turn: tokio::sync::Mutex::default(),
            postgres,
            disk,
        })
    }

    /// Where they are for a process of the service.
    pub(crate) fn place(&self, service: usize) -> Place {
        let (redis, postgres) = (&self.redis_proxies[service], &self.postgres_proxies[service]);
        Place::Servers {
            database_url: format!("postgres://postgres@127.0.0.1:{}/{DATABASE}", postgres.port()),
            redis_url: format!("redis://127.0.0.1:{}", redis.port()),
        }
    }

    /// Where they are for an audit, which goes past every fault of the network.
    pub(crate) fn place_for_audit(&self) -> Place {
        let (database_url, redis_url) = (self.database_url(), self.serving_redis().url());
        Place::Servers { database_url, redis_url }
    }

    /// The ledger's URL, past every fault of the network.
    pub(crate) fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// Injects a fault of Redis and heals it. Returns when something was lost, or began to fail.
    pub(crate) async fn inject_redis(
        &self,
        fault: RedisFault,
        lasts: Duration,
    ) -> Result<i64, ChaosError> {
        // A fault may take longer than planned; the next one waits for it.
        let _turn = self.redis_turn.lock().await;
        let redis = self.serving_redis();
        let injected_ms = now_ms();
        match fault {
            RedisFault::Flushed => block_in_place(|| redis.flush_all())?,
            RedisFault::Emptied => {
                block_in_place(|| redis.kill().and_then(|()| redis.start_again()))?;
            }
            RedisFault::RolledBack => return self.roll_redis_back(lasts).await,
            RedisFault::FailedOver => return self.fail_redis_over(lasts).await,
            RedisFault::Stopped => {
                block_in_place(|| redis.pause())?;
                sleep(lasts).await;
                block_in_place(|| redis.resume())?;
            }
            RedisFault::OutOfMemory => {
                block_in_place(|| redis.limit_memory(1))?;
                sleep(lasts).await;
                block_in_place(|| redis.limit_memory(0))?;
            }
            // That needs a service of its own: see `share_redis`.
            RedisFault::Shared => {}
        }
        Ok(injected_ms)
    }

    /// Sets a service with a ledger of its own to the same Redis, as an operator might who copied a
    /// setting, and takes it away again.
    pub(crate) async fn share_redis(
        &self,
        build: &Path,
        lasts: Duration,
    ) -> Result<(), ChaosError> {
        let _turn = self.redis_turn.lock().await;
        let other = block_in_place(|| {
            if !self.postgres.has_database(OTHER_DATABASE)? {
                self.postgres.create_database(OTHER_DATABASE)?;
            }
            let (database_url, redis_url) =
                (self.postgres.url(OTHER_DATABASE), self.serving_redis().url());
            let place = Place::Servers { database_url, redis_url };
            with_terms(Program::at(build).on(&place)).start(&["serve"])
        })?;
        sleep(lasts).await;
        Ok(block_in_place(|| other.kill())?)
    }

    /// Cuts every session off, and lets those that come instead only read for a while: they may go
    /// on so when that is over, as those of a standby that somebody connected to.
    async fn only_read(&self, lasts: Duration) -> Result<(), ChaosError> {
        let tell = |sql: &str| self.postgres.psql("postgres", sql);
        let alter = format!("ALTER DATABASE {DATABASE}");
        let cut_off = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'"
        );
        block_in_place(|| {
            tell(&format!("{alter} SET default_transaction_read_only = on"))?;
            tell(&cut_off)
        })?;
        sleep(lasts).await;
        block_in_place(|| tell(&format!("{alter} RESET default_transaction_read_only")))?;
        Ok(())
    }

    /// Brings Redis back with what it held `ago`. Returns when that was lost.
    async fn roll_redis_back(&self, ago: Duration) -> Result<i64, ChaosError> {
        let redis = self.serving_redis();
        let copy = block_in_place(|| redis.save_snapshot())?;
        sleep(ago).await;
        let injected_ms = now_ms();
        block_in_place(|| redis.start_again_from(&copy))?;
        Ok(injected_ms)
    }

    /// Lets a replica serve that heard nothing for `ago`. Returns when it took over.
    async fn fail_redis_over(&self, ago: Duration) -> Result<i64, ChaosError> {
        block_in_place(|| self.following_redis().stop_following())?;
        sleep(ago).await;
        let injected_ms = now_ms();
        self.serving.fetch_xor(1, Ordering::SeqCst);
        for proxy in &self.redis_proxies {
            proxy.forward_to(self.serving_redis().port());
        }
        block_in_place(|| self.following_redis().follow(self.serving_redis()))?;
        Ok(injected_ms)
    }

    /// Injects a fault of Postgres and heals it.
    pub(crate) async fn inject_postgres(
        &self,
        fault: PostgresFault,
        lasts: Duration,
    ) -> Result<(), ChaosError> {
        let postgres = &self.postgres;
        match fault {
            PostgresFault::Killed => {
                block_in_place(|| postgres.kill().and_then(|()| postgres.start_again()))?;
            }
            PostgresFault::Restarted => block_in_place(|| postgres.restart())?,
            PostgresFault::Stopped => {
                block_in_place(|| postgres.pause())?;
                sleep(lasts).await;
                block_in_place(|| postgres.resume())?;
            }
            PostgresFault::ReadOnly => self.only_read(lasts).await?,
        }
        Ok(())
    }

    fn serving_redis(&self) -> &RedisServer {
        &self.redis[self.serving.load(Ordering::SeqCst)]
    }

    fn following_redis(&self) -> &RedisServer {
        &self.redis[1 - self.serving.load(Ordering::SeqCst)]
    }
}
