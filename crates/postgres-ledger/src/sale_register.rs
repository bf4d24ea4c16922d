//! `SaleRegister` on Postgres.

use async_trait::async_trait;
use batcher::Call;
use domain::{
    NewSale, NotScheduled, Origin, ProductId, Sale, SaleId, StoreError, Terms, UnixMillis,
    ports::{Calendar, Listed, LiveEpoch, Operation, RaiseReply, SaleRegister, Tally},
    sale::{JUST_CLOSED_MS, SaleState},
};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    PostgresLedger, not_accepted, rows,
    servers::{STOP_SELLING_SQL, Then, listed},
    session::{Session, SessionError, TRIES_MAX},
};

pub(crate) const NOW_SQL: &str = "SELECT clock_timestamp() AS now";
const FIND_SQL: &str = include_str!("sql/find_sales.sql");
const PAGE_SQL: &str = include_str!("sql/page_sales.sql");
pub(crate) const CALENDAR_SQL: &str = include_str!("sql/calendar.sql");
pub(crate) const SCHEDULE_SQL: &str = include_str!("sql/schedule.sql");
const MAY_BE_SOLD_SQL: &str = include_str!("sql/products/may_be_sold.sql");

#[async_trait]
impl SaleRegister for PostgresLedger {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        let _look = self.may_look(Operation::Now)?;
        let rows = self.session().query(NOW_SQL, &[]).await;
        rows.and_then(|rows| rows::moment(only(&rows)?, "now"))
            .map_err(|error| error.during(Operation::Now))
    }

    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError> {
        self.find_sale.submit(sale).await.map_err(not_accepted(Operation::FindSale))?
    }

    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError> {
        let _look = self.may_look(Operation::Page)?;
        let before = before.map(SaleId::get);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.session().query(PAGE_SQL, &[&before, &limit]).await;
        rows.and_then(|rows| read_sales(&rows)).map_err(|error| error.during(Operation::Page))
    }

    async fn calendar(&self) -> Result<Calendar, StoreError> {
        let _look = self.may_look(Operation::Calendar)?;
        let witness = self.shared.servers.witness();
        let before = witness.stops();
        let mut session = self.session();
        let calendar = calendar(&mut session).await;
        let calendar = calendar.map_err(|error| error.during(Operation::Calendar))?;
        self.shared.sold_blocks.keep_only(&calendar.sales);
        if witness.looked(before, &calendar) == Then::Pause {
            let paused = session.query(STOP_SELLING_SQL, &[]).await;
            let paused =
                witness.paused(&paused.map_err(|error| error.during(Operation::Calendar))?);
            let paused = listed(&paused);
            tracing::warn!(paused, "sales are paused for answers that the ledger has lost");
        }
        Ok(calendar)
    }

    async fn schedule(&self, sale: NewSale) -> Result<Result<Sale, NotScheduled>, StoreError> {
        let NewSale { window, terms, origin, product } = sale;
        let product_id = product.map(ProductId::get);
        let (stock, per_user_limit) = columns(terms);
        let starts_at = rows::to_system_time(window.starts_at());
        let ends_at = rows::to_system_time(window.ends_at());
        let on_timetable = origin == Origin::Timetable;
        let mut session = self.session();
        let parameters: [&(dyn ToSql + Sync); 7] = [
            &starts_at,
            &ends_at,
            &stock,
            &per_user_limit,
            &terms.hold_ms(),
            &on_timetable,
            &product_id,
        ];
        let rows = session.query_patiently(SCHEDULE_SQL, &parameters).await;
        let made = rows.and_then(|rows| rows.first().map(rows::sale).transpose());
        if let Some(sale) = made.map_err(|error| error.during(Operation::Schedule))? {
            return Ok(Ok(sale));
        }
        let refused = why_not(&mut session, product).await;
        refused.map(Err).map_err(|error| error.during(Operation::Schedule))
    }

    async fn raise_epoch(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, StoreError> {
        let mut raised = self.raise(sale, live).await;
        // A sale that is being recorded may keep its row locked for longer than one try.
        for _ in 1..TRIES_MAX {
            match raised {
                Err(SessionError::Contended(_)) => raised = self.raise(sale, live).await,
                _ => break,
            }
        }
        raised.map_err(|error| error.during(Operation::RaiseEpoch))
    }

    async fn tally(&self, sale: SaleId) -> Result<Option<Tally>, StoreError> {
        let _look = self.may_look(Operation::Tally)?;
        self.tally.submit(sale).await.map_err(not_accepted(Operation::Tally))?
    }

    async fn close(&self, sale: SaleId) -> Result<bool, StoreError> {
        self.close_sale(sale).await.map_err(|error| error.during(Operation::Close))
    }
}

