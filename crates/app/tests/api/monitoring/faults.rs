//! Each alert that a fault can provoke here, provoked: by that fault, under a service that sells, seen by a Prometheus
//! whose rules are ours but for their haste.
//!
//! The others are tried with made-up figures alone, for what they need is a file system, a failover or a crowd that has
//! its own tests: that connections are short, that clients are nearly too many, that lines of the log or answers are
//! lost, that processes are on different servers, and that the file of buyers' keys is of no use.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
};

use tokio::task::{JoinSet, block_in_place};

use super::{Watcher, replaced, rules::RULES};
use crate::{
    operators::{operators_of, watched_with},
    stack::{Kind, PATIENCE, Settings, Stack},
    standbys::with_standby,
};

/// A service that sells, and a Prometheus that finds all well.
async fn watched(settings: Settings) -> (Stack, Watcher) {
    let (stack, operators) = watched_with(settings).await;
    let watcher = Watcher::of(&operators);
    watcher.finds_all_well(&stack).await;
    (stack, watcher)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_lost_wakes_somebody_and_so_does_what_it_holds_up() {
    let (stack, watcher) = watched(Settings::default()).await;
    let sale = stack.sale().await;

    block_in_place(|| stack.redis().kill().unwrap());

    for alert in ["FlashsaleRedisLost", "FlashsaleCannotSell", "FlashsaleRequestsFailing"] {
        stack
            .until(&format!("{alert} fires"), async |stack| {
                stack.checkout("ann", sale).await;
                watcher.firing(stack).await.contains(alert)
            })
            .await;
    }
    watcher.until_fires(&stack, "FlashsaleUpkeepFailing").await;
    watcher.until_fires(&stack, "FlashsaleSweepBehind").await;
    let firing = watcher.firing(&stack).await;
    assert!(!firing.contains("FlashsaleLedgerLost") && !firing.contains("FlashsaleLedgerReadOnly"));

    block_in_place(|| stack.redis().start_again().unwrap());
    for alert in ["FlashsaleRedisLost", "FlashsaleCannotSell"] {
        watcher.until_is_over(&stack, alert).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_somebody_else_writes_to_or_empties_wakes_somebody() {
    let (stack, watcher) = watched(Settings::default()).await;
    let sale = stack.sale().await;

    // The time that a sale goes by, two seconds ahead; a unit that is nobody's any more.
    stack.tell_redis(&format!("HINCRBY sale:{{{sale}}} clock_offset 2000")).await;
    watcher.until_fires(&stack, "FlashsaleLiveClockApart").await;
    watcher.until_is_over(&stack, "FlashsaleLiveClockApart").await;
    stack.tell_redis(&format!("LPOP sale:{{{sale}}}:free")).await;
    watcher.until_fires(&stack, "FlashsaleDrift").await;

    stack
        .until("FlashsaleSalesLost fires", async |stack| {
            // Now and then the upkeep is there first.
            block_in_place(|| stack.redis().flush_all().unwrap());
            stack.checkout("ann", sale).await;
            watcher.firing(stack).await.contains("FlashsaleSalesLost")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_may_only_be_read_or_stands_still_wakes_somebody_and_so_do_full_queues() {
    let settings = Settings { own_postgres: true, processes: 1, ..Settings::default() };
    let mut stack = Stack::prepare(settings);
    let dir = tempfile::tempdir().unwrap();
    let tokens = dir.path().join("tokens");
    let made = stack.operate(&["tokens", "make", "ann", "operator"]);
    let line = made.lines().nth(1).unwrap().to_owned();
    fs::write(&tokens, &line).unwrap();
    let tokens_file = tokens.to_str().unwrap().to_owned();
    stack.set_env([("QUEUE_MAX", "4".to_owned()), ("ADMIN_TOKENS_FILE", tokens_file)]);
    stack.start_app().await;
    let watcher = Watcher::of(&operators_of(&stack.apps[0]));
    watcher.finds_all_well(&stack).await;
    let sale = stack.sale().await;
    let set = |to: &str| {
        stack.sql(&format!("ALTER SYSTEM SET default_transaction_read_only = {to}"));
        stack.sql("SELECT pg_reload_conf()");
    };

    set("on");
    watcher.until_fires(&stack, "FlashsaleLedgerReadOnly").await;
    set("off");
    watcher.until_is_over(&stack, "FlashsaleLedgerReadOnly").await;

    fs::write(&tokens, "ann operator no-digest\n").unwrap();
    watcher.until_fires(&stack, "FlashsaleOperatorTokensOutdated").await;
    fs::write(&tokens, &line).unwrap();
    watcher.until_is_over(&stack, "FlashsaleOperatorTokensOutdated").await;

    block_in_place(|| stack.postgres().pause().unwrap());
    let mut crowd = JoinSet::new();
    for user in 0..64 {
        let url = format!("{}/checkout?user_id=user-{user}&id={sale}", stack.url());
        crowd.spawn(stack.http.post(url).send());
    }
    watcher.until_fires(&stack, "FlashsaleQueueFull").await;
    watcher.until_fires(&stack, "FlashsaleLedgerLost").await;
    block_in_place(|| stack.postgres().resume().unwrap());
    watcher.until_is_over(&stack, "FlashsaleLedgerLost").await;
    drop(crowd);

    block_in_place(|| stack.apps[0].kill().unwrap());
    watcher.until_fires(&stack, "FlashsaleProcessGone").await;
}

/// Nobody can set the clock of a machine for a test, so the ledger's is another: seven seconds ahead.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_clock_is_not_the_ledgers_wakes_somebody() {
    let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::default() });
    stack.sql("ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO clock_of_old");
    stack.sql(
        "CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql \
         AS $$ SELECT pg_catalog.clock_of_old() + interval '7 s' $$",
    );
    stack.start_app().await;
    let watcher = Watcher::of(&operators_of(&stack.apps[0]));

    watcher.until_fires(&stack, "FlashsaleProcessClockApart").await;

    // By which clock sales go is the ledger's to say, so this is all that is amiss.
    assert_eq!(watcher.firing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_keeps_less_than_was_asked_wakes_somebody() {
    let (mut stack, standby) = with_standby();
    stack.start_app().await;
    let watcher = Watcher::of(&operators_of(&stack.apps[0]));
    watcher.finds_all_well(&stack).await;

    block_in_place(|| standby.kill().unwrap());
    watcher.until_fires(&stack, "FlashsaleNoStandby").await;
    assert!(!watcher.firing(&stack).await.contains("FlashsaleDurabilityLess"));

    // What nobody should do about it.
    stack.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    stack.sql("SELECT pg_reload_conf()");
    watcher.until_fires(&stack, "FlashsaleDurabilityLess").await;
}

/// Has a small file system in memory in the place of the directory, for this process alone: whoever is not root has
/// one in a namespace of their own.
const ON_A_SMALL_DISK: &str = "\
    [ \"$(id -u)\" = 0 ] && own='' || own=--map-root-user; \
    exec unshare $own --mount sh -c 'mount -t tmpfs -o size=64m disk \"$DATA_DIR\" && exec \"$0\" serve' \"$0\"";

/// Nobody has to have the right to mount, such as in a container. There the rule has another bound.
fn may_mount() -> bool {
    let script = "[ \"$(id -u)\" = 0 ] && own='' || own=--map-root-user; \
                  unshare $own --mount mount -t tmpfs disk /tmp 2>&1";
    Command::new("sh").args(["-c", script]).output().unwrap().status.success()
}

/// The rule with a bound that every disk is below.
fn of_any_disk() -> String {
    replaced(RULES, "disk_size_bytes < 0.1", "disk_size_bytes < 2")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_of_a_directory_that_is_nearly_full_wakes_somebody() {
    let settings = Settings { by_hand: false, sale_period: "1h", ..Settings::on(Kind::Embedded) };
    let mut stack = Stack::prepare(settings);
    if !may_mount() {
        stack.start_app().await;
        let watcher = Watcher::by_rules(&operators_of(&stack.apps[0]), &of_any_disk());
        watcher.until_fires(&stack, "FlashsaleLedgerDiskNearlyFull").await;
        return;
    }
    let app = stack.start_app_in_shell(ON_A_SMALL_DISK);
    block_in_place(|| app.await_ready(PATIENCE)).unwrap();
    let (watcher, pid) = (Watcher::of(&operators_of(&app)), app.pid().unwrap());
    stack.apps.push(app);
    watcher.finds_all_well(&stack).await;

    let seen_there = format!("/proc/{pid}/root{}/ballast", stack.data_dir().display());
    leave_little(Path::new(&seen_there));
    watcher.until_fires(&stack, "FlashsaleLedgerDiskNearlyFull").await;
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "ok", "it warns while there is time");

    fs::remove_file(seen_there).unwrap();
    watcher.until_is_over(&stack, "FlashsaleLedgerDiskNearlyFull").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_tokens_of_operators_wakes_somebody() {
    let (stack, operators) = watched_with(Settings::on(Kind::Embedded)).await;
    let watcher = Watcher::of(&operators);
    watcher.finds_all_well(&stack).await;

    stack
        .until("FlashsaleOperatorsGuessed fires", async |stack| {
            let look = stack.http.get(format!("{operators}/admin/sales"));
            look.bearer_auth("f".repeat(43)).send().await.unwrap();
            watcher.firing(stack).await.contains("FlashsaleOperatorsGuessed")
        })
        .await;
}

/// Fills the disk that this file is on until a twentieth of it is left.
fn leave_little(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    let chunk = vec![0; 1 << 18];
    loop {
        let disk = rustix::fs::statvfs(ballast).unwrap();
        if disk.f_bavail * 20 < disk.f_blocks {
            return;
        }
        file.write_all(&chunk).unwrap();
    }
}
