//! What an operator takes out of the ledger: all attempts and purchases of a sale.

mod hostile;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, ExitStatus, Stdio},
};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::task::block_in_place;

use crate::{
    admin::Shop,
    crowd::assert_holds,
    inspecting::masked,
    stack::{Kind, PATIENCE, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    an_export_has_every_row_and_no_code_that_can_be_redeemed
    an_export_that_is_interrupted_goes_on_with_the_next_row
    an_export_takes_no_more_memory_however_many_rows_there_are
    an_export_of_operators_takes_no_more_memory_of_the_service_however_many_rows_there_are
    a_sale_goes_on_while_it_is_exported
    an_export_of_what_is_not_there_is_refused
}

const HEADING: &str =
    "sale_id,attempted_at,user_id,outcome,code,unit,slot,state,expires_at,ended_at";

/// An export that is running.
struct Export {
    child: Child,
    rows: BufReader<ChildStdout>,
}

impl Stack {
    fn export(&self, arguments: &[&str]) -> Export {
        block_in_place(|| {
            let mut command = self.command();
            command.arg("export").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let rows = BufReader::new(child.stdout.take().unwrap());
            Export { child, rows }
        })
    }

    /// Everything that an export which comes to its end has written, and said.
    pub(crate) fn exported(&self, arguments: &[&str]) -> (String, String) {
        let (rows, said, status) = self.export(arguments).read_to_end();
        assert!(status.success(), "{status}: {said}");
        (rows, said)
    }

    /// The only sale.
    fn only_sale(&self) -> String {
        self.sql("SELECT id FROM sales").trim().to_owned()
    }

    /// Writes so many refusals into the ledger, a thousand of each moment; some of them are the same in
    /// all they have.
    pub(crate) fn record_refusals(&self, kind: Kind, sale: &str, rows: u32) {
        let sql = match kind {
            Kind::Servers => format!(
                "INSERT INTO checkout_attempts (sale_id, attempted_at, user_id, outcome)
                 SELECT {sale}, timestamptz '2026-11-26T20:00:00Z' + n / 1000 * interval '1 ms',
                     'user-' || n % 997, 'sold_out'
                 FROM generate_series(1, {rows}) AS n"
            ),
            Kind::Embedded => format!(
                "WITH RECURSIVE numbers (n) AS (
                     SELECT 1 WHERE {rows} > 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}
                 )
                 INSERT INTO checkout_attempts (sale_id, attempted_at, user_id, outcome)
                 SELECT {sale}, 1795723200000 + n / 1000, 'user-' || n % 997, 'sold_out'
                 FROM numbers"
            ),
        };
        self.sql(&sql);
    }
}

