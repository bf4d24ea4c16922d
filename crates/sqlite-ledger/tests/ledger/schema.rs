//! What the tables themselves refuse, whoever asks: the last line of the promises.

use sqlite_ledger::Database;

/// A sale of five units, and three attempts of one user: a hold of unit 1, a hold of unit 2, and a
/// refusal.
const A_SALE: &str = "
    INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, epoch, held,
        first_attempt, first_purchase)
    VALUES (1000, 2000, 100, 5, 2, 1, 2, 1, 1);
    INSERT INTO checkout_attempts
        (sale_id, user_id, outcome, code, unit, slot, epoch, state, attempted_at, changed_at,
         expires_at)
    VALUES
        (1, 'ann', 'granted', x'00000000010080008000000000000001', 1, 0, 1, 'held', 1, 1, 9),
        (1, 'ann', 'granted', x'00000000010080008000000000000002', 2, 1, 1, 'held', 1, 1, 9),
        (1, 'ann', 'sold_out', NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL);";

fn a_ledger() -> Database {
    let database = Database::in_memory().unwrap();
    run(&database, A_SALE).unwrap();
    database
}

fn run(database: &Database, sql: &str) -> rusqlite::Result<()> {
    database.connection().execute_batch(sql)
}

fn assert_refused(database: &Database, sql: &str, why: &str) {
    let refused = run(database, sql).map(|()| "done".to_owned());
    let said = refused.unwrap_or_else(|error| error.to_string());
    assert!(said.contains(why), "{sql}: {said}");
}

#[test]
fn a_hold_ends_once_and_stays_as_it_ended() {
    for end in ["sold", "expired", "released"] {
        let database = a_ledger();
        let set_state = |state| format!("UPDATE checkout_attempts SET state = '{state}'");
        run(&database, &format!("{}, changed_at = 5 WHERE unit = 1", set_state(end))).unwrap();

        for state in ["held", "sold", "expired", "released", "cancelled", "void"] {
            if (end, state) == ("sold", "cancelled") {
                continue;
            }
            let again = format!("{} WHERE unit = 1", set_state(state));
            assert_refused(&database, &again, "the ledger is append-only");
        }
    }
}

