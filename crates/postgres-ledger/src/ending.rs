//! Ending what is over: holds, and sales. It reads of a sale those units alone that may have changed.

use std::time::Duration;

use domain::{Code, Sale, SaleId, sale::SaleState};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;

use crate::{
    PostgresLedger,
    operator::run,
    rows,
    servers::Object,
    session::{Session, SessionError, TRANSACTION_TIMEOUT, Turns},
    snapshot::LOCK_SQL,
    sold_blocks::Unsold,
};

pub(crate) const NEXT_DUE_SQL: &str = include_str!("sql/next_due.sql");
pub(crate) const EXPIRE_OVERDUE_SQL: &str = include_str!("sql/expire_overdue.sql");
pub(crate) const MAY_CLOSE_SQL: &str = include_str!("sql/may_close.sql");
pub(crate) const CLOSE_SQL: &str = include_str!("sql/close_sale.sql");
const LOCK_WITHOUT_FIGURES_SQL: &str = include_str!("sql/lock_without_figures.sql");
const WRITE_FIGURES_SQL: &str = include_str!("sql/write_figures.sql");

/// Closed sales without a figure that are counted whenever a sale is closed.
const FIGURES_AT_A_TIME: i64 = 256;

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    NEXT_DUE_SQL,
    EXPIRE_OVERDUE_SQL,
    MAY_CLOSE_SQL,
    CLOSE_SQL,
    LOCK_WITHOUT_FIGURES_SQL,
    WRITE_FIGURES_SQL,
];

impl PostgresLedger {
    /// Ends at most `limit` holds that are overdue, sale by sale. One of which it is known that none
    /// can be is not looked at.
    pub(crate) async fn end_overdue(
        &self,
        sales: &[Sale],
        overdue_ms: i64,
        limit: usize,
    ) -> Result<Vec<Code>, SessionError> {
        let mut session = self.session();
        let mut expired = Vec::new();
        for &Sale { id: sale, terms, epoch, .. } in sales {
            self.shared.sold_blocks.is_at(sale, epoch);
            let room = limit.saturating_sub(expired.len());
            let hold_ms = terms.hold_ms();
            if room > 0 && self.is_overdue(&mut session, sale, hold_ms, overdue_ms).await? {
                let Unsold { firsts, lasts, .. } = self.shared.sold_blocks.unsold(sale);
                let room = i64::try_from(room).unwrap_or(i64::MAX);
                let parameters: [&(dyn ToSql + Sync); 5] =
                    [&sale.get(), &firsts, &lasts, &overdue_ms, &room];
                for row in session.query(EXPIRE_OVERDUE_SQL, &parameters).await? {
                    expired.push(rows::code(&row)?);
                }
            }
        }
        Ok(expired)
    }

    /// Whether a hold of the sale is overdue. If not, the next that is will be one that is on hold
    /// now, or one that is granted from now on.
    async fn is_overdue(
        &self,
        session: &mut Session,
        sale: SaleId,
        hold_ms: i64,
        overdue_ms: i64,
    ) -> Result<bool, SessionError> {
        let blocks = &self.shared.sold_blocks;
        let overdue = Duration::from_millis(u64::try_from(overdue_ms).unwrap_or(0));
        if !blocks.may_be_overdue(sale, overdue) {
            return Ok(false);
        }
        let Unsold { firsts, lasts, .. } = blocks.unsold(sale);
        let found = session.query(NEXT_DUE_SQL, &[&sale.get(), &firsts, &lasts]).await?;
        let due_in_ms = match found.first() {
            Some(row) => rows::column::<Option<i64>>(row, "due_in_ms")?,
            None => None,
        };
        let due_in_ms = due_in_ms.unwrap_or(i64::MAX).min(hold_ms);
        if let Ok(span_ms) = u64::try_from(due_in_ms) {
            blocks.none_due_for(sale, Duration::from_millis(span_ms));
        }
        Ok(due_in_ms.saturating_add(overdue_ms) <= 0)
    }

    pub(crate) async fn close_sale(&self, sale: SaleId) -> Result<bool, SessionError> {
        let unsold = &self.shared.sold_blocks.unsold(sale);
        let parameters: [&(dyn ToSql + Sync); 3] = [&sale.get(), &unsold.firsts, &unsold.lasts];
        let found = self.session().query(MAY_CLOSE_SQL, &parameters).await?;
        match found.first() {
            Some(row) if rows::column::<bool>(row, "may_close")? => {}
            _ => return Ok(false),
        }
        // What is known may be of another past than that of a ledger which was restored meanwhile: the
        // last look is at every unit.
        self.shared.sold_blocks.forget(sale);
        let all = &self.shared.sold_blocks.unsold(sale);
        let mut turns = Turns::on(self.pool());
        loop {
            let mut client = turns.connect().await?;
            let closed = close_locked(&mut client, sale, all);
            let closed = timeout(TRANSACTION_TIMEOUT, closed).await;
            if let Some(closed) = turns.end(client, closed) {
                if let Ok(true) = closed {
                    self.write_figures().await;
                }
                return closed;
            }
        }
    }

    /// Writes down what sales have sold that a version before this one closed. Until it is, they are
    /// counted for whoever looks.
    async fn write_figures(&self) {
        if let Err(error) = self.try_to_write_figures().await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "what closed sales have sold is not written down yet");
        }
    }

    async fn try_to_write_figures(&self) -> Result<(), SessionError> {
        let mut turns = Turns::on(self.pool());
        loop {
            let mut client = turns.connect().await?;
            let written = timeout(TRANSACTION_TIMEOUT, write_figures_in(&mut client)).await;
            if let Some(written) = turns.end(client, written) {
                return written;
            }
        }
    }
}

async fn close_locked(
    client: &mut Object,
    sale: SaleId,
    Unsold { firsts, lasts, .. }: &Unsold,
) -> Result<bool, SessionError> {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    let locked = run(&transaction, LOCK_SQL, &[&sale.get()]).await?;
    let Some(row) = locked.first() else { return Ok(false) };
    if rows::sale(row)?.state == SaleState::Closed {
        return Ok(true);
    }
    let is_over: bool = rows::column(row, "is_over")?;
    let all: [&(dyn ToSql + Sync); 3] = [&sale.get(), firsts, lasts];
    let closed = is_over && !run(&transaction, CLOSE_SQL, &all).await?.is_empty();
    transaction.commit().await.map_err(SessionError::of)?;
    Ok(closed)
}

/// Its statements are at READ COMMITTED, so the second sees what the first waited for.
async fn write_figures_in(client: &mut Object) -> Result<(), SessionError> {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    let locked = run(&transaction, LOCK_WITHOUT_FIGURES_SQL, &[&FIGURES_AT_A_TIME]).await?;
    let sales = locked.iter().map(|row| rows::column::<i64>(row, "id"));
    let sales = sales.collect::<Result<Vec<_>, _>>()?;
    if !sales.is_empty() {
        run(&transaction, WRITE_FIGURES_SQL, &[&sales]).await?;
    }
    transaction.commit().await.map_err(SessionError::of)
}
