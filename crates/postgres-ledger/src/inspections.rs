//! `Inspections` on Postgres: what operators look up, each in a snapshot of its own.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use domain::{
    Code, Failure, SaleId, StoreError,
    ports::{
        AttemptCopy, By, CodeRows, Cursor, Inspections, OTHER_LIST, Operation, Page, PageAsked,
        PurchaseCopy, UnitHad, UnitOfSale, UserOfSales,
    },
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{PostgresLedger, rows, session::SessionError};

const CODE_SQL: &str = include_str!("sql/inspect/code.sql");
const HOLDERS_SQL: &str = include_str!("sql/inspect/holders.sql");
const UNITS_SQL: &str = include_str!("sql/inspect/units.sql");
const ATTEMPTS_SQL: &str = include_str!("sql/inspect/attempts.sql");

/// The statements of this room that go by an index.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[CODE_SQL, HOLDERS_SQL, UNITS_SQL];

/// How long a look may take; the server gives up on its own a little earlier.
const LOOK_TIMEOUT: Duration = Duration::from_secs(310);

/// What a look is set to. It leaves the other processors of the server to whoever sells, and looks for
/// nobody who has left.
const SETTINGS: &str = "SET LOCAL statement_timeout = '5min'; \
     SET LOCAL idle_in_transaction_session_timeout = '1min'; \
     SET LOCAL max_parallel_workers_per_gather = 0; \
     SET LOCAL client_connection_check_interval = '1s'";

/// The same, for one that reads a whole table.
const SETTINGS_TO_READ_ALL: &str = "SET LOCAL statement_timeout = '5min'; \
     SET LOCAL idle_in_transaction_session_timeout = '1min'; \
     SET LOCAL max_parallel_workers_per_gather = 0; \
     SET LOCAL client_connection_check_interval = '1s'; \
     SET LOCAL enable_seqscan = on";

#[async_trait]
impl Inspections for PostgresLedger {
    async fn code(&self, code: Code) -> Result<Option<CodeRows>, StoreError> {
        let found = self.look_at_rows(SETTINGS, CODE_SQL, &[&rows::uuid(code)]).await;
        let read = found.and_then(|found| found.first().map(code_rows).transpose());
        read.map_err(|error| error.during(Operation::InspectCode))
    }

    async fn holders(
        &self,
        of: UnitOfSale,
        asked: PageAsked,
    ) -> Result<Page<AttemptCopy>, StoreError> {
        let (from, past) = moment_of(asked.after, Operation::InspectHolders)?;
        let ((first, last), limit) = (codes_of(of.sale), limit(asked));
        let unit = i32::try_from(of.unit.get()).unwrap_or(i32::MAX);
        let parameters: [&(dyn ToSql + Sync); 6] = [&first, &last, &unit, &from, &past, &limit];
        // Of a large sale the index leads to each of its grants apart, which is the dearer way.
        let found = self.look_at_rows(SETTINGS_TO_READ_ALL, HOLDERS_SQL, &parameters).await;
        let read = found.and_then(|found| page(&found, asked, By::Moment, rows::attempt_copy));
        read.map_err(|error| error.during(Operation::InspectHolders))
    }

    async fn units(&self, of: UserOfSales, asked: PageAsked) -> Result<Page<UnitHad>, StoreError> {
        let cursor = ordered(asked.after, By::Sale, Operation::InspectUnits)?;
        let (from, past) = (cursor.map(|cursor| cursor.at), past(cursor));
        let (sale, limit) = (of.sale.map(SaleId::get), limit(asked));
        let parameters: [&(dyn ToSql + Sync); 5] = [&of.user.as_str(), &sale, &from, &past, &limit];
        let found = self.look_at_rows(SETTINGS, UNITS_SQL, &parameters).await;
        let read = found.and_then(|found| page(&found, asked, By::Sale, unit_had));
        read.map_err(|error| error.during(Operation::InspectUnits))
    }

    async fn attempts(
        &self,
        of: UserOfSales,
        asked: PageAsked,
    ) -> Result<Page<AttemptCopy>, StoreError> {
        let (from, past) = moment_of(asked.after, Operation::InspectAttempts)?;
        let (sale, limit) = (of.sale.map(SaleId::get), limit(asked));
        let parameters: [&(dyn ToSql + Sync); 5] = [&of.user.as_str(), &sale, &from, &past, &limit];
        let found = self.look_at_rows(SETTINGS_TO_READ_ALL, ATTEMPTS_SQL, &parameters).await;
        let read = found.and_then(|found| page(&found, asked, By::Moment, rows::attempt_copy));
        read.map_err(|error| error.during(Operation::InspectAttempts))
    }
}

impl PostgresLedger {
    async fn look_at_rows(
        &self,
        settings: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        let look = Self::in_a_snapshot(self.for_operators(), settings, async |transaction| {
            let found = transaction.query(sql, parameters);
            match tokio::time::timeout(LOOK_TIMEOUT, found).await {
                Ok(found) => found.map_err(SessionError::of),
                Err(_) => Err(SessionError::TimedOut),
            }
        });
        look.await
    }
}

/// The least and the most that a code of a sale can be.
pub(crate) fn codes_of(sale: SaleId) -> (Uuid, Uuid) {
    let (first, last) = Code::range_of(sale);
    (Uuid::from_u128(first), Uuid::from_u128(last))
}

/// The moment to go on at, and how many rows of it are past.
pub(crate) fn moment_of(
    after: Option<Cursor>,
    operation: Operation,
) -> Result<(Option<SystemTime>, i64), StoreError> {
    let cursor = ordered(after, By::Moment, operation)?;
    Ok((cursor.map(|cursor| rows::micros_to_system_time(cursor.at)), past(cursor)))
}

/// The cursor, if it is one of this order.
fn ordered(
    after: Option<Cursor>,
    by: By,
    operation: Operation,
) -> Result<Option<Cursor>, StoreError> {
    match after {
        Some(cursor) if cursor.by != by => {
            Err(StoreError::new(operation, Failure::NotDone, OTHER_LIST))
        }
        after => Ok(after),
    }
}

fn past(cursor: Option<Cursor>) -> i64 {
    cursor.map_or(0, |cursor| i64::from(cursor.nth))
}

fn limit(asked: PageAsked) -> i64 {
    i64::from(asked.rows_to_read())
}

fn page<T>(
    found: &[Row],
    asked: PageAsked,
    by: By,
    read: impl Fn(&Row) -> Result<T, SessionError>,
) -> Result<Page<T>, SessionError> {
    let rows = found.iter().map(|row| Ok((rows::column(row, "at")?, read(row)?)));
    Ok(Page::of(rows.collect::<Result<_, SessionError>>()?, asked, by))
}

fn code_rows(row: &Row) -> Result<CodeRows, SessionError> {
    let is_bought = rows::column::<Option<&str>>(row, "item_name")?.is_some();
    let purchase = is_bought.then(|| purchase(row)).transpose()?;
    Ok(CodeRows { attempt: rows::attempt_copy(row)?, purchase })
}

pub(crate) fn purchase(row: &Row) -> Result<PurchaseCopy, SessionError> {
    Ok(PurchaseCopy { receipt: rows::receipt(row)?, slot: rows::slot(row)? })
}

fn unit_had(row: &Row) -> Result<UnitHad, SessionError> {
    Ok(match rows::column(row, "state")? {
        "held" => {
            UnitHad::Held { sale: rows::sale_id(row, "sale_id")?, hold: rows::held_unit(row)? }
        }
        _ => UnitHad::Bought(rows::receipt(row)?),
    })
}