const A_PURCHASE: &str = "
    UPDATE checkout_attempts SET state = 'sold', changed_at = 5 WHERE unit = 1;
    INSERT INTO purchases
        (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
    VALUES (1, 1, 0, 5, x'00000000010080008000000000000001', 'ann', 'Teapot', '/t');";

#[test]
fn what_was_sold_is_cancelled_once_and_its_unit_and_slot_are_free_then() {
    let database = a_ledger();
    run(&database, A_PURCHASE).unwrap();
    let cancel = "UPDATE purchases SET cancelled_at = 6, cancel_reason = 'a return'";
    for (wrong, why) in [
        ("UPDATE purchases SET cancel_reason = 'a return'", "the ledger is append-only"),
        ("UPDATE purchases SET cancelled_at = 6", "CHECK"),
        (&format!("{cancel}, unit = 2"), "the ledger is append-only"),
        (&format!("{cancel}, user_id = 'bob'"), "the ledger is append-only"),
        (
            "UPDATE checkout_attempts SET state = 'cancelled' WHERE unit = 2",
            "the ledger is append-only",
        ),
    ] {
        assert_refused(&database, wrong, why);
    }

    run(
        &database,
        "UPDATE checkout_attempts SET state = 'cancelled', changed_at = 6 WHERE unit = 1",
    )
    .unwrap();
    run(&database, cancel).unwrap();

    for again in [
        cancel,
        "UPDATE purchases SET cancelled_at = NULL, cancel_reason = NULL",
        "UPDATE purchases SET cancel_reason = 'another'",
        "DELETE FROM purchases",
    ] {
        assert_refused(&database, again, "the ledger is append-only");
    }
    for state in ["held", "sold", "expired", "released", "cancelled", "void"] {
        let again = format!("UPDATE checkout_attempts SET state = '{state}' WHERE unit = 1");
        assert_refused(&database, &again, "the ledger is append-only");
    }
    let sold_again = "INSERT INTO purchases
        (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
        VALUES (1, 1, 0, 7, x'00000000010080008000000000000003', 'ann', 'Teapot', '/t')";
    run(&database, sold_again).unwrap();
    assert_refused(&database, &sold_again.replace("03', 'ann'", "04', 'bob'"), "UNIQUE");
    assert_refused(&database, &sold_again.replace("1, 1, 0, 7", "1, 2, 0, 7"), "UNIQUE");
}

#[test]
fn only_the_end_of_a_hold_may_change() {
    let database = a_ledger();
    for change in [
        "id = 99",
        "sale_id = 2",
        "attempted_at = 2",
        "code = x'00000000010080008000000000000009'",
        "expires_at = 99",
        "epoch = 2",
        "unit = 3",
        "slot = 3",
        "outcome = 'sold_out'",
        "user_id = 'bob'",
    ] {
        for set in [change.to_owned(), format!("state = 'sold', {change}")] {
            let update = format!("UPDATE checkout_attempts SET {set} WHERE unit = 1");
            assert_refused(&database, &update, "the ledger is append-only");
        }
    }
    for change in ["state = 'void'", "state = 'held'", "state = NULL", "changed_at = 5"] {
        let update = format!("UPDATE checkout_attempts SET {change} WHERE unit = 1");
        assert_refused(&database, &update, "the ledger is append-only");
    }
    for change in ["user_id = 'bob'", "outcome = 'ended'", "state = 'sold'", "changed_at = 5"] {
        let refusal = format!("UPDATE checkout_attempts SET {change} WHERE outcome = 'sold_out'");
        assert_refused(&database, &refusal, "the ledger is append-only");
    }
}

#[test]
fn no_record_disappears_and_no_receipt_changes() {
    let database = a_ledger();
    let purchase = "INSERT INTO purchases
        (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
        VALUES (1, 1, 0, 5, x'00000000010080008000000000000001', 'ann', 'Teapot', '/t')";
    run(&database, purchase).unwrap();
    let action = "INSERT INTO operator_actions (id, acted_at, operator, action, asked, after)
        VALUES (x'00000000010080008000000000000001', 5, 'ann', 'sale-paused', '{}', '{}')";
    run(&database, action).unwrap();
    assert_refused(&database, action, "UNIQUE");
    assert_refused(&database, &action.replace("01', 5", "02', 5").replace("after", "why"), "CHECK");

    for (statement, why) in [
        ("DELETE FROM checkout_attempts", "the ledger is append-only"),
        ("DELETE FROM checkout_attempts WHERE code IS NULL", "the ledger is append-only"),
        ("UPDATE purchases SET item_name = 'Brick'", "the ledger is append-only"),
        ("UPDATE purchases SET user_id = 'bob'", "the ledger is append-only"),
        ("DELETE FROM purchases", "the ledger is append-only"),
        ("DELETE FROM sales", "a sale is closed, not removed"),
        ("UPDATE sales SET epoch = 0", "an epoch never goes back"),
        ("DELETE FROM operator_actions", "the ledger is append-only"),
        ("UPDATE operator_actions SET why = 'x'", "the ledger is append-only"),
    ] {
        assert_refused(&database, statement, why);
    }
    run(&database, "UPDATE sales SET epoch = 2, held = 1, sold = 1").unwrap();
}

#[test]
fn nothing_is_sold_twice() {
    let database = a_ledger();
    let purchase = |code: u32, unit: u32, slot: u32, user: &str| {
        format!(
            "INSERT INTO purchases
             (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
             VALUES (1, {unit}, {slot}, 5, x'0000000001008000800000000000000{code}', '{user}',
             'Teapot', '/t')"
        )
    };
    run(&database, &purchase(1, 1, 0, "ann")).unwrap();

    assert_refused(&database, &purchase(3, 1, 0, "bob"), "UNIQUE");
    assert_refused(&database, &purchase(3, 3, 0, "ann"), "UNIQUE");
    run(&database, &purchase(3, 3, 0, "bob")).unwrap();
}

#[test]
fn a_record_is_whole_or_is_not() {
    let database = a_ledger();
    let insert = |columns: &str, values: &str| {
        format!(
            "INSERT INTO checkout_attempts (sale_id, attempted_at, {columns}) VALUES (1, 1, {values})"
        )
    };
    let code = "x'00000000010080008000000000000009'";

    for wrong in [
        insert("outcome", "'sold_out'"),
        insert("user_id, outcome, state", "'ann', 'sold_out', 'held'"),
        insert("user_id, outcome, code", &format!("'ann', 'sold_out', {code}")),
        insert("user_id, outcome", "'ann', 'granted'"),
        insert("user_id, outcome", "'ann', 'lucky'"),
        insert("state", "'void'"),
        insert("state, code", "'void', x'00'"),
        insert("state, code", &format!("'sold', {code}")),
        insert("user_id", "'ann'"),
        insert(
            "user_id, outcome, code, unit, slot, epoch, state, expires_at",
            &format!("'ann', 'granted', {code}, 3, 0, 1, 'held', 9"),
        ),
        insert(
            "user_id, outcome, code, unit, slot, epoch, state, expires_at, changed_at",
            &format!("'ann', 'granted', {code}, 0, 0, 1, 'held', 9, 1"),
        ),
        insert(
            "user_id, outcome, code, unit, slot, epoch, state, expires_at, changed_at",
            &format!("'ann', 'granted', {code}, 3, 0, 1, 'void', 9, 1"),
        ),
    ] {
        assert_refused(&database, &wrong, "CHECK");
    }
    run(&database, &insert("state, code", &format!("'void', {code}"))).unwrap();
}

#[test]
fn sales_of_the_timetable_do_not_overlap_and_all_are_closed_at_a_time() {
    let database = a_ledger();
    let sale_of = |starts_at: i64, ends_at: i64, on_timetable: bool| {
        format!(
            "INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, first_attempt,
             first_purchase, on_timetable)
             VALUES ({starts_at}, {ends_at}, 1, 1, 1, 1, 1, {on_timetable})"
        )
    };
    let sale = |starts_at, ends_at| sale_of(starts_at, ends_at, true);
    run(&database, &sale(3_000, 4_000)).unwrap();

    for (starts_at, ends_at) in
        [(1_000, 2_000), (500, 1_001), (1_999, 2_500), (1_400, 1_600), (0, 9_000), (2_500, 3_001)]
    {
        assert_refused(&database, &sale(starts_at, ends_at), "two sales of the timetable overlap");
    }
    for (starts_at, ends_at) in [(2_000, 3_000), (0, 1_000), (4_000, 4_001)] {
        run(&database, &sale(starts_at, ends_at)).unwrap();
    }
    for (starts_at, ends_at) in [(1_000, 2_000), (0, 9_000)] {
        run(&database, &sale_of(starts_at, ends_at, false)).unwrap();
    }
    // What an operator makes stands in the way of nothing.
    run(&database, &sale(4_001, 5_000)).unwrap();
    assert_refused(&database, "UPDATE sales SET on_timetable = 1", "a sale keeps its origin");
    // One that is moved keeps apart, too.
    let of_three = "WHERE starts_at = 3000 AND on_timetable";
    for moved in ["starts_at = 2999", "ends_at = 4001", "starts_at = 1, ends_at = 9000"] {
        let update = format!("UPDATE sales SET {moved} {of_three}");
        assert_refused(&database, &update, "two sales of the timetable overlap");
    }
    run(&database, &format!("UPDATE sales SET ends_at = 3500 {of_three}")).unwrap();
    let closes = format!("UPDATE sales SET state = 'closed', closed_at = 9 {of_three}");
    run(&database, &closes).unwrap();
    let update = format!("UPDATE sales SET ends_at = 3400 {of_three}");
    assert_refused(&database, &update, "a closed sale keeps its window");
    assert_refused(&database, "UPDATE sales SET state = 'closed' WHERE id = 1", "CHECK");
    assert_refused(&database, "UPDATE sales SET closed_at = 1 WHERE id = 1", "CHECK");
    assert_refused(&database, "UPDATE sales SET filed = 1 WHERE id = 1", "CHECK");
}

/// A program of the version before makes sales without naming the salt.
#[test]
fn every_sale_has_a_salt_of_its_own_and_keeps_it() {
    let database = a_ledger();
    run(
        &database,
        A_SALE
            .split("INSERT INTO checkout")
            .next()
            .unwrap()
            .replace("1000, 2000", "3000, 4000")
            .as_str(),
    )
    .unwrap();
    let drawn = "SELECT count(DISTINCT salt), min(length(salt)), max(length(salt)) FROM sales";
    let read = |row: &rusqlite::Row<'_>| Ok::<[i64; 3], _>([row.get(0)?, row.get(1)?, row.get(2)?]);

    assert_eq!(database.connection().query_row(drawn, [], read).unwrap(), [2, 32, 32]);
    assert_refused(&database, "UPDATE sales SET salt = randomblob(32)", "a sale keeps its salt");
    assert_refused(&database, "UPDATE sales SET salt = NULL", "a sale keeps its salt");
    run(&database, "UPDATE sales SET salt = salt, held = 2").unwrap();
    let given = A_SALE.split("INSERT INTO checkout").next().unwrap();
    let given = given
        .replace("first_purchase)", "first_purchase, salt)")
        .replace("1, 1);", "1, 1, x'00');");
    assert_refused(
        &database,
        &given.replace("1000, 2000", "5000, 6000"),
        "CHECK constraint failed",
    );
}

#[test]
fn no_version_and_no_picture_changes_and_a_product_only_comes_to_be_archived() {
    let database = a_ledger();
    let version = "INSERT INTO product_versions (product_id, name, made_at) VALUES";
    let picture = "INSERT INTO product_images (digest, kind, bytes) VALUES";
    let rows = format!(
        "INSERT INTO products (sku) VALUES ('lamp'); {version} (1, 'Lamp', 1); \
         {picture} (zeroblob(32), 'png', x'00'); UPDATE sales SET product_id = 1"
    );
    run(&database, &rows).unwrap();

    for statement in [
        "UPDATE products SET sku = 'fox'",
        "UPDATE products SET id = 2",
        "DELETE FROM products",
        "UPDATE product_versions SET name = 'Fox'",
        "DELETE FROM product_versions",
        "UPDATE product_images SET kind = 'webp'",
        "DELETE FROM product_images",
    ] {
        assert_refused(&database, statement, "the ledger is append-only");
    }
    run(&database, "UPDATE products SET archived_at = 5").unwrap();
    for again in ["UPDATE products SET archived_at = 6", "UPDATE products SET archived_at = NULL"] {
        assert_refused(&database, again, "the ledger is append-only");
    }
    for (statement, why) in [
        ("INSERT INTO products (sku) VALUES ('lamp')".to_owned(), "UNIQUE"),
        (format!("{version} (9, 'Fox', 1)"), "FOREIGN KEY"),
        (format!("{version} (1, '', 1)"), "CHECK"),
        (format!("{picture} (zeroblob(31), 'png', x'00')"), "CHECK"),
        (format!("{picture} (x'{:064}', 'svg', x'00')", 1), "CHECK"),
        (format!("{picture} (x'{:064}', 'png', zeroblob(524289))", 1), "CHECK"),
        ("UPDATE sales SET product_id = 9".to_owned(), "FOREIGN KEY"),
    ] {
        assert_refused(&database, &statement, why);
    }
    run(&database, &format!("{picture} (x'{:064}', 'png', zeroblob(524288))", 1)).unwrap();
}
