//! `flashsale audit` and the live store: what is wrong with it is named, and what only looks so
//! while the service runs is not.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicBool, Ordering},
};

use deadpool_redis::redis;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::{
    audit::assert_broken,
    crowd::{Crowd, Log, Urls, assert_holds},
    stack::{Settings, Stack},
};

/// A sale of five units, of which ann holds 1 and has bought 2. The process that served it is
/// gone, so nobody mends what is broken.
async fn an_abandoned_sale() -> Stack {
    let settings = Settings { stock: 5, per_user_limit: 2, processes: 1, ..Settings::default() };
    let mut stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("ann", sale).await.unit(), 1);
    let bought = stack.checkout("ann", sale).await;
    assert_eq!(stack.purchase(bought.code()).await.unit(), 2);
    let settled = "GET sale:{1}:total";
    stack.until("the sale is settled", async |stack| stack.ask_redis(settled).await == "1").await;
    block_in_place(|| stack.apps.remove(0).terminate().unwrap());
    assert_holds(&stack.audit());
    stack
}

impl Stack {
    /// What Redis replies to a command, whose words are divided by blanks.
    async fn ask_redis(&self, command: &str) -> String {
        let client = redis::Client::open(self.redis().url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            asked.arg(word);
        });
        let reply: redis::Value = asked.query_async(&mut connection).await.unwrap();
        redis::from_redis_value(reply).unwrap_or_default()
    }

    /// Settles a code behind the ledger's back, as no process of the service would.
    async fn settle(&self, code: &str, verdict: &str) {
        // Of unit 1, which is the one on hold.
        let unit = if verdict == "free" { "-" } else { "1" };
        let keys = ["", ":total", ":free", ":holds", ":codes", ":users"];
        let keys = keys.map(|key| format!("sale:{{1}}{key}")).join(" ");
        let ledger = self.ask_redis("HGET sale:{1} ledger").await;
        let command =
            format!("FCALL flashsale_v4_settle 6 {keys} {code} {verdict} 0 {unit} {ledger}");
        assert_eq!(self.ask_redis(&command).await, "settled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_contradicts_itself_in_redis_is_named() {
    let stack = an_abandoned_sale().await;
    let code = stack.sql("SELECT code FROM checkout_attempts WHERE state = 'held'");
    let code = code.trim();
    let stranger = "00000000-0100-8000-8000-000000000009";

    for (wrong, right, row) in [
        ("INCR K:total", "DECR K:total", "3 units free, 1 on hold and 2 sold are not 5"),
        ("INCR K:total", "DECR K:total", "2 units are sold, 1 slots bought"),
        ("RPUSH K:free 3", "RPOP K:free", "unit 3 is free and free"),
        ("RPUSH K:free 6", "RPOP K:free", "unit 6 of 5 is free"),
        ("RPUSH K:free x", "RPOP K:free", "a free unit is \"x\""),
        (
            &format!("ZREM K:holds {code}"),
            &format!("ZADD K:holds 9999999999999 {code}"),
            "unit 1 is on hold and never due",
        ),
        (
            &format!("ZADD K:holds 1 {stranger}"),
            &format!("ZREM K:holds {stranger}"),
            "nothing is on hold, but will be due: Code(000000000100..)",
        ),
        ("HSET K:users bob h", "HDEL K:users bob", "slot 0 of bob is marked held, without a hold"),
        ("HSET K:users bob ..", "HDEL K:users bob", "HOLDS"),
        ("HSET K:users bob ...", "HDEL K:users bob", "bob has 3 of 2 slots"),
        ("HSET K:users bob ?", "HDEL K:users bob", "slot 0 of bob is marked '?'"),
        ("HSET K:codes nonsense x", "HDEL K:codes nonsense", "a code: must be a UUID"),
        ("EXPIRE K:codes 3600", "PERSIST K:codes", "a key: expires by itself"),
        (
            "CONFIG SET maxmemory-policy allkeys-lru",
            "CONFIG SET maxmemory-policy noeviction",
            "maxmemory-policy: allkeys-lru",
        ),
        ("HDEL K clock_offset", "HSET K clock_offset 0", "the function that serves it"),
        ("APPEND K:total x", "SET K:total 1", "the counter of sold units is \"1x\""),
    ] {
        stack.ask_redis(&wrong.replace('K', "sale:{1}")).await;
        let audit = stack.audit();
        if row == "HOLDS" {
            assert_holds(&audit);
        } else {
            assert_broken(&audit, &[("live-whole", row)]);
        }
        stack.ask_redis(&right.replace('K', "sale:{1}")).await;
    }
    assert_holds(&stack.audit());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_redis_frees_on_its_own_word_is_named() {
    let stack = an_abandoned_sale().await;
    let code = stack.sql("SELECT code FROM checkout_attempts WHERE state = 'held'");

    stack.settle(code.trim(), "free").await;

    let audit = stack.audit();
    for row in [
        "unit 1 is free on the live store, but live for ann: Code(0000000001",
        "slot 0 of ann is free on the live store, but live: Code(0000000001",
        "unit 1 is held for ann, but not on the live store: Code(0000000001",
    ] {
        assert_broken(&audit, &[("live-agrees", row)]);
    }
    assert!(!audit.document.to_string().contains(code.trim()), "a code is a secret: {audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_redis_sells_on_its_own_word_is_named() {
    let stack = an_abandoned_sale().await;
    let code = stack.sql("SELECT code FROM checkout_attempts WHERE state = 'held'");

    stack.settle(code.trim(), "sold").await;

    let audit = stack.audit();
    for row in [
        "unit 1 is neither free nor held on the live store, and not sold",
        "slot 0 of ann is bought on the live store only",
    ] {
        assert_broken(&audit, &[("live-agrees", row)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_went_back_is_named() {
    let settings = Settings { processes: 1, ..Settings::default() };
    let mut stack = Stack::start(settings).await;
    let is_served = async |stack: &Stack| stack.ask_redis("EXISTS sale:{1}").await == "1";
    stack.until("the sale is served", is_served).await;
    block_in_place(|| stack.apps.remove(0).terminate().unwrap());

    stack.sql("UPDATE sales SET epoch = epoch - 1");

    let row = "sale 1: the live store serves epoch 1, the ledger is at 0: the ledger has lost data";
    assert_broken(&stack.audit(), &[("live-epoch-issued", row)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_cannot_be_compared_is_noted() {
    let stack = an_abandoned_sale().await;

    stack.sql("UPDATE sales SET epoch = epoch + 1");
    let behind = stack.audit();
    stack.ask_redis("FLUSHALL").await;
    let flushed = stack.audit();
    stack.ask_redis("FUNCTION FLUSH").await;
    let without_library = stack.audit();

    for (audit, note) in [
        (behind, "sale 1 is being rebuilt: the live store serves epoch 1, the ledger is at 2"),
        (flushed, "sale 1 is not served"),
        (without_library, "sale 1 is not served"),
    ] {
        assert_holds(&audit);
        assert!(audit.document["notes"][0].as_str().unwrap().starts_with(note), "{audit:#?}");
    }
    assert_eq!(stack.ask_redis("FUNCTION LIST").await, "", "an audit changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_leaves_unknown_what_it_keeps() {
    let settings = Settings { own_postgres: true, ..Settings::default() };
    let stack = Stack::prepare(settings);
    block_in_place(|| stack.redis().kill().unwrap());
    let without_redis = stack.audit();
    block_in_place(|| stack.postgres().kill().unwrap());
    let without_postgres = stack.audit();

    for (audit, unknown) in [(without_redis, 3), (without_postgres, 15)] {
        assert_eq!((audit.code, &audit.document["ok"]), (Some(2), &Value::Bool(false)));
        let invariants = audit.document["invariants"].as_array().unwrap();
        let holds =
            |holds: Value| invariants.iter().filter(|checked| checked["holds"] == holds).count();
        assert_eq!((holds(Value::Null), holds(true.into())), (unknown, 15 - unknown), "{audit:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breach_counts_for_more_than_a_store_that_is_down() {
    let stack = Stack::prepare(Settings::default());
    block_in_place(|| stack.redis().kill().unwrap());
    stack.sql("INSERT INTO sold_counts (sale_id, writer, sold) VALUES (1, 1, 1)");

    assert_broken(&stack.audit(), &[("sold-counted", "1 counted, 0 purchases")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sale_is_audited_by_its_number() {
    let stack = Stack::prepare(Settings::default());
    let wrong = "INSERT INTO sold_counts (sale_id, writer, sold) VALUES (7, 1, 1)";
    stack.sql(wrong);
    let audit = |sale: &'static str| {
        let mut command = stack.command();
        command.args(["audit", "--sale", sale]);
        block_in_place(|| command.output().unwrap())
    };

    let (first, none) = (audit("1"), audit("7"));

    let said = String::from_utf8_lossy(&first.stdout);
    assert_eq!(first.status.code(), Some(0), "{said}");
    assert!(said.contains("holds    sold-counted "), "{said}");
    assert!(said.contains("note     sale 1 is not served"), "{said}");
    let said = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no sale 7; `flashsale sales list` shows them"), "{said}");
}

/// Two processes sell to a crowd, half of which never redeems; Redis is flushed twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_breaks_nothing() {
    const STOCK: u32 = 3_000;
    let stack = Stack::start(Settings { stock: STOCK, hold_ttl: "500ms", ..Settings::default() });
    let stack = stack.await;
    let urls = stack.apps.iter().map(|app| app.url().to_owned()).collect();
    let (urls, log): (Urls, Arc<Log>) = (Arc::new(RwLock::new(urls)), Arc::default());
    let sale = stack.sale().await;
    let crowd = Crowd { sale, users: 900, connections: 16, abandoned_percent: 50 };
    let rush = tokio::spawn({
        let (urls, log) = (Arc::clone(&urls), Arc::clone(&log));
        async move { crowd.buy(&urls, &log, &Arc::new(AtomicBool::new(false))).await }
    });

    let mut audits = 0;
    let mut flushes = [STOCK / 3, STOCK / 2].map(u64::from).into_iter().peekable();
    while !rush.is_finished() {
        let sold = log.sold.load(Ordering::Relaxed);
        if flushes.next_if(|&units| sold >= units).is_some() {
            block_in_place(|| stack.redis().flush_all().unwrap());
        }
        assert_holds(&stack.audit());
        audits += 1;
    }
    rush.await.unwrap();

    assert!(audits > 0, "the sale was over before the first audit");
    assert_holds(&stack.audit());
    println!("{audits} audits while {STOCK} units were sold");
}
