//! That nothing is taken as a proof of what the live store has but a look at it: units given back,
//! requests dropped, sales paused, stores that outlive each other.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_redis::redis;
use dev_servers::{Program, RedisServer, tied};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::{JoinSet, block_in_place},
};

use crate::{
    operators::{figure, metrics, watched_with},
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    whoever_gave_a_hold_back_gets_it_again_at_once
    requests_whose_clients_hang_up_hold_nothing
    after_a_pause_nothing_is_granted
    figures_say_for_good_that_a_sale_is_sold_out_and_only_then
}

/// Waits until a sale shows so many units as sold, on hold and free.
async fn shows(stack: &Stack, sale: i64, figures: [u64; 3]) {
    stack
        .until("the sale shows what was done", async |stack| {
            let shown = stack.get(&format!("/sales/{sale}")).await.body;
            ["sold", "held", "available"].map(|name| shown[name].as_u64()) == figures.map(Some)
        })
        .await;
}

/// `docs/decisions/20-sold-out.md`: what a page has of it, and that this does not go with the live store.
async fn figures_say_for_good_that_a_sale_is_sold_out_and_only_then(kind: Kind) {
    let settings = Settings { stock: 2, processes: 1, ..Settings::on(kind) };
    let mut stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    let [first, last] = [stack.checkout("ann", sale).await, stack.checkout("bob", sale).await];
    stack.purchase(first.code()).await;

    // What is on hold may come back, and does.
    shows(&stack, sale, [1, 1, 0]).await;
    stack.delete(&format!("/checkout?code={}", last.code())).await;
    shows(&stack, sale, [1, 0, 1]).await;
    let last = stack.checkout("cid", sale).await;
    stack.purchase(last.code()).await;
    shows(&stack, sale, [2, 0, 0]).await;

    if kind == Kind::Servers {
        block_in_place(|| stack.redis().flush_all().unwrap());
    } else {
        let stopped = block_in_place(|| stack.apps.remove(0).terminate().unwrap());
        assert!(stopped.success());
        stack.start_app().await;
    }
    let refused = stack
        .once("a request is answered", async |stack| {
            let answer = stack.checkout("dan", sale).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
    assert_eq!((refused.name(), refused.header("retry-after")), ("sold-out", None));
    shows(&stack, sale, [2, 0, 0]).await;
}

/// Over and over, on the one process that was told: the only unit, and the only slot.
async fn whoever_gave_a_hold_back_gets_it_again_at_once(kind: Kind) {
    let stack =
        Stack::start(Settings { stock: 1, per_user_limit: 1, processes: 1, ..Settings::on(kind) })
            .await;
    let sale = stack.sale().await;

    for round in 0..50 {
        let held = stack.checkout("ann", sale).await;
        assert_eq!(held.name(), "ok", "round {round}: {held:?}");
        assert_eq!(stack.checkout("bob", sale).await.name(), "sold-out");
        let given_back = stack.delete(&format!("/checkout?code={}", held.code())).await;
        assert_eq!(given_back.status, 204);
    }
}

/// Sends a request and hangs up, some microseconds later.
async fn hang_up(stack: &Stack, sale: i64, number: u64) {
    let mut socket = TcpStream::connect(stack.url().trim_start_matches("http://")).await.unwrap();
    // Closing it resets the connection, as a client that is killed does.
    socket.set_zero_linger().unwrap();
    let post = format!(
        "POST /checkout?user_id=user-{number}&id={sale} HTTP/1.1\r\nHost: shop\r\n\
         Content-Length: 0\r\n\r\n"
    );
    socket.write_all(post.as_bytes()).await.unwrap();
    block_in_place(|| std::thread::sleep(Duration::from_micros(number % 200 * 20)));
}

/// Clients that send a request and hang up, some at once and some a little later, until some were
/// given up half-way.
async fn requests_whose_clients_hang_up_hold_nothing(kind: Kind) {
    let (stack, url) = watched_with(Settings { stock: 10_000, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let given_back = "flashsale_upkeep_step_duration_seconds_count{step=\"reclaim\"}";
    let mut numbers = 0..;

    stack
        .until("what some held was given back", async |stack| {
            for number in numbers.by_ref().take(200) {
                hang_up(stack, sale, number).await;
            }
            figure(&metrics(stack, &url).await, given_back) >= Some(1.0)
        })
        .await;

    // Those that were answered keep what they got: nobody can tell that the answer was not read.
    let held = "SELECT count(*) FROM checkout_attempts WHERE state = 'held'";
    stack
        .until("every unit that is held is held by a code that was given out", async |stack| {
            let shown = stack.get(&format!("/sales/{sale}")).await;
            shown.body["held"].as_u64() == Some(stack.count(held))
                && shown.body["available"].as_u64() == Some(10_000 - stack.count(held))
        })
        .await;
}

async fn after_a_pause_nothing_is_granted(kind: Kind) {
    let stack = Arc::new(
        Stack::start(Settings { stock: 100_000, per_user_limit: 1_000, ..Settings::on(kind) })
            .await,
    );
    let sale = stack.sale().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for buyer in 0..8 {
        let (stack, is_over) = (Arc::clone(&stack), Arc::clone(&is_over));
        crowd.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                stack.checkout(&format!("buyer-{buyer}"), sale).await;
            }
        });
    }
    let granted = "SELECT count(*) FROM checkout_attempts WHERE outcome = 'granted'";
    stack.until("some are granted", async |stack| stack.count(granted) > 20).await;

    stack.operate(&["sales", "pause", &sale.to_string()]);
    let at_exit = stack.count(granted);
    stack
        .until("the crowd is told", async |stack| {
            stack.checkout("late", sale).await.name() == "sale-paused"
        })
        .await;

    is_over.store(true, Ordering::Relaxed);
    crowd.join_all().await;
    assert_eq!(stack.count(granted), at_exit);
    stack.operate(&["sales", "resume", &sale.to_string()]);
    stack
        .until("it goes on", async |stack| stack.checkout("late", sale).await.name() == "ok")
        .await;
}

/// Asks Redis for a word.
fn ask(stack: &Stack, words: &[&str]) -> String {
    block_in_place(|| {
        let client = redis::Client::open(stack.redis().url()).unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut client.get_connection().unwrap()).unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_outlived_its_ledger_is_passed_once_and_not_epoch_by_epoch() {
    let stack = Stack::start(Settings::default()).await;
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    // As after a restore: the ledger knows an older epoch than Redis has loaded, and Redis lost
    // what it had.
    stack.sql(&format!("UPDATE sales SET epoch = epoch + 5000 WHERE id = {sale}"));
    let key = format!("sale:{{{sale}}}");
    stack
        .until("Redis serves the epoch", async |stack| {
            ask(stack, &["HGET", &key, "epoch"]).parse::<i64>().unwrap() > 5_000
                && stack.checkout("ann", sale).await.name() == "ok"
        })
        .await;

    block_in_place(|| {
        stack.sql(&format!("UPDATE sales SET epoch = 2 WHERE id = {sale}"));
        stack.redis().flush_all().unwrap();
    });

    let is_served = async |stack: &Stack| stack.checkout("bob", sale).await.name() == "ok";
    stack.until("the sale is served again", is_served).await;
    let epoch = stack.count(&format!("SELECT epoch FROM sales WHERE id = {sale}"));
    assert!((5_001..5_010).contains(&epoch), "{epoch}");
}

/// Puts the ledger back to before Redis was loaded last.
pub(crate) async fn put_back(stack: &Stack, sale: i64) {
    stack.sql(&format!("UPDATE sales SET epoch = 5000 WHERE id = {sale}"));
    let key = format!("sale:{{{sale}}}");
    stack
        .until("Redis serves the epoch", async |stack| {
            ask(stack, &["HGET", &key, "epoch"]).parse::<i64>().unwrap() > 5_000
        })
        .await;
    stack.sql(&format!("UPDATE sales SET epoch = 2 WHERE id = {sale}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_ledger_sells_nothing_until_an_operator_accepts_it() {
    let stack = Stack::start(Settings::default()).await;
    let sale = stack.sale().await;
    let is_served = async |stack: &Stack| stack.checkout("ann", sale).await.name() == "ok";
    put_back(&stack, sale).await;

    for _ in 0..10 {
        let refused = stack.checkout("ann", sale).await;
        assert_eq!(refused.status, 503, "{refused:?}");
    }
    let says = stack.operate(&["sales", "accept-restore", &sale.to_string()]);

    assert!(says.contains("is served as the ledger has it"), "{says}");
    stack.until("it sells again", is_served).await;
    let again = stack.operate(&["sales", "accept-restore", &sale.to_string()]);
    assert!(again.contains("needs no accepting"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_accepted_once_however_often_and_by_however_many_that_is_said() {
    let stack = Stack::start(Settings::default()).await;
    let sale = stack.sale().await;
    let held = stack.checkout("ann", sale).await;
    let epoch = || stack.count(&format!("SELECT epoch FROM sales WHERE id = {sale}"));
    let number = sale.to_string();
    let accept = ["sales", "accept-restore", &number];
    put_back(&stack, sale).await;

    // What cannot be done is said, and nothing is.
    let unknown = stack.refused(&["sales", "accept-restore", "99"]);
    assert!(unknown.contains("there is no sale 99"), "{unknown}");
    block_in_place(|| stack.redis().pause().unwrap());
    let refused = stack.refused(&accept);
    block_in_place(|| stack.redis().resume().unwrap());
    assert!(refused.contains("not done"), "{refused}");
    assert_eq!(epoch(), 2, "it was accepted by nobody");

    // Two operators at once, of whom neither knows of the other.
    let both = [(); 2].map(|()| {
        let mut command = stack.command();
        command.args(accept).stdout(Stdio::piped()).stderr(Stdio::piped());
        block_in_place(|| tied::spawn(command).unwrap())
    });
    let said = both.map(|operator| {
        let output = block_in_place(|| operator.wait_with_output().unwrap());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        said
    });

    let is_done = |said: &String| said.contains("is served as the ledger has it");
    let is_known = |said: &String| said.contains("needs no accepting");
    assert!(said.iter().any(is_done), "{said:?}");
    assert!(said.iter().all(|said| is_done(said) || is_known(said)), "{said:?}");
    stack
        .until("it sells again", async |stack| stack.checkout("bob", sale).await.name() == "ok")
        .await;
    let accepted = epoch();
    assert!(accepted > 5_000, "{accepted}");
    let again = stack.operate(&accept);
    assert!(is_known(&again), "{again}");
    assert_eq!(epoch(), accepted, "saying it again changes nothing");
    assert_eq!(stack.purchase(held.code()).await.name(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_nothing_to_accept() {
    let stack = Stack::start(Settings::on(Kind::Embedded)).await;

    let refused = stack.refused(&["sales", "accept-restore", "1"]);

    assert!(refused.contains("begins anew with its process"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_ledger_that_lives_beside_its_original_is_given_another_identity() {
    let mut stack = Stack::start(Settings::default()).await;
    let identity = "SELECT identity FROM ledger_identity";
    let before = stack.sql(identity);
    let renew = |stack: &Stack| {
        let mut command = stack.command();
        block_in_place(|| command.args(["migrate", "--new-identity"]).output().unwrap())
    };
    stack.operate(&["migrate"]);
    assert_eq!(stack.sql(identity), before);

    let refused = renew(&stack);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("stop every process"), "{said}");
    assert!(said.contains("flashsale at "), "it does not say who serves: {said}");
    assert_eq!(stack.sql(identity), before);

    for app in stack.apps.drain(..) {
        block_in_place(|| app.terminate().unwrap());
    }
    // Until Postgres has noticed that they are gone.
    stack.until("it is renewed", async |stack| renew(stack).status.success()).await;
    assert_ne!(stack.sql(identity), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_that_were_handed_over_are_loaded_by_whoever_comes_next() {
    let stack = Stack::start(Settings::default()).await;
    let sale = stack.sale().await;
    let kept: Answer = stack.checkout("ann", sale).await;
    let epoch = format!("SELECT epoch FROM sales WHERE id = {sale}");
    let before = stack.count(&epoch);

    let says = stack.operate(&["sales", "hand-over"]);

    assert!(says.starts_with("1 sales: "), "{says}");
    // Whoever loads a sale raises its epoch; what was not forgotten is served as it was.
    let is_loaded = async |stack: &Stack| {
        stack.checkout("bob", sale).await.name() == "ok" && stack.count(&epoch) > before
    };
    stack.until("it is loaded and served again", is_loaded).await;
    assert_eq!(stack.purchase(kept.code()).await.name(), "ok");
}

/// Each process is told of its own live store. Whatever the two believe, the ledger lets each unit be
/// sold once, and it is said what is the matter.
#[tokio::test(flavor = "multi_thread")]
async fn two_live_stores_of_one_ledger_sell_nothing_twice_and_it_is_said() {
    let settings = Settings { stock: 40, per_user_limit: 1, processes: 1, ..Settings::default() };
    let mut stack = Stack::start(settings).await;
    let other_redis = block_in_place(|| RedisServer::start().unwrap());
    let other = Program::at(env!("CARGO_BIN_EXE_flashsale"))
        .env("DATABASE_URL", stack.database_url())
        .env("REDIS_URL", other_redis.url())
        .env("SALE_PERIOD", "off");
    stack.apps.push(block_in_place(|| other.start(&["serve"]).unwrap()));
    let sale = 1;

    let mut users = 0..;
    let sold_out = "SELECT count(*) = 40 FROM purchases";
    stack
        .until("all is sold", async |stack| {
            let held = stack.checkout(&format!("user-{}", users.next().unwrap()), sale).await;
            if held.name() == "ok" {
                stack.purchase(held.code()).await;
            }
            stack.sql(sold_out).trim() == "t"
        })
        .await;
    stack
        .until("it is said", async |stack| {
            stack.checkout("late", sale).await;
            stack.apps.iter().any(|app| app.log().contains("REDIS_URL must be the same for all"))
        })
        .await;

    let twice = "SELECT count(*) - count(DISTINCT unit) FROM purchases";
    assert_eq!(stack.count(twice), 0);
    assert_eq!(stack.sql("SELECT sum(sold) FROM sold_counts").trim(), "40");
}
