//! Reading the whole ledger, row by row, for another to take over.

use domain::{
    operator::StoredAction,
    ports::{AttemptCopy, PurchaseCopy, SaleCopy},
};

use super::Tables;
use crate::{SqliteError, rows};

const COPY_SALES: &str = include_str!("../sql/copy_sales.sql");
const COPY_ATTEMPTS: &str = include_str!("../sql/copy_attempts.sql");
const COPY_ACTIONS: &str = include_str!("../sql/copy_actions.sql");
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

    /// At most `limit` rows of the trail after a row, 0 for the first.
    pub fn copy_actions(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Copies<StoredAction>, SqliteError> {
        self.copies(COPY_ACTIONS, after, limit, |row| rows::stored_action(row, "action_id"))
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
