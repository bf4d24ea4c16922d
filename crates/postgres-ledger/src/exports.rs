//! `Exports` on Postgres: one snapshot, read through a portal, some rows at a time.

use std::{ops::ControlFlow, time::Duration};

use async_trait::async_trait;
use domain::{
    StoreError,
    ports::{AttemptCopy, By, Cursor, ExportAsked, Exports, Operation, PurchaseCopy, Sink},
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
/// waits for whoever reads for as long as it may keep from being cleaned up what was dead before.
const SETTINGS: &str = "SET LOCAL statement_timeout = '15min'; \
     SET LOCAL idle_in_transaction_session_timeout = '5min'; \
     SET LOCAL max_parallel_workers_per_gather = 0; \
     SET LOCAL enable_seqscan = on; \
     SET LOCAL work_mem = '64MB'";

#[async_trait]
impl Exports for PostgresLedger {
    async fn attempts(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<AttemptCopy>,
    ) -> Result<(), StoreError> {
        let operation = Operation::ExportAttempts;
        let (from, past) = moment_of(asked.after, operation)?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&asked.sale.get(), &from, &past];
        let read = rows::attempt_copy;
        let exported = self.export(ATTEMPTS_SQL, &parameters, asked.after, read, to).await;
        exported.map_err(|error| error.during(operation))
    }

    async fn purchases(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<PurchaseCopy>,
    ) -> Result<(), StoreError> {
        let operation = Operation::ExportPurchases;
        let (from, past) = moment_of(asked.after, operation)?;
        let (first, last) = codes_of(asked.sale);
        let parameters: [&(dyn ToSql + Sync); 4] = [&first, &last, &from, &past];
        let exported = self.export(PURCHASES_SQL, &parameters, asked.after, purchase, to).await;
        exported.map_err(|error| error.during(operation))
    }
}

impl PostgresLedger {
    async fn export<T: Send>(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        mut next: Option<Cursor>,
        read: fn(&Row) -> Result<T, SessionError>,
        to: &mut dyn Sink<T>,
    ) -> Result<(), SessionError> {
        let export = self.in_a_snapshot(SETTINGS, async move |transaction| {
            let portal = transaction.bind(sql, parameters).await.map_err(SessionError::of)?;
            loop {
                let fetched = transaction.query_portal(&portal, ROWS_AT_ONCE);
                let Ok(fetched) = timeout(FETCH_TIMEOUT, fetched).await else {
                    return Err(SessionError::TimedOut);
                };
                let fetched = fetched.map_err(SessionError::of)?;
                let mut taken = Vec::with_capacity(fetched.len());
                for row in &fetched {
                    next = Some(Cursor::past(next, By::Moment, rows::column(row, "at")?));
                    taken.push(read(row)?);
                }
                let Some(next) = next.filter(|_| !taken.is_empty()) else { return Ok(()) };
                if to.take(taken, next) == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
        });
        export.await
    }
}
