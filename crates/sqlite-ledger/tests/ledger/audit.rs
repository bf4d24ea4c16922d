//! What is wrong with a ledger is named, and nothing else.

use domain::{
    UnixMillis,
    audit::{Findings, Invariant},
};
use sqlite_ledger::Database;

/// A sale with one attempt of each kind: unit 1 is held by ann, 2 is sold to her, 3 was held by bob,
/// and there is a tombstone. And a closed sale with a unit sold, whose codes are filed.
const A_SHOP: &str = "
    INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, epoch, held, sold,
        state, closed_at, filed, first_attempt, first_purchase)
    VALUES
        (1000, 2000, 100, 5, 2, 1, 1, 1, 'active', NULL, 0, 2, 2),
        (100, 200, 100, 5, 2, 2, 0, 1, 'closed', 300, 1, 1, 1);
    INSERT INTO checkout_attempts
        (sale_id, user_id, outcome, code, unit, slot, epoch, state, attempted_at, changed_at,
         expires_at)
    VALUES
        (2, 'ann', 'granted', x'00000000020080008000000000000001', 1, 0, 1, 'sold', 150, 160, 250),
        (1, 'ann', 'granted', x'00000000010080008000000000000001', 1, 0, 1, 'held', 1, 1, 9000),
        (1, 'ann', 'granted', x'00000000010080008000000000000002', 2, 1, 1, 'sold', 1, 5, 9000),
        (1, 'bob', 'granted', x'00000000010080008000000000000003', 3, 0, 1, 'expired', 1, 5, 9),
        (1, NULL, NULL, x'00000000010080008000000000000004', NULL, NULL, NULL, 'void', 1, NULL, NULL),
        (1, 'cid', 'sold_out', NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL);
    INSERT INTO purchases
        (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
    VALUES
        (2, 1, 0, 160, x'00000000020080008000000000000001', 'ann', 'Kite', '/k'),
        (1, 2, 1, 5, x'00000000010080008000000000000002', 'ann', 'Teapot', '/t');
    INSERT INTO codes VALUES (x'00000000020080008000000000000001', 1, 1);";

/// A hold of a new code by these columns: user, unit, slot, epoch, state and when it is due.
fn hold(columns: &str) -> String {
    format!(
        "INSERT INTO checkout_attempts
            (sale_id, outcome, attempted_at, changed_at, code, user_id, unit, slot, epoch, state,
             expires_at)
         VALUES (1, 'granted', 1, 1, x'00000000010080008000000000000009', {columns});
         UPDATE sales SET held = (
            SELECT count(*) FROM checkout_attempts WHERE sale_id = sales.id AND state = 'held'
         )"
    )
}

fn a_ledger() -> Database {
    let database = Database::in_memory().unwrap();
    database.connection().execute_batch(A_SHOP).unwrap();
    database
}

/// Does something that the triggers and constraints refuse. Afterwards they are in force again.
fn behind_the_rules(database: &Database, sql: &str) {
    let connection = database.connection();
    let triggers = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let triggers: Vec<(String, String)> = connection
        .prepare(triggers)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    connection.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
    connection.execute_batch(sql).unwrap();
    connection.execute_batch("PRAGMA ignore_check_constraints = OFF").unwrap();
    for (_, trigger) in &triggers {
        connection.execute_batch(trigger).unwrap();
    }
}

fn findings(database: &mut Database) -> Findings {
    let mut findings = Findings::default();
    database
        .read(UnixMillis(100_000), |tables| {
            tables.check(None, &mut findings)?;
            findings.check(Invariant::HoldsEnd, tables.late_holds(None, 30_000)?);
            Ok(())
        })
        .unwrap();
    findings
}

/// These invariants are broken, with such a row, and no other.
fn assert_broken(database: &mut Database, expected: &[(Invariant, &str)]) {
    let findings = findings(database);
    let of_the_ledger =
        Invariant::ALL.into_iter().filter(|invariant| !invariant.needs_live_store());
    let broken: Vec<_> = of_the_ledger
        .filter(|&invariant| findings.of(invariant).expect("it was checked").count() > 0)
        .collect();
    let expected_names: Vec<_> = expected.iter().map(|&(invariant, _)| invariant).collect();
    assert_eq!(broken, expected_names, "{findings:#?}");
    for (invariant, row) in expected {
        let rows = findings.of(*invariant).unwrap().rows();
        assert!(rows.iter().any(|told| told.contains(row)), "{row} is not among {rows:#?}");
    }
}

#[test]
fn a_ledger_that_is_in_order_breaks_nothing_but_that_nobody_ends_its_hold() {
    assert_broken(
        &mut a_ledger(),
        &[(Invariant::HoldsEnd, "sale 1: unit 1 of ann was due at 1970")],
    );
}

use Invariant::{
    ClosedHoldNothing, CodesOnce, EpochsIssued, RecordsWhole, SlotsLiveOnce, SoldCounted,
    SoldHasReceipt, UnitsLiveOnce, WindowsApart, WithinTerms,
};

/// What is done to a ledger that is in order, the invariant that it breaks, and a row that tells
/// so. HOLD makes a hold of a new code by these columns.
const WRONGS: &[(&str, Invariant, &str)] = &[
    ("HOLD 'bob', 1, 1, 1, 'held', 99999", UnitsLiveOnce, "sale 1: unit 1 is live 2 times"),
    ("HOLD 'ann', 4, 0, 1, 'held', 99999", SlotsLiveOnce, "sale 1: slot 0 of ann is live 2 times"),
    ("HOLD 'cid', 6, 0, 1, 'held', 99999", WithinTerms, "sale 1: unit 6 of 5, slot 0 of 2 for cid"),
    ("HOLD 'cid', 4, 2, 1, 'held', 99999", WithinTerms, "sale 1: unit 4 of 5, slot 2 of 2 for cid"),
    (
        "UPDATE purchases SET product_version = 9 WHERE sale_id = 1",
        RecordsWhole,
        "sale 1: unit 2 was sold as version 9",
    ),
    (
        "UPDATE sales SET stock = 2 WHERE id = 1",
        WithinTerms,
        "sale 1: unit 3 of 2, slot 0 of 2 for bob",
    ),
    (
        "UPDATE checkout_attempts SET state = 'sold', changed_at = 5 WHERE id = 2;
             UPDATE sales SET held = 0 WHERE id = 1",
        SoldHasReceipt,
        "code 00000000-0100..: sold is unit 1, slot 0 of ann, bought is nothing like it",
    ),
    (
        "INSERT INTO purchases
             (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
             VALUES (1, 3, 0, 1, x'00000000010080008000000000000003', 'bob', 'Teapot', '/t');
             UPDATE sales SET sold = 2 WHERE id = 1",
        SoldHasReceipt,
        "code 00000000-0100..: sold is nothing like it, bought is unit 3, slot 0 of bob",
    ),
    (
        "UPDATE purchases SET unit = 4 WHERE id = 2",
        SoldHasReceipt,
        "sold is unit 2, slot 1 of ann, bought is unit 4, slot 1 of ann",
    ),
    (
        "INSERT INTO purchases
             (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
             VALUES (1, 4, 0, 1, x'00000000010080008000000000000002', 'ann', 'Teapot', '/t');
             UPDATE sales SET sold = 2 WHERE id = 1",
        SoldHasReceipt,
        "sold is nothing like it, bought is unit 4, slot 0 of ann",
    ),
    (
        "INSERT INTO purchases
             (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
             VALUES (1, 4, 0, 1, x'00000000010080008000000000000002', 'ann', 'Teapot', '/t'),
                (1, 5, 0, 1, x'00000000010080008000000000000002', 'bob', 'Teapot', '/t');
             UPDATE sales SET sold = 3 WHERE id = 1",
        SoldHasReceipt,
        "sold is nothing like it, bought is 2 times",
    ),
    (
        "UPDATE purchases SET cancelled_at = 5, cancel_reason = 'a return' WHERE id = 2;
             UPDATE sales SET sold = 0 WHERE id = 1",
        SoldHasReceipt,
        "sold is unit 2, slot 1 of ann, bought is unit 2, slot 1 of ann, cancelled",
    ),
    (
        "UPDATE checkout_attempts SET state = 'cancelled' WHERE state = 'sold' AND sale_id = 1",
        SoldHasReceipt,
        "sold is unit 2, slot 1 of ann, cancelled, bought is unit 2, slot 1 of ann",
    ),
    (
        "UPDATE checkout_attempts SET state = 'cancelled' WHERE state = 'sold' AND sale_id = 1;
             UPDATE purchases SET cancelled_at = 5, cancel_reason = 'a return' WHERE id = 2",
        SoldCounted,
        "1 counted, 0 purchases",
    ),
    (
        "UPDATE checkout_attempts SET state = 'cancelled' WHERE state = 'sold' AND sale_id = 1;
             UPDATE purchases SET cancelled_at = 5 WHERE id = 2;
             UPDATE sales SET sold = 0 WHERE id = 1",
        RecordsWhole,
        "sale 1: unit 2 was cancelled at 5, with a reason: 0",
    ),
    ("UPDATE sales SET sold = 7 WHERE id = 1", SoldCounted, "7 counted, 1 purchases"),
    ("UPDATE sales SET held = 3 WHERE id = 1", SoldCounted, "3 counted on hold, 1 holds"),
    (
        "INSERT INTO checkout_attempts (sale_id, attempted_at, code, state)
             VALUES (1, 1, x'00000000010080008000000000000003', 'void')",
        CodesOnce,
        "sale 1: 2 records of code 00000000-0100..",
    ),
    (
        "INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, first_attempt,
             first_purchase) VALUES (1500, 2500, 1, 1, 1, 1, 1)",
        WindowsApart,
        "sale 3: starts at 1970-01-01T00:00:01.500Z",
    ),
    (
        "INSERT INTO checkout_attempts (sale_id, attempted_at, outcome) VALUES (1, 1, 'ended')",
        RecordsWhole,
        "sale 1: outcome ended",
    ),
    ("UPDATE sales SET hold_ms = 0 WHERE id = 1", RecordsWhole, "sale 1: active, stock 5"),
    ("UPDATE codes SET attempt = 3", RecordsWhole, "code 00000000-0200.. is filed under attempt 3"),
    (
        "UPDATE codes SET purchase = NULL",
        RecordsWhole,
        "code 00000000-0200.. is filed under attempt 1 and purchase none",
    ),
    ("DELETE FROM codes", RecordsWhole, "sale 2: filed, but 1 of its codes are not"),
    (
        "HOLD 'cid', 4, 0, 2, 'held', 99999",
        EpochsIssued,
        "sale 1: at epoch 1, but unit 4 was granted to cid at epoch 2",
    ),
    (
        "UPDATE sales SET state = 'closed', closed_at = 1 WHERE id = 1",
        ClosedHoldNothing,
        "sale 1: closed, but unit 1 is held for ann",
    ),
];

#[test]
fn each_thing_that_is_wrong_with_the_records_is_named() {
    for (sql, invariant, row) in WRONGS {
        let mut database = a_ledger();
        behind_the_rules(&database, "UPDATE checkout_attempts SET expires_at = 99999 WHERE id = 2");
        assert_broken(&mut database, &[]);
        let sql = match sql.strip_prefix("HOLD ") {
            Some(columns) => hold(columns),
            None => (*sql).to_owned(),
        };

        behind_the_rules(&database, &sql);

        assert_broken(&mut database, &[(*invariant, row)]);
    }
}

#[test]
fn whatever_keeps_the_promises_and_is_gone_or_another_is_named() {
    for (sql, row) in [
        (
            "DROP TRIGGER attempts_end_once",
            "trigger attempts_end_once of checkout_attempts is missing",
        ),
        (
            "DROP TRIGGER purchases_stay;
             CREATE TRIGGER purchases_stay BEFORE DELETE ON purchases BEGIN SELECT 1; END",
            "trigger purchases_stay of purchases is CREATE TRIGGER purchases_stay",
        ),
        ("DROP INDEX sales_open", "index sales_open of sales is missing"),
        (
            "ALTER TABLE sales RENAME COLUMN stock TO inventory",
            "table sales of sales is CREATE TABLE",
        ),
    ] {
        let mut database = a_ledger();
        database.connection().execute_batch(sql).unwrap();

        let mut findings = Findings::default();
        // Without a column the other checks fail, and this says why.
        let _ = database.read(UnixMillis(0), |tables| tables.check(None, &mut findings));

        let told = findings.of(Invariant::SchemaStands).unwrap();
        assert!(told.rows().iter().any(|told| told.contains(row)), "{row}: {told:?}");
    }
}

#[test]
fn an_invariant_is_not_called_checked_if_a_part_of_it_could_not_be() {
    let mut database = a_ledger();
    // What is filed cannot be looked at, and the records are in order.
    database.connection().execute_batch("ALTER TABLE codes RENAME COLUMN attempt TO row").unwrap();

    let mut findings = Findings::default();
    let checked = database.read(UnixMillis(0), |tables| tables.check(None, &mut findings));

    assert!(checked.is_err());
    assert_eq!(findings.of(Invariant::RecordsWhole), None);
    assert!(findings.of(Invariant::WindowsApart).is_some(), "the others were");
}
