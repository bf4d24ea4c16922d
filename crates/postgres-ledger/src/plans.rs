//! How the server carries the hot statements out, on empty tables: that is when most plans are
//! made, and they are kept for as long as their connection.

use std::time::Duration;

use credentials::Access;
use dev_servers::PostgresServer;
use domain::{
    NewSale, Origin, Terms, Window,
    ports::{RaiseReply, SaleRegister},
};

use crate::{
    Connections, Durability, PostgresLedger, answered, attempts, codes, ending, history,
    inspections, ledger_store, lookups, operator, products, sale_register,
    session::{SessionError, Turns},
    settings, snapshot,
    sold_blocks::Unsold,
    tally,
};

/// A fresh ledger, and the server it is on.
async fn a_ledger() -> (PostgresServer, PostgresLedger) {
    let server = PostgresServer::start().unwrap();
    server.create_database("ledger").unwrap();
    let one = 1.try_into().unwrap();
    let limits = batcher::Limits::patient(one, one);
    let ledger = PostgresLedger::new(
        Access::to_database(server.url("ledger")),
        Durability::Single,
        Connections::for_threads(16),
        limits,
    )
    .unwrap();
    ledger.migrate().await.unwrap();
    (server, ledger)
}

/// A look that is given up is not waited for by whoever looks next, and none is on a connection of the
/// upkeep.
#[tokio::test]
async fn a_look_that_nobody_waits_for_takes_its_connection_along() {
    let (_server, ledger) = a_ledger().await;
    let upkeep = ledger.shared.upkeep.status().size;
    let pool = ledger.for_operators();
    let forever =
        PostgresLedger::in_a_snapshot(pool, "SET LOCAL statement_timeout = 0", async |it| {
            it.query("SELECT pg_sleep(3600)", &[]).await.map_err(SessionError::of)
        });

    let given_up = tokio::time::timeout(Duration::from_secs(1), forever).await;

    assert!(given_up.is_err());
    assert_eq!((pool.status().size, ledger.shared.upkeep.status().size), (0, upkeep));
}

/// Neither is a transaction of a few statements, nor one statement.
#[tokio::test]
async fn what_nobody_waits_for_any_more_takes_its_connection_along() {
    let (_server, ledger) = a_ledger().await;
    let pool = ledger.pool();
    let a_while = Duration::from_millis(500);
    let in_turns = async {
        let mut client = Turns::on(pool).connect().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        transaction.query("SELECT pg_sleep(3600)", &[]).await.map(drop)
    };

    assert!(tokio::time::timeout(a_while, in_turns).await.is_err());
    assert_eq!(pool.status().size, 0);
    let mut session = ledger.session();
    assert!(
        tokio::time::timeout(a_while, session.query("SELECT pg_sleep(3600)", &[])).await.is_err()
    );
    assert_eq!(pool.status().size, 0);
    session.query("SELECT 1", &[]).await.unwrap();
    assert_eq!(pool.status().size, 1);
}

/// What was raised again while a snapshot was read is loaded by whoever did that.
#[tokio::test]
async fn a_snapshot_of_an_epoch_that_is_not_the_sales_any_more_is_none() {
    let (_server, ledger) = a_ledger().await;
    let now = ledger.now().await.unwrap();
    let window = Window::new(now, now + 60_000).unwrap();
    let new = NewSale::unnamed(window, Terms::new(5, 5, 1_000).unwrap(), Origin::Operator);
    let sale = ledger.schedule(new).await.unwrap().unwrap();
    let RaiseReply::Raised(snapshot) = ledger.raise_epoch(sale.id, None).await.unwrap() else {
        panic!("the first epoch is raised");
    };

    let of_now = ledger.read_snapshot(snapshot.sale).await.unwrap();
    let of_before = ledger.read_snapshot(sale).await.unwrap();

    assert_eq!((of_now, of_before), (Some(snapshot), None));
}

