//! `Exports` on Postgres: one snapshot, read through a portal, some rows at a time.

use std::{
    ops::ControlFlow,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use domain::{
    Failure, StoreError,
    ports::{
        AttemptCopy, By, Cursor, ExportAsked, Exports, NO_SUCH_ROW, Operation, PurchaseCopy, Sink,
    },
};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use crate::{
    PostgresLedger,
    inspections::{codes_of, moment_of, purchase},
    rows,
    session::SessionError,
};

const ATTEMPTS_SQL: &str = include_str!("sql/export/attempts.sql");
const PURCHASES_SQL: &str = include_str!("sql/export/purchases.sql");

/// Rows that are fetched at a time, and so are in memory.
const ROWS_AT_ONCE: i32 = 2_000;

/// How long it may take until the next rows come, of which the first have to be sorted; the server
/// gives up on its own a little earlier.
const FETCH_TIMEOUT: Duration = Duration::from_secs(910);

/// What an export is set to. The server sorts at most `work_mem` in memory, and the rest in files; it
/// waits for whoever reads for as long as it may keep from being cleaned up what was dead before, and
/// sorts for nobody who has left.
const SETTINGS: &str = "SET LOCAL statement_timeout = '15min'; \
     SET LOCAL idle_in_transaction_session_timeout = '5min'; \
     SET LOCAL max_parallel_workers_per_gather = 0; \
     SET LOCAL enable_seqscan = on; \
     SET LOCAL work_mem = '64MB'; \
     SET LOCAL client_connection_check_interval = '1s'";

#[async_trait]
impl Exports for PostgresLedger {
    async fn attempts(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<AttemptCopy>,
    ) -> Result<(), StoreError> {
        let operation = Operation::ExportAttempts;
        let (from, before) = last_row(asked.after, operation)?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&asked.sale.get(), &from, &before];
        let read = rows::attempt_copy;
        let exported = self.export(ATTEMPTS_SQL, &parameters, asked.after, read, to).await;
        ended(exported, operation)
    }

    async fn purchases(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<PurchaseCopy>,
    ) -> Result<(), StoreError> {
        let operation = Operation::ExportPurchases;
        let (from, before) = last_row(asked.after, operation)?;
        let (first, last) = codes_of(asked.sale);
        let parameters: [&(dyn ToSql + Sync); 4] = [&first, &last, &from, &before];
        let exported = self.export(PURCHASES_SQL, &parameters, asked.after, purchase, to).await;
        ended(exported, operation)
    }
}

impl PostgresLedger {
    async fn export<T: Send + 'static>(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        after: Option<Cursor>,
        read: fn(&Row) -> Result<T, SessionError>,
        to: &mut dyn Sink<T>,
    ) -> Result<Ended, SessionError> {
        let mut next = after;
        let mut is_past = after.is_none();
        let export =
            Self::in_a_snapshot(self.for_operators(), SETTINGS, async move |transaction| {
                let portal = transaction.bind(sql, parameters).await.map_err(SessionError::of)?;
                loop {
                    let fetched = transaction.query_portal(&portal, ROWS_AT_ONCE);
                    let Ok(fetched) = timeout(FETCH_TIMEOUT, fetched).await else {
                        return Err(SessionError::TimedOut);
                    };
                    let fetched = fetched.map_err(SessionError::of)?;
                    let mut taken = Vec::with_capacity(fetched.len());
                    for row in &fetched {
                        let at = rows::column(row, "at")?;
                        if is_past {
                            next = Some(Cursor::past(next, By::Moment, at));
                            taken.push(read(row)?);
                        } else if after.is_some_and(|after| after.at == at) {
                            is_past = true;
                        } else {
                            return Ok(Ended::Astray);
                        }
                    }
                    let Some(next) = next.filter(|_| !fetched.is_empty()) else { break };
                    if !taken.is_empty() && to.take(taken, next).await == ControlFlow::Break(()) {
                        break;
                    }
                }
                Ok(if is_past { Ended::Well } else { Ended::Astray })
            });
        export.await
    }
}

/// How an export came to its end.
enum Ended {
    Well,
    /// The row that it was to go on after is not there.
    Astray,
}

fn ended(ended: Result<Ended, SessionError>, operation: Operation) -> Result<(), StoreError> {
    match ended.map_err(|error| error.during(operation))? {
        Ended::Well => Ok(()),
        Ended::Astray => Err(StoreError::new(operation, Failure::NotDone, NO_SUCH_ROW)),
    }
}

/// The moment of the row to go on after, and how many rows of that moment are before it. That row is read
/// too, to see that it is there.
fn last_row(
    after: Option<Cursor>,
    operation: Operation,
) -> Result<(Option<SystemTime>, i64), StoreError> {
    let (from, past) = moment_of(after, operation)?;
    if after.is_some() && past == 0 {
        return Err(StoreError::new(operation, Failure::NotDone, NO_SUCH_ROW));
    }
    Ok((from, (past - 1).max(0)))
}