impl Export {
    fn line(&mut self) -> String {
        let mut line = String::new();
        block_in_place(|| self.rows.read_line(&mut line).unwrap());
        line
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The rest of the rows, what was said, and how it ended.
    fn read_to_end(mut self) -> (String, String, ExitStatus) {
        block_in_place(|| {
            let (mut rows, mut said) = (String::new(), String::new());
            self.rows.read_to_string(&mut rows).unwrap();
            self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            (rows, said, self.child.wait().unwrap())
        })
    }

    /// How many lines there are, and the most memory that was taken, in KiB.
    fn measure(mut self) -> (usize, u64) {
        let path = format!("/proc/{}/status", self.child.id());
        let (mut lines, mut peak_kib) = (0, 0);
        block_in_place(|| {
            let mut piece = vec![0; 1 << 16];
            loop {
                let read = self.rows.read(&mut piece).unwrap();
                if read == 0 {
                    break;
                }
                lines += memchr::memchr_iter(b'\n', &piece[..read]).count();
                // The most so far, as long as there is a process.
                let status = fs::read_to_string(&path).unwrap_or_default();
                peak_kib = peak_kib.max(peak_of(&status).unwrap_or_default());
            }
            assert!(self.child.wait().unwrap().success());
        });
        (lines, peak_kib)
    }
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many rows an export has written, by what it said.
fn counted(said: &str) -> &str {
    said.split(' ').next().unwrap()
}

/// Where an export goes on, by what it said.
fn cursor(said: &str) -> &str {
    let (_, after) = said.split_once("--after ").unwrap_or_else(|| panic!("{said}"));
    after.split_whitespace().next().unwrap()
}

async fn an_export_has_every_row_and_no_code_that_can_be_redeemed(kind: Kind) {
    let stack = Stack::start(Settings { stock: 3, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let held = stack.checkout("@SUM:A1", sale).await;
    let sold = stack.checkout("-2.ann", sale).await;
    let receipt = stack.purchase(sold.code()).await;
    let given_back = stack.checkout("bob", sale).await;
    stack.delete(&format!("/checkout?code={}", given_back.code())).await;
    let sale = sale.to_string();

    let (csv, said) = stack.exported(&["attempts", "--sale", &sale]);
    let (json, _) = stack.exported(&["attempts", "--sale", &sale, "--format", "ndjson"]);
    let (purchases, _) = stack.exported(&["purchases", "--sale", &sale]);

    let [heading, first, second, third] = csv.split_terminator("\r\n").collect::<Vec<_>>()[..]
    else {
        panic!("{csv}")
    };
    assert_eq!(heading, HEADING);
    let cells: Vec<_> = first.split(',').collect();
    assert_eq!((cells[2], cells[3], cells[7]), ("'@SUM:A1", "granted", "held"));
    assert_eq!(cells[4], masked(held.code()));
    assert_eq!(cells[8], held.body["expires_at"].as_str().unwrap());
    let cells: Vec<_> = second.split(',').collect();
    assert_eq!((cells[2], cells[4], cells[7]), ("'-2.ann", sold.code(), "sold"));
    let cells: Vec<_> = third.split(',').collect();
    assert_eq!((cells[4], cells[7]), (given_back.code(), "released"));
    assert!(said.starts_with("3 rows; that is all"), "{said}");
    assert!(
        !csv.contains(held.code()) && !json.contains(held.code()) && !said.contains(held.code())
    );

    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        rows.iter().map(|row| row["user_id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["@SUM:A1", "-2.ann", "bob"]
    );
    assert_eq!((&rows[1]["code"], &rows[0]["ended_at"]), (&sold.body["code"], &Value::Null));

    let bought: Vec<_> = purchases.split_terminator("\r\n").collect();
    assert_eq!(
        bought[0],
        "sale_id,purchased_at,user_id,code,unit,item_name,item_image,cancelled_at,reason"
    );
    let cells: Vec<_> = bought[1].split(',').collect();
    assert_eq!((bought.len(), cells[2], cells[3]), (2, "'-2.ann", sold.code()));
    assert_eq!(cells[1], receipt.body["purchased_at"].as_str().unwrap());
}

/// Stopped in the middle by a signal, and taken up again: together as if it had not been stopped.
async fn an_export_that_is_interrupted_goes_on_with_the_next_row(kind: Kind) {
    let stack = Stack::prepare(Settings::on(kind));
    let sale = stack.only_sale();
    stack.record_refusals(kind, &sale, 100_000);
    let arguments = ["attempts", "--sale", &sale];
    let (whole, _) = stack.exported(&arguments);

    for signal in [Signal::TERM, Signal::INT] {
        let mut export = stack.export(&arguments);
        let heading = export.line();
        // Nobody reads what it goes on to write, which is more than a pipe takes.
        export.signal(signal);
        let (first, said, status) = export.read_to_end();
        let (rest, _) = stack.exported(&[&arguments[..], &["--after", cursor(&said)]].concat());

        assert_eq!(status.code(), Some(130), "{said}");
        assert!(said.contains("there may be more"), "{said}");
        assert!(!rest.is_empty() && !first.is_empty());
        assert_eq!(first.lines().count().to_string(), counted(&said));
        assert!(heading + &first + &rest == whole, "{said}");
    }
}

async fn an_export_takes_no_more_memory_however_many_rows_there_are(kind: Kind) {
    const FEW: u32 = 20_000;
    const MANY: u32 = 400_000;
    let stack = Stack::prepare(Settings::on(kind));
    let sale = stack.only_sale();
    stack.record_refusals(kind, &sale, FEW);

    let (few, few_kib) = stack.export(&["attempts", "--sale", &sale]).measure();
    stack.record_refusals(kind, &sale, MANY - FEW);
    let (many, many_kib) = stack.export(&["attempts", "--sale", &sale]).measure();

    println!("{few} lines: {few_kib} KiB; {many} lines: {many_kib} KiB");
    assert_eq!((few, many), (20_001, 400_001));
    // The rows alone are some 30 MiB in the file, and several times that as values. SQLite keeps pages
    // of the ledger, 32 MiB at the most, and the few fill less.
    let cache_kib = match kind {
        Kind::Servers => 0,
        Kind::Embedded => 32 << 10,
    };
    assert!(many_kib <= few_kib + cache_kib + (8 << 10), "{few_kib} KiB, then {many_kib} KiB");
}

/// As operators take it, from the process that sells meanwhile.
async fn an_export_of_operators_takes_no_more_memory_of_the_service_however_many_rows_there_are(
    kind: Kind,
) {
    const FEW: u32 = 20_000;
    const MANY: u32 = 200_000;
    let shop = Shop::open(kind).await;
    let sale = shop.stack.only_sale();
    let path = format!("/proc/{}/status", shop.stack.apps[0].pid().unwrap());
    let measure = async || {
        let request = shop.request(Method::GET, &format!("/admin/sales/{sale}/attempts"));
        // Longer than any other answer takes, on a machine that has other work.
        let request = request.bearer_auth(&shop.bob.token).timeout(PATIENCE);
        let mut answer = request.send().await.unwrap();
        let mut lines = 0;
        while let Some(piece) = answer.chunk().await.unwrap() {
            lines += memchr::memchr_iter(b'\n', &piece).count();
        }
        (lines, peak_of(&fs::read_to_string(&path).unwrap()).unwrap())
    };

    shop.stack.record_refusals(kind, &sale, FEW);
    let (few, few_kib) = measure().await;
    shop.stack.record_refusals(kind, &sale, MANY - FEW);
    let (many, many_kib) = measure().await;

    println!("{few} lines: {few_kib} KiB; {many} lines: {many_kib} KiB");
    assert_eq!((few, many), (20_001, 200_001));
    // As of the command, and what goes on beside it.
    let cache_kib = match kind {
        Kind::Servers => 0,
        Kind::Embedded => 32 << 10,
    };
    assert!(many_kib <= few_kib + cache_kib + (8 << 10), "{few_kib} KiB, then {many_kib} KiB");
}

/// While the export waits for its reader, in mid-way, buyers do not.
async fn a_sale_goes_on_while_it_is_exported(kind: Kind) {
    let mut stack = Stack::prepare(Settings::on(kind));
    let sale = stack.only_sale();
    stack.record_refusals(kind, &sale, 100_000);
    stack.start_app().await;

    let mut export = stack.export(&["attempts", "--sale", &sale]);
    export.line();
    let hold = stack.checkout("ann", sale.parse().unwrap()).await;
    let receipt = stack.purchase(hold.code()).await;
    let released = stack.checkout("bob", sale.parse().unwrap()).await;
    let gone = stack.delete(&format!("/checkout?code={}", released.code())).await;
    let (rows, said, status) = export.read_to_end();

    assert_eq!((receipt.status, gone.status), (200, 204));
    assert!(status.success() && rows.lines().count() >= 100_000, "{said}");
    let (purchases, _) = stack.exported(&["purchases", "--sale", &sale]);
    assert_eq!(purchases.lines().count(), 2, "{purchases}");
    assert_holds(&stack.audit());
}

async fn an_export_of_what_is_not_there_is_refused(kind: Kind) {
    let stack = Stack::prepare(Settings::on(kind));
    let sale = stack.only_sale();
    let (empty, said) = stack.exported(&["attempts", "--sale", &sale]);
    let after = match kind {
        Kind::Servers => "attempts.1.m1.1",
        Kind::Embedded => "attempts.1.r1.1",
    };

    for (arguments, words) in [
        (vec!["attempts", "--sale", "77"], "there is no sale 77"),
        (vec!["attempts", "--sale", "0"], "whole number from 1"),
        (vec!["holds", "--sale", &sale], "attempts, purchases"),
        (vec!["attempts"], "--sale"),
        (vec!["attempts", "--sale", &sale, "--format", "xml"], "csv, ndjson"),
        (vec!["attempts", "--sale", &sale, "--after", "m1.1"], "no cursor of an export"),
        (vec!["attempts", "--sale", &sale, "--after", "purchases.1.m1.1"], "export of purchases"),
        (vec!["attempts", "--sale", "77", "--after", "attempts.1.m1.1"], "of sale 1"),
        (vec!["attempts", "--sale", &sale, "--after", "attempts.1.s1.1"], "of another list"),
        (vec!["attempts", "--sale", &sale, "--after", after], "no row where the cursor leads"),
        (vec!["attempts", "--sale", "1,2"], "whole number from 1"),
        (vec!["attempts", "--sale", "1\n"], "whole number from 1"),
    ] {
        let (rows, said, status) = stack.export(&arguments).read_to_end();
        assert!(!status.success() && rows.is_empty(), "{arguments:?}: {rows}");
        assert!(said.contains(words) && !said.contains("to go on"), "{arguments:?}: {said}");
    }
    assert_eq!((empty, said), (format!("{HEADING}\r\n"), "0 rows; that is all\n".to_owned()));
}
