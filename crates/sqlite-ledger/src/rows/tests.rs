//! Rows as the schema does not allow them: each is an error that names the column.

use rusqlite::Connection;

use super::*;

/// What a column may say that is believed, and what is not, as SQL.
type Column = (&'static str, &'static [&'static str], &'static [&'static str]);

const COLUMNS: &[Column] = &[
    ("id", &["7", "1099511627775"], &["NULL", "0", "-1", "1099511627776", "'7'", "7.5"]),
    ("sale_id", &["7", "1099511627775"], &["NULL", "0", "-1", "1099511627776", "'7'", "x'07'"]),
    ("starts_at", &["1764000000000", "-1"], NO_NUMBERS),
    ("ends_at", &["9223372036854775807"], &["NULL", "'9'", "9.5", "x'09'", "1764000000000", "-1"]),
    ("purchased_at", MOMENTS, NO_NUMBERS),
    ("cancelled_at", &["9"], &["'9'", "9.5"]),
    ("cancel_reason", &["'a return'"], &["NULL", "''", "7", "CAST(x'ff' AS TEXT)"]),
    ("attempted_at", MOMENTS, NO_NUMBERS),
    ("expires_at", MOMENTS, NO_NUMBERS),
    ("changed_at", MOMENTS, NO_NUMBERS),
    ("held_until", &["9", "NULL"], &["'9'", "9.5"]),
    ("epoch_at", &["9", "NULL"], &["'9'", "9.5"]),
    ("closed_at", &["9", "NULL"], &["'9'", "9.5"]),
    ("hold_ms", &["300000", "1"], &["NULL", "'9'", "9.5", "x'09'", "0", "-1"]),
    ("epoch", &["1", "0", "-1"], NO_NUMBERS),
    ("stock", &["5", "0", "1000000"], &["NULL", "1000001", "-1", "4294967296", "'5'"]),
    ("per_user_limit", &["10", "1000"], &["NULL", "0", "1001", "-1", "65536", "'10'"]),
    ("on_timetable", &["0", "1"], &["NULL", "2", "-1", "'1'"]),
    ("salt", &[A_SALT], &["NULL", "x''", "x'07'", "7", "'a text of thirty-two characters..'"]),
    ("unit", &["1", "1000000"], &["NULL", "0", "-1", "1000001", "4294967297", "'1'"]),
    ("slot", &["0", "999"], &["NULL", "-1", "65536", "'0'"]),
    ("held", &["0", "10000"], &["NULL", "-1", "4294967296", "'0'"]),
    ("sold", &["0", "10000"], &["NULL", "-1", "4294967296", "'0'"]),
    ("purchase", &["3", "NULL"], &["'3'", "3.5"]),
    ("code", &["x'000102030405860788090a0b0c0d0e0f'"], NO_CODES),
    ("user_id", &["'alice'"], &["NULL", "''", "'al ice'", "'zoë'", "7", "CAST(x'ff' AS TEXT)"]),
    ("item_name", &["'a fox'", "''"], NO_TEXTS),
    ("item_image", &["'/fox.webp'", "''"], NO_TEXTS),
    ("product_version", OPTIONAL_NUMBERS.0, OPTIONAL_NUMBERS.1),
    ("product_id", OPTIONAL_NUMBERS.0, OPTIONAL_NUMBERS.1),
    ("outcome", &["'granted'", "NULL", "'sold_out'"], &["7", "CAST(x'ff' AS TEXT)"]),
    ("state", &[], &["NULL", "'HELD'", "''", "'claimed'", "7", "CAST(x'ff' AS TEXT)"]),
];

const A_SALT: &str = "x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'";
const OPTIONAL_NUMBERS: (&[&str], &[&str]) = (&["NULL", "7"], &["0", "-1", "'7'", "7.5"]);
const MOMENTS: &[&str] = &["1764000000000", "-1", "9223372036854775807"];
const NO_NUMBERS: &[&str] = &["NULL", "'9'", "9.5", "x'09'"];
const NO_TEXTS: &[&str] = &["NULL", "7", "x'78'", "CAST(x'ff' AS TEXT)"];
const NO_CODES: &[&str] = &[
    "NULL",
    "x''",
    "x'0001'",
    "x'000102030405060708090a0b0c0d0e0f'",
    "x'000102030405860788090a0b0c0d0e0f10'",
    "'0123456789abcdef'",
    "7",
];

/// What reads a row, with the columns it needs and the states it knows.
struct Reader {
    columns: &'static [&'static str],
    states: &'static [&'static str],
    read: fn(&Row<'_>) -> rusqlite::Result<()>,
}

const SALE_STATES: &[&str] = &["'active'", "'paused'", "'closed'"];
const HOLD_STATES: &[&str] = &["'held'", "'sold'", "'expired'", "'released'", "'cancelled'"];

const READERS: [Reader; 10] = [
    Reader {
        columns: &[
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
        ],
        states: SALE_STATES,
        read: |row| sale(row).map(drop),
    },
    Reader {
        columns: &[
            "id",
            "hold_ms",
            "epoch_at",
            "closed_at",
            "sold",
            "on_timetable",
            "salt",
            "product_id",
        ],
        states: SALE_STATES,
        read: |row| sale_copy(row).map(drop),
    },
    Reader {
        columns: &["code", "user_id", "unit", "slot", "expires_at"],
        states: HOLD_STATES,
        read: |row| guarded(row).map(drop),
    },
    Reader { columns: &["purchase"], states: HOLD_STATES, read: |row| filed(row).map(drop) },
    Reader {
        columns: &["purchase", "unit"],
        states: HOLD_STATES,
        read: |row| filed_unit(row).map(drop),
    },
    Reader {
        columns: &["unit", "slot", "expires_at"],
        states: HOLD_STATES,
        read: |row| answered(row).map(drop),
    },
    Reader {
        columns: &[
            "code",
            "sale_id",
            "user_id",
            "unit",
            "item_name",
            "item_image",
            "product_version",
            "purchased_at",
            "cancelled_at",
            "cancel_reason",
        ],
        states: &[],
        read: |row| receipt(row).map(drop),
    },
    Reader {
        columns: &["code", "user_id", "unit", "slot", "held_until"],
        states: &[],
        read: |row| live_unit(row).map(drop),
    },
    Reader {
        columns: &["epoch", "held", "sold"],
        states: &[],
        read: |row| tally(row, UnixMillis(0)).map(drop),
    },
    Reader {
        columns: &[
            "sale_id",
            "attempted_at",
            "outcome",
            "code",
            "user_id",
            "unit",
            "slot",
            "epoch",
            "expires_at",
            "changed_at",
        ],
        states: HOLD_STATES,
        read: |row| attempt_copy(row).map(drop),
    },
];

impl Reader {
    /// Reads a row in which one column says this, and the others what may be believed.
    fn read(&self, connection: &Connection, column: &str, says: &str) -> rusqlite::Result<()> {
        let columns = COLUMNS.iter().map(|&(name, good, _)| {
            let believed = if name == "state" { self.states } else { good };
            let value = if name == column { says } else { believed.first().unwrap_or(&"NULL") };
            format!("{value} AS {name}")
        });
        let sql = format!("SELECT {}", columns.collect::<Vec<_>>().join(", "));
        connection.query_row(&sql, [], self.read)
    }
}

#[test]
fn a_row_is_read_as_what_it_says_or_refused_by_column() {
    let connection = Connection::open_in_memory().unwrap();
    for reader in &READERS {
        let states =
            COLUMNS.iter().filter(|(name, ..)| *name == "state" && !reader.states.is_empty());
        let columns = COLUMNS.iter().filter(|(name, ..)| reader.columns.contains(name));
        for &(name, good, bad) in states.chain(columns) {
            let good = if name == "state" { reader.states } else { good };
            for says in good {
                let read = reader.read(&connection, name, says);
                read.unwrap_or_else(|error| panic!("{name} may say {says}: {error}"));
            }
            for says in bad {
                let Err(error) = reader.read(&connection, name, says) else {
                    panic!("{name} was believed to be {says}");
                };
                assert!(error.to_string().contains(name), "{name}, {says}: {error}");
            }
        }
    }
}
