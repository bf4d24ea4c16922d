//! `Operator` on Postgres: what operators do, in one transaction with its row in the trail.
//!
//! A change of a sale is a raise of its epoch, with other terms: it locks the row as a rebuild does, so it
//! waits for the records in flight, and then reads the snapshot of the epoch that it has raised.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use domain::{
    Failure, NewSale, NotScheduled, ProductId, Sale, SaleId, StoreError, UnixMillis,
    operator::{
        Acted, Action, ActionId, ActionRecord, Beside, Decided, Facts, HoldSeen, Order,
        PurchaseSeen, SaleSeen, Seen, StoredAction,
    },
    ports::{ActReply, CodeRecord, Operation, Operator, SaleSnapshot, TrailPage},
    product::{Picture, Product, ProductChange},
    sale::SaleState,
};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{
    PostgresLedger,
    codes::{READ_CODES, RELEASE_SQL},
    products, rows,
    sale_register::{NOW_SQL, SCHEDULE_SQL, columns},
    servers::Object,
    session::{SessionError, TRANSACTION_TIMEOUT, TRIES_MAX, Turns},
    settings::{AWARE_OF_CANCELLED, SERVING},
    snapshot::LOCK_SQL,
};

const FIND_ACTION: &str = include_str!("sql/operator/find_action.sql");
const LAST_CHANGE: &str = include_str!("sql/operator/last_change.sql");
const HIGHEST_LIVE: &str = include_str!("sql/operator/highest_live.sql");
const NEIGHBOURS: &str = include_str!("sql/operator/neighbours.sql");
const LOCK_PRODUCT_FOR_SALE: &str = include_str!("sql/operator/lock_product_for_sale.sql");
const LOCK_CODE: &str = include_str!("sql/operator/lock_code.sql");
const CHANGE_SALE: &str = include_str!("sql/operator/change_sale.sql");
const UNAWARE: &str = include_str!("sql/operator/unaware.sql");
const CANCEL_PURCHASE: &str = include_str!("sql/operator/cancel_purchase.sql");
const WRITE_ACTION: &str = include_str!("sql/operator/write_action.sql");
const TRAIL: &str = include_str!("sql/operator/trail.sql");
const TRAIL_OF_SALE: &str = include_str!("sql/operator/trail_of_sale.sql");

/// The statements of this room that read tables which grow.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    FIND_ACTION,
    LAST_CHANGE,
    HIGHEST_LIVE,
    NEIGHBOURS,
    LOCK_PRODUCT_FOR_SALE,
    LOCK_CODE,
    CHANGE_SALE,
    CANCEL_PURCHASE,
    TRAIL,
    TRAIL_OF_SALE,
];

/// How long is waited before an order is given to the server again.
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(50);

type Parameters<'p> = &'p [&'p (dyn ToSql + Sync)];

#[async_trait]
impl Operator for PostgresLedger {
    async fn act(&self, order: &Order, beside: &Beside) -> Result<ActReply, StoreError> {
        let mut acted = self.try_to_act(order, beside).await;
        let mut was_lost = false;
        for _ in 1..TRIES_MAX {
            match &acted {
                // A sale that is being recorded may keep its row locked for longer than one try; and the
                // same order may be on its way twice.
                Err(SessionError::Contended(_)) => {}
                Err(error) if error.is_duplicate() => {}
                // It has a name, so it is done once however often it is asked for.
                Err(error) if error.failure() == Failure::Unknown && !was_lost => was_lost = true,
                _ => break,
            }
            tokio::time::sleep(PAUSE_BETWEEN_TRIES).await;
            let again = self.try_to_act(order, beside).await;
            acted = match again {
                // Whatever keeps this run from it says nothing of what the one before did.
                Err(_) if was_lost => acted,
                again => again,
            };
        }
        let (reply, changed) = acted.map_err(|error| error.during(Operation::Act))?;
        Ok(match (reply, changed) {
            (ActReply::Now { record, .. }, Some(sale)) => {
                let snapshot = self.snapshot_of(sale).await;
                ActReply::Now { record, snapshot }
            }
            // It was the run before of this very call, whose outcome was lost: nobody else asked for it.
            (ActReply::Before(record), _) if was_lost && record.order == *order => {
                ActReply::Now { record, snapshot: None }
            }
            (reply, _) => reply,
        })
    }

    async fn action(&self, id: ActionId) -> Result<Option<ActionRecord>, StoreError> {
        let _look = self.may_look(Operation::FindAction)?;
        let found = self.session().query(FIND_ACTION, &[&Uuid::from_u128(id.to_bits())]).await;
        found
            .and_then(|found| found.first().map(rows::action).transpose())
            .map_err(|error| error.during(Operation::FindAction))
    }

    async fn trail(&self, page: TrailPage) -> Result<Vec<ActionRecord>, StoreError> {
        let _look = self.may_look(Operation::Trail)?;
        let TrailPage { sale, before, changes_only, limit } = page;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let before = before.unwrap_or(i64::MAX);
        let mut session = self.session();
        let found = match sale.map(SaleId::get) {
            None => session.query(TRAIL, &[&before, &changes_only, &limit]).await,
            Some(sale) => {
                session.query(TRAIL_OF_SALE, &[&before, &changes_only, &limit, &sale]).await
            }
        };
        found
            .and_then(|found| found.iter().map(rows::action).collect())
            .map_err(|error| error.during(Operation::Trail))
    }
}

impl PostgresLedger {
    /// Acts in one transaction. With the reply comes the sale whose epoch it has raised.
    async fn try_to_act(
        &self,
        order: &Order,
        beside: &Beside,
    ) -> Result<(ActReply, Option<Sale>), SessionError> {
        let mut turns = Turns::on(self.pool());
        loop {
            let mut client = turns.connect().await?;
            let acted = timeout(TRANSACTION_TIMEOUT, act_in(&mut client, order, beside)).await;
            if let Some(acted) = turns.end(client, acted) {
                return acted;
            }
        }
    }

    /// What the new epoch of a sale is to be loaded with. Where it cannot be read, the upkeep does that; where
    /// the sale was changed again meanwhile, whoever did.
    async fn snapshot_of(&self, sale: Sale) -> Option<SaleSnapshot> {
        match self.read_snapshot(sale).await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "the snapshot of a changed sale is read later");
                None
            }
        }
    }
}

