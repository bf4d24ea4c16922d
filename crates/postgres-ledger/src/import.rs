//! Taking over what another ledger holds, all of it or nothing.

use std::time::{Duration, SystemTime};

use deadpool_postgres::Transaction;
use domain::{
    Failure, Origin, ProductId, ProductVersion, StoreError, VersionId,
    answer::Doing,
    operator::StoredAction,
    ports::{AttemptCopy, HoldEnd, OutcomeCopy, ProductCopy, PurchaseCopy, SaleCopy},
    product::{Currency, Image, Metadata, Price},
    sale::SaleState,
};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    PostgresLedger,
    products::KEEP_IMAGE_SQL,
    rows::{self, to_system_time, uuid},
    servers::{Credit, Object},
    session::SessionError,
};

const BEGIN: Doing = Doing::step("PostgresLedger::connect_to_import");
const IMPORT: Doing = Doing::step("Import");

const ROWS_THERE_SQL: &str = include_str!("sql/import/rows_there.sql");
const SALE_SQL: &str = include_str!("sql/import/sale.sql");
const SOLD_COUNT_SQL: &str = include_str!("sql/import/sold_count.sql");
const NEXT_SALE_SQL: &str = include_str!("sql/import/next_sale.sql");
const PRODUCT_SQL: &str = include_str!("sql/import/product.sql");
const VERSION_SQL: &str = include_str!("sql/import/version.sql");
const NEXT_PRODUCT_SQL: &str = include_str!("sql/import/next_product.sql");
const ATTEMPTS_SQL: &str = include_str!("sql/import/attempts.sql");
const ACTION_SQL: &str = include_str!("sql/import/action.sql");
const NEXT_ACTION_SQL: &str = include_str!("sql/import/next_action.sql");
const PURCHASES_SQL: &str = include_str!("sql/import/purchases.sql");

/// Long statements are what this is for.
const NO_LIMITS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '5s'; \
     SET LOCAL idle_in_transaction_session_timeout = 0";

/// How long the commit may take: it may wait for a standby, for ever.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to import through.
pub struct ImportConnection(Object);

/// An import under way. Unless it is [finished](Self::finish), nothing of it stays.
pub struct Import<'c> {
    transaction: Transaction<'c>,
    credit: Credit,
}

impl PostgresLedger {
    /// A connection to import through.
    pub async fn connect_to_import(&self) -> Result<ImportConnection, StoreError> {
        self.client().await.map(ImportConnection).map_err(|error| error.during(BEGIN))
    }
}

impl ImportConnection {
    /// Begins an import.
    ///
    /// # Errors
    ///
    /// [`Failure::NotDone`] if the ledger holds anything already.
    pub async fn begin(&mut self) -> Result<Import<'_>, StoreError> {
        let credit = self.0.credit();
        let begun = async {
            let transaction = self.0.transaction().await.map_err(SessionError::of)?;
            transaction.batch_execute(NO_LIMITS).await.map_err(SessionError::of)?;
            // Nobody else may write here meanwhile; whoever tries waits until they give up.
            let lock = "LOCK TABLE sales, checkout_attempts, purchases, products, product_versions, \
                        product_images IN EXCLUSIVE MODE";
            transaction.batch_execute(lock).await.map_err(SessionError::of)?;
            let found = transaction.query_one(ROWS_THERE_SQL, &[]).await;
            let there = rows::count(&found.map_err(SessionError::of)?, "rows")?;
            Ok((transaction, there))
        };
        let (transaction, there) =
            begun.await.map_err(|error: SessionError| error.during(IMPORT))?;
        if there > 0 {
            let reason = "the ledger is not empty; an import needs a database of its own";
            return Err(StoreError::new(IMPORT, Failure::NotDone, reason));
        }
        Ok(Import { transaction, credit })
    }
}

