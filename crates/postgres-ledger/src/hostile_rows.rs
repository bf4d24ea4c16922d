//! Rows as the schema does not allow them: each is read as what it says, or is an error that
//! names its column. Only a server can make a row, so one does.

use dev_servers::PostgresServer;
use domain::UnixMillis;
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{TestCaseResult, TestRunner},
};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Row};

use crate::{rows, session::SessionError};

/// What a column may say, and whether a reader may believe it.
type Says = (&'static str, bool);

const NUMBERS: &[Says] = &[
    ("7::bigint", true),
    ("1099511627775::bigint", true),
    ("NULL::bigint", false),
    ("0::bigint", false),
    ("(-1)::bigint", false),
    ("1099511627776::bigint", false),
    ("'-9223372036854775808'::bigint", false),
    ("7::integer", false),
    ("'7'::text", false),
];

const WHOLE: &[Says] = &[
    ("7::bigint", true),
    ("(-1)::bigint", true),
    ("9223372036854775807::bigint", true),
    ("NULL::bigint", false),
    ("7::numeric", false),
];

const SALTS: &[Says] = &[
    ("decode(repeat('ab', 32), 'hex')", true),
    ("decode(repeat('ab', 31), 'hex')", false),
    ("decode(repeat('ab', 33), 'hex')", false),
    ("NULL::bytea", false),
    ("repeat('a', 32)", false),
];

/// A sale ends after each of these, and starts before each of [`ENDS`].
const STARTS: &[Says] = &[
    ("now()", true),
    ("'-infinity'::timestamptz", true),
    ("'4713-01-01 00:00:00+00 BC'::timestamptz", true),
    ("'infinity'::timestamptz", false),
    ("NULL::timestamptz", false),
    ("now()::text", false),
];

const ENDS: &[Says] = &[
    ("now() + interval '1 millisecond'", true),
    ("'infinity'::timestamptz", true),
    ("'294276-12-31 00:00:00+00'::timestamptz", true),
    ("'-infinity'::timestamptz", false),
    ("NULL::timestamptz", false),
    ("1764000000000::bigint", false),
];

const MOMENTS: &[Says] = &[
    ("now()", true),
    ("'infinity'::timestamptz", true),
    ("'-infinity'::timestamptz", true),
    ("'4713-01-01 00:00:00+00 BC'::timestamptz", true),
    ("'294276-12-31 00:00:00+00'::timestamptz", true),
    ("NULL::timestamptz", false),
    ("now()::text", false),
    ("1764000000000::bigint", false),
];

const MOMENTS_IF: &[Says] =
    &[("NULL::timestamptz", true), ("now()", true), ("now()::text", false), ("7::bigint", false)];

const REASONS: &[Says] = &[
    ("'a return'::text", true),
    ("repeat('x', 500)", true),
    ("repeat('x', 501)", false),
    ("''::text", false),
    ("NULL::text", false),
];

const STOCKS: &[Says] = &[
    ("0::integer", true),
    ("1000000::integer", true),
    ("1000001::integer", false),
    ("2147483647::integer", false),
    ("(-1)::integer", false),
    ("NULL::integer", false),
    ("5::bigint", false),
];

const UNITS: &[Says] = &[
    ("1::integer", true),
    ("1000000::integer", true),
    ("0::integer", false),
    ("1000001::integer", false),
    ("(-1)::integer", false),
    ("NULL::integer", false),
    ("'1'::text", false),
];

const LIMITS: &[Says] = &[
    ("1::smallint", true),
    ("1000::smallint", true),
    ("0::smallint", false),
    ("1001::smallint", false),
    ("(-1)::smallint", false),
    ("NULL::smallint", false),
    ("1::integer", false),
];

const SPANS: &[Says] = &[
    ("1::bigint", true),
    ("9223372036854775807::bigint", true),
    ("0::bigint", false),
    ("(-1)::bigint", false),
    ("NULL::bigint", false),
    ("7::numeric", false),
];

const SMALL: &[Says] = &[
    ("0::smallint", true),
    ("32767::smallint", true),
    ("(-1)::smallint", false),
    ("NULL::smallint", false),
    ("1::integer", false),
];

const OPTIONAL_NUMBERS: &[Says] = &[
    ("NULL::bigint", true),
    ("1::bigint", true),
    ("0::bigint", false),
    ("(-1)::bigint", false),
    ("1::integer", false),
];

const USERS: &[Says] = &[
    ("'alice'::text", true),
    ("repeat('x', 64)", true),
    ("repeat('x', 65)", false),
    ("''::text", false),
    ("'al ice'::text", false),
    ("'zoë'::text", false),
    ("NULL::text", false),
    ("7::integer", false),
];

const TEXTS: &[Says] = &[("'a fox'::text", true), ("''::text", true), ("NULL::text", false)];

const CODES: &[Says] = &[
    ("'00000000-07ab-8def-8123-456789abcdef'::uuid", true),
    ("'ffffffff-ffff-8fff-bfff-ffffffffffff'::uuid", true),
    ("gen_random_uuid()", false),
    ("'00000000-0000-0000-0000-000000000000'::uuid", false),
    ("'00000000-00ab-8def-8123-456789abcdef'::uuid", false),
    ("NULL::uuid", false),
    ("gen_random_uuid()::text", false),
];

/// What `state` may say. Which of them a reader knows is for each to say.
const FLAGS: &[Says] =
    &[("true", true), ("false", true), ("NULL::boolean", false), ("1", false), ("'t'", false)];
const STATES: &[Says] = &[
    ("active", true),
    ("paused", true),
    ("closed", true),
    ("held", true),
    ("sold", true),
    ("expired", true),
    ("released", true),
    ("cancelled", true),
    ("void", true),
    ("HELD", true),
    ("claimed", true),
    ("", true),
];

const COLUMNS: &[(&str, &[Says])] = &[
    ("id", NUMBERS),
    ("sale_id", NUMBERS),
    ("starts_at", STARTS),
    ("ends_at", ENDS),
    ("purchased_at", MOMENTS),
    ("expires_at", MOMENTS),
    ("stock", STOCKS),
    ("per_user_limit", LIMITS),
    ("on_timetable", FLAGS),
    ("salt", SALTS),
    ("product_id", OPTIONAL_NUMBERS),
    ("slot", SMALL),
    ("hold_ms", SPANS),
    ("epoch", WHOLE),
    ("left_ms", WHOLE),
    ("unit", UNITS),
    ("user_id", USERS),
    ("item_name", TEXTS),
    ("item_image", TEXTS),
    ("product_version", OPTIONAL_NUMBERS),
    ("cancelled_at", MOMENTS_IF),
    ("cancel_reason", REASONS),
    ("code", CODES),
];

/// A row to be made: for each column what it says, mostly what may be believed.
#[derive(Debug)]
struct Made {
    columns: Vec<(&'static str, Says)>,
    state: &'static str,
}

impl Made {
    fn sql(&self) -> String {
        let columns = self.columns.iter().map(|(name, (says, _))| format!("{says} AS {name}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        format!(
            "SELECT {columns}, '{}'::text AS state, NULL::timestamptz AS held_until",
            self.state
        )
    }

    fn says(&self, column: &str) -> &str {
        let found = self.columns.iter().find(|(name, _)| *name == column);
        found.map_or("", |(_, (says, _))| says)
    }

    /// Whether all of these columns may be believed.
    fn is_good(&self, names: &[&str]) -> bool {
        self.columns.iter().all(|(name, (_, good))| *good || !names.contains(name))
    }
}

fn made() -> impl Strategy<Value = Made> {
    let says = prop::collection::vec((any::<Index>(), prop::bool::weighted(0.1)), COLUMNS.len());
    (says, prop::sample::select(STATES)).prop_map(|(says, (state, _))| {
        let columns = COLUMNS.iter().zip(says).map(|(&(name, pool), (place, any))| {
            let believed = pool.iter().filter(|(_, good)| any || *good).collect::<Vec<_>>();
            (name, *believed[place.index(believed.len())])
        });
        Made { columns: columns.collect(), state }
    })
}

/// Checks that a reader believes a row exactly if it may, and else names a column.
fn check<T: std::fmt::Debug>(read: Result<T, SessionError>, is_good: bool) -> TestCaseResult {
    match read {
        Ok(read) => prop_assert!(is_good, "believed: {:?}", read),
        Err(SessionError::Unreadable(message)) => {
            prop_assert!(!is_good, "{}", message);
            prop_assert!(message.starts_with("column "), "{}", message);
        }
        Err(other) => prop_assert!(false, "{}", other),
    }
    Ok(())
}

const RECEIPT: &[&str] = &[
    "code",
    "sale_id",
    "user_id",
    "unit",
    "item_name",
    "item_image",
    "product_version",
    "purchased_at",
    "cancelled_at",
];
const TERMS: &[&str] = &[
    "id",
    "starts_at",
    "ends_at",
    "stock",
    "per_user_limit",
    "hold_ms",
    "epoch",
    "on_timetable",
    "salt",
    "product_id",
];

fn check_row(made: &Made, row: &Row) -> TestCaseResult {
    let state = made.state;
    let is_sale = matches!(state, "active" | "paused" | "closed");
    let is_over = matches!(state, "expired" | "released" | "cancelled" | "void");
    // Of one that stands, nobody asks why it does not.
    let is_receipt = made.is_good(RECEIPT)
        && (made.is_good(&["cancel_reason"]) || made.says("cancelled_at") == "NULL::timestamptz");

    check(rows::sale(row), is_sale && made.is_good(TERMS))?;
    check(rows::receipt(row), is_receipt)?;
    check(rows::live_unit(row), made.is_good(&["code", "user_id", "unit", "slot"]))?;
    let is_record = match state {
        "held" => made.is_good(&["unit"]),
        "sold" | "cancelled" => is_receipt,
        _ => is_over,
    };
    check(rows::code_record(row), is_record)?;
    let is_verdict = match state {
        "held" => made.is_good(&["unit", "left_ms"]),
        "sold" => made.is_good(&["unit"]),
        _ => is_over,
    };
    check(rows::verdict(row), is_verdict)?;
    let is_live = matches!(state, "held" | "sold");
    let is_granted = made.is_good(&["unit", "slot", "expires_at"]);
    check(rows::recorded_grant(row), is_over || is_live && is_granted)?;
    let was_granted = is_live || matches!(state, "expired" | "released" | "cancelled");
    check(rows::answered(row), state == "void" || was_granted && is_granted)?;
    // A column that is not there at all.
    check(rows::count(row, "held"), false)
}

/// A server, and a connection to it.
fn connected(runtime: &Runtime) -> (PostgresServer, Client) {
    let server = PostgresServer::start().unwrap();
    server.create_database("rows").unwrap();
    let url = server.url("rows");
    let connecting = tokio_postgres::connect(&url, NoTls);
    let (client, connection) = runtime.block_on(connecting).unwrap();
    runtime.spawn(connection);
    (server, client)
}

fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
}

#[test]
fn a_row_is_read_as_what_it_says_or_refused_by_column() {
    let runtime = Runtime::new().unwrap();
    let (_server, client) = connected(&runtime);

    let checked = runner(400).run(&made(), |made| {
        let row = runtime.block_on(client.query_one(&made.sql(), &[])).unwrap();
        check_row(&made, &row)
    });

    checked.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_moment_comes_back_as_it_was_or_as_the_furthest_there_is() {
    /// The first moment Postgres has: 4714 BC.
    const FIRST_MS: i64 = -210_866_803_200_000;
    let runtime = Runtime::new().unwrap();
    let (_server, client) = connected(&runtime);
    let near = -1_000_000_000_000_000..1_000_000_000_000_000i64;

    let checked = runner(200).run(&prop_oneof![near, any::<i64>()], |ms| {
        let moment = rows::to_system_time(UnixMillis(ms));
        let asked =
            async { client.query_one("SELECT $1::timestamptz AS moment", &[&moment]).await };
        match runtime.block_on(asked) {
            Ok(row) => {
                let UnixMillis(read) = rows::moment(&row, "moment").unwrap();
                prop_assert!(read == ms || ms > read && read > 7_999_999_999_999_999, "{}", read);
            }
            Err(error) => prop_assert!(ms < FIRST_MS, "{}: {}", ms, error),
        }
        Ok(())
    });

    checked.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_stock_beyond_all_numbers_is_no_stock() {
    let runtime = Runtime::new().unwrap();
    let (_server, client) = connected(&runtime);
    let columns = COLUMNS.iter().map(|&(name, pool)| (name, pool[0])).collect();
    let mut made = Made { columns, state: "active" };
    for column in &mut made.columns {
        if column.0 == "stock" {
            column.1 = ("2147483647::integer", false);
        }
    }

    let row = runtime.block_on(client.query_one(&made.sql(), &[])).unwrap();

    assert!(rows::sale(&row).unwrap_err().to_string().contains("column stock"));
}
