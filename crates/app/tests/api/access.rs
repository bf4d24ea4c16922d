//! How the service gets into its servers: by files that are changed while it runs, and without ever
//! saying a password. On a directory there is nobody to be let in by.

use std::{fs, path::PathBuf, time::Duration};

use dev_servers::{Authority, PostgresServer, Program, RedisServer, ServerTls, Service};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::stack::Answer;

/// How long a start may take on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Passwords that must be nowhere to be read.
const FIRST: &str = "geheim-55";
const SECOND: &str = "geheim-66";

/// Looks at the service that may be in vain.
const LOOKS_MAX: u32 = 400;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Both servers, under TLS and with a user `shop`, and the files that say how one gets in.
struct Guarded {
    postgres: PostgresServer,
    redis: RedisServer,
    files: TempDir,
}

impl Guarded {
    fn start(authority: &Authority) -> Self {
        let shows = authority.issue("localhost").unwrap();
        let tls = ServerTls { shows, takes: None };
        let hba =
            "host all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        let postgres = PostgresServer::start_guarded(hba, Some(&tls)).unwrap();
        let redis = RedisServer::start_with_tls(&tls).unwrap();
        let guarded = Self { postgres, redis, files: tempfile::tempdir().unwrap() };
        guarded.postgres.psql("postgres", "CREATE ROLE shop LOGIN").unwrap();
        guarded.postgres.psql("postgres", "CREATE DATABASE ledger OWNER shop").unwrap();
        guarded.change(FIRST);
        guarded.write("password", FIRST);
        guarded.write("ca", &authority.pem());
        guarded
    }

    /// Changes the password of `shop` on both, and cuts off whoever came with the old one.
    fn change(&self, password: &str) {
        let sql = format!("ALTER ROLE shop PASSWORD '{password}'");
        self.postgres.psql("postgres", &sql).unwrap();
        self.redis.let_in("shop", password).unwrap();
        self.postgres.cut_off("shop").unwrap();
        self.redis.cut_off("shop").unwrap();
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, format!("{content}\n")).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn database_url(&self, user: &str, options: &str) -> String {
        format!("postgres://{user}@localhost:{}/ledger{options}", self.postgres.port())
    }

    fn redis_url(&self, user: &str) -> String {
        format!("rediss://{user}@localhost:{}", self.redis.tls_port())
    }

    /// The program, told how to get in.
    fn program(&self) -> Program {
        program()
            .env("DATABASE_URL", self.database_url("shop", ""))
            .env("REDIS_URL", self.redis_url("shop"))
            .env("DATABASE_PASSWORD_FILE", self.path("password"))
            .env("REDIS_PASSWORD_FILE", self.path("password"))
            .env("DATABASE_CA_FILE", self.path("ca"))
            .env("REDIS_CA_FILE", self.path("ca"))
    }
}

/// The program, which tells as much as it ever does.
fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_flashsale")).env("RUST_LOG", "trace").env("ADMIN_ADDR", "off")
}

