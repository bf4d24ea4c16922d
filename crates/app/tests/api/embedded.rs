//! The service on a directory: what only it can do wrong.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use dev_servers::Program;
use sqlite_ledger::DataDir;
use tokio::task::{block_in_place, spawn_blocking};

use crate::{
    crowd::{Audit, Crowd, Log, Urls, assert_holds, audit, audit_sold_out},
    stack::{Kind, PATIENCE, Settings, Stack},
};

/// The binary in an empty directory, without any settings.
fn bare(dir: &tempfile::TempDir) -> Program {
    let keys = ["DATABASE_URL", "REDIS_URL", "DATA_DIR"];
    let program = Program::at(env!("CARGO_BIN_EXE_flashsale")).in_dir(dir.path());
    keys.into_iter().fold(program, Program::without_env)
}

#[tokio::test(flavor = "multi_thread")]
async fn told_nothing_it_serves_at_once_and_says_where_its_data_are_and_how_to_grow() {
    let dir = tempfile::tempdir().unwrap();

    let said = block_in_place(|| {
        let app = bare(&dir).start(&["serve"]).unwrap();
        app.await_ready(PATIENCE).unwrap();
        assert!(app.terminate().unwrap().success());
        app.log()
    });

    let data = dir.path().join("flashsale-data");
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let first: Vec<_> = said.lines().take(3).collect();
    assert!(first[0].contains(data.to_str().unwrap()) && first[0].contains("DATA_DIR"), "{said}");
    assert!(first[1].contains("DATABASE_URL and REDIS_URL"), "{said}");
    assert!(first[1].contains("flashsale import --from flashsale-data"), "{said}");
    assert!(first[2].contains("listening on "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_url_without_the_other_is_an_error_that_names_the_other() {
    for (set, missing) in [("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")] {
        for what in [&["serve"][..], &["audit"]] {
            let dir = tempfile::tempdir().unwrap();
            let output =
                block_in_place(|| bare(&dir).env(set, "x://y").command(what).output().unwrap());

            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success());
            assert!(said.contains(&format!("{set} is set, but {missing} is not")), "{said}");
            assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "nothing was made");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let stack = Stack::start(Settings::on(Kind::Embedded)).await;
    let sale = stack.sale().await;
    let held = stack.checkout("alice", sale).await;

    let second = block_in_place(|| {
        stack.command().arg("serve").env("HTTP_ADDR", "127.0.0.1:0").output().unwrap()
    });

    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("is in use by another process ("), "{said}");
    assert!(said.contains("set DATABASE_URL and REDIS_URL to run any number"), "{said}");
    assert_eq!(stack.purchase(held.code()).await.name(), "ok");
    assert_holds(&stack.audit());
}

/// Nobody serves, so each has the directory for as long as it acts.
#[tokio::test(flavor = "multi_thread")]
async fn commands_that_act_at_once_in_a_directory_wait_for_each_other() {
    let stack = Stack::prepare(Settings { by_hand: false, ..Settings::on(Kind::Embedded) });
    let schedule = ["sales", "schedule", "--starts-at", "2100-01-01T00:00:00Z", "--lasts", "1h"];
    stack.operate(&schedule);

    let acting: Vec<_> = (0..8)
        .map(|_| {
            let mut command = stack.command();
            command.args(schedule).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();

    for command in acting {
        let output = block_in_place(|| command.wait_with_output().unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(stack.operate(&["sales", "list"]).lines().count(), 1 + 9);
}

/// As a command has it while it acts.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_waits_for_a_command_that_has_its_directory() {
    let stack = Stack::prepare(Settings::on(Kind::Embedded));
    let in_service = DataDir::at(stack.data_dir()).serve().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let program = stack.program().log_to(log.path());
    let starting = spawn_blocking(move || {
        let app = program.start(&["serve"])?;
        app.await_ready(PATIENCE).map(|()| app)
    });
    let is_waiting = "waiting until that has acted";
    let said = || fs::read_to_string(log.path()).unwrap();
    stack.until("it waits", async |_| said().contains(is_waiting)).await;

    drop(in_service);

    let app = starting.await.unwrap().unwrap();
    block_in_place(|| app.kill()).unwrap();
}

/// It stands still, or has not come up yet: what it would do is not known, so nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_says_who_has_the_directory_and_takes_no_orders() {
    let stack = Stack::prepare(Settings::on(Kind::Embedded));
    let _in_service = DataDir::at(stack.data_dir()).serve().unwrap();

    let said = stack.refused(&["sales", "pause", "1"]);

    let who = format!("is in use by another process ({})", std::process::id());
    assert!(said.contains(&who) && said.contains("takes no orders"), "{said}");
    assert!(said.contains("Nothing was done"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_written_to_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();

    let mut command = bare(&dir).env("DATA_DIR", file.join("data")).command::<&str>([]);
    let output = block_in_place(|| command.output().unwrap());

    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("file/data") && said.contains("Not a directory"), "{said}");
}

/// As where a shop on servers has lost their address.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_servers_is_not_asked_of_a_directory() {
    for (setting, value) in
        [("LEDGER_DURABILITY", "standby"), ("DATABASE_CONNECTIONS", "2"), ("MIGRATE", "off")]
    {
        for command in [&["serve"][..], &["migrate"], &["sales", "list"]] {
            let dir = tempfile::tempdir().unwrap();

            let mut command = bare(&dir).env(setting, value).command(command);
            let output = block_in_place(|| command.output().unwrap());

            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            let refused = format!("{setting} is set, but DATABASE_URL is not");
            assert!(said.contains(&refused), "{said}");
            assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "nothing was made");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_end_the_start_with_a_sentence_and_make_nothing() {
    let blanks = tempfile::NamedTempFile::new().unwrap();
    fs::write(blanks.path(), " ".repeat(64)).unwrap();
    let blanks = blanks.path().to_str().unwrap();
    for (settings, sentence) in [
        (&[("RUST_LOG", "infoo")][..], "`infoo` is no level"),
        (&[("QUEUE_MAX", "0")], "must be a whole number from 1 to 1048576"),
        (&[("BUYER_SECRET_FILE", blanks)], "is nothing but blanks"),
        (&[("CORS_ORIGINS", "https://u:geheim@shop.example")], "names a user before a host"),
        (
            &[("HTTP_ADDR", "127.0.0.1:8099"), ("ADMIN_ADDR", "0.0.0.0:8099")],
            "operators need a port of their own",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let program = settings.iter().fold(bare(&dir), |it, (name, value)| it.env(name, value));

        let output = block_in_place(|| program.command(["serve"]).output().unwrap());

        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{settings:?}: {said}");
        assert!(said.contains(sentence), "{settings:?}: {said}");
        assert!(settings.iter().all(|(name, _)| said.contains(name)), "{settings:?}: {said}");
        assert!(!said.contains("geheim"), "{said}");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "nothing was made: {settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_not_there_is_not_made_by_an_audit() {
    let dir = tempfile::tempdir().unwrap();

    let output = block_in_place(|| bare(&dir).command(["audit"]).output().unwrap());

    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no ledger in flashsale-data"), "{said}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

/// Half of a crowd never redeems; the process is killed twice; audits go on all the while.
#[tokio::test(flavor = "multi_thread")]
async fn audits_of_a_busy_service_that_is_killed_find_nothing() {
    const STOCK: u32 = 2_000;
    let settings = Settings { stock: STOCK, hold_ttl: "500ms", ..Settings::on(Kind::Embedded) };
    let mut stack = Stack::start(settings).await;
    let urls = stack.apps.iter().map(|app| app.url().to_owned()).collect();
    let (urls, log): (Urls, Arc<Log>) = (Arc::new(RwLock::new(urls)), Arc::default());
    let sale = stack.sale().await;
    let crowd = Crowd { sale, users: 600, connections: 16, abandoned_percent: 50 };
    let rush = tokio::spawn({
        let (urls, log) = (Arc::clone(&urls), Arc::clone(&log));
        async move { crowd.buy(&urls, &log, &Arc::new(AtomicBool::new(false))).await }
    });

    let mut audits = 0;
    let mut kills = [STOCK / 3, STOCK / 2].map(u64::from).into_iter().peekable();
    while !rush.is_finished() {
        if kills.next_if(|&units| log.sold.load(Ordering::Relaxed) >= units).is_some() {
            block_in_place(|| stack.apps.remove(0).kill().unwrap());
            assert_holds(&stack.audit());
            stack.start_app().await;
            *urls.write().unwrap() = vec![stack.apps[0].url().to_owned()];
        }
        assert_holds(&stack.audit());
        audits += 1;
    }
    rush.await.unwrap();

    assert!(audits > 1, "the sale was over after {audits} audits");
    audit_sold_out(&stack, sale, STOCK.into(), 10);
    audit(&stack, sale, &log, true);
    println!("{audits} audits while {STOCK} units were sold");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_store_that_is_gone_with_its_process_is_not_said_to_hold() {
    let mut stack = Stack::start(Settings::on(Kind::Embedded)).await;
    let of_live_store = |audit: &Audit| {
        let invariants = audit.document["invariants"].as_array().unwrap().clone();
        let live = invariants
            .into_iter()
            .filter(|checked| checked["name"].as_str().unwrap().starts_with("live-"));
        live.map(|checked| checked["holds"].as_bool()).collect::<Vec<_>>()
    };
    let served = stack.audit();
    block_in_place(|| stack.apps.remove(0).terminate().unwrap());

    let (alone, said) = (stack.audit(), stack.operate(&["audit"]));

    assert_eq!(of_live_store(&served), [Some(true); 3]);
    assert_eq!(of_live_store(&alone), [None; 3]);
    assert_eq!(said.matches("not seen live-").count(), 3, "{said}");
    assert!(said.contains("was not looked at"), "{said}");
    // There is nothing else to look at, and that holds.
    assert_eq!((alone.code, &alone.document["ok"]), (Some(0), &true.into()));
}