/// Its statements are at READ COMMITTED, so each sees what those before it waited for.
async fn act_in(
    client: &mut Object,
    order: &Order,
    beside: &Beside,
) -> Result<(ActReply, Option<Sale>), SessionError> {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    let facts = facts(&transaction, &order.action).await?;
    let id = Uuid::from_u128(order.id.to_bits());
    if let Some(row) = run(&transaction, FIND_ACTION, &[&id]).await?.first() {
        return Ok((ActReply::Before(rows::action(row)?), None));
    }
    let (mut sale, mut raised) = (order.action.sale(), None);
    let mut product = order.action.product().or_else(|| facts.product.as_ref().map(number_of));
    let (before, outcome) = match order.decide(&facts, beside) {
        Err(refused) => (facts.as_it_stands(), Acted::Refused(refused)),
        Ok(decided) => {
            raised = decided.raised();
            let before = decided.before();
            let after = carry_out(&transaction, decided).await?;
            match &after {
                Made::Sale(made) => sale = Some(made.id),
                Made::Product(made) => product = Some(number_of(made)),
                Made::Hold(_) | Made::Purchase(_) => {}
            }
            (before, Acted::Done(after.seen()))
        }
    };
    let (acted_at, order) = (facts.now, order.clone());
    let mut record = ActionRecord { number: 0, acted_at, order, sale, product, before, outcome };
    record.number = write(&transaction, &StoredAction::from(&record)).await?;
    transaction.commit().await.map_err(SessionError::of)?;
    Ok((ActReply::Now { record, snapshot: None }, raised))
}

/// Runs one statement of a transaction.
pub(crate) async fn run(
    transaction: &Transaction<'_>,
    sql: &'static str,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>, SessionError> {
    let statement = transaction.prepare_cached(sql).await.map_err(SessionError::of)?;
    transaction.query(&statement, parameters).await.map_err(SessionError::of)
}

/// What the ledger has of what an order is about, with a lock on it.
async fn facts(transaction: &Transaction<'_>, action: &Action) -> Result<Facts, SessionError> {
    let mut facts = Facts::at(UnixMillis(0));
    if let Some(code) = action.code() {
        if action.is_of_sale() {
            let locked = run(transaction, LOCK_SQL, &[&code.sale().get()]).await?;
            facts.sale = locked.first().map(rows::sale).transpose()?;
            let found = run(transaction, UNAWARE, &[&SERVING, &AWARE_OF_CANCELLED]).await?;
            let row = found.first().ok_or_else(|| unreadable("no row of who serves"))?;
            facts.serves_unaware = rows::column(row, "serves_unaware")?;
        }
        let code = rows::uuid(code);
        run(transaction, LOCK_CODE, &[&code]).await?;
        let found = run(transaction, READ_CODES, &[&vec![code]]).await?;
        let record = found.first().map(rows::code_record).transpose()?;
        facts.code = Some(record.unwrap_or(CodeRecord::Unknown));
    } else if let Some(id) = action.sale() {
        let id = id.get();
        let locked = run(transaction, LOCK_SQL, &[&id]).await?;
        facts.sale = locked.first().map(rows::sale).transpose()?;
        let last = run(transaction, LAST_CHANGE, &[&id]).await?;
        facts.last = last.first().map(rows::action).transpose()?;
        let highest = run(transaction, HIGHEST_LIVE, &[&id]).await?;
        facts.highest_live = highest.first().map(rows::unit).transpose()?;
    }
    if let Some(sku) = action.sku() {
        facts.product = products::lock(transaction, sku).await?;
    }
    if let Action::PutProduct(ProductChange { image: Some(Picture::Kept(digest)), .. }) = action {
        facts.picture_is_kept = products::is_kept(transaction, *digest).await?;
    }
    if let Some(sale) = facts.sale {
        let starts_at = rows::to_system_time(sale.window.starts_at());
        let found = run(transaction, NEIGHBOURS, &[&starts_at]).await?;
        let row = found.first().ok_or_else(|| unreadable("no row of neighbours"))?;
        facts.between =
            Some((rows::moment_if(row, "last_end")?, rows::moment_if(row, "next_start")?));
    }
    if let Some(product) = action.product() {
        let found = run(transaction, LOCK_PRODUCT_FOR_SALE, &[&product.get()]).await?;
        facts.not_to_be_sold = match found.first() {
            None => Some(NotScheduled::UnknownProduct),
            Some(row) if rows::column(row, "is_archived")? => Some(NotScheduled::ArchivedProduct),
            Some(_) => None,
        };
    }
    let now = run(transaction, NOW_SQL, &[]).await?;
    facts.now = rows::moment(now.first().ok_or_else(|| unreadable("no time"))?, "now")?;
    Ok(facts)
}