/// Runs a command; returns whether it ended well, and all that it said.
fn said(program: &Program, arguments: &[&str]) -> (bool, String) {
    let output = block_in_place(|| program.command(arguments).output().unwrap());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Asks for a unit for this user.
async fn checkout(service: &Service, http: &reqwest::Client, user: u32) -> Option<Answer> {
    let current = Answer::read(http.get(format!("{}/sales/current", service.url()))).await.ok()?;
    let id = current.body.get("id").and_then(Value::as_i64)?;
    let url = format!("{}/checkout?user_id=u{user}&id={id}", service.url());
    Answer::read(http.post(url)).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_changed_while_the_service_sells() {
    let authority = Authority::new("ours").unwrap();
    let guarded = block_in_place(|| Guarded::start(&authority));
    let service = block_in_place(|| guarded.program().start(&["serve"]).unwrap());
    block_in_place(|| service.await_ready(START_LIMIT)).unwrap();
    let http = reqwest::Client::new();
    for user in 0..20 {
        assert_eq!(checkout(&service, &http, user).await.unwrap().name(), "ok");
    }

    block_in_place(|| {
        guarded.change(SECOND);
        guarded.write("password", SECOND);
    });

    let mut user = 20;
    for looks in 0.. {
        user += 1;
        if checkout(&service, &http, user).await.is_some_and(|answer| answer.name() == "ok") {
            break;
        }
        assert!(looks < LOOKS_MAX, "it does not go on:\n{}", service.log());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    for next in 1..=20 {
        assert_eq!(checkout(&service, &http, user + next).await.unwrap().name(), "ok");
    }
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE usename = 'shop'";
    assert_eq!(guarded.postgres.psql("postgres", encrypted).unwrap().trim(), "t");
    assert!(!service.log().contains("geheim"));
}

/// What is set otherwise, and what must be said then.
type Case = (Vec<(&'static str, String)>, &'static [&'static str]);

/// Whatever can fail between here and a server.
fn what_fails(guarded: &Guarded) -> Vec<Case> {
    let shop = format!("shop:{FIRST}");
    let database = |options| guarded.database_url(&shop, options);
    let path = |name: &str| guarded.path(name).display().to_string();
    vec![
        // A wrong password.
        (vec![("DATABASE_PASSWORD_FILE", path("wrong"))], &["localhost", "DATABASE_PASSWORD_FILE"]),
        (vec![("REDIS_PASSWORD_FILE", path("wrong"))], &["REDIS_PASSWORD_FILE"]),
        (
            vec![
                ("DATABASE_URL", String::new()),
                ("DATABASE_URL_FILE", path("url of database")),
                ("DATABASE_PASSWORD_FILE", String::new()),
            ],
            &["localhost", "DATABASE_URL"],
        ),
        (
            vec![
                ("REDIS_URL", String::new()),
                ("REDIS_URL_FILE", path("url of redis")),
                ("REDIS_PASSWORD_FILE", String::new()),
            ],
            &["REDIS_URL"],
        ),
        // One too many.
        (vec![("DATABASE_URL", database(""))], &["DATABASE_URL and", "DATABASE_PASSWORD_FILE"]),
        (vec![("REDIS_URL", guarded.redis_url(&shop))], &["REDIS_URL and", "REDIS_PASSWORD_FILE"]),
        (vec![("DATABASE_URL_FILE", path("bad url"))], &["DATABASE_URL and DATABASE_URL_FILE"]),
        // A host that is not there.
        (
            vec![
                ("DATABASE_URL", format!("postgres://{shop}@127.0.0.1:1/ledger")),
                ("DATABASE_PASSWORD_FILE", String::new()),
            ],
            &["refused"],
        ),
        (
            vec![
                ("REDIS_URL", format!("rediss://{shop}@127.0.0.1:1")),
                ("REDIS_PASSWORD_FILE", String::new()),
            ],
            &["127.0.0.1:1"],
        ),
        // TLS that does not come about.
        (vec![("DATABASE_CA_FILE", path("another"))], &["localhost", "DATABASE_CA_FILE"]),
        (vec![("REDIS_CA_FILE", path("another"))], &["localhost", "REDIS_CA_FILE"]),
        (vec![("DATABASE_CA_FILE", path("password"))], &["DATABASE_CA_FILE", "no certificate"]),
    ]
}

/// What is no URL, in as many ways.
fn what_is_no_url(guarded: &Guarded) -> Vec<Case> {
    let shop = format!("shop:{FIRST}");
    let database = |options| guarded.database_url(&shop, options);
    let path = |name: &str| guarded.path(name).display().to_string();
    vec![
        (
            vec![("DATABASE_URL", format!("postgres://{shop}@localhost:port/ledger"))],
            &["DATABASE_URL is wrong"],
        ),
        (
            vec![("DATABASE_URL", format!("host=localhost user=shop password={FIRST} {FIRST}"))],
            &["DATABASE_URL is wrong"],
        ),
        (
            vec![("DATABASE_URL", String::new()), ("DATABASE_URL_FILE", path("bad url"))],
            &["DATABASE_URL_FILE is wrong"],
        ),
        (vec![("DATABASE_URL", database(&format!("?{FIRST}=1")))], &["DATABASE_URL is wrong"]),
        (vec![("DATABASE_URL", database(&format!("?sslmode={FIRST}")))], &["sslmode"]),
        (vec![("REDIS_URL", format!("redis://{shop}@localhost:port"))], &["REDIS_URL is wrong"]),
        (vec![("REDIS_URL", format!("redis://localhost/{FIRST}"))], &["REDIS_URL is wrong"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_said_whatever_fails() {
    let authority = Authority::new("ours").unwrap();
    let guarded = block_in_place(|| Guarded::start(&authority));
    block_in_place(|| guarded.program().run(&["migrate"])).unwrap();
    guarded.write("wrong", SECOND);
    guarded.write("url of database", &guarded.database_url(&format!("shop:{SECOND}"), ""));
    guarded.write("url of redis", &guarded.redis_url(&format!("shop:{SECOND}")));
    guarded.write("another", &Authority::new("another").unwrap().pem());
    guarded.write("bad url", &format!("postgres://shop:{FIRST}@localhost:port/ledger"));
    let cases = [what_fails(&guarded), what_is_no_url(&guarded)].concat();

    for (environment, words) in cases {
        let program = guarded.program().envs(environment.clone());
        let (is_well, said) = said(&program, &["audit"]);
        assert!(!is_well, "{environment:?}");
        assert!(!said.contains("geheim"), "{environment:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{environment:?}: {word} is not in {said}");
        }
    }
}

/// Whatever examples a help has.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_its_help() {
    let mut to_ask = vec![vec![]];
    let mut asked = 0;
    while let Some(command) = to_ask.pop() {
        let (is_well, help) = said(&program(), &[&command[..], &["--help"]].concat());
        let usage = ["Usage: flashsale"].iter().chain(&command).copied().collect::<Vec<_>>();
        assert!(is_well && help.contains(&usage.join(" ")), "{command:?}: {help}");
        let listed = help.split_once("Commands:\n").map_or("", |(_, listed)| listed);
        let names = listed.lines().map_while(|line| line.strip_prefix("  "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        for name in names.filter(|name| *name != "help").map(str::to_owned) {
            to_ask.push([&command[..], &[name.leak()]].concat());
        }
        asked += 1;
    }
    assert!(asked > 15, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_repeated_from_the_command_line_or_the_environment() {
    let url = format!("postgres://shop:{FIRST}@localhost/ledger");
    let with_urls =
        program().env("DATABASE_URL", &url).env("REDIS_URL", format!("redis://:{FIRST}@h"));
    // Somebody took the name of a setting for that of the secret.
    let files =
        ["DATABASE_URL", "DATABASE_PASSWORD", "REDIS_PASSWORD", "REDIS_URL", "DATABASE_KEY"];
    let with_urls =
        files.into_iter().fold(with_urls, |it, name| it.env(format!("{name}_FILE"), FIRST));
    let (is_well, said_of_itself) = said(&with_urls, &["--help"]);
    assert!(is_well && said_of_itself.contains("DATABASE_PASSWORD_FILE"), "{said_of_itself}");
    assert!(!said_of_itself.contains("geheim"), "{said_of_itself}");

    for arguments in [
        &[url.as_str()][..],
        &["serve", &url],
        &["--http-workers", &url],
        &["--database-urls", &url],
        &["--database-url", &url, &format!("host=h password={FIRST}")],
        &[&format!("host=h password = {FIRST}")],
    ] {
        let (is_well, said) = said(&program(), arguments);
        assert!(!is_well && !said.contains("geheim"), "{arguments:?}: {said}");
        assert!(said.contains("error: "), "{arguments:?}: {said}");
    }
    let shown = "is on the command line with a password";
    let elsewhere = program().env("REDIS_URL", "redis://127.0.0.1:1");
    let (_, on_command_line) =
        said(&elsewhere, &["sales", "list", "--database-url", &format!("{url}?")]);
    assert!(on_command_line.contains(&format!("DATABASE_URL {shown}")), "{on_command_line}");
    assert!(!on_command_line.contains("geheim"), "{on_command_line}");
    let (_, in_environment) = said(&elsewhere.env("DATABASE_URL", &url), &["sales", "list"]);
    assert!(!in_environment.contains(shown), "{in_environment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_that_leaves_the_machine_is_warned_of_once_and_names_the_host() {
    let start = |database: &str, redis: &str| {
        let program = program().env("RUST_LOG", "warn,flashsale=info");
        let program = program.env("DATABASE_URL", database).env("REDIS_URL", redis);
        block_in_place(|| program.start(&["serve"]).unwrap()).log()
    };
    let plain = |log: &str, host: &str| {
        log.lines().filter(|line| line.contains("plain text") && line.contains(host)).count()
    };

    for mode in ["?sslmode=disable", "?sslmode=prefer", ""] {
        let database = format!("postgres://shop@192.0.2.1:5433,127.0.0.1:1/ledger{mode}");
        let log = start(&database, "redis://192.0.2.2:6380");
        assert_eq!(plain(&log, "192.0.2.1:5433"), 1, "{log}");
        assert_eq!(plain(&log, "192.0.2.2:6380"), 1, "{log}");
        assert_eq!(plain(&log, "127.0.0.1"), 0, "{log}");
        assert!(log.contains("sslmode=verify-full") && log.contains("rediss://"), "{log}");
    }
    let demanded = start("postgres://shop@192.0.2.1/ledger?sslmode=require", "rediss://192.0.2.2");
    assert_eq!(plain(&demanded, ""), 0, "{demanded}");
    let here = start("host=127.0.0.1,/run user=shop port=1", "redis://localhost:1");
    assert_eq!(plain(&here, ""), 0, "{here}");
}
