//! `SaleHistory` on Postgres.

use async_trait::async_trait;
use domain::{
    SaleId, StoreError, UnixMillis,
    history::{MINUTES_MAX, Minute, Point},
    ports::{Operation, SaleHistory},
    processes::ProcessId,
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{PostgresLedger, rows, session::SessionError};

const NOTE_SQL: &str = include_str!("sql/history/note.sql");
const MINUTES_SQL: &str = include_str!("sql/history/minutes.sql");
const DROP_SQL: &str = include_str!("sql/history/drop.sql");

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[NOTE_SQL, MINUTES_SQL, DROP_SQL];

#[async_trait]
impl SaleHistory for PostgresLedger {
    async fn note(&self, minute: &Minute, by: ProcessId) -> Result<(), StoreError> {
        let Minute { at, stood, .. } = minute;
        let attempts = self.shared.uncounted.of(stood);
        let sales: Vec<_> = stood.iter().map(|it| it.sale.get()).collect();
        let units = |units: u32| i32::try_from(units).unwrap_or(i32::MAX);
        let sold: Vec<_> = stood.iter().map(|it| units(it.sold)).collect();
        let held: Vec<_> = stood.iter().map(|it| units(it.held)).collect();
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let granted: Vec<_> = attempts.iter().map(|it| count(it.granted)).collect();
        let refused: Vec<_> = attempts.iter().map(|it| count(it.refused)).collect();
        let (at, by) = (rows::to_system_time(*at), Uuid::from_u128(by.0));
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&at, &by, &sales, &sold, &held, &granted, &refused];
        let noted = self.session().query_patiently(NOTE_SQL, &parameters).await;
        noted.map_err(|error| error.during(Operation::NoteMinute))?;
        self.shared.uncounted.written(minute, &attempts);
        Ok(())
    }

    fn has_counted(&self, sale: SaleId) -> bool {
        self.shared.uncounted.has(sale)
    }

    async fn minutes(&self, sale: SaleId, from: UnixMillis) -> Result<Vec<Point>, StoreError> {
        let limit = i64::try_from(MINUTES_MAX).unwrap_or(i64::MAX);
        let (sale, from) = (sale.get(), rows::to_system_time(from));
        let parameters: [&(dyn ToSql + Sync); 3] = [&sale, &from, &limit];
        let found = self.look(Operation::ReadMinutes, MINUTES_SQL, &parameters).await?;
        let points = found.iter().rev().map(point).collect::<Result<_, _>>();
        points.map_err(|error: SessionError| error.during(Operation::ReadMinutes))
    }

    async fn drop_before(&self, minute: UnixMillis, limit: usize) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let minute = rows::to_system_time(minute);
        let dropped = self.session().query_patiently(DROP_SQL, &[&minute, &limit]).await;
        let dropped = dropped.and_then(|found| {
            let dropped = found.first().map(|row| rows::count(row, "dropped")).transpose()?;
            Ok(dropped.unwrap_or_default() as usize)
        });
        dropped.map_err(|error| error.during(Operation::DropMinutes))
    }
}

fn point(row: &Row) -> Result<Point, SessionError> {
    let count = |name| Ok::<_, SessionError>(rows::column::<i64>(row, name)?.unsigned_abs());
    Ok(Point {
        at: rows::moment(row, "minute")?,
        sold: rows::count(row, "sold")?,
        held: rows::count(row, "held")?,
        checkouts: count("checkouts")?,
        refused: count("refused")?,
    })
}