/// How a session of the service carries a statement out, whatever its parameters.
fn plan_of(server: &PostgresServer, statement: &str) -> String {
    let parameters = (1..10).filter(|n| statement.contains(&format!("${n}"))).map(|_| "NULL");
    let parameters = match parameters.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        some => format!(" ({some})"),
    };
    let explain = format!(
        "{}; SET plan_cache_mode = force_generic_plan; PREPARE hot AS {statement}; \
         EXPLAIN EXECUTE hot{parameters}",
        settings::hot()
    );
    server.psql("ledger", &explain).unwrap()
}

/// How the slots of users are found.
const BY_USER: &str = "Index Cond: ((sale_id = asked.sale_id) AND (user_id = asked.user_id))";
const CANCELLED_BY_USER: &str =
    "Index Cond: ((user_id = asked.user_id) AND (sale_id = asked.sale_id))";

#[tokio::test]
async fn the_hot_statements_go_by_the_indexes_even_when_the_tables_are_empty() {
    let (server, _ledger) = a_ledger().await;

    let (mut looked_up, mut in_ranges, mut by_user) = (0, 0, (0, 0));
    let statements = [
        answered::STATEMENTS,
        attempts::STATEMENTS,
        codes::STATEMENTS,
        lookups::STATEMENTS,
        ledger_store::STATEMENTS,
        operator::STATEMENTS,
        snapshot::STATEMENTS,
        ending::STATEMENTS,
        tally::STATEMENTS,
        products::STATEMENTS,
        history::STATEMENTS,
    ];
    for statement in statements.concat() {
        let plan = plan_of(&server, statement);

        assert!(!plan.contains("Bitmap") && !plan.contains("Seq Scan"), "{statement}\n{plan}");
        looked_up += plan.matches("Index Cond: (code =").count();
        by_user.0 += plan.matches(BY_USER).count();
        by_user.1 += plan.matches(CANCELLED_BY_USER).count();
        in_ranges += plan.matches("AND (unit >= unsold.first) AND (unit <= unsold.last))").count();
    }
    // Read_grants 1, redeem 1, release 2, read_codes 2 (attempts, purchases), read_owners 1, look_up_codes 1,
    // look_up_units 1, expire_due 2, read_verdicts 1, expire_overdue 1, lock_code 1, cancel_purchase 2
    // (attempts, purchases).
    assert_eq!(looked_up, 16);
    // Look_up_units: what is live, and what was cancelled.
    assert_eq!(by_user, (1, 1));
    // Tally, sold_blocks, next_due, expire_overdue, may_close, close_sale.
    assert_eq!(in_ranges, 6);
}

/// A sale of twenty thousand units, all sold but the last ten, which are on hold; the tables are as
/// vacuum leaves them.
const NEARLY_SOLD: &str = "
    INSERT INTO sales (starts_at, ends_at, hold_ms, stock, per_user_limit, epoch)
    VALUES (now() - interval '1 h', now() + interval '1 h', 60000, 20000, 1, 1);
    INSERT INTO checkout_attempts
        (sale_id, user_id, outcome, code, unit, slot, epoch, state, expires_at)
    SELECT 1, 'user-' || n, 'granted', lpad(n::text, 32, '0')::uuid, n, 0, 1,
        CASE WHEN n <= 19990 THEN 'sold' ELSE 'held' END::hold_state, now() + interval '1 min'
    FROM generate_series(1, 20000) AS n;
    INSERT INTO purchases (code, sale_id, unit, slot, user_id, item_name, item_image)
    SELECT code, sale_id, unit, slot, user_id, 'Teapot', '/teapot'
    FROM checkout_attempts WHERE state = 'sold';
    INSERT INTO sold_counts (sale_id, writer, sold) VALUES (1, 1, 19990);";