impl Import<'_> {
    /// Takes pictures of products over.
    pub async fn images(&self, images: &[Image]) -> Result<(), StoreError> {
        for image in images {
            let (digest, bytes) = (image.digest(), &**image.bytes());
            self.run(KEEP_IMAGE_SQL, &[&digest.0.as_slice(), &image.kind().name(), &bytes]).await?;
        }
        Ok(())
    }

    /// Takes products over, whose pictures are there, and all their versions.
    pub async fn products(
        &self,
        products: &[ProductCopy],
        versions: &[ProductVersion],
    ) -> Result<(), StoreError> {
        for ProductCopy { id, sku, archived_at } in products {
            let archived_at = archived_at.map(to_system_time);
            self.run(PRODUCT_SQL, &[&id.get(), &sku.as_str(), &archived_at]).await?;
        }
        for version in versions {
            let price = version.price;
            let currency = price.map(Price::currency);
            self.run(
                VERSION_SQL,
                &[
                    &version.id.get(),
                    &version.product.get(),
                    &version.name.as_str(),
                    &price.map(Price::amount),
                    &currency.as_ref().map(Currency::as_str),
                    &version.metadata.as_ref().map(Metadata::as_str),
                    &version.image.as_ref().map(|image| image.digest.0.as_slice()),
                    &to_system_time(version.made_at),
                ],
            )
            .await?;
        }
        self.run(NEXT_PRODUCT_SQL, &[]).await
    }

    /// Takes sales over, whose products are there.
    pub async fn sales(&self, sales: &[SaleCopy]) -> Result<(), StoreError> {
        for SaleCopy { sale, epoch_at, closed_at, sold } in sales {
            let stock = i32::try_from(sale.terms.stock()).unwrap_or(i32::MAX);
            let limit = i16::try_from(sale.terms.per_user_limit()).unwrap_or(i16::MAX);
            let sold = i32::try_from(*sold).unwrap_or(i32::MAX);
            let state = match sale.state {
                SaleState::Active => "active",
                SaleState::Paused => "paused",
                SaleState::Closed => "closed",
            };
            self.run(
                SALE_SQL,
                &[
                    &sale.id.get(),
                    &to_system_time(sale.window.starts_at()),
                    &to_system_time(sale.window.ends_at()),
                    &sale.terms.hold_ms(),
                    &sale.epoch.0,
                    &epoch_at.map(to_system_time),
                    &closed_at.map(to_system_time),
                    &stock,
                    &limit,
                    &state,
                    &(sale.origin == Origin::Timetable),
                    &closed_at.map(|_| sold),
                    &sale.salt.bytes().as_slice(),
                    &sale.product.map(ProductId::get),
                ],
            )
            .await?;
            if sold > 0 {
                self.run(SOLD_COUNT_SQL, &[&sale.id.get(), &sold]).await?;
            }
        }
        self.run(NEXT_SALE_SQL, &[]).await
    }

    /// Takes attempts over, in their order.
    pub async fn attempts(&self, attempts: &[AttemptCopy]) -> Result<(), StoreError> {
        let mut columns = AttemptColumns::default();
        for attempt in attempts {
            columns.push(attempt);
        }
        self.run(ATTEMPTS_SQL, &columns.parameters()).await
    }

    /// Takes purchases over.
    pub async fn purchases(&self, purchases: &[PurchaseCopy]) -> Result<(), StoreError> {
        let receipts = || purchases.iter().map(|purchase| &purchase.receipt);
        let codes: Vec<_> = receipts().map(|receipt| uuid(receipt.code)).collect();
        let sales: Vec<_> = receipts().map(|receipt| receipt.sale.get()).collect();
        let at: Vec<_> = receipts().map(|receipt| to_system_time(receipt.purchased_at)).collect();
        let units: Vec<_> = receipts().map(|receipt| unit(receipt.unit)).collect();
        let slots: Vec<_> = purchases.iter().map(|purchase| slot(purchase.slot)).collect();
        let users: Vec<_> = receipts().map(|receipt| receipt.user.as_str()).collect();
        let names: Vec<_> = receipts().map(|receipt| receipt.item.name.as_str()).collect();
        let images: Vec<_> = receipts().map(|receipt| receipt.item.image.as_str()).collect();
        let versions: Vec<_> =
            receipts().map(|receipt| receipt.item.product.map(VersionId::get)).collect();
        let cancelled = || receipts().map(|receipt| receipt.cancelled.as_ref());
        let cancelled_at: Vec<_> =
            cancelled().map(|it| it.map(|it| to_system_time(it.at))).collect();
        let reasons: Vec<_> = cancelled().map(|it| it.map(|it| it.reason.as_str())).collect();
        let columns: [&(dyn ToSql + Sync); 11] = [
            &codes,
            &sales,
            &at,
            &units,
            &slots,
            &users,
            &names,
            &images,
            &versions,
            &cancelled_at,
            &reasons,
        ];
        self.run(PURCHASES_SQL, &columns).await
    }

    /// Takes rows of the trail over.
    pub async fn actions(&self, actions: &[StoredAction]) -> Result<(), StoreError> {
        for row in actions {
            let code = row.code.map(Uuid::from_u128);
            let (id, at) = (Uuid::from_u128(row.id), to_system_time(row.acted_at));
            let StoredAction { number, sale_id, product_id, operator, action, asked, .. } = row;
            let StoredAction { why, request_id, before, after, refused, .. } = row;
            let columns: [&(dyn ToSql + Sync); 14] = [
                number, &id, &at, sale_id, product_id, &code, operator, action, asked, why,
                request_id, before, after, refused,
            ];
            self.run(ACTION_SQL, &columns).await?;
        }
        self.run(NEXT_ACTION_SQL, &[]).await
    }

    /// Makes all of it stand.
    ///
    /// # Errors
    ///
    /// [`Failure::Unknown`] if it may stand all the same, or will.
    pub async fn finish(self) -> Result<(), StoreError> {
        self.finish_within(COMMIT_TIMEOUT).await
    }

    async fn finish_within(self, limit: Duration) -> Result<(), StoreError> {
        let Self { transaction, credit } = self;
        let committed = match timeout(limit, transaction.commit()).await {
            Ok(committed) => committed.map_err(SessionError::of),
            Err(_) => Err(SessionError::TimedOut),
        };
        let committed = match committed {
            Ok(()) if !credit.is_good() => {
                Err(SessionError::Unconfirmed { warning: credit.warning() })
            }
            committed => committed,
        };
        committed.map_err(|error| error.during(IMPORT))
    }

    async fn run(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(), StoreError> {
        let statement = self.transaction.prepare_cached(sql).await;
        let run = async { self.transaction.execute(&statement?, parameters).await };
        run.await.map(drop).map_err(|error| SessionError::of(error).during(IMPORT))
    }
}

