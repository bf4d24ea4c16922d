//! How sales went, minute by minute, for whoever draws it.

use async_trait::async_trait;

use crate::{
    SaleId, StoreError, UnixMillis,
    history::{Minute, Point},
    processes::ProcessId,
};

/// How sales went. Nothing that is promised rests on it, and nobody who sells waits for it.
#[async_trait]
pub trait SaleHistory: Send + Sync {
    /// Writes how sales stood at a minute, and how many attempts at each this process has recorded since
    /// it wrote the last time. What this process has written of a sale and a minute stays as it is.
    ///
    /// # Errors
    ///
    /// What was counted is counted still, and written with the next.
    async fn note(&self, minute: &Minute, by: ProcessId) -> Result<(), StoreError>;

    /// Whether this process has recorded attempts at the sale since it wrote the last time.
    fn has_counted(&self, sale: SaleId) -> bool;

    /// How a sale went from `from` on, as all processes wrote it: a point a minute, the first one first,
    /// and at most [`MINUTES_MAX`](crate::history::MINUTES_MAX), the last of them.
    async fn minutes(&self, sale: SaleId, from: UnixMillis) -> Result<Vec<Point>, StoreError>;

    /// Drops what was written of minutes before this one, at most so many rows; says how many.
    async fn drop_before(&self, minute: UnixMillis, limit: usize) -> Result<usize, StoreError>;
}
