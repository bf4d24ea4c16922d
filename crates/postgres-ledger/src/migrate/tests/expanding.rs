//! A ledger of a version before, and a process of that version beside the migrated one.

use super::*;

/// A sale in mid-run, as V1 has it, and one to come.
const A_LEDGER_OF_V1: &str = "
    INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, epoch) VALUES
        (date_trunc('hour', now()), date_trunc('hour', now()) + interval '1 h', 60000, 9, 2, 3),
        (date_trunc('hour', now()) + interval '1 h', date_trunc('hour', now()) + interval '2 h',
         60000, 9, 2, 0);
    INSERT INTO checkout_attempts
        (sale_id, user_id, outcome, code, unit, slot, epoch, state, expires_at)
    VALUES
        (1, 'ann', 'granted', '00000000-0100-8000-8000-000000000001', 1, 0, 3, 'held', now()),
        (1, 'ann', 'granted', '00000000-0100-8000-8000-000000000002', 2, 1, 3, 'sold', now()),
        (1, 'bob', 'sold_out', NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO purchases (code, sale_id, unit, slot, user_id, item_name, item_image)
    VALUES ('00000000-0100-8000-8000-000000000002', 1, 2, 1, 'ann', 'Teapot', '/teapot');";

/// Every row there is, as V1 knew it, and the files they are in.
const ROWS_OF_V1: &str = "
    SELECT id, starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit, state
    FROM sales ORDER BY id;
    SELECT * FROM checkout_attempts ORDER BY user_id, unit;
    SELECT code, sale_id, purchased_at, unit, slot, user_id, item_name, item_image FROM purchases;
    SELECT pg_relation_filenode('sales'), pg_relation_filenode('checkout_attempts')";

#[tokio::test]
async fn a_ledger_of_v1_keeps_its_rows_and_a_process_of_v1_its_promises() {
    let sale_of_v1 = |starts_in: &str, lasts: &str| {
        format!(
            "INSERT INTO sales (starts_at, ends_at, stock, per_user_limit, hold_ms) \
             SELECT starts_at, starts_at + interval '{lasts}', 9, 2, 1 \
             FROM (VALUES (date_trunc('hour', now()) + interval '{starts_in}')) AS slot (starts_at) \
             ON CONFLICT DO NOTHING RETURNING 'made'"
        )
    };
    SERVER.create_database("v1").unwrap();
    let pool = pool_of("v1", "postgres");
    migrate(&pool, &ours().set_target(refinery::Target::Version(1))).await.unwrap();
    run_sql("v1", A_LEDGER_OF_V1);
    let rows = run_sql("v1", ROWS_OF_V1);

    assert!(migrate(&pool, &ours()).await.unwrap() > 0);

    assert_eq!(run_sql("v1", ROWS_OF_V1), rows, "a row is another, or a table was written anew");
    run_sql(
        "v1",
        "INSERT INTO sales (starts_at, ends_at, stock, per_user_limit, hold_ms, \
                   on_timetable) SELECT starts_at, ends_at, 1, 1, 1, false FROM sales",
    );
    for (starts_in, lasts, made) in [
        ("0", "1 h", ""),
        ("90 min", "1 h", ""),
        ("-1 min", "1 min", "made"),
        ("2 h", "1 h", "made"),
        ("2 h", "1 h", ""),
    ] {
        assert_eq!(run_sql("v1", &sale_of_v1(starts_in, lasts)), made, "{starts_in}, {lasts}");
    }
    // Those that were there and those that a process of V1 made since.
    let salted = "SELECT count(*) = count(DISTINCT salt) FROM sales";
    assert_eq!(run_sql("v1", salted), "t");
    run_sql("v1", "UPDATE checkout_attempts SET state = 'sold' WHERE state = 'held'");
    let again = "UPDATE checkout_attempts SET state = 'expired' WHERE unit = 1";
    assert!(SERVER.psql("v1", again).unwrap_err().to_string().contains("append-only"));
}
