//! What a change of masters is tried on: a cluster, or a primary with its replicas and sentinels; Postgres; and
//! two processes of the service. Each run has sales of its own, which go on until it is over.

use std::{path::Path, time::Duration};

use dev_servers::{Place, PostgresServer, Program, RedisCluster, Service, WatchedRedis};
use serde_json::Value;
use tokio::task::block_in_place;

use crate::{
    audits::ask_audit,
    client::Client,
    deployment::Audit,
    error::ChaosError,
    failover::stand::{SERVICES, until},
    history::{Answer, Ask},
    ledger::{Records, postgres},
    masters::Course,
};

const DATABASE: &str = "flashsale";

/// Who is the primary at first.
const FIRST: usize = 0;

/// Masters of the cluster, each with a replica.
const MASTERS: usize = 3;

/// How many sales are made until there are two on different masters.
const SALES_MAX: usize = 40;

/// How long a process may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a client waits for an answer.
const CLIENT_PATIENCE: Duration = Duration::from_secs(3);

/// The servers and the processes; all of it is gone when this value is dropped.
pub(super) struct Stand {
    // Before what it stands on.
    _services: Vec<Service>,
    pub(super) redis: Redis,
    postgres: PostgresServer,
    build: Program,
    pub(super) client: Client,
    /// How many runs there were.
    pub(super) round: usize,
}

/// Where the sales are.
pub(super) enum Redis {
    Cluster(RedisCluster),
    Watched(WatchedRedis),
}

impl Redis {
    fn url(&self) -> String {
        match self {
            Self::Cluster(cluster) => cluster.url(),
            Self::Watched(servers) => servers.url(),
        }
    }

    /// Waits until all are there and follow whom they should.
    pub(super) fn make_whole(&self, course: Course) -> Result<(), ChaosError> {
        match self {
            Self::Cluster(cluster) => cluster.await_whole()?,
            Self::Watched(servers) => {
                servers.await_whole()?;
                // One process knows of no other.
                while course == Course::TwoPrimaries && servers.primary()? != FIRST {
                    servers.failover()?;
                    servers.await_whole()?;
                }
            }
        }
        Ok(())
    }
}

impl Stand {
    /// Starts everything.
    pub(super) fn start(course: Course, service: &Path, dir: &Path) -> Result<Self, ChaosError> {
        let (postgres, redis) = block_in_place(|| {
            let postgres = PostgresServer::start()?;
            postgres.create_database(DATABASE)?;
            let redis = if course.is_of_a_cluster() {
                Redis::Cluster(RedisCluster::start(MASTERS, 1)?)
            } else {
                let servers = WatchedRedis::start()?;
                // Of all that could take another's place it is the first to do so.
                servers.command(FIRST, "CONFIG SET replica-priority 1")?;
                Redis::Watched(servers)
            };
            Ok::<_, ChaosError>((postgres, redis))
        })?;
        let place = |redis_url| Place::Servers { database_url: postgres.url(DATABASE), redis_url };
        let build = set(Program::at(service)).on(&place(redis.url()));
        let mut services = Vec::new();
        for number in 0..SERVICES {
            let mut program = build.clone().log_to(dir.join(format!("service-{number}.log")));
            if let (Course::TwoPrimaries, 0, Redis::Watched(servers)) = (course, number, &redis) {
                program =
                    program.on(&place(format!("redis://127.0.0.1:{}", servers.servers()[FIRST])));
            }
            services.push(block_in_place(|| program.start(&["serve"]))?);
        }
        for service in &services {
            block_in_place(|| service.await_ready(PATIENCE))?;
        }
        let client = Client::patient(services.iter().map(Service::port), CLIENT_PATIENCE)?;
        Ok(Self { _services: services, redis, postgres, build, client, round: 0 })
    }

    /// Opens two sales, in a cluster on different masters, that all processes sell.
    pub(super) async fn open_sales(&mut self) -> Result<[i64; 2], ChaosError> {
        self.round += 1;
        let first = self.open_sale()?;
        let mut other = self.open_sale()?;
        if let Redis::Cluster(cluster) = &self.redis {
            let owner = |sale: i64| block_in_place(|| cluster.owner_of_key(&key_of(sale)));
            let owner_of_first = owner(first)?;
            for _ in 0..SALES_MAX {
                if owner(other)? != owner_of_first {
                    break;
                }
                self.end_sale(other)?;
                other = self.open_sale()?;
            }
        }
        for sale in [first, other] {
            for service in 0..SERVICES {
                until("a sale to be served", async || {
                    let user = format!("early-{service}");
                    let answer = self.client.ask(service, sale, &user, Ask::Checkout);
                    Ok(matches!(answer.await, Answer::Granted(_)).then_some(()))
                })
                .await?;
            }
        }
        Ok([first, other])
    }

    /// Ends sales.
    pub(super) fn end_sales(&self, sales: [i64; 2]) -> Result<(), ChaosError> {
        sales.into_iter().try_for_each(|sale| self.end_sale(sale))
    }

    fn open_sale(&self) -> Result<i64, ChaosError> {
        let now = jiff::Timestamp::now().to_string();
        let said =
            self.command(&["sales", "schedule", "--starts-at", &now, "--lasts", "1h", "--json"])?;
        let said: Value = serde_json::from_str(&said).unwrap_or_default();
        let sale = said["action"]["sale_id"].as_i64();
        sale.ok_or_else(|| ChaosError::Failed { what: "opening a sale", said: said.to_string() })
    }

    fn end_sale(&self, sale: i64) -> Result<(), ChaosError> {
        self.command(&["sales", "end", &sale.to_string()]).map(drop)
    }

    /// Runs a command of the service, past what is done to its processes.
    fn command(&self, arguments: &[&str]) -> Result<String, ChaosError> {
        let program = self.build.clone().env("RUST_LOG", "warn");
        Ok(block_in_place(|| program.run(arguments))?)
    }

    /// What an audit says.
    pub(super) fn audit(&self) -> Result<Audit, ChaosError> {
        ask_audit(self.build.clone())
    }

    /// All that the ledger has of a sale.
    pub(super) async fn records(&self, sale: i64) -> Result<Records, ChaosError> {
        postgres::records_of(&self.postgres.url(DATABASE), sale).await
    }
}

/// The key of a sale's terms; its others share the slot.
pub(super) fn key_of(sale: i64) -> String {
    format!("sale:{{{sale}}}")
}

/// Sales of more units than a run can sell, and holds that outlast it.
fn set(program: Program) -> Program {
    program
        .env("SALE_PERIOD", "24h")
        .env("SALE_STOCK", "50000")
        .env("HOLD_TTL", "10m")
        .env("HTTP_WORKERS", "2")
        .env("ADMIN_ADDR", "off")
        .env("RUST_LOG", "info")
}
