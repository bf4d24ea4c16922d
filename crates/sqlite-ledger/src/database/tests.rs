//! What SQLite makes of the statements of the ports.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use domain::{
    CheckoutRefusal, Code, Item, SaleId, Unit,
    audit::{Findings, Invariant},
    ports::{Attempt, CodeRecord, Outcome, Redemption},
};
use refinery::Migration;
use rusqlite::StatementStatus;

use super::*;

/// The statements of the ports, by the names of their files.
fn statements() -> Vec<(String, String)> {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql")).unwrap();
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    let read = |path: PathBuf| {
        (path.display().to_string(), fs::read_to_string(path).unwrap().trim().to_owned())
    };
    paths.map(read).collect()
}

#[test]
fn no_migration_is_changed_or_removed_and_a_new_one_is_listed() {
    let of = |migration: &Migration| format!("{migration} {}", migration.checksum());
    let listed = include_str!("../../migrations/checksums.txt").lines().collect::<Vec<_>>();

    let mut present = schema::ours().get_migrations().clone();
    present.sort();

    assert_eq!(present.iter().map(of).collect::<Vec<_>>(), listed, "see migrations/README.md");
}

#[test]
fn no_statement_is_planned_again_for_other_values() {
    let database = Database::in_memory().unwrap();

    for (name, sql) in statements() {
        let mut statement = database.connection.prepare(&sql).unwrap();
        for value in [1, 2, 3] {
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, value).unwrap();
            }
            // What it does with such values does not matter.
            let _ = statement.raw_query().next();
        }

        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{name}");
    }
}

#[test]
fn no_record_makes_a_table_of_its_own() {
    let database = Database::in_memory().unwrap();
    let mut records = 0;

    for (name, sql) in statements() {
        if name.contains("record_") {
            let mut explain = database.connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
            let mut steps = explain.raw_query();
            while let Some(step) = steps.next().unwrap() {
                assert_ne!(step.get_ref("opcode").unwrap().as_str(), Ok("OpenEphemeral"), "{name}");
            }
            records += 1;
        }
    }

    assert_eq!(records, 5);
}

