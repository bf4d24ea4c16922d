//! Reading the whole ledger, row by row, for another to take over.

use domain::{
    ProductVersion,
    ports::{AttemptCopy, ProductCopy, PurchaseCopy, SaleCopy},
    product::Image,
};

use super::Tables;
use crate::{SqliteError, rows};

const COPY_SALES: &str = include_str!("../sql/copy_sales.sql");
const COPY_PRODUCTS: &str = include_str!("../sql/copy_products.sql");
const COPY_VERSIONS: &str = include_str!("../sql/copy_versions.sql");
const COPY_IMAGES: &str = include_str!("../sql/copy_images.sql");
const COPY_ATTEMPTS: &str = include_str!("../sql/copy_attempts.sql");
const COPY_PURCHASES: &str = include_str!("../sql/copy_purchases.sql");

/// Some rows in their order, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies<T> {
    /// The rows; none when there are no more.
    pub rows: Vec<T>,
    /// What to read after.
    pub last: i64,
}

impl Tables<'_> {
    /// Every sale.
    pub fn copy_sales(&self) -> Result<Vec<SaleCopy>, SqliteError> {
        self.all(COPY_SALES, [], rows::sale_copy)
    }

    /// Every product.
    pub fn copy_products(&self) -> Result<Vec<ProductCopy>, SqliteError> {
        self.all(COPY_PRODUCTS, [], rows::product_copy)
    }

    /// Every version of every product.
    pub fn copy_versions(&self) -> Result<Vec<ProductVersion>, SqliteError> {
        self.all(COPY_VERSIONS, [], rows::version)
    }

    /// At most `limit` pictures of products after a row, 0 for the first.
    pub fn copy_images(&self, after: i64, limit: usize) -> Result<Copies<Image>, SqliteError> {
        self.copies(COPY_IMAGES, after, limit, rows::image_copy)
    }

    /// At most `limit` attempts after a row, 0 for the first.
    pub fn copy_attempts(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Copies<AttemptCopy>, SqliteError> {
        self.copies(COPY_ATTEMPTS, after, limit, rows::attempt_copy)
    }

    /// At most `limit` purchases after a row, 0 for the first.
    pub fn copy_purchases(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Copies<PurchaseCopy>, SqliteError> {
        self.copies(COPY_PURCHASES, after, limit, |row| {
            Ok(PurchaseCopy { receipt: rows::receipt(row)?, slot: rows::slot(row)? })
        })
    }

    fn copies<T>(
        &self,
        sql: &str,
        after: i64,
        limit: usize,
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Copies<T>, SqliteError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut last = after;
        let rows = self.all(sql, (after, limit), |row| {
            last = row.get("id")?;
            read(row)
        })?;
        Ok(Copies { rows, last })
    }
}
