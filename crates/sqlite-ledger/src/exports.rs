//! `Exports` on SQLite: some rows a transaction, so that the log of who writes meanwhile does not grow.

use std::ops::ControlFlow;

use async_trait::async_trait;
use domain::{
    Failure, SaleId, StoreError,
    ports::{
        AttemptCopy, By, Cursor, ExportAsked, Exports, NO_SUCH_ROW, Operation, PurchaseCopy, Sink,
    },
};

use crate::{Copies, SqliteError, SqliteLedger, inspections::ordered, tables::Tables};

/// How the next rows of a sale are read.
type ReadNext<T> = fn(&Tables<'_>, SaleId, i64) -> Result<Option<Copies<(i64, T)>>, SqliteError>;

/// Whether a row of a sale has this number.
type IsThere = fn(&Tables<'_>, SaleId, i64) -> Result<bool, SqliteError>;

#[async_trait]
impl Exports for SqliteLedger {
    async fn attempts(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<AttemptCopy>,
    ) -> Result<(), StoreError> {
        let read: ReadNext<_> = |tables, sale, after| tables.export_attempts(sale, after);
        let is_there: IsThere = |tables, sale, number| tables.has_attempt(sale, number);
        self.export(Operation::ExportAttempts, asked, is_there, read, to).await
    }

    async fn purchases(
        &self,
        asked: ExportAsked,
        to: &mut dyn Sink<PurchaseCopy>,
    ) -> Result<(), StoreError> {
        let read: ReadNext<_> = |tables, sale, after| tables.export_purchases(sale, after);
        let is_there: IsThere = |tables, sale, number| tables.has_purchase(sale, number);
        self.export(Operation::ExportPurchases, asked, is_there, read, to).await
    }
}

impl SqliteLedger {
    async fn export<T: Send + 'static>(
        &self,
        operation: Operation,
        asked: ExportAsked,
        is_there: IsThere,
        read: ReadNext<T>,
        to: &mut dyn Sink<T>,
    ) -> Result<(), StoreError> {
        let mut next = ordered(asked.after, By::Row, operation)?;
        let mut reached = next.map_or(0, |cursor| cursor.at);
        let mut aside = self.aside();
        if let Some(after) = next {
            let sale = asked.sale;
            let look = move |tables: &Tables<'_>| is_there(tables, sale, after.at);
            if after.nth != 1 || !aside.look(operation, look).await? {
                return Err(StoreError::new(operation, Failure::NotDone, NO_SUCH_ROW));
            }
        }
        loop {
            let look = move |tables: &Tables<'_>| read(tables, asked.sale, reached);
            let Some(Copies { rows, last }) = aside.look(operation, look).await? else {
                return Ok(());
            };
            reached = last;
            let mut taken = Vec::with_capacity(rows.len());
            for (at, row) in rows {
                next = Some(Cursor::past(next, By::Row, at));
                taken.push(row);
            }
            let Some(next) = next.filter(|_| !taken.is_empty()) else { continue };
            if to.take(taken, next).await == ControlFlow::Break(()) {
                return Ok(());
            }
        }
    }
}
