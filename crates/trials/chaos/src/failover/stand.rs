//! What a failover is tried on: a server and its standby, a Redis, and two processes of the service
//! that know both servers. If the standby is synchronous, they demand that (`LEDGER_DURABILITY`), as a
//! shop would, and there is a third server for the standby to wait for when it is promoted.

use std::{mem, ops::Range, path::Path, time::Duration};

use dev_servers::{Condition, Place, PostgresServer, Program, Proxy, RedisServer, Service};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use crate::{
    audits::ask_audit,
    client::Client,
    deployment::Audit,
    error::{ChaosError, during},
    failover::crowd::Crowd,
    history::now_ms,
    ledger::{Records, postgres},
};

const DATABASE: &str = "flashsale";

/// How many processes of the service there are.
pub(crate) const SERVICES: usize = 2;

/// How long a process may take to be ready, and whatever else is waited for here to be so.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what is waited for: what is timed here is timed by it.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The servers and the processes; all of it is gone when this value is dropped.
pub(super) struct Stand {
    // Before what it stands on.
    services: Vec<Service>,
    /// The network to the server and to its standby.
    pub(super) networks: [Proxy; 2],
    pub(super) server: PostgresServer,
    pub(super) standby: PostgresServer,
    /// The standby of the standby, so that the service is on two servers again once that is promoted:
    /// there is one if it demands to be.
    spare: Option<PostgresServer>,
    redis: RedisServer,
    pub(super) sale: i64,
    /// How many failovers there were.
    pub(super) round: usize,
    is_synchronous: bool,
    build: Program,
}

impl Stand {
    /// Starts everything. If the standby is synchronous, it is there when this returns.
    pub(super) async fn start(
        service: &Path,
        dir: &Path,
        is_synchronous: bool,
    ) -> Result<Self, ChaosError> {
        let (server, standby, spare, redis) = block_in_place(|| {
            let server = PostgresServer::start()?;
            server.create_database(DATABASE)?;
            // Whoever stands by a server that was promoted shall not take 5 s to look for it.
            server.psql("postgres", "ALTER SYSTEM SET wal_retrieve_retry_interval = '100ms'")?;
            let standby = server.start_standby()?;
            let spare = is_synchronous.then(|| standby.start_standby()).transpose()?;
            if let Some(spare) = &spare {
                // Each of them waits for its standby when it is promoted.
                standby.wait_for_standbys(true)?;
                spare.wait_for_standbys(true)?;
            }
            let redis = RedisServer::start()?;
            Ok::<_, ChaosError>((server, standby, spare, redis))
        })?;
        let to = async |port| Proxy::to(port).await.map_err(during("open a proxy"));
        let networks = [to(server.port()).await?, to(standby.port()).await?];
        let [first, second] = networks.each_ref().map(Proxy::port);
        let database_url =
            format!("postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/{DATABASE}");
        let place = Place::Servers { database_url, redis_url: redis.url() };
        let durability = if is_synchronous { "standby" } else { "single" };
        let build = set(Program::at(service).on(&place)).env("LEDGER_DURABILITY", durability);
        let (services, sale, round) = (Vec::new(), 0, 0);
        let mut this = Self {
            services,
            networks,
            server,
            standby,
            spare,
            redis,
            sale,
            round,
            is_synchronous,
            build,
        };
        this.wait_for_standby().await?;
        for number in 0..SERVICES {
            let program = this.build.clone().log_to(dir.join(format!("service-{number}.log")));
            let service = block_in_place(|| program.start(&["serve"]))?;
            // What it asks its ledger goes through our proxies.
            block_in_place(|| service.await_ready(PATIENCE))?;
            this.services.push(service);
        }
        this.sale = this.open_sale()?;
        Ok(this)
    }

    /// Gives the standby that was promoted a standby of its own, for another failover. Who was the
    /// server before is gone.
    pub(super) async fn renew(&mut self) -> Result<(), ChaosError> {
        let (standby, spare) = block_in_place(|| {
            let Some(standby) = self.spare.take() else {
                return Ok((self.standby.start_standby()?, None));
            };
            let spare = standby.start_standby()?;
            Ok::<_, ChaosError>((standby, Some(spare)))
        })?;
        self.spare = spare;
        let promoted = mem::replace(&mut self.standby, standby);
        block_in_place(|| drop(mem::replace(&mut self.server, promoted)));
        self.networks.swap(0, 1);
        self.networks[1].set_condition(Condition::Good);
        self.networks[1].forward_to(self.standby.port());
        self.round += 1;
        self.wait_for_standby().await
    }