/// The parameters of `import/attempts.sql`: column by column.
#[derive(Default)]
struct AttemptColumns<'a> {
    sales: Vec<i64>,
    attempted_at: Vec<SystemTime>,
    codes: Vec<Option<Uuid>>,
    expires_at: Vec<Option<SystemTime>>,
    resolved_at: Vec<Option<SystemTime>>,
    epochs: Vec<Option<i64>>,
    units: Vec<Option<i32>>,
    outcomes: Vec<Option<&'a str>>,
    states: Vec<Option<&'static str>>,
    slots: Vec<Option<i16>>,
    users: Vec<Option<&'a str>>,
}

impl<'a> AttemptColumns<'a> {
    fn push(&mut self, attempt: &'a AttemptCopy) {
        self.sales.push(attempt.sale.get());
        self.attempted_at.push(to_system_time(attempt.attempted_at));
        let (outcome, state, user, code, hold) = match &attempt.outcome {
            OutcomeCopy::Granted(hold) => {
                let state = match hold.ended {
                    None => "held",
                    Some((HoldEnd::Sold, _)) => "sold",
                    Some((HoldEnd::Expired, _)) => "expired",
                    Some((HoldEnd::Released, _)) => "released",
                    Some((HoldEnd::Cancelled, _)) => "cancelled",
                };
                let (user, code) = (hold.user.as_str(), hold.code);
                (Some("granted"), Some(state), Some(user), Some(code), Some(hold))
            }
            OutcomeCopy::Refused { user, name } => {
                (Some(name.as_str()), None, Some(user.as_str()), None, None)
            }
            OutcomeCopy::Tombstone(code) => (None, Some("void"), None, Some(*code), None),
        };
        self.outcomes.push(outcome);
        self.states.push(state);
        self.users.push(user);
        self.codes.push(code.map(uuid));
        self.expires_at.push(hold.map(|hold| to_system_time(hold.expires_at)));
        self.resolved_at.push(hold.and_then(|hold| hold.ended).map(|(_, at)| to_system_time(at)));
        self.epochs.push(hold.map(|hold| hold.epoch.0));
        self.units.push(hold.map(|hold| unit(hold.unit)));
        self.slots.push(hold.map(|hold| slot(hold.slot)));
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 11] {
        [
            &self.sales,
            &self.attempted_at,
            &self.codes,
            &self.expires_at,
            &self.resolved_at,
            &self.epochs,
            &self.units,
            &self.outcomes,
            &self.states,
            &self.slots,
            &self.users,
        ]
    }
}

