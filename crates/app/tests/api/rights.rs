//! The service with the rights that `docs/rights.md` lists, and no others, in a schema that is not
//! `public`; and what it says where it has fewer connections than it wants, or another way to its
//! ledger.

use std::fs;

use dev_servers::{Place, Pooler, Pooling, Service, block};
use tempfile::NamedTempFile;
use tokio::task::block_in_place;

use crate::{
    crowd::assert_holds,
    operators::{metrics, operators_of},
    products,
    stack::{PATIENCE, Settings, Stack},
};

const RIGHTS: &str = include_str!("../../../../docs/rights.md");

impl Stack {
    /// The Postgres of this service for another role.
    fn url_of(&self, role: &str) -> String {
        let Place::Servers { database_url, .. } = self.place() else { panic!("no Postgres here") };
        database_url.replace("postgres@", &format!("{role}@"))
    }

    /// Makes a user of Redis that has these rights; returns where it finds the server.
    async fn redis_user(&self, name: &str, rights: &str) -> String {
        let rights = rights.split_whitespace().collect::<Vec<_>>().join(" ");
        self.tell_redis(&format!("ACL SETUSER {name} on >secret resetkeys {rights}")).await;
        self.redis().url().replace("redis://", &format!("redis://{name}:secret@"))
    }
}

/// An empty database of its own server, in which nothing is but what the first block makes.
fn an_empty_database() -> Stack {
    let stack = Stack::prepare(Settings {
        sale_period: "1h",
        hold_ttl: "3s",
        by_hand: false,
        own_postgres: true,
        ..Settings::default()
    });
    stack.sql("DROP SCHEMA public CASCADE");
    stack.sql(block(RIGHTS, "sql once"));
    stack
}