    /// Has the server wait for its standby, if it is to.
    async fn wait_for_standby(&self) -> Result<(), ChaosError> {
        if !self.is_synchronous {
            return Ok(());
        }
        block_in_place(|| self.server.wait_for_standbys(true))?;
        until("the standby to be synchronous", async || {
            let confirming = block_in_place(|| self.server.confirming())?;
            Ok((confirming > 0).then_some(()))
        })
        .await
    }

    /// A client that waits so long for an answer.
    pub(super) fn client(&self, patience: Duration) -> Result<Client, ChaosError> {
        Client::patient(self.services.iter().map(Service::port), patience)
    }

    /// Has shoppers buy from these processes. `named` tells them from those of other crowds.
    pub(super) fn crowd(&self, named: &str, client: &Client, services: Range<usize>) -> Crowd {
        Crowd::of(&format!("{named}-{}", self.round), client, services, self.sale)
    }

    /// Has the standby take writes; returns when it was told to. It takes them when this returns.
    pub(super) fn promote(&self) -> Result<i64, ChaosError> {
        let told_ms = now_ms();
        block_in_place(|| self.standby.promote())?;
        Ok(told_ms)
    }

    /// Takes the standby away, with what was sent to it and not read yet.
    pub(super) fn cut_standby_off(&self) -> Result<(), ChaosError> {
        Ok(block_in_place(|| self.standby.kill())?)
    }

    /// The server is lost, and its standby, which was cut off, comes and takes its place.
    /// Returns when it was told to.
    pub(super) fn lose_server_to_standby(&self) -> Result<i64, ChaosError> {
        block_in_place(|| self.server.kill().and_then(|()| self.standby.start_again()))?;
        self.promote()
    }

    /// Waits until commits wait for the standby.
    pub(super) async fn until_commits_wait(&self) -> Result<(), ChaosError> {
        until("commits to wait for the standby", async || {
            Ok((block_in_place(|| self.server.waits())? > 0).then_some(()))
        })
        .await
    }

    /// Runs a command of the service with the standby, which was promoted, as its ledger.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<String, ChaosError> {
        let program = self.build.clone().on(&self.place_of(&self.standby));
        Ok(block_in_place(|| program.env("RUST_LOG", "warn").run(arguments))?)
    }

    /// What an audit of this server says.
    pub(super) fn audit(&self, ledger: &PostgresServer) -> Result<Audit, ChaosError> {
        ask_audit(self.build.clone().on(&self.place_of(ledger)))
    }

    /// All that a server has of the sale.
    pub(super) async fn records(&self, ledger: &PostgresServer) -> Result<Records, ChaosError> {
        postgres::records_of(&ledger.url(DATABASE), self.sale).await
    }

    /// Whether the sale is paused, as the standby has it that was promoted.
    pub(super) fn is_paused(&self) -> Result<bool, ChaosError> {
        let sql = format!("SELECT state FROM sales WHERE id = {}", self.sale);
        Ok(block_in_place(|| self.standby.psql(DATABASE, &sql))?.trim() == "paused")
    }

    fn place_of(&self, ledger: &PostgresServer) -> Place {
        Place::Servers { database_url: ledger.url(DATABASE), redis_url: self.redis.url() }
    }

    fn open_sale(&self) -> Result<i64, ChaosError> {
        let sql =
            "SELECT id FROM sales WHERE starts_at <= clock_timestamp() ORDER BY 1 DESC LIMIT 1";
        let said = block_in_place(|| self.server.psql(DATABASE, sql))?;
        said.trim().parse().map_err(|_| ChaosError::Failed { what: "finding the sale", said })
    }
}

/// One sale, of more units than a trial can sell, and holds that outlast it.
fn set(program: Program) -> Program {
    program
        .env("SALE_PERIOD", "24h")
        .env("SALE_STOCK", "100000")
        .env("HOLD_TTL", "10m")
        .env("HTTP_WORKERS", "2")
        .env("ADMIN_ADDR", "off")
        .env("RUST_LOG", "info")
}

/// Looks again and again until there is something.
pub(crate) async fn until<T>(
    what: &'static str,
    mut look: impl AsyncFnMut() -> Result<Option<T>, ChaosError>,
) -> Result<T, ChaosError> {
    let given_up_at = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > given_up_at {
            let said = format!("not within {} s", PATIENCE.as_secs());
            return Err(ChaosError::Failed { what, said });
        }
        sleep(LOOK_AGAIN).await;
    }
}
