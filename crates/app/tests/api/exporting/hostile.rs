//! Exports of what has an odd name, to where it does not fit, for a reader who is gone.

use std::{
    fs::{self, File, OpenOptions},
    io::Read,
    os::unix::process::ExitStatusExt,
    process::Command,
    sync::Arc,
};

use rustix::process::Signal;
use serde_json::Value;
use tokio::task::{block_in_place, spawn_blocking};

use super::{Export, HEADING, counted, cursor};
use crate::{
    products::sale_of,
    stack::{BINARY, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_name_that_looks_like_a_formula_is_text_in_csv_and_itself_in_ndjson
    an_export_to_a_disk_that_is_full_says_so
    an_export_that_finds_no_more_room_ends_with_a_whole_row_and_goes_on
    an_export_whose_reader_is_gone_says_that_not_all_was_taken_out
}

const NAME: &str = "=HYPERLINK(\"http://evil.example\", \"a,b\");@SUM(1) \u{1f388}";

async fn a_name_that_looks_like_a_formula_is_text_in_csv_and_itself_in_ndjson(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    stack.operate(&["products", "put", "--sku", "odd", "--name", NAME]);
    let sale = sale_of(&stack, "odd");
    stack
        .until("the sale is served", async |stack| {
            stack.checkout("first", sale).await.status == 200
        })
        .await;
    let held = stack.checkout("-1:@x", sale).await;
    let receipt = stack.purchase(held.code()).await;
    let name = receipt.body["item"]["name"].as_str().unwrap();
    assert!(name.starts_with(NAME), "{name}");
    let sale = sale.to_string();

    let (csv, _) = stack.exported(&["purchases", "--sale", &sale]);
    let (json, _) = stack.exported(&["purchases", "--sale", &sale, "--format", "ndjson"]);

    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let row = rows.records().next().unwrap().unwrap();
    let as_text = format!("'{name}").replace(";@", ";'@");
    assert_eq!((&row[2], &row[5]), ("'-1:@x", &*as_text));
    assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{row:?}");
    let row: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(row["item_name"], receipt.body["item"]["name"]);
    assert_eq!(row["user_id"], "-1:@x");
}

async fn an_export_to_a_disk_that_is_full_says_so(kind: Kind) {
    let stack = Stack::prepare(Settings::on(kind));
    let sale = stack.only_sale();

    for rows in [0, 5] {
        stack.record_refusals(kind, &sale, rows);
        for format in ["csv", "ndjson"] {
            let arguments = ["export", "attempts", "--sale", &sale, "--format", format];
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            let output =
                block_in_place(|| stack.command().args(arguments).stdout(full).output().unwrap());

            let said = String::from_utf8(output.stderr).unwrap();
            if (rows, format) == (0, "ndjson") {
                // There is nothing to write.
                assert!(output.status.success(), "{said}");
                continue;
            }
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.starts_with("0 rows; there may be more\n"), "{said}");
            assert!(said.contains("No space left on device"), "{said}");
        }
    }
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut look_up = stack.command();
    look_up.args(["users", "show", "user-1"]).stdout(full);
    assert_eq!(block_in_place(|| look_up.output().unwrap().status.code()), Some(1));
}

/// The file may be no larger, which is a full disk to whoever writes.
async fn an_export_that_finds_no_more_room_ends_with_a_whole_row_and_goes_on(kind: Kind) {
    const ROWS: u32 = 50_000;
    let stack = Stack::prepare(Settings::on(kind));
    let sale = stack.only_sale();
    stack.record_refusals(kind, &sale, ROWS);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("attempts.csv");
    let arguments = ["export", "attempts", "--sale", &sale];
    let (whole, _) = stack.exported(&arguments[1..]);

    // A mebibyte, in halves of a kibibyte; a signal that nobody minds.
    let script = "ulimit -f 2048; trap '' XFSZ; exec \"$0\" \"$@\"";
    let in_shell = stack.program_at("/bin/sh").command(["-c", script, BINARY]);
    let said = exported_to(in_shell, &arguments, File::create(&path).unwrap());
    let first = fs::read_to_string(&path).unwrap();
    let more = OpenOptions::new().append(true).open(&path).unwrap();
    let on = [&arguments[..], &["--after", cursor(&said)]].concat();
    exported_to(stack.command(), &on, more);

    assert!(said.contains("File too large"), "{said}");
    assert!(said.contains("ends with the last of these rows"), "{said}");
    assert!(first.ends_with("\r\n") && first.len() < whole.len());
    assert_eq!((first.lines().count() - 1).to_string(), counted(&said));
    assert!(fs::read_to_string(&path).unwrap() == whole, "{said}");
}

/// What an export into a file says.
fn exported_to(mut command: Command, arguments: &[&str], file: File) -> String {
    let output = block_in_place(|| command.args(arguments).stdout(file).output().unwrap());
    String::from_utf8(output.stderr).unwrap()
}

async fn an_export_whose_reader_is_gone_says_that_not_all_was_taken_out(kind: Kind) {
    let stack = Stack::prepare(Settings::on(kind));
    let sale = stack.only_sale();
    stack.record_refusals(kind, &sale, 100_000);

    let mut export = stack.export(&["attempts", "--sale", &sale]);
    let heading = export.line();
    let Export { mut child, rows } = export;
    drop(rows);
    let mut said = String::new();
    let status = block_in_place(|| {
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        child.wait().unwrap()
    });

    assert_eq!(heading.trim_end(), HEADING);
    assert_eq!((status.code(), status.signal()), (Some(1), None), "{said}");
    assert!(said.contains("closed the pipe"), "{said}");
    // Which rows were read nobody knows, so there is nowhere to go on.
    assert!(!said.contains("--after"), "{said}");
}

/// While it sorts, the server writes nothing, and so would not notice. Here it waits for a lock instead.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_no_work_for_an_export_that_was_interrupted() {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    const LOCK: &str = "SET application_name = 'in the way'; BEGIN;
         LOCK TABLE checkout_attempts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)";
    const IS_LOCKED: &str = "SELECT count(*) FROM pg_locks WHERE granted
         AND mode = 'AccessExclusiveLock' AND relation = 'checkout_attempts'::regclass";
    const UNLOCK: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'in the way'";
    let stack = Arc::new(Stack::prepare(Settings::on(Kind::Servers)));
    let (sale, database) = (stack.only_sale(), stack.sql("SELECT current_database()"));
    let locked = spawn_blocking({
        let stack = Arc::clone(&stack);
        move || stack.postgres().psql(database.trim(), LOCK)
    });
    stack.until("the table is locked", async |stack| stack.count(IS_LOCKED) == 1).await;

    let export = stack.export(&["attempts", "--sale", &sale]);
    stack.until("the server is at work", async |stack| stack.count(WAITING) == 1).await;
    export.signal(Signal::INT);
    let (rows, said, status) = export.read_to_end();
    stack.until("the server is idle", async |stack| stack.count(WAITING) == 0).await;

    assert_eq!(stack.count(IS_LOCKED), 1, "it was not the lock that ended it");
    assert_eq!((status.code(), rows.as_str()), (Some(130), ""));
    assert_eq!(said, "0 rows; there may be more\n");
    stack.sql(UNLOCK);
    assert!(locked.await.unwrap().is_err(), "the lock was held to the end");
}
