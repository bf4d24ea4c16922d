//! `Products` on Postgres.
//!
//! What changes a product is a function of the open transaction of [`Operator`](crate::operator), which
//! writes its row of the trail with it.

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use domain::{
    ProductId, ProductVersion, Sku, StoreError, VersionId,
    ports::{Operation, Products},
    product::{Currency, Image, ImageDigest, Metadata, Picture, Price, Product, ProductChange},
};
use tokio_postgres::{Row, types::ToSql};

use crate::{Lent, PostgresLedger, Role, Shared, rows, session::SessionError};

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

impl PostgresLedger {
    /// The same ledger on the connections of readers, and on no others: however many they are, the upkeep does
    /// not wait for them.
    #[must_use]
    pub fn for_readers(&self) -> Self {
        let lent = || Lent::ForACall(self.shared.reads.clone());
        let shared = Shared { hot: lent(), cold: lent(), ..self.shared.clone() };
        Self::over(shared, self.limits, Role::Thread, None)
    }

    pub(crate) async fn look(
        &self,
        operation: Operation,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let _look = self.may_look(operation)?;
        let found = self.session().query_patiently(sql, parameters).await;
        found.map_err(|error| error.during(operation))
    }
}

/// The product of a key, which nobody else changes or archives until this transaction ends.
pub(crate) async fn lock(
    transaction: &Transaction<'_>,
    sku: &Sku,
) -> Result<Option<Product>, SessionError> {
    let locked = run(transaction, LOCK_PRODUCT_SQL, &[&sku.as_str()]).await?;
    match locked.first() {
        None => Ok(None),
        Some(_) => read(transaction, sku).await.map(Some),
    }
}

/// Whether there is such a picture.
pub(crate) async fn is_kept(
    transaction: &Transaction<'_>,
    digest: ImageDigest,
) -> Result<bool, SessionError> {
    let kept = run(transaction, IMAGE_IS_KEPT_SQL, &[&digest.0.as_slice()]).await?;
    Ok(!kept.is_empty())
}

/// Makes a product, or the next version of one that is locked, unless the last one says the same.
/// One that was made meanwhile is a duplicate: the transaction is to be run again.
pub(crate) async fn put(
    transaction: &Transaction<'_>,
    before: Option<Product>,
    to: &ProductChange,
) -> Result<Product, SessionError> {
    let product = match before {
        Some(product) if to.is_said_by(&product.version) => return Ok(product),
        Some(product) => product.version.product.get(),
        None => {
            let made = run(transaction, MAKE_PRODUCT_SQL, &[&to.sku.as_str()]).await?;
            let lacks = || SessionError::Unreadable("no product was made".to_owned());
            rows::column(made.first().ok_or_else(lacks)?, "id")?
        }
    };
    make_version(transaction, product, to).await?;
    read(transaction, &to.sku).await
}

/// Archives a product that is locked.
pub(crate) async fn archive(
    transaction: &Transaction<'_>,
    product: &ProductVersion,
) -> Result<Product, SessionError> {
    run(transaction, ARCHIVE_PRODUCT_SQL, &[&product.product.get()]).await?;
    read(transaction, &product.sku).await
}

async fn make_version(
    transaction: &Transaction<'_>,
    product: i64,
    ProductChange { name, price, metadata, image, .. }: &ProductChange,
) -> Result<(), SessionError> {
    if let Some(Picture::Given(image)) = image {
        let (digest, bytes) = (image.digest(), &**image.bytes());
        let kept: [&(dyn ToSql + Sync); 3] = [&digest.0.as_slice(), &image.kind().name(), &bytes];
        run(transaction, KEEP_IMAGE_SQL, &kept).await?;
    }
    let amount = price.map(Price::amount);
    let currency = price.map(Price::currency);
    let currency = currency.as_ref().map(Currency::as_str);
    let metadata = metadata.as_ref().map(Metadata::as_str);
    let digest = image.as_ref().map(Picture::digest);
    let digest = digest.as_ref().map(|digest| digest.0.as_slice());
    let row: [&(dyn ToSql + Sync); 6] =
        [&product, &name.as_str(), &amount, &currency, &metadata, &digest];
    run(transaction, MAKE_VERSION_SQL, &row).await.map(drop)
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
