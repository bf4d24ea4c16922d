//! The whole service as a test value: real processes of the real binary, with a database of their
//! own on a private Postgres and a Redis of their own; or one process with a directory.

mod answer;
mod process;
mod stores;

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use deadpool_redis::redis;
use dev_servers::{PostgresServer, RedisServer, tied};
use tokio::{task::block_in_place, time::timeout};

use self::stores::Stores;
pub(crate) use self::{answer::Answer, process::App};

/// How long a condition is awaited before the test fails. Generous: machines are slow at times.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Writes each of these tests twice: on Redis and Postgres, and on a directory.
macro_rules! on_both_stacks {
    ($($test:ident)+) => {
        mod on_servers {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::stack::Kind::Servers).await;
            })+
        }

        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::stack::Kind::Embedded).await;
            })+
        }
    };
}
pub(crate) use on_both_stacks;

/// Where the service keeps what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On Postgres and Redis.
    Servers,
    /// In a directory and its own memory.
    Embedded,
}

/// What the service is started with.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) stock: u32,
    pub(crate) per_user_limit: u16,
    pub(crate) hold_ttl: &'static str,
    pub(crate) sale_period: &'static str,
    /// Whether the sale that is on is made by hand, long enough for any test, or by the timetable.
    pub(crate) by_hand: bool,
    pub(crate) processes: usize,
    /// Whether the test breaks Postgres and so needs one of its own.
    pub(crate) own_postgres: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kind: Kind::Servers,
            stock: 100,
            per_user_limit: 10,
            hold_ttl: "5m",
            sale_period: "1h",
            by_hand: true,
            // Requests go to them in turn: whatever holds must hold across processes.
            processes: 2,
            own_postgres: false,
        }
    }
}

impl Settings {
    /// The usual ones; one process alone may serve from a directory.
    pub(crate) fn on(kind: Kind) -> Self {
        let settings = Self { kind, ..Self::default() };
        match kind {
            Kind::Servers => settings,
            Kind::Embedded => Self { processes: 1, ..settings },
        }
    }
}

/// The service and its stores.
pub(crate) struct Stack {
    // First, so that the processes are gone before what they use.
    pub(crate) apps: Vec<App>,
    stores: Stores,
    pub(crate) http: reqwest::Client,
    turn: AtomicUsize,
    settings: Settings,
}

impl Stack {
    /// Starts the service and waits until it is ready to sell.
    pub(crate) async fn start(settings: Settings) -> Self {
        let mut stack = Self::prepare(settings);
        for _ in 0..stack.settings.processes {
            stack.start_app().await;
        }
        stack
    }

    /// The stores, with no process of the service yet.
    pub(crate) fn prepare(settings: Settings) -> Self {
        block_in_place(|| {
            let stores = Stores::make(settings.kind, settings.own_postgres);
            let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
            let (apps, turn) = (Vec::new(), AtomicUsize::new(0));
            let stack = Self { apps, stores, http, turn, settings };
            if stack.settings.by_hand {
                stack.schedule();
            }
            stack
        })
    }

    /// Makes a sale by hand that began a minute ago and lasts longer than any test.
    fn schedule(&self) {
        let starts_at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(1);
        let starts_at = starts_at.to_string();
        self.operate(&["sales", "schedule", "--starts-at", &starts_at, "--lasts", "6h"]);
    }

    /// Runs a command of an operator; returns what it printed.
    pub(crate) fn operate(&self, arguments: &[&str]) -> String {
        let output = block_in_place(|| self.command().args(arguments).output().unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The Postgres of a service that is on one.
    pub(crate) fn postgres(&self) -> &PostgresServer {
        self.stores.postgres()
    }

    /// The Redis of a service that is on one.
    pub(crate) fn redis(&self) -> &RedisServer {
        self.stores.redis()
    }

    /// The directory of a service that is on one.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.stores.data_dir()
    }

    /// Starts one more process and waits until it is ready to sell.
    pub(crate) async fn start_app(&mut self) {
        let app = self.start_app_unready();
        app.await_ready(&self.http).await;
        self.apps.push(app);
    }

    /// Starts a process and waits only until it listens.
    pub(crate) fn start_app_unready(&self) -> App {
        let mut command = self.command();
        command.arg("serve").env("HTTP_ADDR", "127.0.0.1:0");
        block_in_place(|| App::start(command))
    }

    /// The binary, set to these stores. It dies with the test.
    pub(crate) fn command(&self) -> Command {
        let mut command = tied::command(env!("CARGO_BIN_EXE_flashsale"), tied::Signal::Kill);
        self.stores.set(&mut command);
        let period = if self.settings.by_hand { "off" } else { self.settings.sale_period };
        command
            .env("SALE_PERIOD", period)
            .env("SALE_STOCK", self.settings.stock.to_string())
            .env("SALE_PER_USER_LIMIT", self.settings.per_user_limit.to_string())
            .env("HOLD_TTL", self.settings.hold_ttl)
            .env("RUST_LOG", "info");
        command
    }

    /// Asks the ledger, as an auditor would: rows as lines, columns split by `|`. What is asked on
    /// both stacks must be what both databases understand.
    pub(crate) fn sql(&self, sql: &str) -> String {
        block_in_place(|| self.stores.sql(sql))
    }

    /// One number from the database.
    pub(crate) fn count(&self, sql: &str) -> u64 {
        self.sql(sql).trim().parse().unwrap()
    }

    /// The keys in Redis that match a pattern.
    pub(crate) async fn redis_keys(&self, pattern: &str) -> Vec<String> {
        let client = redis::Client::open(self.redis().url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap()
    }

    /// The address of the process whose turn it is.
    pub(crate) fn url(&self) -> &str {
        &self.apps[self.turn.fetch_add(1, Ordering::Relaxed) % self.apps.len()].url
    }

    /// The number of the sale that is on.
    pub(crate) async fn sale(&self) -> i64 {
        let sale = self.get("/sales/current").await;
        sale.body["id"].as_i64().unwrap_or_else(|| panic!("{sale:?}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::read(self.http.get(format!("{}{path}", self.url()))).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        Answer::read(self.http.post(format!("{}{path}", self.url()))).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::read(self.http.delete(format!("{}{path}", self.url()))).await.unwrap()
    }

    pub(crate) async fn checkout(&self, user: &str, sale: i64) -> Answer {
        self.post(&format!("/checkout?user_id={user}&id={sale}")).await
    }

    pub(crate) async fn purchase(&self, code: &str) -> Answer {
        self.post(&format!("/purchase?code={code}")).await
    }

    /// Looks again and again until `condition` holds.
    pub(crate) async fn until(&self, what: &str, mut condition: impl AsyncFnMut(&Self) -> bool) {
        let look = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            while !condition(self).await {
                looks.tick().await;
            }
        };
        assert!(timeout(PATIENCE, look).await.is_ok(), "gave up waiting until {what}");
    }
}
