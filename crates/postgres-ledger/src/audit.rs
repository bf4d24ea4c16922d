//! Checking the ledger's invariants while it is written to.
//!
//! All checks are of one snapshot: one transaction, repeatable read and read only. They take no
//! lock that anybody who sells would wait for. Each is a file in `sql/audit/`, and none goes by
//! an index: an index that lost an entry must not hide the row it lost. That the indexes are
//! there and in force is a check of its own; that they have every row is for `amcheck` to say.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use domain::{
    Failure, SaleId, StoreError,
    audit::{Breaches, Findings, Invariant, LateHolds, ROWS_MAX},
    ports::{AuditedLedger, Operation, SaleSnapshot},
    sale::SaleState,
};
use scopeguard::ScopeGuard;
use tokio_postgres::{IsolationLevel, types::ToSql};

use crate::{
    PostgresLedger, Schema, migrate, rows,
    servers::Pool,
    session::{SessionError, connect, for_as_long_as_wanted, judged},
    snapshot::live_units,
};

const SCHEMA_STANDS_SQL: &str = include_str!("sql/audit/schema_stands.sql");

/// Each invariant of the ledger's rows with the statement that finds its breaches.
const CHECKS: [(Invariant, &str); 10] = [
    (Invariant::UnitsLiveOnce, include_str!("sql/audit/units_live_once.sql")),
    (Invariant::SlotsLiveOnce, include_str!("sql/audit/slots_live_once.sql")),
    (Invariant::WithinTerms, include_str!("sql/audit/within_terms.sql")),
    (Invariant::SoldHasReceipt, include_str!("sql/audit/sold_has_receipt.sql")),
    (Invariant::SoldCounted, include_str!("sql/audit/sold_counted.sql")),
    (Invariant::CodesOnce, include_str!("sql/audit/codes_once.sql")),
    (Invariant::WindowsApart, include_str!("sql/audit/windows_apart.sql")),
    (Invariant::RecordsWhole, include_str!("sql/audit/records_whole.sql")),
    (Invariant::EpochsIssued, include_str!("sql/audit/epochs_issued.sql")),
    (Invariant::ClosedHoldNothing, include_str!("sql/audit/closed_hold_nothing.sql")),
];

const LATE_HOLDS_SQL: &str = include_str!("sql/audit/late_holds.sql");
const ATTENDED_SQL: &str = include_str!("sql/audit/attended.sql");
const FIND_SQL: &str = include_str!("sql/find_sales.sql");

/// How long one check may take; the server gives up on its own a little earlier.
const CHECK_TIMEOUT: Duration = Duration::from_secs(310);

/// What the transactions of an audit are set to.
///
/// Sorting takes at most `work_mem` for each of a few processes and goes to disk beyond it;
/// hashing would take a multiple, and longer: `docs/decisions/10`.
const SETTINGS: &str = "SET LOCAL statement_timeout = '5min'; \
     SET LOCAL lock_timeout = '5s'; \
     SET LOCAL idle_in_transaction_session_timeout = '1min'; \
     SET LOCAL enable_seqscan = on; \
     SET LOCAL enable_hashjoin = on; \
     SET LOCAL enable_mergejoin = on; \
     SET LOCAL enable_indexscan = off; \
     SET LOCAL enable_indexonlyscan = off; \
     SET LOCAL enable_hashagg = off; \
     SET LOCAL work_mem = '64MB'; \
     SET LOCAL jit = off";

/// What a transaction is set to that reads a sale. It holds no lock that anybody waits for, so it may
/// be idle for as long as whoever audits is kept from its processor.
const SNAPSHOT_SETTINGS: &str = "SET LOCAL statement_timeout = '1min'; \
     SET LOCAL idle_in_transaction_session_timeout = '1min'";

