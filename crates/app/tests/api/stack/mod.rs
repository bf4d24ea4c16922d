//! The whole service as a test value: real processes of the real binary, with a database of their
//! own on a private Postgres and a Redis of their own; or one process with a directory.

mod answer;
mod described;
mod schema;
mod stores;

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use deadpool_redis::redis;
/// `Stack` is here the whole service.
pub(crate) use dev_servers::Stack as Kind;
use dev_servers::{Place, PostgresServer, Program, RedisServer, Service, Stores};
use tempfile::NamedTempFile;
use tokio::{
    task::{block_in_place, spawn_blocking},
    time::timeout,
};

pub(crate) use self::{
    answer::Answer,
    described::{DOCUMENT, DOCUMENT_OF_OPERATORS},
    schema::breach,
};

/// How long a condition is awaited before the test fails. Generous: machines are slow at times.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The service.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_flashsale");

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

/// What the service is started with.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) stock: u32,
    pub(crate) per_user_limit: u16,
    pub(crate) hold_ttl: &'static str,
    pub(crate) sale_period: &'static str,
    /// Whether a sale is made by hand, open and long enough for any test.
    pub(crate) by_hand: bool,
    pub(crate) processes: usize,
    /// Whether the test breaks Postgres and so needs one of its own.
    pub(crate) own_postgres: bool,
    /// Where its live store is, if that is not its own.
    pub(crate) redis_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kind: Kind::Servers,
            stock: 100,
            per_user_limit: 10,
            hold_ttl: "5m",
            sale_period: "off",
            by_hand: true,
            // Requests go to them in turn: whatever holds must hold across processes.
            processes: 2,
            own_postgres: false,
            redis_url: None,
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
    pub(crate) apps: Vec<Service>,
    stores: Stores,
    /// What all processes said.
    log: NamedTempFile,
    pub(crate) http: reqwest::Client,
    turn: AtomicUsize,
    settings: Settings,
    /// What processes find in their environment beside what the settings say.
    environment: Vec<(&'static str, String)>,
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
            let stores = stores::make(settings.kind, settings.own_postgres);
            let log = NamedTempFile::new().unwrap();
            let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
            let (apps, turn) = (Vec::new(), AtomicUsize::new(0));
            let stack = Self { apps, stores, log, http, turn, settings, environment: Vec::new() };
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
        block_in_place(|| self.program().run(arguments).unwrap())
    }

    /// What a command of an operator says that does not succeed, and so prints nothing.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = block_in_place(|| self.command().args(arguments).output().unwrap());
        assert!(!output.status.success(), "{arguments:?} succeeded");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The Postgres of a service that is on one.
    pub(crate) fn postgres(&self) -> &PostgresServer {
        match &self.stores {
            Stores::Servers { database, .. } => database.server(),
            Stores::Embedded(_) => panic!("there is no Postgres here"),
        }
    }

    /// The database of a service that is on Postgres.
    pub(crate) fn database_url(&self) -> String {
        match &self.stores {
            Stores::Servers { database, .. } => database.url(),
            Stores::Embedded(_) => panic!("there is no Postgres here"),
        }
    }

    /// The Redis of a service that is on one.
    pub(crate) fn redis(&self) -> &RedisServer {
        match &self.stores {
            Stores::Servers { redis, .. } => redis,
            Stores::Embedded(_) => panic!("there is no Redis here"),
        }
    }

    /// The directory of a service that is on one.
    pub(crate) fn data_dir(&self) -> PathBuf {
        match &self.stores {
            Stores::Servers { .. } => panic!("there is no directory here"),
            Stores::Embedded(directory) => directory.path(),
        }
    }

    /// Sets variables of the environment of all that is started from now on.
    pub(crate) fn set_env(&mut self, variables: impl IntoIterator<Item = (&'static str, String)>) {
        self.environment.extend(variables);
    }

    /// Where the stores are.
    pub(crate) fn place(&self) -> Place {
        self.stores.place()
    }

    /// Starts one more process and waits until it is ready to sell.
    pub(crate) async fn start_app(&mut self) {
        let program = self.serving();
        let start = move || {
            let app = program.start(&["serve"])?;
            app.await_ready(PATIENCE).map(|()| app)
        };
        self.apps.push(spawn_blocking(start).await.unwrap().unwrap());
    }

    /// Starts a process and waits only until it listens.
    pub(crate) fn start_app_unready(&self) -> Service {
        block_in_place(|| self.serving().start(&["serve"]).unwrap())
    }

    /// Starts a process from a shell, to which `"$0"` is the binary, and waits until it listens.
    pub(crate) fn start_app_in_shell(&self, script: &str) -> Service {
        let shell = self.program_at("/bin/sh");
        block_in_place(|| shell.start(&["-c", script, BINARY]).unwrap())
    }

    fn serving(&self) -> Program {
        self.program().log_to(self.log.path())
    }

    /// The binary, set to these stores.
    pub(crate) fn program(&self) -> Program {
        self.program_at(BINARY)
    }

    /// Another program, set to these stores.
    pub(crate) fn program_at(&self, path: &str) -> Program {
        let program = Program::at(path).on(&self.stores.place());
        let program = match &self.settings.redis_url {
            Some(url) => program.env("REDIS_URL", url),
            None => program,
        };
        program
            .env("SALE_PERIOD", self.settings.sale_period)
            .env("SALE_STOCK", self.settings.stock.to_string())
            .env("SALE_PER_USER_LIMIT", self.settings.per_user_limit.to_string())
            .env("HOLD_TTL", self.settings.hold_ttl)
            .env("RUST_LOG", "info")
            // A store that is slow because the machine has other work is no overload.
            .env("QUEUE_WAIT_MAX", "10s")
            .envs(self.environment.iter().cloned())
    }

    /// A command of the binary. It dies with the test.
    pub(crate) fn command(&self) -> Command {
        self.program().command::<&str>([])
    }

    /// Asks the ledger, as an auditor would: rows as lines, columns split by `|`. What is asked on
    /// both stacks must be what both databases understand.
    pub(crate) fn sql(&self, sql: &str) -> String {
        block_in_place(|| self.stores.sql(sql).unwrap())
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
        self.apps[self.turn.fetch_add(1, Ordering::Relaxed) % self.apps.len()].url()
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
        self.once(what, async |stack| condition(stack).await.then_some(())).await;
    }

    /// The same, with what is there when it is true.
    pub(crate) async fn once<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> T {
        let looking = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            loop {
                if let Some(seen) = look(self).await {
                    return seen;
                }
                looks.tick().await;
            }
        };
        let seen = timeout(PATIENCE, looking).await;
        seen.unwrap_or_else(|_| panic!("gave up waiting until {what}"))
    }
}

impl Drop for Stack {
    /// Shows what the service complained of when a test fails.
    fn drop(&mut self) {
        if thread::panicking() {
            let log = std::fs::read_to_string(self.log.path()).unwrap_or_default();
            for line in log.lines().filter(|line| !line.contains(" INFO ")) {
                eprintln!("[flashsale] {line}");
            }
        }
    }
}