#[tokio::test]
async fn a_sale_is_counted_swept_and_closed_by_what_is_not_known_to_be_sold() {
    let (server, ledger) = a_ledger().await;
    server.psql("ledger", NEARLY_SOLD).unwrap();
    server.psql("ledger", "VACUUM ANALYZE checkout_attempts").unwrap();
    let sale = domain::SaleId::try_from(1).unwrap();
    let pages = |statement: &str, unsold: &Unsold| {
        let Unsold { firsts, lasts, known_sold } = unsold;
        let ranges = format!("ARRAY{firsts:?}, ARRAY{lasts:?}");
        let asked = match statement {
            tally::TALLY_SQL => {
                let of_sale = vec![1; firsts.len()];
                format!("ARRAY[1], ARRAY[{known_sold}], ARRAY{of_sale:?}, {ranges}")
            }
            ending::EXPIRE_OVERDUE_SQL => format!("1, {ranges}, 5000, 500"),
            _ => format!("1, {ranges}"),
        };
        let explain = format!(
            "{}; PREPARE asked AS {statement}; BEGIN; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) \
             EXECUTE asked ({asked}); ROLLBACK",
            settings::upkeep()
        );
        pages_in(&server.psql("ledger", &explain).unwrap())
    };
    let all = ledger.shared.sold_blocks.unsold(sale);

    let tally = ledger.tally(sale).await.unwrap().unwrap();

    assert_eq!((tally.held, tally.sold), (10, 19_990));
    let unsold = ledger.shared.sold_blocks.unsold(sale);
    assert_eq!(unsold.known_sold, 19_968);
    for statement in [
        tally::TALLY_SQL,
        ending::NEXT_DUE_SQL,
        ending::EXPIRE_OVERDUE_SQL,
        ending::MAY_CLOSE_SQL,
        ending::CLOSE_SQL,
    ] {
        let (before, now) = (pages(statement, &all), pages(statement, &unsold));
        assert!(now <= 40, "{now} pages, {before} with nothing known: {statement}");
    }
    assert!(pages(ending::NEXT_DUE_SQL, &all) > 300);
    // Without a word of what is sold, what is live is still counted by its index alone.
    assert!(pages(tally::TALLY_SQL, &all) < 150, "{}", pages(tally::TALLY_SQL, &all));
    assert_eq!(ledger.tally(sale).await.unwrap().unwrap().held, 10);
}

/// How many pages a plan has looked at in all: the first number is of its root.
fn pages_in(plan: &str) -> u64 {
    let of = |name: &str| {
        let (_, rest) = plan.split_once(name).unwrap();
        let digits = rest.chars().skip_while(|c| !c.is_ascii_digit());
        digits.take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap()
    };
    of("Shared Hit Blocks") + of("Shared Read Blocks")
}

/// The codes of a sale lie together in their index, and so do its slots in theirs: no index is kept
/// for operators alone.
#[tokio::test]
async fn what_operators_look_up_is_found_by_the_indexes_there_are() {
    let (server, _ledger) = a_ledger().await;

    let plans = inspections::STATEMENTS.iter().map(|statement| plan_of(&server, statement));
    let plans = plans.collect::<Vec<_>>().join("\n");

    assert!(!plans.contains("Bitmap") && !plans.contains("Seq Scan"), "{plans}");
    for condition in [
        "Index Cond: (code = $1)",
        "Index Cond: ((code >= $1) AND (code <= $2))",
        "(sale_id = sales.id) AND (user_id = $1)",
        "Index Cond: ((user_id = $1) AND (sale_id = sales.id))",
    ] {
        assert!(plans.contains(condition), "{condition}\n{plans}");
    }
}

#[tokio::test]
async fn the_calendar_reads_no_sale_that_was_closed_long_ago() {
    let (server, _ledger) = a_ledger().await;

    let plan = plan_of(&server, sale_register::CALENDAR_SQL);

    assert!(plan.contains("Index Scan using sales_open"), "{plan}");
    assert!(plan.contains("Index Cond: (closed_at > "), "{plan}");
}

/// With an index forbidden or missing a plan looks dear, and a server that may compile it does.
#[tokio::test]
async fn no_statement_is_compiled_to_machine_code() {
    let (server, _ledger) = a_ledger().await;
    let reads_all = "SELECT count(epoch) FROM sales WHERE stock > 0 OR epoch > 0";

    let plan = plan_of(&server, reads_all);

    assert!(plan.contains("Seq Scan"), "{plan}");
    assert!(!plan.contains("JIT"), "{plan}");
}