#[async_trait]
impl AuditedLedger for PostgresLedger {
    async fn audit(&self, sale: Option<SaleId>, findings: &mut Findings) -> Result<(), StoreError> {
        let looked = migrate::look(self.pool()).await;
        if matches!(looked, Ok(Schema::Older { .. } | Schema::Absent { .. })) {
            // What is not there yet is not broken.
            let reason = "the schema is not up to date; migrate first, with `flashsale migrate`";
            return Err(StoreError::new(Operation::Audit, Failure::NotDone, reason));
        }
        let sale = sale.map(SaleId::get);
        let checked = Self::in_a_snapshot(self.pool(), SETTINGS, async |transaction| {
            // First, for without a table or a column the others fail, and this says why.
            let found = query(transaction, SCHEMA_STANDS_SQL, &[&rows_max()]).await?;
            findings.check(Invariant::SchemaStands, breaches(&found)?);
            for (invariant, sql) in CHECKS {
                let found = query(transaction, sql, &[&sale, &rows_max()]).await?;
                findings.check(invariant, breaches(&found)?);
            }
            Ok(())
        });
        checked.await.map_err(|error| error.during(Operation::Audit))
    }

    async fn late_holds(
        &self,
        sale: Option<SaleId>,
        late_ms: i64,
    ) -> Result<LateHolds, StoreError> {
        let sale = sale.map(SaleId::get);
        let found = Self::in_a_snapshot(self.pool(), SETTINGS, async |transaction| {
            let late = query(transaction, LATE_HOLDS_SQL, &[&sale, &rows_max(), &late_ms]).await?;
            let attended = query(transaction, ATTENDED_SQL, &[]).await?;
            let is_attended = attended.first().map(|row| rows::column(row, "is_attended"));
            Ok(LateHolds {
                breaches: breaches(&late)?,
                is_attended: is_attended.transpose()?.unwrap_or(false),
            })
        });
        found.await.map_err(|error| error.during(Operation::LateHolds))
    }

    /// Read by the index of live units, to be quick: the shorter the time between two snapshots,
    /// the more can be said of what lies between.
    async fn snapshot(&self, sale: SaleId) -> Result<Option<SaleSnapshot>, StoreError> {
        let found = Self::in_a_snapshot(self.pool(), SNAPSHOT_SETTINGS, async |transaction| {
            let listed = query(transaction, FIND_SQL, &[&vec![sale.get()]]).await?;
            let Some(sale) = listed.first().map(rows::sale).transpose()? else {
                return Ok(None);
            };
            if sale.state == SaleState::Closed {
                return Ok(None);
            }
            let live = live_units(transaction, sale.id).await?;
            Ok(Some(SaleSnapshot { sale, live }))
        });
        found.await.map_err(|error| error.during(Operation::LedgerSnapshot))
    }
}

impl PostgresLedger {
    /// Reads in one snapshot, on a connection of this pool. After an error, or if nobody waits any more,
    /// the connection is not used again: whatever is still under way there, nobody shall wait for it.
    pub(crate) async fn in_a_snapshot<T>(
        pool: &Pool,
        settings: &str,
        read: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        let (client, _) = connect(pool).await?;
        let mut client = for_as_long_as_wanted(client);
        let outcome = async {
            let transaction = client.build_transaction();
            let transaction = transaction.isolation_level(IsolationLevel::RepeatableRead);
            let transaction = transaction.read_only(true).start().await?;
            transaction.batch_execute(settings).await?;
            Ok(transaction)
        };
        let outcome = match outcome.await.map_err(SessionError::of) {
            Ok(transaction) => match read(&transaction).await {
                Ok(read) => transaction.commit().await.map(|()| read).map_err(SessionError::of),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let outcome = judged(pool, &client, Ok(outcome));
        if outcome.is_ok() {
            drop(ScopeGuard::into_inner(client));
        }
        outcome
    }
}

async fn query(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, SessionError> {
    match tokio::time::timeout(CHECK_TIMEOUT, transaction.query(sql, parameters)).await {
        Ok(rows) => rows.map_err(SessionError::of),
        Err(_) => Err(SessionError::TimedOut),
    }
}

/// What a check found: each row has the number of all.
fn breaches(rows: &[tokio_postgres::Row]) -> Result<Breaches, SessionError> {
    let Some(first) = rows.first() else { return Ok(Breaches::default()) };
    let count = rows::count(first, "breaches")?;
    let listed = rows.iter().map(|row| rows::column(row, "found")).collect::<Result<_, _>>()?;
    Ok(Breaches::counted(count.into(), listed))
}

fn rows_max() -> i64 {
    i64::try_from(ROWS_MAX).unwrap_or(i64::MAX)
}
