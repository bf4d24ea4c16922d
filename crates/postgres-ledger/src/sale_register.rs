//! `SaleRegister` on Postgres.

use async_trait::async_trait;
use batcher::Call;
use deadpool_postgres::Object;
use domain::{
    Epoch, Origin, Sale, SaleId, StoreError, Terms, UnixMillis, Window,
    ports::{
        Calendar, Listed, LiveEpoch, Operation, RaiseReply, SaleRegister, SaleSnapshot, Tally,
    },
    sale::{JUST_CLOSED_MS, SaleState},
};
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::{
    PostgresLedger, not_accepted, rows,
    session::{Session, SessionError, TRANSACTION_TIMEOUT, TRIES_MAX, give_back},
};

const NOW_SQL: &str = "SELECT clock_timestamp() AS now";
const FIND_SQL: &str = include_str!("sql/find_sales.sql");
const PAGE_SQL: &str = include_str!("sql/page_sales.sql");
const CALENDAR_SQL: &str = include_str!("sql/calendar.sql");
const SCHEDULE_SQL: &str = include_str!("sql/schedule.sql");
const SET_PAUSED_SQL: &str = include_str!("sql/set_paused.sql");
const LOCK_SQL: &str = include_str!("sql/lock_sale.sql");
const RAISE_EPOCH_SQL: &str = include_str!("sql/raise_epoch.sql");
const LIVE_UNITS_SQL: &str = include_str!("sql/live_units.sql");
const TALLY_SQL: &str = include_str!("sql/tally.sql");
const CLOSE_SQL: &str = include_str!("sql/close_sale.sql");

#[async_trait]
impl SaleRegister for PostgresLedger {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        let rows = self.session().query(NOW_SQL, &[]).await;
        rows.and_then(|rows| rows::moment(only(&rows)?, "now"))
            .map_err(|error| error.during(Operation::Now))
    }

    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError> {
        self.find_sale.submit(sale).await.map_err(not_accepted(Operation::FindSale))?
    }

    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError> {
        let before = before.map(SaleId::get);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.session().query(PAGE_SQL, &[&before, &limit]).await;
        rows.and_then(|rows| read_sales(&rows)).map_err(|error| error.during(Operation::Page))
    }

    async fn calendar(&self) -> Result<Calendar, StoreError> {
        calendar(&mut self.session()).await.map_err(|error| error.during(Operation::Calendar))
    }

    async fn schedule(
        &self,
        window: Window,
        terms: Terms,
        origin: Origin,
    ) -> Result<Option<Sale>, StoreError> {
        let (stock, per_user_limit) = columns(terms);
        let starts_at = rows::to_system_time(window.starts_at());
        let ends_at = rows::to_system_time(window.ends_at());
        let on_timetable = origin == Origin::Timetable;
        let rows = self
            .session()
            .query_patiently(
                SCHEDULE_SQL,
                &[&starts_at, &ends_at, &stock, &per_user_limit, &terms.hold_ms(), &on_timetable],
            )
            .await;
        rows.and_then(|rows| rows.first().map(rows::sale).transpose())
            .map_err(|error| error.during(Operation::Schedule))
    }

    async fn set_paused(&self, sale: SaleId, paused: bool) -> Result<Option<Sale>, StoreError> {
        let rows = self.session().query_patiently(SET_PAUSED_SQL, &[&sale.get(), &paused]).await;
        rows.and_then(|rows| rows.first().map(rows::sale).transpose())
            .map_err(|error| error.during(Operation::SetPaused))
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
        let rows = self.session().query(TALLY_SQL, &[&sale.get()]).await;
        rows.and_then(|rows| rows.first().map(read_tally).transpose())
            .map_err(|error| error.during(Operation::Tally))
    }

    async fn close(&self, sale: SaleId) -> Result<bool, StoreError> {
        self.close_sale(sale).await.map_err(|error| error.during(Operation::Close))
    }
}

