//! The ledger in SQLite, looked at as any other process may while one serves from it.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction};
use uuid::Uuid;

use crate::{
    error::ChaosError,
    ledger::{HoldRecord, PurchaseRecord, Records, TrailRow},
};

/// How long to wait for a process that makes the ledger anew from its log.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait for one that writes: it may stand still.
const PATIENCE_TO_WRITE: Duration = Duration::from_millis(200);

/// The number of the sale that opens at this moment, as soon as there is one.
pub(crate) fn sale_at(ledger: &Path, opens_ms: i64) -> Result<Option<i64>, ChaosError> {
    look(ledger, |snapshot| {
        let sql = "SELECT id FROM sales WHERE starts_at = ?1";
        snapshot.query_row(sql, [opens_ms], |row| row.get(0)).optional()
    })
}

/// Everything about a sale, at one moment.
pub(crate) fn records_of(ledger: &Path, sale: i64) -> Result<Records, ChaosError> {
    look(ledger, |snapshot| {
        let terms = "SELECT stock, per_user_limit, state, ends_at FROM sales WHERE id = ?1";
        let terms = snapshot.query_row(terms, [sale], |row| {
            Ok((count(row, 0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let (stock, per_user_limit, state, ends_ms) = terms?;
        let trail = "SELECT id, number, action, after, refused FROM operator_actions
                     WHERE sale_id = ?1 ORDER BY number";
        let holds = "SELECT code, user_id, unit, state, expires_at,
                            CASE WHEN state <> 'held' THEN changed_at END, slot
                     FROM checkout_attempts WHERE sale_id = ?1 AND outcome = 'granted'";
        let refusals = "SELECT user_id, outcome, count(*) FROM checkout_attempts
                        WHERE sale_id = ?1 AND outcome <> 'granted' GROUP BY 1, 2";
        let purchases = "SELECT code, user_id, unit, item_name, cancelled_at IS NOT NULL
                         FROM purchases WHERE sale_id = ?1";
        Ok(Records {
            stock,
            per_user_limit,
            state,
            ends_ms,
            trail: all(snapshot, trail, sale, |row| {
                let (number, action) = (row.get(1)?, row.get(2)?);
                let (after, refused) = (row.get(3)?, row.get(4)?);
                Ok(TrailRow { id: code(row)?, number, action, after, refused })
            })?,
            holds: all(snapshot, holds, sale, |row| {
                let hold = HoldRecord {
                    user: row.get(1)?,
                    unit: row.get(2)?,
                    state: row.get(3)?,
                    expires_ms: row.get(4)?,
                    resolved_ms: row.get(5)?,
                    slot: row.get(6)?,
                };
                Ok((code(row)?, hold))
            })?,
            refusals: all(snapshot, refusals, sale, |row| {
                Ok(((row.get(0)?, row.get(1)?), count(row, 2)?))
            })?,
            purchases: all(snapshot, purchases, sale, |row| {
                let (user, unit, item) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let purchase = PurchaseRecord { user, unit, item, is_cancelled: row.get(4)? };
                Ok((code(row)?, purchase))
            })?,
        })
    })
}

/// Leaves the log no room but what it needs: it keeps what it once took from the disk, and would
/// not notice for a while that the disk is full. Says whether nobody was in the way.
pub(crate) fn shorten_log(ledger: &Path) -> Result<bool, ChaosError> {
    let connection = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE_TO_WRITE)?;
    let shorten = "PRAGMA wal_checkpoint(TRUNCATE)";
    Ok(connection.query_row(shorten, [], |row| row.get::<_, i64>(0))? == 0)
}

/// Looks at the ledger as it is at one moment, and changes nothing of it.
fn look<T>(
    ledger: &Path,
    at: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> Result<T, ChaosError> {
    let mut connection = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(PATIENCE)?;
    let snapshot = connection.transaction()?;
    Ok(at(&snapshot)?)
}

/// What is read of each row about a sale.
fn all<T, Rows: FromIterator<T>>(
    snapshot: &Transaction<'_>,
    sql: &str,
    sale: i64,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Rows> {
    snapshot.prepare(sql)?.query_map([sale], read)?.collect()
}

/// A code, which is the first column: 16 bytes.
fn code(row: &Row<'_>) -> rusqlite::Result<Uuid> {
    row.get(0).map(Uuid::from_bytes)
}

/// A number of things, which is never negative.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let count: i64 = row.get(column)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The tables that the service makes, with one sale of 5 units.
    fn ledger() -> (tempfile::TempDir, Connection) {
        let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sqlite-ledger/migrations");
        let files = fs::read_dir(migrations).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|file| file.extension().is_some_and(|it| it == "sql")).collect();
        // There are fewer than ten.
        files.sort();
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join("ledger.sqlite")).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        for file in files {
            connection.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
        }
        let sale = "INSERT INTO sales
                        (id, starts_at, ends_at, hold_ms, stock, per_user_limit, first_attempt,
                         first_purchase)
                    VALUES (7, 1000, 2000, 300, 5, 10, 1, 1)";
        connection.execute_batch(sale).unwrap();
        (dir, connection)
    }

    #[test]
    fn what_a_process_that_serves_has_written_is_read_beside_it() {
        let (dir, service) = ledger();
        let path = dir.path().join("ledger.sqlite");
        let rows = "
            INSERT INTO checkout_attempts
                (id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at,
                 changed_at, code, user_id)
            VALUES
                (1, 7, 'granted', 'held', 1, 0, 1, 1100, 1400, 1100, x'00000000000000000000000000000001', 'ann'),
                (2, 7, 'granted', 'sold', 2, 1, 1, 1100, 1400, 1200, x'00000000000000000000000000000002', 'ann'),
                (3, 7, 'sold_out', NULL, NULL, NULL, NULL, 1300, NULL, NULL, NULL, 'bob'),
                (4, 7, 'sold_out', NULL, NULL, NULL, NULL, 1301, NULL, NULL, NULL, 'bob'),
                (5, 7, NULL, 'void', NULL, NULL, NULL, 1302, NULL, NULL, x'00000000000000000000000000000003', NULL),
                (6, 8, 'unknown_sale', NULL, NULL, NULL, NULL, 1303, NULL, NULL, NULL, 'bob');
            INSERT INTO purchases
                (id, sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
            VALUES (1, 7, 2, 1, 1200, x'00000000000000000000000000000002', 'ann', 'A', '/a');
            INSERT INTO operator_actions (number, id, acted_at, sale_id, operator, action, asked, after, refused)
            VALUES
                (1, x'00000000000000000000000000000009', 1150, 7, 'eve', 'sale-paused', '{}', '{\"a\": 1}', NULL),
                (2, x'0000000000000000000000000000000A', 1160, 8, 'eve', 'sale-ended', '{}', NULL, '{}');
        ";
        service.execute_batch(rows).unwrap();

        let records = records_of(&path, 7).unwrap();

        let hold = |unit, slot, state: &str, resolved_ms| HoldRecord {
            user: "ann".to_owned(),
            unit,
            slot,
            state: state.to_owned(),
            expires_ms: 1_400,
            resolved_ms,
        };
        assert_eq!((records.stock, records.per_user_limit), (5, 10));
        assert_eq!((&*records.state, records.ends_ms), ("active", 2_000));
        let paused = TrailRow {
            id: Uuid::from_u128(9),
            number: 1,
            action: "sale-paused".to_owned(),
            after: Some("{\"a\": 1}".to_owned()),
            refused: None,
        };
        assert_eq!(records.trail, [paused]);
        assert_eq!(records.holds.len(), 2);
        assert_eq!(records.holds[&Uuid::from_u128(1)], hold(1, 0, "held", None));
        assert_eq!(records.holds[&Uuid::from_u128(2)], hold(2, 1, "sold", Some(1_200)));
        let refusal = ("bob".to_owned(), "sold_out".to_owned());
        assert_eq!(records.refusals.into_iter().collect::<Vec<_>>(), [(refusal, 2)]);
        let receipt = PurchaseRecord {
            user: "ann".to_owned(),
            unit: 2,
            item: "A".to_owned(),
            is_cancelled: false,
        };
        assert_eq!(
            records.purchases.into_iter().collect::<Vec<_>>(),
            [(Uuid::from_u128(2), receipt)]
        );
    }

    #[test]
    fn a_log_that_is_shortened_has_no_room() {
        let (dir, _service) = ledger();
        let log = || fs::metadata(dir.path().join("ledger.sqlite-wal")).unwrap().len();
        assert_ne!(log(), 0);

        assert!(shorten_log(&dir.path().join("ledger.sqlite")).unwrap());

        assert_eq!(log(), 0);
    }

    #[test]
    fn a_sale_is_found_by_its_opening() {
        let (dir, _service) = ledger();
        let path = dir.path().join("ledger.sqlite");

        assert_eq!(sale_at(&path, 1_000).unwrap(), Some(7));
        assert_eq!(sale_at(&path, 2_000).unwrap(), None);
    }
}