/// Has the owner migrate and give the rights.
fn migrate(stack: &Stack) {
    let owner = stack.url_of("flashsale_owner");
    block_in_place(|| stack.program().env("DATABASE_URL", owner).run(&["migrate"]).unwrap());
    let grants = block(RIGHTS, "sql after migrating");
    stack.sql(&format!("SET ROLE flashsale_owner; SET search_path = flashsale; {grants}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_listed_are_enough_for_all_that_is_done() {
    let mut stack = an_empty_database();
    migrate(&stack);
    let redis = stack.redis_user("shop", block(RIGHTS, "acl serving")).await;
    let role = stack.url_of("flashsale_app");
    stack.set_env([("DATABASE_URL", role), ("REDIS_URL", redis), ("MIGRATE", "off".to_owned())]);
    stack.start_app().await;

    // The timetable has made the sale.
    let sale = stack.sale().await;
    for user in ["ann", "bob"] {
        stack
            .until("a unit is bought before its hold is over", async |stack| {
                let held = stack.checkout(user, sale).await;
                stack.purchase(held.code()).await.name() == "ok"
            })
            .await;
    }
    let returned = stack.checkout("cid", sale).await;
    let released = stack.delete(&format!("/checkout?code={}", returned.code())).await;
    assert_eq!(released.status, 204, "{released:?}");
    stack.checkout("dan", sale).await;
    stack
        .until("a hold is over", async |stack| {
            let over = "SELECT count(*) FROM flashsale.checkout_attempts WHERE state = 'expired'";
            stack.count(over) > 0
        })
        .await;
    stack
        .until("how the sale goes is written down", async |stack| {
            stack.count("SELECT count(*) FROM flashsale.sale_minutes") > 0
        })
        .await;
    let picture = NamedTempFile::new().unwrap();
    fs::write(picture.path(), products::png(1)).unwrap();
    let picture = picture.path().to_str().unwrap();
    for name in ["Lamp", "Lantern"] {
        let put = ["products", "put", "--sku", "lamp", "--name", name, "--image", picture];
        stack.operate(&put);
    }
    let lamps = products::sale_of(&stack, "lamp");
    stack
        .until("a unit of a product is bought", async |stack| {
            let held = stack.checkout("fay", lamps).await;
            held.status == 200 && stack.purchase(held.code()).await.name() == "ok"
        })
        .await;
    let bought = stack.once("a unit is bought that is not wanted", async |stack| {
        let held = stack.checkout("gil", lamps).await;
        let is_bought = held.status == 200 && stack.purchase(held.code()).await.name() == "ok";
        is_bought.then(|| held.code().to_owned())
    });
    stack.operate(&["purchases", "cancel", &bought.await, "--reason", "it came back"]);
    let gil = stack.get(&format!("/me?sale={lamps}&user_id=gil")).await;
    assert_eq!((gil.status, &gil.body["cancelled"]), (200, &1.into()), "{gil:?}");
    stack.operate(&["products", "archive", "lamp"]);
    stack.operate(&["sales", "pause", &sale.to_string()]);
    stack.operate(&["sales", "resume", &sale.to_string()]);
    block_in_place(|| stack.redis().flush_all().unwrap());
    stack
        .until("it sells after Redis was lost", async |stack| {
            stack.checkout("eve", sale).await.name() == "ok"
        })
        .await;

    look_at_all(&mut stack, sale, returned.code()).await;
}

/// Audits, looks things up and exports as whoever may do no more.
async fn look_at_all(stack: &mut Stack, sale: i64, code: &str) {
    let role = stack.url_of("flashsale_auditor");
    let redis = stack.redis_user("auditor", block(RIGHTS, "acl auditing")).await;
    stack.set_env([("DATABASE_URL", role), ("REDIS_URL", redis)]);
    assert_holds(&stack.audit());
    let sale = sale.to_string();
    stack.operate(&["users", "show", "ann", "--attempts"]);
    stack.operate(&["users", "show", "ann"]);
    stack.operate(&["actions", "list"]);
    stack.operate(&["sales", "list"]);
    stack.operate(&["products", "list"]);
    stack.operate(&["units", "show", &sale, "1"]);
    stack.operate(&["codes", "show", code]);
    let purchases = stack.operate(&["export", "purchases", "--sale", &sale]);
    assert!(purchases.contains("ann") && purchases.contains("bob"), "{purchases}");
}

/// Not ready, and told what to do, until somebody else has migrated.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_shall_not_migrate_waits_and_says_what_is_missing() {
    let mut stack = an_empty_database();
    let role = stack.url_of("flashsale_app");
    stack.set_env([("DATABASE_URL", role), ("MIGRATE", "off".to_owned())]);

    let app = stack.start_app_unready();
    block_in_place(|| app.await_words("V1__ledger", PATIENCE)).unwrap();

    let log = app.log();
    assert!(log.contains("V3__ledger_identity") && log.contains("flashsale migrate"), "{log}");
    assert!(log.contains("WARN the schema lacks V1__ledger"), "{log}");
    let ready = stack.http.get(format!("{}/health/ready", app.url())).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let list = stack.command().args(["sales", "list"]).output().unwrap();
    let said = String::from_utf8_lossy(&list.stderr);
    assert!(!list.status.success() && said.contains("flashsale migrate"), "{said}");

    // It may look between the tables and the rights.
    stack.sql(
        "CREATE TABLE flashsale.refinery_schema_history (version int, name text, checksum text)",
    );
    let right = "WARN the role of DATABASE_URL lacks a right: SELECT on refinery_schema_history";
    block_in_place(|| app.await_words(right, PATIENCE)).unwrap();
    stack.sql("DROP TABLE flashsale.refinery_schema_history");
    migrate(&stack);
    block_in_place(|| app.await_ready(PATIENCE)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_waits_for_its_ledger_heads_what_it_says_with_the_cause() {
    let mut stack = an_empty_database();
    block_in_place(|| stack.postgres().kill()).unwrap();
    stack.set_env([("MIGRATE", "off".to_owned())]);

    let app = stack.start_app_unready();

    let heading = "WARN Postgres cannot be reached; nothing is served yet, trying on";
    block_in_place(|| app.await_words(heading, PATIENCE)).unwrap();
    assert!(!app.log().contains("the schema"), "{}", app.log());
}

/// As many processes as there is room for, and one more, on a database without tables.
#[tokio::test(flavor = "multi_thread")]
async fn where_connections_are_few_processes_come_up_or_say_what_limits_them() {
    let mut stack = an_empty_database();
    stack.sql("ALTER ROLE flashsale_owner CONNECTION LIMIT 15");
    let role = stack.url_of("flashsale_owner");
    stack.set_env([("DATABASE_URL", role), ("DATABASE_CONNECTIONS", "7".to_owned())]);

    let apps = (0..2).map(|_| stack.start_app_unready()).collect::<Vec<_>>();
    for app in &apps {
        block_in_place(|| app.await_ready(PATIENCE)).unwrap();
        assert!(app.log().contains("at most 7 connections to Postgres"), "{}", app.log());
    }
    stack.apps = apps;
    let sale = stack.sale().await;
    let granted = stack.checkout("ann", sale).await.status;
    assert!(granted < 300, "{granted}");
    let crowd = (0..60).map(|number| {
        let request =
            stack.http.post(format!("{}/checkout?user_id=u{number}&id={sale}", stack.url()));
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let answered = crowd.collect::<tokio::task::JoinSet<_>>().join_all().await;
    assert!(answered.iter().all(|&status| status == granted), "{answered:?}");

    stack.sql("ALTER ROLE flashsale_owner CONNECTION LIMIT 1");
    let late = stack.start_app_unready();
    block_in_place(|| late.await_words("no connection left for this process", PATIENCE)).unwrap();
    stack.sql("ALTER ROLE flashsale_owner CONNECTION LIMIT 30");
    block_in_place(|| late.await_ready(PATIENCE)).unwrap();
}

/// Six processes on a role of twenty connections: each has its budget, and sells with it.
#[tokio::test(flavor = "multi_thread")]
async fn six_processes_serve_a_ledger_that_gives_them_twenty_connections() {
    let mut stack = an_empty_database();
    migrate(&stack);
    stack.sql("ALTER ROLE flashsale_app CONNECTION LIMIT 20");
    let role = stack.url_of("flashsale_app");
    stack.set_env([("DATABASE_URL", role), ("DATABASE_CONNECTIONS", "3".to_owned())]);

    let apps = (0..6).map(|_| stack.start_app_unready()).collect::<Vec<_>>();
    for app in &apps {
        block_in_place(|| app.await_ready(PATIENCE)).unwrap();
        assert!(app.log().contains("at most 3 connections to Postgres"), "{}", app.log());
    }
    stack.apps = apps;
    let sale = stack.sale().await;
    let crowd = (0..90).map(|number| {
        let url = stack.apps[number % 6].url();
        let request = stack.http.post(format!("{url}/checkout?user_id=u{number}&id={sale}"));
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let answered = crowd.collect::<tokio::task::JoinSet<_>>().join_all().await;

    assert!(answered.iter().all(|&status| status == 200), "{answered:?}");
    let there =
        stack.count("SELECT count(*) FROM pg_stat_activity WHERE usename = 'flashsale_app'");
    assert!((1..=18).contains(&there), "{there}");
    for app in &stack.apps {
        assert!(!app.log().contains("no connection left"), "{}", app.log());
    }
}

/// What a process may have and what its answers are worth is told when it starts, and what it runs on
/// is shown while it does.
#[tokio::test(flavor = "multi_thread")]
async fn the_start_and_the_metrics_tell_the_budget_the_server_and_how_far_it_keeps_answers() {
    let mut stack =
        Stack::prepare(Settings { processes: 1, own_postgres: true, ..Settings::default() });
    stack.set_env([("LEDGER_DURABILITY", "storage".to_owned())]);
    stack.start_app().await;

    let log = stack.apps[0].log();
    assert!(log.contains("at most 20 connections to Postgres"), "{log}");
    assert!(log.contains("the ledger takes writes: an answer is on the storage"), "{log}");
    let shown = metrics(&stack, &operators_of(&stack.apps[0])).await;
    for line in [
        "flashsale_ledger_timeline 1",
        "flashsale_ledger_durability{asked=\"storage\"} 1",
        "flashsale_ledger_races_total{outcome=\"none\"} 0",
        "flashsale_ledger_connections_retired_total 0",
    ] {
        assert!(shown.lines().any(|it| it == line), "{line}\n{shown}");
    }
}

/// No look asks for it, for what a look writes would be there; whoever is refused says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_only_grants_need_is_named_by_health_once_one_was_refused() {
    let stack = served_by_the_small_role().await;
    let sale = stack.sale().await;

    stack.sql("REVOKE INSERT ON flashsale.checkout_attempts FROM flashsale_app");

    stack
        .until("health says what is missing", async |stack| {
            stack.checkout("ann", sale).await;
            let health = stack.get("/health").await;
            let requests = health.body["checks"]["requests"].as_str().unwrap_or_default();
            health.status == 503 && requests.contains("lacks a right")
        })
        .await;
}

/// A service that may do what is listed and no more.
async fn served_by_the_small_role() -> Stack {
    let mut stack = an_empty_database();
    migrate(&stack);
    let role = stack.url_of("flashsale_app");
    stack.set_env([("DATABASE_URL", role), ("MIGRATE", "off".to_owned())]);
    stack.start_app().await;
    stack
}

/// Each of them, taken away while the process runs, and by whatever way it is found.
#[tokio::test(flavor = "multi_thread")]
async fn health_says_of_a_ledger_that_refuses_what_the_log_says() {
    let stack = served_by_the_small_role().await;
    stack.sale().await;
    // A setting is one of the connections that begin after it.
    let run = |sql: &str| {
        stack.sql(sql);
        if sql.starts_with("ALTER ROLE") {
            let theirs = "FROM pg_stat_activity WHERE usename = 'flashsale_app'";
            stack.sql(&format!("SELECT pg_terminate_backend(pid) {theirs}"));
        }
    };

    for (breaks, mends, said) in [
        (
            "REVOKE UPDATE ON flashsale.checkout_attempts FROM flashsale_app",
            "GRANT UPDATE ON flashsale.checkout_attempts TO flashsale_app",
            "lacks a right: permission denied for table checkout_attempts (42501); docs/rights.md",
        ),
        (
            "REVOKE INSERT ON flashsale.purchases FROM flashsale_app",
            "GRANT INSERT ON flashsale.purchases TO flashsale_app",
            "permission denied for table purchases (42501)",
        ),
        (
            "REVOKE UPDATE ON flashsale.sold_counts FROM flashsale_app",
            "GRANT UPDATE ON flashsale.sold_counts TO flashsale_app",
            "permission denied for table sold_counts (42501)",
        ),
        (
            "ALTER ROLE flashsale_app SET default_transaction_read_only = on",
            "ALTER ROLE flashsale_app RESET default_transaction_read_only",
            "it may only be read",
        ),
        (
            "ALTER ROLE flashsale_app SET search_path = nosuch",
            "ALTER ROLE flashsale_app SET search_path = flashsale",
            "its search_path",
        ),
        (
            "REVOKE USAGE ON SCHEMA flashsale FROM flashsale_app",
            "GRANT USAGE ON SCHEMA flashsale TO flashsale_app",
            "lacks USAGE on the schema",
        ),
    ] {
        run(breaks);
        stack.until_health("/health", 503, "postgres", said).await;
        stack.until_health("/health/ready", 503, "postgres", said).await;

        run(mends);
        stack.until_health("/health", 200, "postgres", "up").await;
    }
}

/// What loads a sale is the upkeep, of which no request hears.
#[tokio::test(flavor = "multi_thread")]
async fn health_says_of_a_sale_that_cannot_be_loaded_what_keeps_it_from_that() {
    let stack = served_by_the_small_role().await;
    stack.sale().await;

    stack.sql("REVOKE UPDATE ON flashsale.sales FROM flashsale_app");
    block_in_place(|| stack.redis().flush_all().unwrap());
    stack.until_health("/health", 503, "served", "permission denied for table sales").await;

    stack.sql("GRANT UPDATE ON flashsale.sales TO flashsale_app");
    stack.until_health("/health", 200, "redis", "up").await;
}

/// One that only functions need, which this Redis does not name by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_taken_from_the_user_of_redis_is_named_by_health() {
    let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::default() });
    let redis = stack.redis_user("shop", block(RIGHTS, "acl serving")).await;
    stack.set_env([("REDIS_URL", redis)]);
    stack.start_app().await;
    stack.sale().await;

    stack.tell_redis("ACL SETUSER shop -time").await;
    stack.until_health("/health", 503, "served", "+time").await;

    stack.tell_redis("ACL SETUSER shop +time").await;
    stack.until_health("/health", 200, "redis", "up").await;
}

/// Rights of a version before: it draws nothing, and leaves a key in Redis.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_only_who_watches_needs_keeps_nobody_from_buying() {
    let mut stack = an_empty_database();
    migrate(&stack);
    stack.sql("REVOKE ALL ON flashsale.sale_minutes FROM flashsale_app");
    let rights = block(RIGHTS, "acl serving").replace("+pexpire", "");
    let redis = stack.redis_user("shop", &rights).await;
    let role = stack.url_of("flashsale_app");
    stack.set_env([("DATABASE_URL", role), ("REDIS_URL", redis), ("MIGRATE", "off".to_owned())]);
    stack.start_app().await;

    let sale = stack.sale().await;
    stack
        .until("a unit is bought", async |stack| {
            let held = stack.checkout("ann", sale).await;
            held.status == 200 && stack.purchase(held.code()).await.name() == "ok"
        })
        .await;
    block_in_place(|| stack.apps[0].await_words("history", PATIENCE)).unwrap();
    stack
        .until("what it does is left in Redis", async |stack| {
            stack.redis_keys("sale:processes:*").await.len() == 1
        })
        .await;

    assert_eq!(stack.get("/health").await.status, 200);
    let log = stack.apps[0].log();
    assert!(log.contains("sale_minutes"), "{log}");
    assert!(!log.contains("step=\"beat\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_less_than_is_asked_is_told_of_and_shown() {
    let mut stack = Stack::prepare(Settings { own_postgres: true, ..Settings::default() });

    stack.set_env([("LEDGER_DURABILITY", "standby".to_owned())]);
    let app = stack.start_app_unready();
    block_in_place(|| app.await_words("synchronous_standby_names is empty", PATIENCE)).unwrap();
    let shown = metrics(&stack, &operators_of(&app)).await;
    let line = "flashsale_ledger_durability{asked=\"standby\"} 0";
    assert!(shown.lines().any(|it| it == line), "{shown}");
    assert!(!app.log().contains("the ledger takes writes"), "{}", app.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_connections_are_refused_with_how_many_are_needed() {
    let stack = Stack::prepare(Settings { by_hand: false, ..Settings::default() });

    let output = stack
        .command()
        .args(["serve", "--database-connections", "2", "--http-workers", "2"])
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("at least 3 are needed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_a_process_serves_in_session_mode_and_ends_in_transaction_mode() {
    let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::default() });
    let Place::Servers { database_url, .. } = stack.place() else { panic!("no Postgres here") };
    let database = database_url.rsplit('/').next().unwrap().to_owned();
    let pooler = |pooling| block_in_place(|| Pooler::to(stack.postgres(), pooling, 20)).unwrap();
    let (sessions, transactions) = (pooler(Pooling::Session), pooler(Pooling::Transaction));

    stack.set_env([("DATABASE_URL", transactions.url(&database))]);
    let output = stack.command().arg("serve").env("HTTP_ADDR", "127.0.0.1:0").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("a pooler in transaction mode"), "{said}");
    assert!(!said.contains("the ledger takes writes"), "{said}");

    stack.set_env([("DATABASE_URL", sessions.url(&database))]);
    stack.start_app().await;
    let sale = stack.sale().await;
    let held = stack.checkout("ann", sale).await;
    assert_eq!(stack.purchase(held.code()).await.name(), "ok");
}

/// What is wrong with a Redis is known before the first buyer comes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_redis_lacks_is_named_at_the_start_and_in_the_health() {
    let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::default() });
    let serving = block(RIGHTS, "acl serving");
    stack.tell_redis("CONFIG SET maxmemory-policy allkeys-lru").await;
    for lacking in ["+lpop", "+function|load", "+fcall"] {
        let redis =
            stack.redis_user("shop", &format!("-@all {}", serving.replace(lacking, ""))).await;
        stack.set_env([("REDIS_URL", redis)]);

        let app: Service = stack.start_app_unready();
        block_in_place(|| app.await_words("Redis refuses: its user ", PATIENCE)).unwrap();

        assert!(app.log().contains("maxmemory-policy to noeviction"), "{}", app.log());
        stack.apps = vec![app];
        let named = if lacking == "+fcall" { "docs/rights.md" } else { lacking };
        stack.until_health("/health", 503, "redis", named).await;
        stack.until_health("/health/ready", 200, "redis", named).await;
        stack.redis_user("shop", serving).await;
        stack.until_health("/health", 200, "redis", "up").await;
        stack.apps.clear();
    }
}