impl PostgresLedger {
    async fn raise(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, SessionError> {
        let mut client = self.client().await?;
        let raised = timeout(TRANSACTION_TIMEOUT, raise_locked(&mut client, sale, live)).await;
        give_back(client, raised)
    }

    async fn close_sale(&self, sale: SaleId) -> Result<bool, SessionError> {
        let mut client = self.client().await?;
        let closed = timeout(TRANSACTION_TIMEOUT, close_locked(&mut client, sale)).await;
        give_back(client, closed)
    }
}

/// Raises the epoch and reads the snapshot in one transaction at READ COMMITTED: what was
/// recorded while it waited for the lock must be in the snapshot.
async fn raise_locked(
    client: &mut Object,
    sale: SaleId,
    live: Option<LiveEpoch>,
) -> Result<RaiseReply, SessionError> {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    let run = async |sql| {
        let statement = transaction.prepare_cached(sql).await.map_err(SessionError::of)?;
        transaction.query(&statement, &[&sale.get()]).await.map_err(SessionError::of)
    };
    let locked = run(LOCK_SQL).await?;
    let Some(row) = locked.first() else { return Ok(RaiseReply::Closed) };
    let sale = match rows::sale(row)?.at_next_epoch(live, rows::column(row, "epoch_age_ms")?) {
        Ok(sale) => sale,
        Err(stands) => return Ok(stands),
    };
    let raise = transaction.prepare_cached(RAISE_EPOCH_SQL).await.map_err(SessionError::of)?;
    let raised = transaction.execute(&raise, &[&sale.id.get(), &sale.epoch.0]).await;
    raised.map_err(SessionError::of)?;
    let units = run(LIVE_UNITS_SQL).await?;
    transaction.commit().await.map_err(SessionError::of)?;
    let live = units.iter().map(rows::live_unit).collect::<Result<_, _>>()?;
    Ok(RaiseReply::Raised(SaleSnapshot { sale, live }))
}

async fn close_locked(client: &mut Object, sale: SaleId) -> Result<bool, SessionError> {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    let run = async |sql| {
        let statement = transaction.prepare_cached(sql).await.map_err(SessionError::of)?;
        transaction.query(&statement, &[&sale.get()]).await.map_err(SessionError::of)
    };
    let locked = run(LOCK_SQL).await?;
    let Some(row) = locked.first() else { return Ok(false) };
    if rows::sale(row)?.state == SaleState::Closed {
        return Ok(true);
    }
    let is_over: bool = rows::column(row, "is_over")?;
    let closed = is_over && !run(CLOSE_SQL).await?.is_empty();
    transaction.commit().await.map_err(SessionError::of)?;
    Ok(closed)
}

async fn calendar(session: &mut Session) -> Result<Calendar, SessionError> {
    // The clock first: a sale that starts or ends in between is then called what it was.
    let now = session.query(NOW_SQL, &[]).await?;
    let rows = session.query(CALENDAR_SQL, &[&JUST_CLOSED_MS]).await?;
    let (closed, sales): (Vec<_>, Vec<_>) =
        read_sales(&rows)?.into_iter().partition(|sale| sale.state == SaleState::Closed);
    Ok(Calendar {
        now: rows::moment(only(&now)?, "now")?,
        sales,
        just_closed: closed.into_iter().map(|sale| sale.id).collect(),
    })
}

/// Looks sales up by the batch, so that made-up numbers cost little.
pub(crate) struct FindSales(pub(crate) Session);

#[async_trait]
impl Call<SaleId, Result<Option<Listed>, StoreError>> for FindSales {
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

fn read_tally(row: &Row) -> Result<Tally, SessionError> {
    Ok(Tally {
        now: rows::moment(row, "now")?,
        epoch: Epoch(rows::column(row, "epoch")?),
        held: rows::count(row, "held")?,
        sold: rows::count(row, "sold")?,
    })
}

fn only(rows: &[Row]) -> Result<&Row, SessionError> {
    rows.first().ok_or_else(|| SessionError::Unreadable("no row".to_owned()))
}

/// Terms as columns; what does not fit is above what the table allows, and refused as such.
fn columns(terms: Terms) -> (i32, i16) {
    let stock = i32::try_from(terms.stock()).unwrap_or(i32::MAX);
    (stock, i16::try_from(terms.per_user_limit()).unwrap_or(i16::MAX))
}
