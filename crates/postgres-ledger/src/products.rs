//! `Products` and `ProductRegister` on Postgres.
//!
//! What changes a product is a function of an open transaction, so that whoever has more to write with
//! it can: the change and its record are one.

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use domain::{
    ProductId, ProductVersion, Sku, StoreError, VersionId,
    ports::{Operation, ProductRegister, Products},
    product::{
        Currency, Image, ImageDigest, Metadata, Picture, Price, Product, ProductChange,
        ProductRefusal,
    },
};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use crate::{
    PostgresLedger, rows,
    servers::Object,
    session::{SessionError, TRANSACTION_TIMEOUT, TRIES_MAX, Turns},
};

const CURRENT_VERSIONS_SQL: &str = include_str!("sql/products/current_versions.sql");
const READ_VERSIONS_SQL: &str = include_str!("sql/products/read_versions.sql");
const FIND_PRODUCT_SQL: &str = include_str!("sql/products/find_product.sql");
const PAGE_PRODUCTS_SQL: &str = include_str!("sql/products/page_products.sql");
const FIND_IMAGE_SQL: &str = include_str!("sql/products/find_image.sql");
const IMAGE_IS_KEPT_SQL: &str = include_str!("sql/products/image_is_kept.sql");
pub(crate) const KEEP_IMAGE_SQL: &str = include_str!("sql/products/keep_image.sql");
const LOCK_PRODUCT_SQL: &str = include_str!("sql/products/lock_product.sql");
const MAKE_PRODUCT_SQL: &str = include_str!("sql/products/make_product.sql");
const MAKE_VERSION_SQL: &str = include_str!("sql/products/make_version.sql");
const ARCHIVE_PRODUCT_SQL: &str = include_str!("sql/products/archive_product.sql");

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    CURRENT_VERSIONS_SQL,
    READ_VERSIONS_SQL,
    FIND_PRODUCT_SQL,
    PAGE_PRODUCTS_SQL,
    FIND_IMAGE_SQL,
    IMAGE_IS_KEPT_SQL,
    LOCK_PRODUCT_SQL,
    ARCHIVE_PRODUCT_SQL,
];

/// What became of a change.
pub(crate) type Changed = Result<Result<Product, ProductRefusal>, SessionError>;