/// A sale in mid-run, as V1 has it, one that is closed, and one to come.
const A_LEDGER_OF_V1: &str = "
    INSERT INTO sales (id, starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock,
        per_user_limit, state, held, sold, first_attempt, first_purchase, filed)
    VALUES
        (3, 0, 1000, 100, 2, 5, 1500, 9, 2, 'closed', 0, 0, 1, 1, 1),
        (4, 1000, 2000, 100, 3, 1005, NULL, 9, 2, 'paused', 1, 1, 1, 1, 0),
        (7, 2000, 3000, 100, 0, NULL, NULL, 9, 2, 'active', 0, 0, 1, 1, 0);
    INSERT INTO checkout_attempts
        (sale_id, user_id, outcome, code, unit, slot, epoch, state, attempted_at, changed_at,
         expires_at)
    VALUES
        (4, 'ann', 'granted', x'00000000040080008000000000000001', 1, 0, 3, 'held', 1, 1, 9),
        (4, 'ann', 'granted', x'00000000040080008000000000000002', 2, 1, 3, 'sold', 1, 1, 9),
        (4, 'bob', 'sold_out', NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL);
    INSERT INTO purchases
        (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
    VALUES (4, 2, 1, 5, x'00000000040080008000000000000002', 'ann', 'Teapot', '/t');";

/// Every row there is, as V1 knew it.
fn rows_of_v1(database: &Database) -> Vec<String> {
    let rows = "
        SELECT concat_ws('|', 'sale', id, starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at,
            stock, per_user_limit, state, held, sold, first_attempt, first_purchase, filed)
        FROM sales
        UNION ALL
        SELECT concat_ws('|', 'attempt', id, sale_id, outcome, state, unit, slot, epoch,
            attempted_at, expires_at, changed_at, hex(code), user_id)
        FROM checkout_attempts
        UNION ALL
        SELECT concat_ws('|', 'purchase', id, sale_id, unit, slot, hex(code), user_id)
        FROM purchases";
    let mut rows = database.connection.prepare(rows).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// What of the file system a process leaves behind that is killed now.
fn copy(from: &DataDir, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// A ledger of V1 in `dir`, with sales in mid-run.
fn a_ledger_of_v1(dir: &DataDir) -> Database {
    dir.make().unwrap();
    let mut database = Database::connect(dir, OpenFlags::default()).unwrap();
    let to_v1 = schema::ours().set_target(refinery::Target::Version(1));
    to_v1.run(&mut database.connection).unwrap();
    database.connection.execute_batch(A_LEDGER_OF_V1).unwrap();
    database
}

#[test]
fn whoever_may_not_change_a_ledger_of_an_older_version_is_told_what_helps() {
    let home = tempfile::tempdir().unwrap();
    let dir = DataDir::at(home.path().join("data"));
    drop(a_ledger_of_v1(&dir));

    let refused = Database::open_existing(&dir).unwrap_err();

    assert!(matches!(refused, OpenError::Older { .. }), "{refused}");
    assert!(refused.to_string().contains("`flashsale migrate` brings it"), "{refused}");
    Database::open_to_serve(&dir).unwrap();
    Database::open_existing(&dir).unwrap();
}

#[test]
fn a_process_that_is_killed_while_it_migrates_leaves_one_version_or_the_other() {
    let home = tempfile::tempdir().unwrap();
    let dir = DataDir::at(home.path().join("data"));
    let mut database = a_ledger_of_v1(&dir);
    let rows = rows_of_v1(&database);
    // So that much of what is not committed is in the log.
    database.connection.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1").unwrap();

    let killed = Arc::new(Mutex::new(Vec::new()));
    database
        .connection
        .progress_handler(50, {
            let (killed, dir, home) = (killed.clone(), dir.clone(), home.path().to_owned());
            Some(move || {
                let mut killed = killed.lock().unwrap();
                let left = home.join(format!("killed_{}", killed.len()));
                copy(&dir, &left);
                killed.push(DataDir::at(left));
                false
            })
        })
        .unwrap();
    database.migrate().unwrap();
    database.connection.progress_handler(0, None::<fn() -> bool>).unwrap();
    let done = home.path().join("done");
    copy(&dir, &done);
    killed.lock().unwrap().push(DataDir::at(done));

    let mut versions = BTreeSet::new();
    let history = "SELECT max(version) FROM refinery_schema_history";
    for left in killed.lock().unwrap().iter() {
        let database = Database::connect(left, OpenFlags::default()).unwrap();
        let version: i64 = database.connection.query_row(history, [], |row| row.get(0)).unwrap();
        versions.insert(version);
        assert_eq!(rows_of_v1(&database), rows);

        let mut database = Database::open_to_serve(left).unwrap();

        assert_eq!(rows_of_v1(&database), rows);
        let salted = "SELECT count(DISTINCT salt) = count(*) FROM sales";
        assert!(database.connection.query_row(salted, [], |row| row.get::<_, bool>(0)).unwrap());
        let mut findings = Findings::default();
        database.read(UnixMillis(0), |tables| tables.check_schema(&mut findings)).unwrap();
        assert_eq!(findings.of(Invariant::SchemaStands).unwrap().rows(), [""; 0]);
    }
    let killed = killed.lock().unwrap().len();
    assert!(
        versions == BTreeSet::from([1, 2, 3, 4]) && killed > 20,
        "{killed} times, {versions:?}"
    );
}

/// Redeems a code of a sale that never was, as whoever looks at the ledger's health does.
fn look_at_health(database: &mut Database, at_ms: i64) {
    let sale = SaleId::try_from(SaleId::MAX).unwrap();
    let item = Item { name: String::new(), image: String::new(), product: None };
    let made_up = Redemption { code: Code::new(sale, 0), unit: Unit::try_from(1).unwrap(), item };
    let found = database.write(UnixMillis(at_ms), |tables| tables.redeem(&[made_up])).unwrap();
    assert_eq!(found, [CodeRecord::Unknown]);
}

#[test]
fn whether_an_idle_ledger_can_be_written_is_found_out_by_a_commit_and_no_more_than_once_a_second() {
    let home = tempfile::tempdir().unwrap();
    let dir = DataDir::at(home.path().join("data"));
    let mut database = Database::open_to_serve(&dir).unwrap();
    let other = Database::open_existing(&dir).unwrap();
    let mut before = other.version().unwrap();
    let mut has_written = || {
        let now = other.version().unwrap();
        std::mem::replace(&mut before, now) != now
    };
    let refused = Attempt {
        sale: SaleId::try_from(1).unwrap(),
        user: "ann".parse().unwrap(),
        outcome: Outcome::Refused(CheckoutRefusal::UnknownSale),
    };

    look_at_health(&mut database, 10_000);
    let idle = has_written();
    look_at_health(&mut database, 10_999);
    let again = has_written();
    look_at_health(&mut database, 11_000);
    let a_second_later = has_written();
    database.write(UnixMillis(20_000), |tables| tables.record(&[refused])).unwrap();
    assert!(has_written());
    look_at_health(&mut database, 20_999);
    let busy = has_written();

    assert_eq!((idle, again, a_second_later, busy), (true, false, true, false));
    database.write(UnixMillis(30_000), |tables| tables.check_owner(1)).unwrap();
}
