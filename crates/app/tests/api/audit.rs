//! `flashsale audit` on stores in which one thing is wrong: it names that and nothing else.

mod live;

use crate::{
    crowd::{Audit, assert_holds},
    stack::{Settings, Stack},
};
use serde_json::Value;

/// A sale that is far ahead, so that nobody looks for it in Redis, with one attempt of each kind:
/// unit 1 is held by ann, 2 is sold to them, 3 was held by bob, and there is a tombstone.
const A_SALE: &str = "
    INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, epoch)
    VALUES (now() + interval '10 d', now() + interval '11 d', 60000, 5, 2, 1);
    INSERT INTO checkout_attempts (sale_id, user_id, outcome, code, unit, slot, epoch, state,
        expires_at, resolved_at)
    VALUES
        (1, 'ann', 'granted', '00000000-0100-8000-8000-000000000001', 1, 0, 1, 'held',
            now() + interval '1 h', NULL),
        (1, 'ann', 'granted', '00000000-0100-8000-8000-000000000002', 2, 1, 1, 'sold',
            now(), now()),
        (1, 'bob', 'granted', '00000000-0100-8000-8000-000000000003', 3, 0, 1, 'expired',
            now(), now()),
        (1, NULL, NULL, '00000000-0100-8000-8000-000000000004', NULL, NULL, NULL, 'void',
            NULL, NULL),
        (1, 'cid', 'sold_out', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO purchases (code, sale_id, unit, slot, user_id, item_name, item_image)
    VALUES ('00000000-0100-8000-8000-000000000002', 1, 2, 1, 'ann', 'Teapot', '/teapot');
    INSERT INTO sold_counts (sale_id, writer, sold) VALUES (1, 1, 1);";

/// A hold by these columns: code, user, unit, slot, epoch, state and when it is due.
fn hold(columns: &str) -> String {
    format!(
        "INSERT INTO checkout_attempts \
         (sale_id, outcome, code, user_id, unit, slot, epoch, state, expires_at) \
         SELECT 1, 'granted', ('00000000-0100-8000-8000-00000000001' || code)::uuid, user_id, \
         unit, slot, epoch, state::hold_state, now() + due::interval \
         FROM (VALUES ({columns})) AS hold (code, user_id, unit, slot, epoch, state, due);"
    )
}

/// What the index refuses, done all the same: for a moment it takes no entry. Afterwards the
/// server believes it to be whole, and so would whoever goes by it.
fn behind_the_index(index: &str, sql: &str) -> String {
    let set = |whole| {
        format!(
            "UPDATE pg_index SET indisready = {whole}, indisvalid = {whole} \
             WHERE indexrelid = '{index}'::regclass;"
        )
    };
    format!("{}{sql}{}", set(false), set(true))
}

/// What the constraint refuses, done all the same.
fn behind_the_constraint(table: &str, name: &str, sql: &str) -> String {
    format!(
        "DO $$ DECLARE rule text; BEGIN \
         SELECT pg_get_constraintdef(oid) INTO rule FROM pg_constraint WHERE conname = '{name}'; \
         ALTER TABLE {table} DROP CONSTRAINT {name}; \
         {sql} \
         EXECUTE format('ALTER TABLE {table} ADD CONSTRAINT {name} %s NOT VALID', rule); \
         UPDATE pg_constraint SET convalidated = TRUE WHERE conname = '{name}'; END $$"
    )
}

/// Does this to a ledger that is in order, and sees the audit name one invariant alone, with a
/// row that says what is wrong.
fn assert_ledger_breach(sql: &str, invariant: &str, row: &str) {
    let stack = Stack::prepare(Settings { by_hand: false, ..Settings::default() });
    stack.sql(A_SALE);
    assert_holds(&stack.audit());

    stack.sql(sql);

    assert_broken(&stack.audit(), &[(invariant, row)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_live_twice_is_named() {
    let twin = hold("'1', 'bob', 1, 1, 1, 'held', '1 h'");
    let sql = behind_the_index("attempts_live_unit", &twin);
    assert_ledger_breach(&sql, "units-live-once", "sale 1: unit 1 is live 2 times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_live_twice_is_named() {
    let twin = hold("'1', 'ann', 4, 0, 1, 'held', '1 h'");
    let sql = behind_the_index("attempts_live_slot", &twin);
    assert_ledger_breach(&sql, "slots-live-once", "sale 1: slot 0 of ann is live 2 times");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_terms_is_named() {
    let unit = hold("'1', 'cid', 6, 0, 1, 'held', '1 h'");
    assert_ledger_breach(&unit, "within-terms", "sale 1: unit 6 of 5, slot 0 of 2 for cid");
    let slot = hold("'1', 'cid', 4, 2, 1, 'held', '1 h'");
    assert_ledger_breach(&slot, "within-terms", "sale 1: unit 4 of 5, slot 2 of 2 for cid");
    let stock = "UPDATE sales SET stock = 2";
    assert_ledger_breach(stock, "within-terms", "sale 1: unit 3 of 2, slot 0 of 2 for bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_of_a_code_without_its_receipt_is_named() {
    let sold = "UPDATE checkout_attempts SET state = 'sold', resolved_at = now() WHERE unit = 1";
    let row = "code 00000000-0100..: sold is unit 1, slot 0 of ann, bought is nothing";
    assert_ledger_breach(sold, "sold-has-receipt", row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_a_code_that_is_not_sold_is_named() {
    let bought = "INSERT INTO purchases (code, sale_id, unit, slot, user_id, item_name, item_image)
        VALUES ('00000000-0100-8000-8000-000000000003', 1, 3, 0, 'bob', 'Teapot', '/teapot');
        UPDATE sold_counts SET sold = 2";
    let row = "code 00000000-0100..: sold is nothing, bought is unit 3, slot 0 of bob";
    assert_ledger_breach(bought, "sold-has-receipt", row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_another_unit_is_named() {
    let other = "SET session_replication_role = replica; UPDATE purchases SET unit = 4";
    let row = "sold is unit 2, slot 1 of ann, bought is unit 4, slot 1 of ann";
    assert_ledger_breach(other, "sold-has-receipt", row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_names_no_version_of_the_product_of_its_sale_is_named() {
    let version = "INSERT INTO products (sku) VALUES ('lamp');
        INSERT INTO product_versions (product_id, name) VALUES (1, 'Lamp');
        SET session_replication_role = replica; UPDATE purchases SET product_version = 1";
    let row = "sale 1: unit 2 was sold as version 1";
    assert_ledger_breach(version, "records-whole", row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_purchase_of_a_code_that_is_sold_and_a_standing_one_of_a_code_that_is_not_are_named()
 {
    let marked = "UPDATE purchases SET cancelled_at = now(), cancel_reason = 'a return'; \
                  UPDATE sold_counts SET sold = 0";
    let row = "sold is unit 2, slot 1 of ann, bought is unit 2, slot 1 of ann, cancelled";
    assert_ledger_breach(marked, "sold-has-receipt", row);
    let ended = "UPDATE checkout_attempts SET state = 'cancelled' WHERE unit = 2";
    let row = "sold is unit 2, slot 1 of ann, cancelled, bought is unit 2, slot 1 of ann";
    assert_ledger_breach(ended, "sold-has-receipt", row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_did_not_follow_a_cancellation_is_named() {
    let cancelled = "UPDATE checkout_attempts SET state = 'cancelled' WHERE unit = 2; \
                     UPDATE purchases SET cancelled_at = now(), cancel_reason = 'a return'";
    assert_ledger_breach(cancelled, "sold-counted", "sale 1: 1 counted, 0 purchases");
    let half = "SET session_replication_role = replica; \
                UPDATE checkout_attempts SET state = 'cancelled' WHERE unit = 2; \
                UPDATE purchases SET cancelled_at = now(); UPDATE sold_counts SET sold = 0";
    assert_ledger_breach(half, "records-whole", "with a reason: f");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_with_two_receipts_is_named() {
    let again = "INSERT INTO purchases SELECT * FROM purchases; UPDATE sold_counts SET sold = 2;";
    let indexes = ["purchases_pkey", "purchases_standing_unit", "purchases_standing_slot"];
    let sql = indexes.iter().fold(again.to_owned(), |sql, index| behind_the_index(index, &sql));
    assert_ledger_breach(&sql, "sold-has-receipt", "sale 1: 1 units sold, 2 purchases");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_is_off_is_named() {
    let sql = "UPDATE sold_counts SET sold = 7";
    assert_ledger_breach(sql, "sold-counted", "sale 1: 7 counted, 1 purchases");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_of_a_closed_sale_that_is_off_is_named() {
    let sql = "UPDATE checkout_attempts SET state = 'expired', resolved_at = now() \
               WHERE unit = 1; UPDATE sales SET state = 'closed', closed_at = now(), sold = 2";
    assert_ledger_breach(sql, "sold-counted", "sale 1: closed with 2 sold, 1 purchases");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_with_two_records_is_named() {
    let twin = "INSERT INTO checkout_attempts (sale_id, code, state) \
                VALUES (1, '00000000-0100-8000-8000-000000000003', 'void');";
    let sql = behind_the_index("attempts_code", twin);
    assert_ledger_breach(&sql, "codes-once", "sale 1: 2 records of code 00000000-0100..");
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_that_overlap_are_named() {
    let twin = "INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit) SELECT \
                starts_at + interval '1 h', ends_at, hold_ms, stock, per_user_limit FROM sales;";
    let sql = behind_the_index("sales_of_timetable_do_not_overlap", twin);
    assert_ledger_breach(&sql, "windows-apart", "sale 2: starts at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_contradicts_itself_is_named() {
    let half = "INSERT INTO checkout_attempts (sale_id, outcome) VALUES (1, 'ended');";
    let sql = behind_the_constraint("checkout_attempts", "attempts_are_whole", half);
    assert_ledger_breach(&sql, "records-whole", "sale 1: outcome ended");
    let ended = "SET session_replication_role = replica; \
                 UPDATE checkout_attempts SET resolved_at = now() WHERE state = 'held'";
    assert_ledger_breach(ended, "records-whole", "sale 1: outcome granted, state held");
    let sql =
        behind_the_constraint("sales", "sales_hold_ms_check", "UPDATE sales SET hold_ms = 0;");
    assert_ledger_breach(&sql, "records-whole", "sale 1: active, stock 5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_an_epoch_that_was_never_issued_is_named() {
    let row = "sale 1: at epoch 1, but unit 4 was granted to cid at epoch 2";
    let grant = hold("'1', 'cid', 4, 0, 2, 'held', '1 h'");
    assert_ledger_breach(&grant, "epochs-issued", row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_a_closed_sale_is_named() {
    let closed = "UPDATE sales SET state = 'closed', closed_at = now()";
    let row = "sale 1: closed, but unit 1 is held for ann";
    assert_ledger_breach(closed, "closed-hold-nothing", row);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_keeps_the_promises_and_is_gone_or_off_is_named() {
    for (sql, row) in [
        ("DROP INDEX attempts_code", "index attempts_code of checkout_attempts is missing"),
        (
            "UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'purchases_standing_unit'::regclass",
            "index purchases_standing_unit of purchases is not in force",
        ),
        (
            "DROP INDEX attempts_live_unit; \
             CREATE INDEX attempts_live_unit ON checkout_attempts (sale_id, unit) WHERE live",
            "index attempts_live_unit of checkout_attempts is CREATE INDEX",
        ),
        (
            "DROP INDEX purchases_standing_slot",
            "index purchases_standing_slot of purchases is missing",
        ),
        (
            "ALTER TABLE checkout_attempts DISABLE TRIGGER attempts_end_once",
            "trigger attempts_end_once of checkout_attempts is not in force",
        ),
        (
            "DROP TRIGGER purchases_stay_all ON purchases",
            "trigger purchases_stay_all of purchases is missing",
        ),
        (
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RETURN NEW; END'",
            "function refuse_change is BEGIN RETURN NEW; END",
        ),
        ("ALTER TABLE purchases SET UNLOGGED", "table of purchases is unlogged"),
        ("ALTER TABLE purchases ALTER unit DROP NOT NULL", "column unit of purchases is integer"),
    ] {
        assert_ledger_breach(sql, "schema-stands", row);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_nobody_ends_is_named_if_there_is_somebody_to_end_it() {
    let settings = Settings { hold_ttl: "1s", processes: 1, ..Settings::default() };
    let stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    stack.apps[0].pause().unwrap();
    let late = "SET session_replication_role = replica; \
                UPDATE checkout_attempts SET expires_at = now() - interval '1 h'";
    stack.sql(late);

    assert_broken(&stack.audit(), &[("holds-end", "unit 1 of ann was due at")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_late_while_nothing_runs_is_noted() {
    let stack = Stack::prepare(Settings { by_hand: false, ..Settings::default() });
    stack.sql(A_SALE);
    stack.sql(&hold("'1', 'cid', 4, 0, 1, 'held', '-1 h'"));

    for flags in [&[][..], &["--sale", "1"]] {
        let audit = stack.audit_of(flags);

        assert_holds(&audit);
        let note = "1 holds are long due, and no process of the service is there to end them";
        assert_eq!(audit.document["notes"][0], note);
    }
}

/// These invariants are broken, with such rows, and no other.
fn assert_broken(audit: &Audit, expected: &[(&str, &str)]) {
    let invariants = audit.document["invariants"].as_array().unwrap();
    let broken: Vec<_> = invariants.iter().filter(|checked| checked["holds"] == false).collect();
    let names: Vec<_> = broken.iter().map(|checked| checked["name"].as_str().unwrap()).collect();
    let expected_names: Vec<_> = expected.iter().map(|&(name, _)| name).collect();
    assert_eq!(names, expected_names, "{audit:#?}");
    for (checked, (_, row)) in broken.iter().zip(expected) {
        let rows = checked["rows"].as_array().unwrap();
        let found = rows.iter().any(|found| found.as_str().unwrap().contains(row));
        assert!(found, "{row} is not among {rows:#?}");
    }
    assert_eq!((audit.code, &audit.document["ok"]), (Some(1), &Value::Bool(false)), "{audit:#?}");
}
