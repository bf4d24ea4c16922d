//! Healthy means that a buyer gets a unit, ready that a request is worth sending.

use deadpool_redis::redis;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::stack::{Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_sale_that_is_paused_is_no_fault
    a_process_that_can_sell_says_so_while_it_does
}

impl Stack {
    /// Has Redis carry out a command, whose words are divided by blanks.
    pub(crate) async fn tell_redis(&self, command: &str) {
        let client = redis::Client::open(self.redis().url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut words = command.split(' ');
        let mut told = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            told.arg(word);
        });
        let _: redis::Value = told.query_async(&mut connection).await.unwrap();
    }

    /// Waits until `path` answers so.
    pub(crate) async fn until_health(&self, path: &str, status: u16, check: &str, is: &str) {
        let what = format!("{path} answers {status}, {check}: {is}");
        self.until(&what, async |stack| {
            let answer = stack.get(path).await;
            let checked = answer.body["checks"][check].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.status == 503, answer.header("retry-after").is_some());
            answer.status == status && checked.contains(is)
        })
        .await;
    }

    async fn ready(&self) -> u16 {
        self.get("/health/ready").await.status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_says_whether_the_process_can_serve_and_ends_so() {
    let mut stack = Stack::start(Settings::on(Kind::Embedded)).await;
    let address = stack.url().strip_prefix("http://").unwrap().to_owned();
    stack.set_env([("HTTP_ADDR", address.clone())]);
    let ask = |stack: &Stack| {
        let output = block_in_place(|| stack.command().arg("health").output()).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };

    let (code, said, _) = ask(&stack);
    assert_eq!(code, Some(0));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said, stack.get("/health/ready").await.body);

    block_in_place(|| stack.apps[0].kill()).unwrap();
    let (code, _, error) = ask(&stack);
    assert_eq!(code, Some(1));
    assert!(error.contains(&address) && error.contains("HTTP_ADDR"), "{error}");

    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    stack.set_env([("HTTP_ADDR", nobody.local_addr().unwrap().to_string())]);
    let other = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut client = nobody.accept().unwrap().0;
        let _ = client.read(&mut [0; 512]).unwrap();
        client.write_all(b"SSH-2.0-other\r\n").unwrap();
    });
    let (code, _, error) = ask(&stack);
    assert_eq!(code, Some(1));
    assert!(error.contains("something else"), "{error}");
    other.join().unwrap();
}

async fn one_process() -> Stack {
    Stack::start(Settings { processes: 1, ..Settings::default() }).await
}

async fn a_process_that_can_sell_says_so_while_it_does(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;

    for user in 0..50 {
        assert_eq!(stack.checkout(&format!("u{user}"), sale).await.name(), "ok");
        let health = stack.get("/health").await;
        assert_eq!((health.status, &health.body["status"]), (200, &Value::from("ready")));
    }

    // What is asked of the stores for it leaves nothing behind.
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 50);
    assert_eq!(stack.count("SELECT count(*) FROM purchases"), 0);
    crate::crowd::assert_holds(&stack.audit());
}

async fn a_sale_that_is_paused_is_no_fault(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await.to_string();

    stack.operate(&["sales", "pause", &sale]);
    stack.until_health("/health", 200, "sale", "paused").await;
    stack.operate(&["sales", "resume", &sale]);
    stack.until_health("/health", 200, "sale", "open").await;
}

