//! Recording ten million attempts at sales that are closed.
//!
//! The hard case is many rows that every index has: two million grants, all sold, and their
//! purchases. The other eight million are refusals, which only make the table larger.

use std::thread;

use dev_servers::Directory;
use rusqlite::params;

use crate::{error::BenchError, stores::Stores};

const ATTEMPTS: u64 = 10_000_000;

/// An index, without which rows are faster to write.
struct Index {
    is_of_attempts: bool,
    drop: String,
    make: String,
}

/// Records them in a database.
pub(crate) fn record(database: &Stores) -> Result<(), BenchError> {
    let indexes = indexes(database)?;
    let drops: Vec<_> = indexes.iter().map(|index| index.drop.as_str()).collect();
    database.rows(&drops.join(";"))?;
    database.rows(include_str!("../sql/old_sales.sql"))?;
    both(
        || database.rows(include_str!("../sql/old_grants.sql")),
        || database.rows(include_str!("../sql/old_refusals.sql")),
    )?;
    let make_again = |of_attempts: bool| {
        let makes = indexes.iter().filter(|index| index.is_of_attempts == of_attempts);
        let makes: Vec<_> = makes.map(|index| index.make.as_str()).collect();
        let with_room = format!("SET maintenance_work_mem = '512MB'; {}", makes.join(";"));
        database.rows(&with_room)
    };
    both(|| make_again(true), || make_again(false))?;
    let attempts = database.number("SELECT count(*) FROM checkout_attempts")?;
    if attempts != ATTEMPTS {
        return Err(BenchError::Wrong(format!("{attempts} attempts are recorded, not {ATTEMPTS}")));
    }
    // A server would have done so long ago, and must not begin while it is measured.
    database.rows("VACUUM (ANALYZE)")?;
    database.rows("CHECKPOINT")?;
    Ok(())
}

/// Closed sales, and the units of each.
const SALES: i64 = 200;
const STOCK: i64 = 10_000;

/// Attempts at each that got nothing.
const REFUSALS: i64 = 40_000;

/// When the first of them began, in milliseconds since the Unix epoch: long ago.
const FIRST_MS: i64 = 1_600_000_000_000;
const HOUR_MS: i64 = 3_600_000;

/// Records the closed sales alone, which nobody attempted to buy of.
pub(crate) fn record_sales(database: &Stores) -> Result<(), BenchError> {
    database.rows(include_str!("../sql/old_sales.sql"))?;
    Ok(())
}

/// Records the same sales in a ledger in a directory.
pub(crate) fn record_sales_in_directory(directory: &Directory) -> Result<(), BenchError> {
    let mut ledger = directory.open()?;
    let transaction = ledger.transaction()?;
    for sale in 1..=SALES {
        let starts_ms = FIRST_MS + sale * HOUR_MS;
        transaction.execute(include_str!("../sql/directory/old_sale.sql"), [starts_ms])?;
    }
    transaction.commit()?;
    Ok(())
}

/// Records attempts at them, too, in a ledger in a directory.
pub(crate) fn record_in_directory(directory: &Directory) -> Result<(), BenchError> {
    let mut ledger = directory.open()?;
    ledger.execute_batch("PRAGMA synchronous = OFF")?;
    for sale in 1..=SALES {
        let transaction = ledger.transaction()?;
        let starts_ms = FIRST_MS + sale * HOUR_MS;
        transaction.execute(include_str!("../sql/directory/old_sale.sql"), [starts_ms])?;
        let mut grant =
            transaction.prepare_cached(include_str!("../sql/directory/old_grant.sql"))?;
        let mut refusal =
            transaction.prepare_cached(include_str!("../sql/directory/old_refusal.sql"))?;
        for number in 1..=REFUSALS {
            // A prime step through a million users meets none twice.
            let user = format!("user-{}", (number * 7_907 + sale * 104_723) % 1_000_000);
            refusal.execute(params![sale, starts_ms + number, user])?;
            if number <= STOCK {
                let user = format!("user-{}", (number * 7_919 + sale * 104_729) % 1_000_000);
                let code = old_code(sale, number);
                grant.execute(params![sale, starts_ms + number, user, number, code])?;
            }
        }
        drop((grant, refusal));
        for statement in [
            include_str!("../sql/directory/old_purchases.sql"),
            include_str!("../sql/directory/old_codes.sql"),
        ] {
            transaction.execute(statement, [sale])?;
        }
        transaction.commit()?;
    }
    ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    ledger.close().map_err(|(_, error)| error)?;
    let attempts = directory.sql("SELECT count(*) FROM checkout_attempts")?;
    let attempts = attempts.trim();
    if attempts != ATTEMPTS.to_string() {
        return Err(BenchError::Wrong(format!("{attempts} attempts are recorded, not {ATTEMPTS}")));
    }
    Ok(())
}

/// A code as the service makes them: version 8, led by the sale's number in 40 bits; scattered
/// within its sale, as those are.
fn old_code(sale: i64, number: i64) -> [u8; 16] {
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
    let mut code = [0; 16];
    code[..5].copy_from_slice(&sale.to_be_bytes()[3..]);
    code[5..13].copy_from_slice(&scattered.to_be_bytes());
    code[6] = code[6] & 0x0f | 0x80;
    code[8] = code[8] & 0x3f | 0x80;
    code[14..].copy_from_slice(&number.to_be_bytes()[6..]);
    code
}

fn indexes(database: &Stores) -> Result<Vec<Index>, BenchError> {
    let said = database.rows(include_str!("../sql/index_definitions.sql"))?;
    let indexes = said.lines().map(read).collect::<Option<_>>();
    indexes.ok_or(BenchError::Unreadable { from: "psql", said })
}

/// Reads a row of `index_definitions.sql`.
fn read(row: &str) -> Option<Index> {
    let mut columns = row.splitn(3, '|').map(str::to_owned);
    let is_of_attempts = columns.next()? == "checkout_attempts";
    Some(Index { is_of_attempts, drop: columns.next()?, make: columns.next()? })
}

/// Does two things at once, for there are two cores.
fn both(
    one: impl FnOnce() -> Result<String, BenchError> + Send,
    other: impl FnOnce() -> Result<String, BenchError>,
) -> Result<(), BenchError> {
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join(), other)
    });
    one.map_err(|_| BenchError::Wrong("a thread broke".to_owned()))??;
    other?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_may_have_columns_signs() {
        let row = "purchases|DROP INDEX odd|CREATE INDEX odd ON purchases ((user_id || '|'))";

        let index = read(row).unwrap();

        assert!(!index.is_of_attempts);
        assert_eq!(index.drop, "DROP INDEX odd");
        assert_eq!(index.make, "CREATE INDEX odd ON purchases ((user_id || '|'))");
    }
}