/// What is done to a product.
#[derive(Clone, Copy)]
enum Change<'a> {
    Put(&'a ProductChange),
    Archive(&'a Sku),
}

#[async_trait]
impl Products for PostgresLedger {
    async fn current(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, VersionId)>, StoreError> {
        let ids: Vec<_> = products.iter().map(|product| product.get()).collect();
        let found = self.look(Operation::CurrentVersions, CURRENT_VERSIONS_SQL, &[&ids]).await?;
        let current = found.iter().map(rows::current_version).collect::<Result<_, _>>();
        current.map_err(|error| error.during(Operation::CurrentVersions))
    }

    async fn versions(&self, versions: &[VersionId]) -> Result<Vec<ProductVersion>, StoreError> {
        let ids: Vec<_> = versions.iter().map(|version| version.get()).collect();
        let found = self.look(Operation::Versions, READ_VERSIONS_SQL, &[&ids]).await?;
        let versions = found.iter().map(rows::version).collect::<Result<_, _>>();
        versions.map_err(|error| error.during(Operation::Versions))
    }

    async fn find(&self, sku: &Sku) -> Result<Option<Product>, StoreError> {
        let found = self.look(Operation::FindProduct, FIND_PRODUCT_SQL, &[&sku.as_str()]).await?;
        let product = found.first().map(rows::product).transpose();
        product.map_err(|error| error.during(Operation::FindProduct))
    }

    async fn page(
        &self,
        before: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<Product>, StoreError> {
        let before = before.map_or(i64::MAX, ProductId::get);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found =
            self.look(Operation::PageProducts, PAGE_PRODUCTS_SQL, &[&before, &limit]).await?;
        let products = found.iter().map(rows::product).collect::<Result<_, _>>();
        products.map_err(|error| error.during(Operation::PageProducts))
    }

    async fn image(&self, digest: ImageDigest) -> Result<Option<Image>, StoreError> {
        let bytes = digest.0.as_slice();
        let found = self.look(Operation::ProductImage, FIND_IMAGE_SQL, &[&bytes]).await?;
        let image = found.first().map(|row| rows::image(row, digest)).transpose();
        image.map_err(|error| error.during(Operation::ProductImage))
    }
}

#[async_trait]
impl ProductRegister for PostgresLedger {
    async fn put(
        &self,
        change: ProductChange,
    ) -> Result<Result<Product, ProductRefusal>, StoreError> {
        self.transact(Operation::PutProduct, Change::Put(&change)).await
    }

    async fn archive(&self, sku: &Sku) -> Result<Result<Product, ProductRefusal>, StoreError> {
        self.transact(Operation::ArchiveProduct, Change::Archive(sku)).await
    }
}

impl PostgresLedger {
    async fn look(
        &self,
        operation: Operation,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let _look = self.may_look(operation)?;
        let found = self.session().query_patiently(sql, parameters).await;
        found.map_err(|error| error.during(operation))
    }

    /// Makes a change in a transaction of its own, again if others are in its way.
    async fn transact(
        &self,
        operation: Operation,
        change: Change<'_>,
    ) -> Result<Result<Product, ProductRefusal>, StoreError> {
        let mut changed = self.try_to(change).await;
        for _ in 1..TRIES_MAX {
            match changed {
                Err(SessionError::Contended(_)) => changed = self.try_to(change).await,
                _ => break,
            }
        }
        changed.map_err(|error| error.during(operation))
    }

    async fn try_to(&self, change: Change<'_>) -> Changed {
        let mut turns = Turns::on(self.pool());
        loop {
            let mut client = turns.connect().await?;
            let changed = timeout(TRANSACTION_TIMEOUT, commit(&mut client, change)).await;
            if let Some(changed) = turns.end(client, changed) {
                return changed;
            }
        }
    }
}

async fn commit(client: &mut Object, what: Change<'_>) -> Changed {
    let transaction = client.transaction().await.map_err(SessionError::of)?;
    let changed = match what {
        Change::Put(to) => put(&transaction, to).await?,
        Change::Archive(sku) => archive(&transaction, sku).await?,
    };
    // What is refused may have begun something.
    if changed.is_ok() {
        transaction.commit().await.map_err(SessionError::of)?;
    }
    Ok(changed)
}

/// Makes a product, or its next version.
async fn put(transaction: &Transaction<'_>, to: &ProductChange) -> Changed {
    match change(transaction, to).await? {
        Err(ProductRefusal::Unknown) => {}
        decided => return Ok(decided),
    }
    match make(transaction, to).await? {
        // It was made meanwhile.
        Err(ProductRefusal::SkuTaken) => change(transaction, to).await,
        decided => Ok(decided),
    }
}

/// Makes a product, unless there is one of its key. What is refused is to be rolled back.
pub(crate) async fn make(transaction: &Transaction<'_>, new: &ProductChange) -> Changed {
    let made = run(transaction, MAKE_PRODUCT_SQL, &[&new.sku.as_str()]).await?;
    match made.first() {
        None => Ok(Err(ProductRefusal::SkuTaken)),
        Some(row) => make_version(transaction, rows::column(row, "id")?, new).await,
    }
}

/// Makes the next version of a product, unless the last one says the same. What is refused is to be
/// rolled back.
pub(crate) async fn change(transaction: &Transaction<'_>, to: &ProductChange) -> Changed {
    let locked = run(transaction, LOCK_PRODUCT_SQL, &[&to.sku.as_str()]).await?;
    let Some(row) = locked.first() else { return Ok(Err(ProductRefusal::Unknown)) };
    if rows::column(row, "is_archived")? {
        return Ok(Err(ProductRefusal::Archived));
    }
    let product = read(transaction, &to.sku).await?;
    if to.is_said_by(&product.version) {
        return Ok(Ok(product));
    }
    make_version(transaction, rows::column(row, "id")?, to).await
}

/// Archives a product.
pub(crate) async fn archive(transaction: &Transaction<'_>, sku: &Sku) -> Changed {
    let locked = run(transaction, LOCK_PRODUCT_SQL, &[&sku.as_str()]).await?;
    let Some(row) = locked.first() else { return Ok(Err(ProductRefusal::Unknown)) };
    run(transaction, ARCHIVE_PRODUCT_SQL, &[&rows::column::<i64>(row, "id")?]).await?;
    Ok(Ok(read(transaction, sku).await?))
}

async fn make_version(
    transaction: &Transaction<'_>,
    product: i64,
    ProductChange { sku, name, price, metadata, image }: &ProductChange,
) -> Changed {
    match image {
        Some(Picture::Given(image)) => {
            let (digest, bytes) = (image.digest(), &**image.bytes());
            let kept: [&(dyn ToSql + Sync); 3] =
                [&digest.0.as_slice(), &image.kind().name(), &bytes];
            run(transaction, KEEP_IMAGE_SQL, &kept).await?;
        }
        Some(Picture::Kept(digest)) => {
            let kept = run(transaction, IMAGE_IS_KEPT_SQL, &[&digest.0.as_slice()]).await?;
            if kept.is_empty() {
                return Ok(Err(ProductRefusal::NoSuchImage));
            }
        }
        None => {}
    }
    let amount = price.map(Price::amount);
    let currency = price.map(Price::currency);
    let currency = currency.as_ref().map(Currency::as_str);
    let metadata = metadata.as_ref().map(Metadata::as_str);
    let digest = image.as_ref().map(Picture::digest);
    let digest = digest.as_ref().map(|digest| digest.0.as_slice());
    let row: [&(dyn ToSql + Sync); 6] =
        [&product, &name.as_str(), &amount, &currency, &metadata, &digest];
    run(transaction, MAKE_VERSION_SQL, &row).await?;
    Ok(Ok(read(transaction, sku).await?))
}

/// A product that is there, as it is now.
async fn read(transaction: &Transaction<'_>, sku: &Sku) -> Result<Product, SessionError> {
    let found = run(transaction, FIND_PRODUCT_SQL, &[&sku.as_str()]).await?;
    let lacks = || SessionError::Unreadable("a product without a version".to_owned());
    rows::product(found.first().ok_or_else(lacks)?)
}

async fn run(
    transaction: &Transaction<'_>,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, SessionError> {
    let statement = transaction.prepare_cached(sql).await.map_err(SessionError::of)?;
    transaction.query(&statement, parameters).await.map_err(SessionError::of)
}