/// Breaks Redis by a command, so that no unit can be had, and mends it by another.
async fn a_redis_that_refuses_is_found(breaks: &[&str], mends: &[&str]) {
    let stack = one_process().await;
    let sale = stack.sale().await;
    let held = stack.checkout("ann", sale).await;
    assert_eq!(stack.get("/health").await.status, 200);

    for command in breaks {
        stack.tell_redis(command).await;
    }

    stack.until_health("/health", 503, "redis", "refuses writes").await;
    assert_eq!(stack.checkout("bob", sale).await.status, 503);
    assert_eq!((stack.ready().await, stack.get("/health/live").await.status), (200, 200));
    assert_eq!(stack.purchase(held.code()).await.name(), "ok");
    for command in mends {
        stack.tell_redis(command).await;
    }
    stack.until_health("/health", 200, "redis", "up").await;
    assert_eq!(stack.checkout("bob", sale).await.name(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_out_of_memory_is_found() {
    a_redis_that_refuses_is_found(&["CONFIG SET maxmemory 1mb"], &["CONFIG SET maxmemory 0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_user_without_a_right_is_found() {
    a_redis_that_refuses_is_found(&["ACL SETUSER default -fcall"], &["ACL SETUSER default +fcall"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_forbidden_are_found() {
    a_redis_that_refuses_is_found(
        &["ACL SETUSER default -function|load", "FUNCTION FLUSH"],
        &["ACL SETUSER default +function|load"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_only_reads_is_found() {
    a_redis_that_refuses_is_found(
        &["CONFIG SET min-replicas-to-write 1"],
        &["CONFIG SET min-replicas-to-write 0"],
    )
    .await;
}

/// A right that only a grant needs, and no question does that takes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_buyer_met_counts() {
    let stack = one_process().await;
    let sale = stack.sale().await;
    stack.tell_redis("ACL SETUSER default -lpop").await;

    stack
        .until("what the last checkout met is said", async |stack| {
            assert_eq!(stack.checkout("ann", sale).await.status, 503);
            let health = stack.get("/health").await;
            health.status == 503 && health.body["checks"]["requests"].is_string()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_gone_leaves_purchases_which_is_ready() {
    let stack = one_process().await;
    let sale = stack.sale().await;
    let held = stack.checkout("ann", sale).await;

    block_in_place(|| stack.redis().kill().unwrap());

    stack.until_health("/health", 503, "redis", "down").await;
    assert_eq!(stack.ready().await, 200);
    assert_eq!(stack.purchase(held.code()).await.name(), "ok");
    block_in_place(|| stack.redis().start_again().unwrap());
    stack.until_health("/health", 200, "redis", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stands_still_is_found_in_time() {
    let stack = one_process().await;
    block_in_place(|| stack.redis().pause().unwrap());

    stack.until_health("/health", 503, "redis", "down").await;
    assert_eq!(stack.ready().await, 200);

    block_in_place(|| stack.redis().resume().unwrap());
    stack.until_health("/health", 200, "redis", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_behind_redis_is_found() {
    let stack = one_process().await;
    let sale = stack.sale().await;
    block_in_place(|| stack.redis().flush_all().unwrap());
    stack
        .until("it is served at its second epoch", async |stack| {
            stack.checkout("ann", sale).await.name() == "ok"
        })
        .await;

    // As an older copy of the ledger would have it.
    stack.sql("ALTER TABLE sales DISABLE TRIGGER USER; UPDATE sales SET epoch = 1");

    stack.until_health("/health", 503, "served", "lost data").await;
    let health = stack.get("/health").await;
    assert!(health.body["checks"]["served"].as_str().unwrap().contains("sale 1 "), "{health:?}");
    assert_eq!(stack.ready().await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_only_reads_is_found() {
    let stack =
        Stack::start(Settings { own_postgres: true, processes: 1, ..Settings::default() }).await;
    let sale = stack.sale().await;
    let set = |to: &str| {
        stack.sql(&format!("ALTER SYSTEM SET default_transaction_read_only = {to}"));
        stack.sql("SELECT pg_reload_conf()");
    };

    set("on");
    stack.until_health("/health", 503, "postgres", "refuses writes: it may only be read").await;
    assert_eq!((stack.ready().await, stack.checkout("ann", sale).await.status), (503, 503));

    set("off");
    stack.until_health("/health", 200, "postgres", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_stands_still_is_found_in_time() {
    let stack =
        Stack::start(Settings { own_postgres: true, processes: 1, ..Settings::default() }).await;

    block_in_place(|| stack.postgres().pause().unwrap());
    stack.until_health("/health", 503, "postgres", "down").await;
    assert_eq!(stack.ready().await, 503);
    assert_eq!(stack.get("/health/live").await.status, 200);

    block_in_place(|| stack.postgres().resume().unwrap());
    stack.until_health("/health", 200, "postgres", "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_to_is_found() {
    let stack = Stack::start(Settings::on(Kind::Embedded)).await;
    let ledger = stack.data_dir().join("ledger.sqlite");
    let other = rusqlite::Connection::open(ledger).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    stack.until_health("/health", 503, "sqlite", "refuses writes: another program").await;
    assert_eq!(stack.ready().await, 503);

    other.execute_batch("ROLLBACK").unwrap();
    stack.until_health("/health", 200, "sqlite", "up").await;
}