fn unit(unit: domain::Unit) -> i32 {
    i32::try_from(unit.get()).unwrap_or(i32::MAX)
}

fn slot(slot: domain::Slot) -> i16 {
    i16::try_from(slot.0).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, thread};

    use batcher::Limits;
    use credentials::Access;
    use dev_servers::PostgresServer;
    use domain::{Epoch, Sale, SaleId, Salt, Terms, UnixMillis, Window};
    use tokio::task::block_in_place;

    use super::*;
    use crate::{Connections, Durability};

    fn sale() -> SaleCopy {
        let window = Window::new(UnixMillis(0), UnixMillis(3_600_000)).unwrap();
        let sale = Sale {
            id: SaleId::try_from(1).unwrap(),
            window,
            terms: Terms::new(5, 1, 1).unwrap(),
            origin: Origin::Timetable,
            product: None,
            state: SaleState::Active,
            epoch: Epoch(1),
            salt: Salt::new([7; Salt::LENGTH]),
        };
        SaleCopy { sale, epoch_at: None, closed_at: None, sold: 0 }
    }

    /// An empty ledger on this server.
    async fn ledger(server: &PostgresServer, database: &str) -> PostgresLedger {
        server.create_database(database).unwrap();
        let max = NonZeroUsize::new(8).unwrap();
        let limits = Limits::patient(max, max);
        let access = Access::to_database(server.url(database));
        let connections = Connections::for_threads(1);
        let ledger = PostgresLedger::new(access, Durability::Single, connections, limits).unwrap();
        ledger.migrate().await.unwrap();
        ledger
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_import_that_no_standby_confirms_is_not_told_as_done() {
        let server = PostgresServer::start().unwrap();
        let ledgers = [ledger(&server, "one").await, ledger(&server, "two").await];
        let [mut one, mut two] = [
            ledgers[0].connect_to_import().await.unwrap(),
            ledgers[1].connect_to_import().await.unwrap(),
        ];
        let [given_up, cancelled] = [one.begin().await.unwrap(), two.begin().await.unwrap()];
        for import in [&given_up, &cancelled] {
            import.sales(&[sale()]).await.unwrap();
        }
        server.wait_for_standbys(true).unwrap();
        let waits = || block_in_place(|| server.waits()).unwrap();
        thread::scope(|scope| {
            let first = "SELECT pg_logical_emit_message(true, 'a', 'b')";
            scope.spawn(|| server.psql("postgres", first));
            while waits() == 0 {}
            server.cancel_waits().unwrap();
        });

        let given_up = given_up.finish_within(Duration::from_millis(50)).await.unwrap_err();
        let cancel = async {
            // That of the other import waits on.
            while waits() < 2 {
                tokio::task::yield_now().await;
            }
            block_in_place(|| server.cancel_waits()).unwrap();
        };
        let (finished, ()) = tokio::join!(cancelled.finish(), cancel);

        for error in [given_up, finished.unwrap_err()] {
            assert_eq!(error.failure(), Failure::Unknown, "{error:?}");
        }
    }
}
