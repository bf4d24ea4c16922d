//! What the tables themselves refuse, whoever asks: the last line of the promises.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use domain::{NewSale, Origin, Terms, UnixMillis, Window, ports::SaleRegister};

use crate::database::{SERVER, fresh_database, ledger_in};

/// Three attempts of one user: a hold of unit 1, a hold of unit 2, and a refusal.
const ATTEMPTS: &str = "
    INSERT INTO checkout_attempts
        (sale_id, user_id, outcome, code, unit, slot, epoch, state, expires_at)
    VALUES
        (1, 'ann', 'granted', '00000000-0000-8000-8000-000000000001', 1, 0, 1, 'held', now()),
        (1, 'ann', 'granted', '00000000-0000-8000-8000-000000000002', 2, 1, 1, 'held', now()),
        (1, 'ann', 'sold_out', NULL, NULL, NULL, NULL, NULL, NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_once_and_stays_as_it_ended() {
    for end in ["sold", "expired", "released"] {
        let database = database_with(ATTEMPTS).await;
        let set_state = |state| format!("UPDATE checkout_attempts SET state = '{state}'");
        run(&database, &format!("{} WHERE unit = 1", set_state(end)));

        for state in ["held", "sold", "expired", "released", "cancelled", "void"] {
            if (end, state) == ("sold", "cancelled") {
                continue;
            }
            let again = format!("{} WHERE unit = 1", set_state(state));
            assert_refused(&database, &again, "the ledger is append-only");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_end_of_a_hold_may_change() {
    let database = database_with(ATTEMPTS).await;
    let changes = [
        "sale_id = 2",
        "attempted_at = now() - interval '1 hour'",
        "code = gen_random_uuid()",
        "expires_at = now() + interval '1 hour'",
        "epoch = 2",
        "unit = 3",
        "slot = 3",
        "outcome = 'sold_out'",
        "user_id = 'bob'",
    ];

    for change in changes {
        for set in [change.to_owned(), format!("state = 'sold', {change}")] {
            let update = format!("UPDATE checkout_attempts SET {set} WHERE unit = 1");
            assert_refused(&database, &update, "the ledger is append-only");
        }
    }
    for change in ["state = 'void'", "state = 'held'", "state = NULL", "resolved_at = now()"] {
        let update = format!("UPDATE checkout_attempts SET {change} WHERE unit = 1");
        assert_refused(&database, &update, "the ledger is append-only");
    }
    for change in ["user_id = 'bob'", "outcome = 'ended'", "state = 'sold'", "resolved_at = now()"]
    {
        let refusal = format!("UPDATE checkout_attempts SET {change} WHERE outcome = 'sold_out'");
        assert_refused(&database, &refusal, "the ledger is append-only");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_disappears_and_no_receipt_changes() {
    let database = database_with(ATTEMPTS).await;
    run(&database, &purchase(1, 1, 0));
    let action = "INSERT INTO operator_actions (id, acted_at, operator, action, asked, after) \
                  VALUES ('00000000-0000-8000-8000-000000000001', now(), 'ann', 'sale-paused', '{}', '{}')";
    run(&database, action);
    assert_refused(&database, action, "operator_actions_id");
    let without_outcome = action.replace("0001'", "0002'").replace("after", "why");
    assert_refused(&database, &without_outcome, "operator_actions_are_whole");

    for statement in [
        "DELETE FROM operator_actions",
        "UPDATE operator_actions SET why = 'x'",
        "TRUNCATE operator_actions",
        "DELETE FROM checkout_attempts",
        "DELETE FROM checkout_attempts WHERE outcome = 'sold_out'",
        "TRUNCATE checkout_attempts",
        "UPDATE purchases SET item_name = 'Brick'",
        "UPDATE purchases SET user_id = 'bob'",
        "DELETE FROM purchases",
        "TRUNCATE purchases",
        "TRUNCATE sold_counts, purchases, checkout_attempts",
    ] {
        assert_refused(&database, statement, "the ledger is append-only");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_live_or_sold_twice() {
    let database = database_with(ATTEMPTS).await;
    run(&database, &purchase(1, 1, 0));
    let hold = |code: u32, user: &str, unit: u32, slot: u32| {
        format!(
            "INSERT INTO checkout_attempts (sale_id, user_id, outcome, code, unit, slot, epoch, \
             state, expires_at) VALUES (1, '{user}', 'granted', \
             '00000000-0000-8000-8000-{code:012}', {unit}, {slot}, 1, 'held', now())"
        )
    };

    assert_refused(&database, &hold(1, "bob", 7, 0), "attempts_code");
    assert_refused(&database, &hold(7, "bob", 1, 0), "attempts_live_unit");
    assert_refused(&database, &hold(7, "ann", 7, 1), "attempts_live_slot");
    assert_refused(&database, &purchase(1, 7, 7), "purchases_pkey");
    assert_refused(&database, &purchase(2, 1, 7), "purchases_standing_unit");
    assert_refused(&database, &purchase(2, 7, 0), "purchases_standing_slot");

    run(&database, "UPDATE checkout_attempts SET state = 'released' WHERE unit = 2");
    run(&database, &hold(7, "ann", 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_is_cancelled_once_and_its_unit_and_slot_are_free_then() {
    let database = database_with(ATTEMPTS).await;
    run(
        &database,
        "UPDATE checkout_attempts SET state = 'sold', resolved_at = now() WHERE unit = 1",
    );
    run(&database, &purchase(1, 1, 0));
    let cancel = "UPDATE purchases SET cancelled_at = now(), cancel_reason = 'a return'";
    for wrong in [
        "UPDATE purchases SET cancel_reason = 'a return'",
        "UPDATE purchases SET cancelled_at = now()",
        &format!("{cancel}, unit = 2"),
        &format!("{cancel}, user_id = 'bob'"),
        "UPDATE checkout_attempts SET state = 'cancelled' WHERE unit = 2",
        "UPDATE checkout_attempts SET state = 'cancelled', unit = 9 WHERE unit = 1",
    ] {
        assert_refused(&database, wrong, "the ledger is append-only");
    }

    run(&database, "UPDATE checkout_attempts SET state = 'cancelled' WHERE unit = 1");
    run(&database, cancel);

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
    run(&database, &purchase(3, 1, 0));
    assert_refused(&database, &purchase(4, 1, 7), "purchases_standing_unit");
    assert_refused(&database, &purchase(4, 7, 0), "purchases_standing_slot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_whole_or_is_not() {
    let database = database_with(ATTEMPTS).await;
    let insert = |columns: &str, values: &str| {
        format!("INSERT INTO checkout_attempts (sale_id, {columns}) VALUES (1, {values})")
    };
    let granted = "user_id, outcome, code, unit, slot, epoch, state, expires_at";

    for (columns, values) in [
        (granted, "'bob', 'granted', gen_random_uuid(), NULL, 0, 1, 'held', now()"),
        (granted, "'bob', 'granted', NULL, 3, 0, 1, 'held', now()"),
        (granted, "'bob', 'granted', gen_random_uuid(), 3, 0, 1, 'held', NULL"),
        (granted, "'bob', 'granted', gen_random_uuid(), 3, 0, 1, 'void', now()"),
        (granted, "'bob', 'granted', gen_random_uuid(), 0, 0, 1, 'held', now()"),
        (granted, "'bob', 'granted', gen_random_uuid(), 3, -1, 1, 'held', now()"),
        (granted, "'bob', 'sold_out', gen_random_uuid(), 3, 0, 1, 'held', now()"),
        ("user_id, outcome", "NULL, 'sold_out'"),
        ("state, code", "'void', NULL"),
        ("state, code", "'held', gen_random_uuid()"),
    ] {
        assert_refused(&database, &insert(columns, values), "attempts_are_whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_of_the_timetable_do_not_overlap_and_all_are_closed_at_a_time() {
    let database = fresh_database().await;
    let terms = Terms::new(5, 1, 1).unwrap();
    let window = Window::new(UnixMillis(0), UnixMillis(3_600_000)).unwrap();
    ledger_in(&database)
        .schedule(NewSale::unnamed(window, terms, Origin::Timetable))
        .await
        .unwrap()
        .unwrap();
    let sale_of = |from: i64, to: i64, limit: i64, on_timetable: bool| {
        format!(
            "INSERT INTO sales (starts_at, ends_at, stock, per_user_limit, hold_ms, on_timetable) \
             VALUES (to_timestamp({from}), to_timestamp({to}), 5, {limit}, 1, {on_timetable})"
        )
    };
    let sale = |from, to, limit| sale_of(from, to, limit, true);
    let overlap = "sales_of_timetable_do_not_overlap";

    assert_refused(&database, &sale(3_599, 7_200, 1), overlap);
    assert_refused(&database, &sale(0, 1, 1), "sales_of_timetable_start");
    run(&database, &sale_of(0, 1, 1, false));
    run(&database, &sale_of(0, 9_000, 1, false));
    assert_refused(&database, "UPDATE sales SET on_timetable = true", "sales_of_timetable_");
    assert_refused(&database, &sale(7_200, 7_200, 1), "sales_check");
    assert_refused(&database, &sale(7_200, 7_201, 0), "sales_per_user_limit_check");
    assert_refused(&database, "UPDATE sales SET state = 'closed'", "sales_check");
    assert_refused(&database, "UPDATE sales SET closed_at = now()", "sales_check");
    assert_refused(&database, "UPDATE sales SET sold = 1", "sales_sold_is_final");
    let closed = "UPDATE sales SET state = 'closed', closed_at = now(), sold = -1";
    assert_refused(&database, closed, "sales_sold_is_final");
    run(&database, &sale(3_600, 7_200, 1));
}

/// A process of the version before makes sales without naming the salt.
#[tokio::test(flavor = "multi_thread")]
async fn every_sale_has_a_salt_of_its_own_and_keeps_it() {
    let sale = "INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, on_timetable) \
                VALUES (now(), now() + interval '1 hour', 1, 1, 1, false)";
    let database = database_with(&format!("{sale}; {sale}")).await;
    let drawn =
        "SELECT count(DISTINCT salt), min(octet_length(salt)), max(octet_length(salt)) FROM sales";

    assert_eq!(run(&database, drawn).trim(), "2|32|32");
    let short = "UPDATE sales SET salt = '\\x00'";
    assert_refused(&database, short, "the ledger is append-only");
    run(&database, "UPDATE sales SET salt = salt, epoch = 1");
    let given =
        sale.replace("on_timetable)", "on_timetable, salt)").replace("false)", "false, '\\x00')");
    assert_refused(&database, &given, "sales_salt_is_whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_version_and_no_picture_changes_and_a_product_only_comes_to_be_archived() {
    let version = "INSERT INTO product_versions (product_id, name) VALUES";
    let picture = "INSERT INTO product_images (digest, kind, bytes) VALUES";
    let database = database_with(&format!(
        "INSERT INTO products (sku) VALUES ('lamp'); {version} (1, 'Lamp'); \
         {picture} (sha256('a'), 'png', 'a')"
    ))
    .await;

    for statement in [
        "UPDATE products SET sku = 'fox'",
        "DELETE FROM products",
        "TRUNCATE products CASCADE",
        "UPDATE product_versions SET name = 'Fox'",
        "DELETE FROM product_versions",
        "TRUNCATE product_versions",
        "UPDATE product_images SET kind = 'webp'",
        "DELETE FROM product_images",
        "TRUNCATE product_images CASCADE",
    ] {
        assert_refused(&database, statement, "the ledger is append-only");
    }
    run(&database, "UPDATE products SET archived_at = now()");
    for again in ["now()", "NULL"] {
        let again = format!("UPDATE products SET archived_at = {again}");
        assert_refused(&database, &again, "the ledger is append-only");
    }
    let price = "INSERT INTO product_versions (product_id, name, price_amount, price_currency)";
    for (statement, why) in [
        ("INSERT INTO products (sku) VALUES ('lamp')".to_owned(), "products_sku"),
        (format!("{version} (9, 'Fox')"), "product_versions_of_product"),
        (format!("{version} (1, '')"), "product_versions_name_is_whole"),
        (format!("{price} VALUES (1, 'Fox', 1, NULL)"), "product_versions_price_is_whole"),
        (format!("{price} VALUES (1, 'Fox', -1, 'EUR')"), "product_versions_price_is_whole"),
        (format!("{price} VALUES (1, 'Fox', 1, 'euro')"), "product_versions_price_is_whole"),
        (format!("{picture} ('\\x00', 'png', 'a')"), "product_images_digest_is_whole"),
        (format!("{picture} (sha256('b'), 'svg', 'b')"), "product_images_kind_is_known"),
        (
            format!("{picture} (sha256('b'), 'png', convert_to(repeat('b', 524289), 'UTF8'))"),
            "product_images_fit",
        ),
    ] {
        assert_refused(&database, &statement, why);
    }
    let most = format!("{picture} (sha256('b'), 'png', convert_to(repeat('b', 524288), 'UTF8'))");
    run(&database, &most);
}

#[tokio::test(flavor = "multi_thread")]
async fn selling_a_hold_touches_no_index() {
    let database = database_with(ATTEMPTS).await;
    let sell = "UPDATE checkout_attempts SET state = 'sold', resolved_at = clock_timestamp() \
                WHERE state = 'held'; \
                SELECT pg_stat_get_xact_tuples_updated('checkout_attempts'::regclass), \
                pg_stat_get_xact_tuples_hot_updated('checkout_attempts'::regclass)";

    assert_eq!(run(&database, sell).trim(), "2|2");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_migrate_at_once_take_turns() {
    SERVER.create_database("empty").unwrap();
    let ledgers = [0; 5].map(|_| ledger_in("empty"));

    let calls = ledgers.map(|ledger| async move { ledger.migrate().await.unwrap() });
    let applied = Box::pin(store_contract::fixtures::all_at_once(calls)).await;

    assert_eq!(applied.iter().filter(|&&count| count > 0).count(), 1, "{applied:?}");
    let ledger = ledger_in("empty");
    assert_eq!(ledger.migrate().await.unwrap(), 0);
    assert!(ledger.calendar().await.unwrap().sales.is_empty());
}

/// A fresh database in which this was run.
async fn database_with(sql: &str) -> String {
    let database = fresh_database().await;
    run(&database, sql);
    database
}

fn run(database: &str, sql: &str) -> String {
    SERVER.psql(database, sql).unwrap()
}

/// The statement fails, and the server says `why`.
fn assert_refused(database: &str, sql: &str, why: &str) {
    let error = SERVER.psql(database, sql).expect_err(sql).to_string();
    assert!(error.contains(why), "{sql}\n{error}");
}

fn purchase(code: u32, unit: u32, slot: u32) -> String {
    format!(
        "INSERT INTO purchases (code, sale_id, unit, slot, user_id, item_name, item_image) VALUES \
         ('00000000-0000-8000-8000-{code:012}', 1, {unit}, {slot}, 'ann', 'Teapot', '/teapot')"
    )
}