/// Why a sale was not made.
async fn why_not(
    session: &mut Session,
    product: Option<ProductId>,
) -> Result<NotScheduled, SessionError> {
    let Some(product) = product else { return Ok(NotScheduled::Overlaps) };
    let rows = session.query_patiently(MAY_BE_SOLD_SQL, &[&product.get()]).await?;
    Ok(match rows.first() {
        None => NotScheduled::UnknownProduct,
        Some(row) if rows::column(row, "is_archived")? => NotScheduled::ArchivedProduct,
        Some(_) => NotScheduled::Overlaps,
    })
}

async fn calendar(session: &mut Session) -> Result<Calendar, SessionError> {
    let rows = session.query(CALENDAR_SQL, &[&JUST_CLOSED_MS]).await?;
    // Where there is no sale there is one row all the same, which says what time it is.
    let mut listed = Vec::with_capacity(rows.len());
    for row in &rows {
        if rows::column(row, "is_listed")? {
            listed.push(rows::sale(row)?);
        }
    }
    let (closed, sales): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|sale| sale.state == SaleState::Closed);
    Ok(Calendar {
        now: rows::moment(only(&rows)?, "now")?,
        sales,
        just_closed: closed.into_iter().map(|sale| sale.id).collect(),
    })
}

/// Looks sales up by the batch, so that made-up numbers cost little.
pub(crate) struct FindSales(pub(crate) Session);

#[async_trait]
impl Call<SaleId, Result<Option<Listed>, StoreError>> for FindSales {
    const NAME: &'static str = "find_sale";

    async fn call(&mut self, batch: Vec<SaleId>) -> Vec<Result<Option<Listed>, StoreError>> {
        let ids: Vec<_> = batch.iter().map(|sale| sale.get()).collect();
        let rows = self.0.query(FIND_SQL, &[&ids]).await;
        let found =
            rows.and_then(|rows| rows.iter().map(read_listed).collect::<Result<Vec<_>, _>>());
        batch
            .iter()
            .map(|id| match &found {
                Ok(sales) => Ok(sales.iter().find(|listed| listed.sale.id == *id).copied()),
                Err(error) => Err(error.shared(Operation::FindSale)),
            })
            .collect()
    }
}

fn read_listed(row: &Row) -> Result<Listed, SessionError> {
    Ok(Listed { sale: rows::sale(row)?, seen_at: rows::moment(row, "now")? })
}

fn read_sales(rows: &[Row]) -> Result<Vec<Sale>, SessionError> {
    rows.iter().map(rows::sale).collect()
}

fn only(rows: &[Row]) -> Result<&Row, SessionError> {
    rows.first().ok_or_else(|| SessionError::Unreadable("no row".to_owned()))
}

/// Terms as columns; what does not fit is above what the table allows, and refused as such.
pub(crate) fn columns(terms: Terms) -> (i32, i16) {
    let stock = i32::try_from(terms.stock()).unwrap_or(i32::MAX);
    (stock, i16::try_from(terms.per_user_limit()).unwrap_or(i16::MAX))
}
