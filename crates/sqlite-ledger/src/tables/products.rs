//! Products, their versions and their pictures.
//!
//! What changes one is a step within the transaction of whoever acts, with its row of the trail.

use domain::{
    NotScheduled, ProductId, ProductVersion, Sku, VersionId,
    product::{Image, ImageDigest, Picture, Product, ProductChange},
};

use super::Tables;
use crate::{SqliteError, rows};

const CURRENT_VERSION: &str = include_str!("../sql/products/current_version.sql");
const READ_VERSION: &str = include_str!("../sql/products/read_version.sql");
const FIND_PRODUCT: &str = include_str!("../sql/products/find_product.sql");
const FIND_PRODUCT_BY_ID: &str = include_str!("../sql/products/find_product_by_id.sql");
const PAGE_PRODUCTS: &str = include_str!("../sql/products/page_products.sql");
const FIND_IMAGE: &str = include_str!("../sql/products/find_image.sql");
const IMAGE_IS_KEPT: &str = include_str!("../sql/products/image_is_kept.sql");
const KEEP_IMAGE: &str = include_str!("../sql/products/keep_image.sql");
const MAKE_PRODUCT: &str = include_str!("../sql/products/make_product.sql");
const MAKE_VERSION: &str = include_str!("../sql/products/make_version.sql");
const ARCHIVE_PRODUCT: &str = include_str!("../sql/products/archive_product.sql");

impl Tables<'_> {
    /// Which versions products have now.
    pub(crate) fn current_versions(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, VersionId)>, SqliteError> {
        let mut current = Vec::with_capacity(products.len());
        for &product in products {
            if let Some(version) = self.current_version(product)? {
                current.push((product, version));
            }
        }
        Ok(current)
    }

    fn current_version(&self, product: ProductId) -> Result<Option<VersionId>, SqliteError> {
        self.one(CURRENT_VERSION, [product.get()], rows::version_id)
    }

    /// Versions of products.
    pub(crate) fn read_versions(
        &self,
        versions: &[VersionId],
    ) -> Result<Vec<ProductVersion>, SqliteError> {
        let mut read = Vec::with_capacity(versions.len());
        for version in versions {
            read.extend(self.one(READ_VERSION, [version.get()], rows::version)?);
        }
        Ok(read)
    }

    /// The product of a key.
    pub(crate) fn find_product(&self, sku: &Sku) -> Result<Option<Product>, SqliteError> {
        match self.one(FIND_PRODUCT, [sku.as_str()], rows::product_row)? {
            Some((product, _)) => self.read_product(product).map(Some),
            None => Ok(None),
        }
    }

    /// The newest products below a number.
    pub(crate) fn page_products(
        &self,
        before: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<Product>, SqliteError> {
        let before = before.map_or(i64::MAX, ProductId::get);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let products = self.all(PAGE_PRODUCTS, (before, limit), rows::product_id)?;
        products.into_iter().map(|product| self.read_product(product)).collect()
    }

    /// A product that is there, as it is now.
    fn read_product(&self, product: ProductId) -> Result<Product, SqliteError> {
        let lacks = || SqliteError::Unreadable(format!("product {product} has no version"));
        let version = self.current_version(product)?.ok_or_else(lacks)?;
        self.one(READ_VERSION, [version.get()], rows::product)?.ok_or_else(lacks)
    }

    /// A picture.
    pub(crate) fn find_image(&self, digest: ImageDigest) -> Result<Option<Image>, SqliteError> {
        self.one(FIND_IMAGE, [digest.0], |row| rows::image(row, digest))
    }

    /// Why no sale of a product can be made, if none can.
    pub(crate) fn not_to_be_sold(
        &self,
        product: ProductId,
    ) -> Result<Option<NotScheduled>, SqliteError> {
        Ok(match self.one(FIND_PRODUCT_BY_ID, [product.get()], rows::product_row)? {
            None => Some(NotScheduled::UnknownProduct),
            Some((_, Some(_))) => Some(NotScheduled::ArchivedProduct),
            Some((_, None)) => None,
        })
    }

    /// Whether there is such a picture.
    pub(crate) fn image_is_kept(&self, digest: ImageDigest) -> Result<bool, SqliteError> {
        Ok(self.one(IMAGE_IS_KEPT, [digest.0], |_| Ok(()))?.is_some())
    }

    /// Makes a product, or the next version of one, unless the last one says the same.
    pub(crate) fn put_product(
        &self,
        before: Option<Product>,
        to: &ProductChange,
    ) -> Result<Product, SqliteError> {
        let product = match before {
            Some(product) if to.is_said_by(&product.version) => return Ok(product),
            Some(product) => product.version.product,
            None => {
                let made = self.one(MAKE_PRODUCT, [to.sku.as_str()], rows::product_id)?;
                made.ok_or_else(|| SqliteError::Unreadable("no product was made".to_owned()))?
            }
        };
        if let Some(Picture::Given(image)) = &to.image {
            let row = (image.digest().0, image.kind().name(), &**image.bytes());
            self.run(KEEP_IMAGE, row)?;
        }
        self.make_version(product, to)
    }

    /// Archives a product, if it is not.
    pub(crate) fn archive_product(&self, product: ProductId) -> Result<Product, SqliteError> {
        self.run(ARCHIVE_PRODUCT, (product.get(), self.now().0))?;
        self.read_product(product)
    }

    fn make_version(
        &self,
        product: ProductId,
        ProductChange { name, price, metadata, image, .. }: &ProductChange,
    ) -> Result<Product, SqliteError> {
        let amount = price.map(|price| price.amount());
        let currency = price.map(|price| price.currency());
        let row = (
            product.get(),
            name.as_str(),
            amount,
            currency.as_ref().map(|currency| currency.as_str()),
            metadata.as_ref().map(|metadata| metadata.as_str()),
            image.as_ref().map(|image| image.digest().0),
            self.now().0,
        );
        self.run(MAKE_VERSION, row)?;
        self.read_product(product)
    }
}
