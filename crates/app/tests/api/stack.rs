//! The whole service as a test value: real processes of the real binary, with a database of their
//! own on a private Postgres and a Redis of their own; or one process with a directory.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use deadpool_redis::redis;
use dev_servers::{PostgresServer, RedisServer, tied};
use domain::Code;
use rusqlite::types::ValueRef;
use serde_json::Value;
use tokio::{task::block_in_place, time::timeout};

/// How long a condition is awaited before the test fails. Generous: machines are slow at times.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A database with the schema in it, that every test's own is copied from.
const TEMPLATE: &str = "flashsale_template";

/// One server for all tests that do not break it.
static POSTGRES: LazyLock<Arc<PostgresServer>> =
    LazyLock::new(|| Arc::new(PostgresServer::start().unwrap()));

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

/// The stores of the service.
enum Stores {
    Servers { postgres: Arc<PostgresServer>, redis: RedisServer, database: String },
    Embedded(tempfile::TempDir),
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

/// One process of the service.
pub(crate) struct App {
    child: Child,
    pub(crate) url: String,
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
            let stores = match settings.kind {
                Kind::Servers => Stores::servers(settings.own_postgres),
                Kind::Embedded => Stores::Embedded(tempfile::tempdir().unwrap()),
            };
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
        match &self.stores {
            Stores::Servers { postgres, .. } => postgres,
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

    /// The directory of a service that is on one.
    pub(crate) fn data_dir(&self) -> PathBuf {
        match &self.stores {
            Stores::Servers { .. } => panic!("there is no directory here"),
            Stores::Embedded(dir) => dir.path().join("data"),
        }
    }

    /// The binary, set to these stores. It dies with the test.
    pub(crate) fn command(&self) -> std::process::Command {
        let mut command = tied::command(env!("CARGO_BIN_EXE_flashsale"), tied::Signal::Kill);
        match &self.stores {
            Stores::Servers { postgres, redis, database } => {
                command.env("DATABASE_URL", postgres.url(database)).env("REDIS_URL", redis.url())
            }
            Stores::Embedded(_) => command.env("DATA_DIR", self.data_dir()),
        };
        command
            .env("SALE_PERIOD", self.settings.sale_period)
            .env("SALE_STOCK", self.settings.stock.to_string())
            .env("SALE_PER_USER_LIMIT", self.settings.per_user_limit.to_string())
            .env("HOLD_TTL", self.settings.hold_ttl)
            .env("RUST_LOG", "info");
        command
    }

    /// Asks the ledger, as an auditor would: rows as lines, columns split by `|`. What is asked on
    /// both stacks must be what both databases understand.
    pub(crate) fn sql(&self, sql: &str) -> String {
        block_in_place(|| match &self.stores {
            Stores::Servers { postgres, database, .. } => postgres.psql(database, sql).unwrap(),
            Stores::Embedded(_) => ask_sqlite(&self.data_dir().join("ledger.sqlite"), sql),
        })
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

impl App {
    fn start(command: std::process::Command) -> Self {
        Self::start_telling(command, |_| {})
    }

    /// Starts a process whose every word goes to a file, too.
    pub(crate) fn start_with_log(command: std::process::Command, log: &Path) -> Self {
        let mut log = File::create(log).unwrap();
        Self::start_telling(command, move |line| writeln!(log, "{line}").unwrap())
    }

    fn start_telling(
        mut command: std::process::Command,
        mut tell: impl FnMut(&str) + Send + 'static,
    ) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = tied::spawn(command).unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, url) = mpsc::channel();
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                tell(&line);
                if let Some((_, url)) = line.split_once("listening on ") {
                    sender.send(url.to_owned()).unwrap();
                }
                if !line.contains(" INFO ") {
                    eprintln!("[flashsale] {line}");
                }
            }
        });
        let url = url.recv_timeout(PATIENCE).expect("the service tells where it listens");
        Self { child, url }
    }

    pub(crate) async fn await_ready(&self, http: &reqwest::Client) {
        let look = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            loop {
                looks.tick().await;
                let ready = http.get(format!("{}/health/ready", self.url)).send().await;
                if ready.is_ok_and(|ready| ready.status() == 200) {
                    return;
                }
            }
        };
        assert!(timeout(PATIENCE, look).await.is_ok(), "{} did not become ready", self.url);
    }

    /// SIGSTOP: from now on it does nothing, but its connections stay.
    pub(crate) fn pause(&self) {
        let pid = self.child.id().to_string();
        let stopped = std::process::Command::new("sh").args(["-c", "kill -STOP $0", &pid]).status();
        assert!(stopped.unwrap().success());
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        block_in_place(|| {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        });
    }

    /// SIGTERM; returns how the process ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        block_in_place(|| {
            tied::Signal::Terminate.send(self.child.id()).unwrap();
            self.child.wait().unwrap()
        })
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the service answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    /// `Null` if the body is not JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, body, text })
    }

    /// The name of the problem, or `ok`.
    pub(crate) fn name(&self) -> &str {
        let name = self.body["type"].as_str().and_then(|name| name.strip_prefix("/problems/"));
        name.unwrap_or(if self.status < 300 { "ok" } else { "not a problem document" })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The code of a hold that was granted.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_else(|| panic!("no code in {self:?}"))
    }

    pub(crate) fn unit(&self) -> u64 {
        self.body["unit"].as_u64().unwrap_or_else(|| panic!("no unit in {self:?}"))
    }
}

impl Stores {
    fn servers(own_postgres: bool) -> Self {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let postgres = if own_postgres {
            Arc::new(PostgresServer::start().unwrap())
        } else {
            Arc::clone(&POSTGRES)
        };
        let database = format!("flashsale_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        create_database(&postgres, &database);
        Self::Servers { postgres, redis: RedisServer::start().unwrap(), database }
    }
}

/// Asks a ledger in a directory; codes are told as the service tells them.
fn ask_sqlite(path: &Path, sql: &str) -> String {
    let database = rusqlite::Connection::open(path).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = String::new();
    while let Some(row) = rows.next().unwrap() {
        let told = (0..columns).map(|column| match row.get_ref(column).unwrap() {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            ValueRef::Blob(code) => {
                let code: [u8; 16] = code.try_into().unwrap();
                Code::from_bits(u128::from_be_bytes(code)).to_string()
            }
        });
        lines.push_str(&told.collect::<Vec<_>>().join("|"));
        lines.push('\n');
    }
    lines
}

/// Copies the template; it is made by the service's own `migrate`, once a server.
fn create_database(postgres: &PostgresServer, database: &str) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap();
    if !postgres.has_database(TEMPLATE).unwrap() {
        postgres.create_database(TEMPLATE).unwrap();
        let migrated = std::process::Command::new(env!("CARGO_BIN_EXE_flashsale"))
            .arg("migrate")
            .env("DATABASE_URL", postgres.url(TEMPLATE))
            .output()
            .unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    }
    postgres.create_database_from(database, TEMPLATE).unwrap();
}
