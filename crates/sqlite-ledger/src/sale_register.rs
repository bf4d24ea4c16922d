//! `SaleRegister` on SQLite.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use batcher::Call;
use domain::{
    NewSale, NotScheduled, Sale, SaleId, Salt, StoreError, UnixMillis,
    ports::{Calendar, Listed, LiveEpoch, Operation, RaiseReply, SaleRegister, Tally},
};

use crate::{SqliteError, SqliteLedger, Tables, Workers, not_accepted, worker::Worker};

/// Pieces of the codes of a closed sale that are filed while the upkeep waits.
const FILED_BY_THE_UPKEEP: usize = 64;

/// The reply to a caller who asks for a sale.
pub(crate) type SaleReply = Result<Option<Listed>, StoreError>;

impl SqliteLedger {
    /// In memory nothing is left to chance.
    pub(crate) fn salt_of_new(&self) -> Option<Salt> {
        self.workers.dir.is_none().then_some(Salt::new([7; Salt::LENGTH]))
    }

    pub(crate) async fn look<T: Send + 'static>(
        &self,
        operation: Operation,
        look: impl FnMut(&Tables<'_>) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.workers.looker.run(look).await.map_err(|error| error.during(operation))
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: Operation,
        write: impl FnMut(&Tables<'_>) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.workers.writer.run(write).await.map_err(|error| error.during(operation))
    }
}

#[async_trait]
impl SaleRegister for SqliteLedger {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        self.look(Operation::Now, |tables| Ok(tables.now())).await
    }

    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError> {
        self.find_sale.submit(sale).await.map_err(not_accepted(Operation::FindSale))?
    }

    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError> {
        self.look(Operation::Page, move |tables| tables.page_sales(before, limit)).await
    }

    async fn calendar(&self) -> Result<Calendar, StoreError> {
        self.look(Operation::Calendar, |tables| tables.calendar()).await
    }

    async fn schedule(&self, new: NewSale) -> Result<Result<Sale, NotScheduled>, StoreError> {
        let salt = self.salt_of_new();
        let schedule = move |tables: &Tables<'_>| tables.schedule(new, salt);
        self.write(Operation::Schedule, schedule).await
    }

    async fn raise_epoch(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, StoreError> {
        self.write(Operation::RaiseEpoch, move |tables| tables.raise_epoch(sale, live)).await
    }

    async fn tally(&self, sale: SaleId) -> Result<Option<Tally>, StoreError> {
        self.look(Operation::Tally, move |tables| tables.tally(sale)).await
    }

    async fn close(&self, sale: SaleId) -> Result<bool, StoreError> {
        if !self.write(Operation::Close, move |tables| tables.close(sale)).await? {
            return Ok(false);
        }
        if !self.workers.file_codes(sale, FILED_BY_THE_UPKEEP).await? {
            // A large sale takes longer than the upkeep may wait; it has others to look after.
            let workers = Arc::clone(&self.workers);
            tokio::spawn(async move { workers.file_all_codes(sale).await });
        }
        Ok(true)
    }
}

impl Workers {
    /// Files the codes of a closed sale piece by piece, so that nobody waits long for their turn, and
    /// so many pieces at the most. Says whether all are filed now.
    async fn file_codes(&self, sale: SaleId, pieces_max: usize) -> Result<bool, StoreError> {
        let failed = |error: SqliteError| error.during(Operation::Close);
        for _ in 0..pieces_max {
            let piece = self.writer.run(move |tables| tables.file_codes(sale)).await;
            if piece.map_err(failed)? {
                let first = self.writer.run(|tables| tables.first_unfiled()).await;
                self.first_unfiled.store(first.map_err(failed)?, Ordering::Relaxed);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is left when it fails, the next process does before it serves; meanwhile the guard has
    /// it.
    async fn file_all_codes(&self, sale: SaleId) {
        if let Err(error) = self.file_codes(sale, usize::MAX).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, %sale, "codes of a closed sale are not filed yet");
        }
    }
}

/// Looks sales up by the batch, so that made-up numbers cost little.
pub(crate) struct FindSales(pub(crate) Worker);

#[async_trait]
impl Call<SaleId, SaleReply> for FindSales {
    const NAME: &'static str = "find_sale";

    async fn call(&mut self, batch: Vec<SaleId>) -> Vec<SaleReply> {
        self.0.batch(Operation::FindSale, batch, |tables, batch| tables.list_sales(batch)).await
    }
}
