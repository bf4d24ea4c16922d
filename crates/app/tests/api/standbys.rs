//! A ledger with standbys: the failover that `make run HA=on` shows, by the commands that it prints, and
//! what the log says while nobody follows a promoted server.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use dev_servers::{PostgresServer, Program, Service};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::block_in_place,
    time::{interval, timeout},
};

use crate::{
    admin::Shop,
    operators::{figure, metrics, operators_of},
    ordering::NAMES,
    stack::{Answer, BINARY, PATIENCE, Settings, Stack},
};

/// What starts them: beside the service. Where this crate alone is built it is of another build.
fn program() -> PathBuf {
    Path::new(BINARY).with_file_name("dev-servers")
}

/// Three servers and the service on them, as `make run HA=on` starts them.
struct Stand {
    run: Service,
    http: reqwest::Client,
}

impl Stand {
    fn start(data: &Path) -> Self {
        assert!(program().exists(), "first: cargo build -p dev-servers --bin dev-servers");
        let program = Program::at(program())
            .without_env("DATABASE_URL")
            .without_env("REDIS_URL")
            .env("ADMIN_ADDR", "off")
            .env("SALE_PERIOD", "24h");
        let data = data.to_str().unwrap();
        let run = block_in_place(|| {
            program.start(&["run", "--ha", "--data", data, "--", BINARY, "serve"])
        });
        let run = run.unwrap();
        block_in_place(|| run.await_ready(PATIENCE)).unwrap();
        Self { run, http: reqwest::Client::new() }
    }

