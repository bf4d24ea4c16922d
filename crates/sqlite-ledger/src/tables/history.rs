//! How sales went, minute by minute.

use domain::{
    SaleId, UnixMillis,
    history::{Attempts, MINUTES_MAX, Point, Stood},
    processes::ProcessId,
};
use rusqlite::Row;

use super::Tables;
use crate::SqliteError;

const NOTE: &str = include_str!("../sql/history/note.sql");
const MINUTES: &str = include_str!("../sql/history/minutes.sql");
const DROP: &str = include_str!("../sql/history/drop.sql");

impl Tables<'_> {
    /// Writes how sales stood at a minute, of which this process has written nothing.
    pub(crate) fn note_minute(
        &self,
        minute: UnixMillis,
        by: ProcessId,
        rows: &[(Stood, Attempts)],
    ) -> Result<(), SqliteError> {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (Stood { sale, sold, held }, attempts) in rows {
            let (granted, refused) = (count(attempts.granted), count(attempts.refused));
            let by = by.0.to_be_bytes();
            self.run(NOTE, (sale.get(), minute.0, by, sold, held, granted, refused))?;
        }
        Ok(())
    }

    /// How a sale went, the first minute first.
    pub(crate) fn read_minutes(
        &self,
        sale: SaleId,
        from: UnixMillis,
    ) -> Result<Vec<Point>, SqliteError> {
        let limit = i64::try_from(MINUTES_MAX).unwrap_or(i64::MAX);
        let mut points = self.all(MINUTES, (sale.get(), from.0, limit), point)?;
        points.reverse();
        Ok(points)
    }

    /// Drops what was written before a minute; says how many rows.
    pub(crate) fn drop_minutes(
        &self,
        before: UnixMillis,
        limit: usize,
    ) -> Result<usize, SqliteError> {
        self.run(DROP, (before.0, i64::try_from(limit).unwrap_or(i64::MAX)))
    }
}

fn point(row: &Row<'_>) -> rusqlite::Result<Point> {
    Ok(Point {
        at: UnixMillis(row.get("minute")?),
        sold: row.get("sold")?,
        held: row.get("held")?,
        checkouts: row.get::<_, i64>("checkouts")?.unsigned_abs(),
        refused: row.get::<_, i64>("refused")?.unsigned_abs(),
    })
}
