//! `Inspections` on SQLite.

use async_trait::async_trait;
use domain::{
    Code, Failure, StoreError,
    ports::{
        AttemptCopy, By, CodeRows, Cursor, Inspections, OTHER_LIST, Operation, Page, PageAsked,
        UnitHad, UnitOfSale, UserOfSales,
    },
};

use crate::SqliteLedger;

#[async_trait]
impl Inspections for SqliteLedger {
    async fn code(&self, code: Code) -> Result<Option<CodeRows>, StoreError> {
        self.aside().look(Operation::InspectCode, move |tables| tables.inspect_code(code)).await
    }

    async fn holders(
        &self,
        of: UnitOfSale,
        asked: PageAsked,
    ) -> Result<Page<AttemptCopy>, StoreError> {
        let operation = Operation::InspectHolders;
        let after = ordered(asked.after, By::Row, operation)?.map_or(0, |cursor| cursor.at);
        let limit = asked.rows_to_read();
        let mut aside = self.aside();
        let read =
            aside.look(operation, move |tables| tables.holders(of.sale, of.unit, after, limit));
        Ok(Page::of(read.await?, asked, By::Row))
    }

    async fn units(&self, of: UserOfSales, asked: PageAsked) -> Result<Page<UnitHad>, StoreError> {
        let operation = Operation::InspectUnits;
        let after = ordered(asked.after, By::Sale, operation)?;
        let limit = asked.rows_to_read();
        let mut aside = self.aside();
        let read = aside.look(operation, move |tables| tables.units_had(&of, after, limit));
        Ok(Page::of(read.await?, asked, By::Sale))
    }

    async fn attempts(
        &self,
        of: UserOfSales,
        asked: PageAsked,
    ) -> Result<Page<AttemptCopy>, StoreError> {
        let operation = Operation::InspectAttempts;
        let before = ordered(asked.after, By::Row, operation)?.map_or(i64::MAX, |cursor| cursor.at);
        let limit = asked.rows_to_read();
        let mut aside = self.aside();
        let read = aside
            .look(operation, move |tables| tables.attempts_of(&of.user, of.sale, before, limit));
        Ok(Page::of(read.await?, asked, By::Row))
    }
}

/// The cursor, if it is one of this order.
pub(crate) fn ordered(
    after: Option<Cursor>,
    by: By,
    operation: Operation,
) -> Result<Option<Cursor>, StoreError> {
    match after {
        Some(cursor) if cursor.by != by => {
            Err(StoreError::new(operation, Failure::NotDone, OTHER_LIST))
        }
        after => Ok(after),
    }
}
