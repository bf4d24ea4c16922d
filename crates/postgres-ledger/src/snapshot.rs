//! Starting a new epoch of a sale, and reading all that is live of it.
//!
//! The epoch is raised in one transaction, which has waited for the records in flight, and the
//! snapshot is read in the next. In between nothing can be recorded: grants of the old epoch are
//! refused, and of the new one there are none before it is loaded. Holds may end, which is what may
//! happen after any snapshot. So the sale's row is locked for a moment only, however much there is
//! to read.

use std::time::Duration;

use deadpool_postgres::Transaction;
use domain::{
    Sale, SaleId,
    ports::{LiveEpoch, LiveUnit, RaiseReply, SaleSnapshot},
};
use futures_util::{TryStreamExt, pin_mut};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;

use crate::{
    PostgresLedger, rows,
    servers::Object,
    session::{SessionError, TRANSACTION_TIMEOUT, Turns},
};

pub(crate) const LOCK_SQL: &str = include_str!("sql/lock_sale.sql");
const TAKE_TURN_SQL: &str = include_str!("sql/take_turn.sql");
const RAISE_EPOCH_SQL: &str = include_str!("sql/raise_epoch.sql");
const LIVE_UNITS_SQL: &str = include_str!("sql/live_units.sql");
const READ_EPOCH_SQL: &str = include_str!("sql/read_epoch.sql");

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LOCK_SQL, RAISE_EPOCH_SQL, LIVE_UNITS_SQL, READ_EPOCH_SQL];

/// How long reading a snapshot may take; the server gives up on its own a little earlier.
const READ_TIMEOUT: Duration = Duration::from_secs(31);
const READ_SETTINGS: &str = "SET LOCAL statement_timeout = '30s'";

/// Leads the number of a sale, which has 40 bits, in the name of its turn.
const TURN_OF_SALE: i64 = 0x66_6c73 << 40;

impl PostgresLedger {
    pub(crate) async fn raise(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, SessionError> {
        let mut turns = Turns::on(self.pool());
        let raised = loop {
            let mut client = turns.connect().await?;
            let raised = raise_locked(&mut client, sale, live);
            let raised = timeout(TRANSACTION_TIMEOUT, raised).await;
            if let Some(raised) = turns.end(client, raised) {
                break raised?;
            }
        };
        let sale = match raised {
            Ok(sale) => sale,
            Err(stands) => return Ok(stands),
        };
        // Whoever has raised the next one meanwhile loads it.
        let snapshot = self.read_snapshot(sale).await?;
        Ok(snapshot.map_or(RaiseReply::TooSoon, RaiseReply::Raised))
    }

    /// The snapshot of an epoch that was just raised; `None` if it is not the sale's any more: what is live by
    /// now may be beyond its terms.
    pub(crate) async fn read_snapshot(
        &self,
        sale: Sale,
    ) -> Result<Option<SaleSnapshot>, SessionError> {
        let mut turns = Turns::on(self.pool());
        loop {
            let mut client = turns.connect().await?;
            let live = timeout(READ_TIMEOUT, read_live(&mut client, &sale)).await;
            if let Some(live) = turns.end(client, live) {
                return live.map(|live| live.map(|live| SaleSnapshot { sale, live }));
            }
        }
    }
}

/// Raises the epoch, or says why not. Its statements are at READ COMMITTED, so each sees what those
/// before it waited for.
async fn raise_locked(
    client: &mut Object,
    sale: SaleId,
    live: Option<LiveEpoch>,
) -> Result<Result<Sale, RaiseReply>, SessionError> {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    if !take_turn(&transaction, sale).await? {
        return Ok(Err(RaiseReply::TooSoon));
    }
    let run = async |sql| {
        let statement = transaction.prepare_cached(sql).await.map_err(SessionError::of)?;
        transaction.query(&statement, &[&sale.get()]).await.map_err(SessionError::of)
    };
    let locked = run(LOCK_SQL).await?;
    let Some(row) = locked.first() else { return Ok(Err(RaiseReply::Closed)) };
    let sale = match rows::sale(row)?.at_next_epoch(live, rows::column(row, "epoch_age_ms")?) {
        Ok(sale) => sale,
        Err(stands) => return Ok(Err(stands)),
    };
    let raise = transaction.prepare_cached(RAISE_EPOCH_SQL).await.map_err(SessionError::of)?;
    let raised = transaction.execute(&raise, &[&sale.id.get(), &sale.epoch.0]).await;
    raised.map_err(SessionError::of)?;
    transaction.commit().await.map_err(SessionError::of)?;
    Ok(Ok(sale))
}

/// Reads the snapshot of an epoch that was just raised; whoever would raise the next one meanwhile
/// is told that it is too soon. An operator who changes the sale waits for nobody, so the epoch is looked at
/// once more when all is read, by a statement that sees what was changed meanwhile.
async fn read_live(
    client: &mut Object,
    sale: &Sale,
) -> Result<Option<Vec<LiveUnit>>, SessionError> {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    transaction.batch_execute(READ_SETTINGS).await.map_err(SessionError::of)?;
    take_turn(&transaction, sale.id).await?;
    let live = live_units(&transaction, sale.id).await?;
    let statement = transaction.prepare_cached(READ_EPOCH_SQL).await.map_err(SessionError::of)?;
    let found = transaction.query_opt(&statement, &[&sale.id.get()]).await;
    let epoch = found.map_err(SessionError::of)?.map(|row| rows::column::<i64>(&row, "epoch"));
    transaction.commit().await.map_err(SessionError::of)?;
    Ok((epoch.transpose()? == Some(sale.epoch.0)).then_some(live))
}

async fn take_turn(transaction: &Transaction<'_>, sale: SaleId) -> Result<bool, SessionError> {
    let turn = TURN_OF_SALE | sale.get();
    let statement = transaction.prepare_cached(TAKE_TURN_SQL).await.map_err(SessionError::of)?;
    let taken = transaction.query_one(&statement, &[&turn]).await.map_err(SessionError::of)?;
    rows::column(&taken, "is_taken")
}

/// Every unit of a sale that is held or sold, read row by row: what is read is in memory once.
pub(crate) async fn live_units(
    transaction: &Transaction<'_>,
    sale: SaleId,
) -> Result<Vec<LiveUnit>, SessionError> {
    let statement = transaction.prepare_cached(LIVE_UNITS_SQL).await.map_err(SessionError::of)?;
    let parameters: [&(dyn ToSql + Sync); 1] = [&sale.get()];
    let rows = transaction.query_raw(&statement, parameters).await.map_err(SessionError::of)?;
    pin_mut!(rows);
    let mut live = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(SessionError::of)? {
        live.push(rows::live_unit(&row)?);
    }
    Ok(live)
}