const fn number_of(product: &Product) -> ProductId {
    product.version.product
}

/// What was carried out on.
enum Made {
    Sale(Sale),
    Hold(HoldSeen),
    Purchase(PurchaseSeen),
    Product(Product),
}

impl Made {
    fn seen(self) -> Seen {
        match self {
            Self::Sale(sale) => Seen::Sale(SaleSeen::of(&sale)),
            Self::Hold(hold) => Seen::Hold(hold),
            Self::Purchase(purchase) => Seen::Purchase(purchase),
            Self::Product(product) => Seen::Product(product),
        }
    }
}

async fn carry_out(transaction: &Transaction<'_>, decided: Decided) -> Result<Made, SessionError> {
    match decided {
        Decided::Make(NewSale { window, terms, product, .. }) => {
            let product = product.map(ProductId::get);
            let (stock, limit) = columns(terms);
            let starts_at = rows::to_system_time(window.starts_at());
            let ends_at = rows::to_system_time(window.ends_at());
            let hold_ms = terms.hold_ms();
            let row: [&(dyn ToSql + Sync); 7] =
                [&starts_at, &ends_at, &stock, &limit, &hold_ms, &false, &product];
            let made = run(transaction, SCHEDULE_SQL, &row).await?;
            let made = made.first().ok_or_else(|| unreadable("no sale was made"))?;
            Ok(Made::Sale(rows::sale(made)?))
        }
        Decided::Put { before, after } => {
            if before != after {
                put(transaction, &after).await?;
            }
            Ok(Made::Sale(after))
        }
        Decided::Release { code, unit } => {
            run(transaction, RELEASE_SQL, &[&vec![rows::uuid(code)]]).await?;
            Ok(Made::Hold(HoldSeen::released(unit)))
        }
        Decided::Cancel { code, unit, reason, epoch } => {
            let (sale, reason, raised) = (code.sale().get(), reason.as_str(), epoch.map(|it| it.0));
            let code = rows::uuid(code);
            let row: [&(dyn ToSql + Sync); 4] = [&sale, &code, &reason, &raised];
            let cancelled = run(transaction, CANCEL_PURCHASE, &row).await?;
            cancelled.first().ok_or_else(|| unreadable("what is sold was not cancelled"))?;
            Ok(Made::Purchase(PurchaseSeen::cancelled(unit, epoch)))
        }
        Decided::PutProduct { before, to } => {
            products::put(transaction, before, &to).await.map(Made::Product)
        }
        Decided::ArchiveProduct { before } => {
            products::archive(transaction, &before.version).await.map(Made::Product)
        }
    }
}

async fn put(transaction: &Transaction<'_>, sale: &Sale) -> Result<(), SessionError> {
    let Sale { id, window, terms, epoch, .. } = *sale;
    let state = match sale.state {
        SaleState::Active => "active",
        SaleState::Paused => "paused",
        SaleState::Closed => return Err(unreadable("a closed sale was changed")),
    };
    let (stock, limit) = columns(terms);
    let starts_at = rows::to_system_time(window.starts_at());
    let ends_at = rows::to_system_time(window.ends_at());
    let (id, hold_ms) = (id.get(), terms.hold_ms());
    let row: [&(dyn ToSql + Sync); 8] =
        [&id, &starts_at, &ends_at, &hold_ms, &stock, &limit, &state, &epoch.0];
    run(transaction, CHANGE_SALE, &row).await.map(drop)
}

async fn write(transaction: &Transaction<'_>, row: &StoredAction) -> Result<i64, SessionError> {
    let code = row.code.map(Uuid::from_u128);
    let (id, at) = (Uuid::from_u128(row.id), rows::to_system_time(row.acted_at));
    let StoredAction { sale_id, product_id, operator, action, asked, why, .. } = row;
    let StoredAction { request_id, before, after, refused, .. } = row;
    let columns: [&(dyn ToSql + Sync); 13] = [
        &id, &at, sale_id, product_id, &code, operator, action, asked, why, request_id, before,
        after, refused,
    ];
    let written = run(transaction, WRITE_ACTION, &columns).await?;
    rows::column(written.first().ok_or_else(|| unreadable("no row of the trail"))?, "number")
}

fn unreadable(what: &str) -> SessionError {
    SessionError::Unreadable(what.to_owned())
}