    /// Runs the command that is shown for a step; returns what it said.
    fn does(&self, step: &str) -> String {
        let log = self.run.log();
        let shown = log.lines().find(|line| line.contains(&format!("dev-servers ha {step} ")));
        let output = block_in_place(|| Command::new("sh").args(["-c", shown.unwrap()]).output());
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    /// Buys a unit, as soon as that can be done; returns the receipt.
    async fn buys(&self, user: &str) -> Answer {
        let buy = async {
            let mut tries = interval(Duration::from_millis(50));
            loop {
                tries.tick().await;
                let sale = self.ask(self.http.get(self.at("/sales/current"))).await;
                let held = format!("/checkout?user_id={user}&id={}", sale.body["id"]);
                let held = self.ask(self.http.post(self.at(&held))).await;
                if held.name() != "ok" {
                    continue;
                }
                let sold = format!("/purchase?code={}", held.code());
                let sold = self.ask(self.http.post(self.at(&sold))).await;
                if sold.name() == "ok" {
                    return sold;
                }
            }
        };
        timeout(PATIENCE, buy).await.unwrap()
    }

    async fn receipt(&self, sold: &Answer) -> Answer {
        self.ask(self.http.get(self.at(&format!("/purchases/{}", sold.code())))).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(request).await.unwrap()
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.run.url())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_by_the_commands_that_are_shown_keeps_every_receipt() {
    let data = tempfile::tempdir_in("/var/tmp").unwrap();
    let stand = Stand::start(data.path());
    let before = stand.buys("ann").await;
    let refused = format!("{} ha promote --data {}", program().display(), data.path().display());
    let refused = block_in_place(|| Command::new("sh").args(["-c", &refused]).output()).unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("fence it first"), "{refused:?}");

    assert!(stand.does("kill").contains("server 1 is dead"));
    stand.does("promote");
    let after = stand.buys("bob").await;

    assert_eq!(stand.receipt(&before).await.body, before.body);
    assert!(stand.does("rejoin").contains("pg_rewind"));
    assert!(stand.run.log().contains("server 1 is a standby, and was started"));
    let status = stand.does("status");
    assert!(status.contains("server-1") && status.contains("timeline 2"), "{status}");

    // Who takes writes is known after a restart, and nobody else does.
    block_in_place(|| stand.run.terminate().unwrap());
    block_in_place(|| stand.run.start_again().unwrap());
    block_in_place(|| stand.run.await_ready(PATIENCE)).unwrap();
    let status = stand.does("status");
    assert_eq!(status.matches("takes writes, timeline 2").count(), 1, "{status}");
    assert_eq!(status.matches("standby, pid").count(), 2, "{status}");
    for sold in [&before, &after] {
        assert_eq!(stand.receipt(sold).await.body, sold.body);
    }
    stand.buys("cid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_servers_are_is_in_health_while_none_of_them_is_the_ledger() {
    let mut stack = Stack::prepare(Settings { own_postgres: true, ..Settings::default() });
    let standbys = block_in_place(|| [(); 2].map(|()| stack.postgres().start_standby().unwrap()));
    let url = stack.database_url();
    let database = url.rsplit('/').next().unwrap();
    let all = [stack.postgres(), &standbys[0], &standbys[1]];
    let url = PostgresServer::url_of_all(&all, database);
    stack.set_env([("DATABASE_URL", url)]);
    stack.start_app().await;

    block_in_place(|| stack.postgres().kill()).unwrap();
    stack.until_health("/health", 503, "postgres", "none of the servers takes writes").await;

    // Each of them followed the one that was lost, so they are on one timeline.
    block_in_place(|| standbys.iter().try_for_each(PostgresServer::promote)).unwrap();
    stack.until_health("/health", 503, "postgres", "two servers take writes, and neither").await;
    let health = stack.get("/health").await;
    assert!(!health.text.contains("127.0.0.1"), "{health:?}");

    block_in_place(|| standbys[1].kill()).unwrap();
    stack.until_health("/health", 200, "postgres", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nobody_follows_a_promoted_server_is_in_the_log_until_somebody_does() {
    let mut stack = Stack::prepare(Settings { own_postgres: true, ..Settings::default() });
    let standby = block_in_place(|| {
        let standby = stack.postgres().start_standby().unwrap();
        stack.postgres().wait_for_standbys(true).unwrap();
        standby.wait_for_standbys(true).unwrap();
        standby
    });
    let url = stack.database_url();
    let database = url.rsplit('/').next().unwrap();
    let url = PostgresServer::url_of_all(&[stack.postgres(), &standby], database);
    stack.set_env([("DATABASE_URL", url), ("LEDGER_DURABILITY", "standby".to_owned())]);
    stack.start_app().await;
    let app = &stack.apps[0];

    block_in_place(|| stack.postgres().kill().and_then(|()| standby.promote())).unwrap();
    let alone = "nothing is sold: no synchronous standby confirms what is written: bring one back";
    block_in_place(|| app.await_words(alone, PATIENCE)).unwrap();
    stack
        .until("health says so, too", async |stack| {
            stack.get("/health").await.text.contains("no synchronous standby confirms")
        })
        .await;
    assert_eq!(app.log().matches(alone).count(), 1, "not for each connection");

    let _third = block_in_place(|| standby.start_standby().unwrap());
    block_in_place(|| app.await_words("it can be sold again", PATIENCE)).unwrap();
    let sale = stack.sale().await;
    stack.until("it sells", async |stack| stack.checkout("ann", sale).await.name() == "ok").await;
}

/// A server and its standby, which is waited for, and what is to be started on them.
pub(crate) fn with_standby() -> (Stack, PostgresServer) {
    let settings = Settings { own_postgres: true, processes: 1, ..Settings::default() };
    let mut stack = Stack::prepare(settings);
    let standby = block_in_place(|| {
        let standby = stack.postgres().start_standby().unwrap();
        stack.postgres().wait_for_standbys(true).unwrap();
        standby
    });
    stack.set_env([("LEDGER_DURABILITY", "standby".to_owned())]);
    (stack, standby)
}

/// Whoever gave it would have heard that its wait was cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_client_has_left_is_not_shown_as_done_before_a_standby_has_it() {
    let (stack, standby) = with_standby();
    let shop = Shop::open_on(stack).await;
    let stack = &shop.stack;
    let sale = stack.sale().await;
    let path = format!("/admin/actions/{}", NAMES[0]);
    assert_eq!(shop.look(&path).await.status, 404, "from now on there is a connection to look on");

    block_in_place(|| standby.kill()).unwrap();
    let host = shop.url.trim_start_matches("http://");
    let mut client = TcpStream::connect(host).await.unwrap();
    // Closing it resets the connection, as a client that is killed does.
    client.set_zero_linger().unwrap();
    let order = format!(
        "POST /admin/sales/{sale}/pause HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Idempotency-Key: {}\r\nContent-Length: 0\r\n\r\n",
        shop.ann.token, NAMES[0]
    );
    client.write_all(order.as_bytes()).await.unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE wait_event = 'SyncRep' AND query = 'COMMIT'";
    stack.until("the commit waits", async |stack| stack.count(waits) == 1).await;
    drop(client);
    block_in_place(|| stack.postgres().cancel_waits()).unwrap();
    let done = format!("SELECT count(*) FROM operator_actions WHERE id = '{}'", NAMES[0]);
    stack.until("it can be read", async |stack| stack.count(&done) == 1).await;
    let shown = shop.look(&path).await;

    assert_eq!(shown.status, 503, "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_answers_less_safe_on_a_server_is_said_when_it_is_found() {
    let (mut stack, _standby) = with_standby();
    let url = stack.database_url();
    let database = url.rsplit('/').next().unwrap();
    let server = stack.postgres();
    for sql in [
        "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'",
        "SELECT pg_reload_conf()",
        "ALTER FUNCTION pg_catalog.pg_walfile_name(pg_lsn) RENAME TO walfile_name_of_old",
    ] {
        block_in_place(|| server.psql(database, sql)).unwrap();
    }

    stack.start_app().await;

    let log = stack.apps[0].log();
    assert_eq!(log.matches("synchronous_standby_names has * on the server").count(), 1, "{log}");
    assert_eq!(log.matches("the server does not tell its timeline").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_many_standbys_confirm_what_is_written_is_shown_to_operators() {
    let (mut stack, standby) = with_standby();
    stack.start_app().await;
    let url = operators_of(&stack.apps[0]);
    let shown =
        async |stack: &Stack| figure(&metrics(stack, &url).await, "flashsale_ledger_sync_standbys");

    stack.until("it is one", async |stack| shown(stack).await == Some(1.0)).await;
    block_in_place(|| standby.kill()).unwrap();
    stack.until("it is none", async |stack| shown(stack).await == Some(0.0)).await;

    // Whoever may not know is shown none, and not that there is none.
    block_in_place(|| standby.start_again()).unwrap();
    stack.until("it is one again", async |stack| shown(stack).await == Some(1.0)).await;
    stack.sql("CREATE ROLE plain LOGIN");
    let plain = stack.database_url().replace("postgres@", "plain@");
    stack.set_env([("DATABASE_URL", plain), ("MIGRATE", "off".to_owned())]);
    // All processes write one log, and this one says last where it listens, a moment after it does.
    let app = stack.start_app_unready();
    let says = || app.log().matches("metrics at http://").count();
    stack.until("it says where its figures are", async |_| says() == 2).await;
    let log = app.log();
    let (_, since) = log.rsplit_once("metrics at http://").unwrap();
    let url = format!("http://{}", since.split_once("/metrics").unwrap().0);
    let asked = "flashsale_ledger_durability{asked=\"standby\"}";
    stack
        .until("it was asked", async |stack| {
            figure(&metrics(stack, &url).await, asked) == Some(1.0)
        })
        .await;
    assert_eq!(figure(&metrics(&stack, &url).await, "flashsale_ledger_sync_standbys"), None);
}
