//! `SaleHistory` on SQLite.

use async_trait::async_trait;
use domain::{
    SaleId, StoreError, UnixMillis,
    history::{Minute, Point},
    ports::{Operation, SaleHistory},
    processes::ProcessId,
};

use crate::SqliteLedger;

#[async_trait]
impl SaleHistory for SqliteLedger {
    async fn note(&self, minute: &Minute, by: ProcessId) -> Result<(), StoreError> {
        let Minute { at, ref stood, .. } = *minute;
        let attempts = self.workers.uncounted.of(stood);
        let rows: Vec<_> = stood.iter().copied().zip(attempts.iter().copied()).collect();
        let note = move |tables: &crate::Tables<'_>| tables.note_minute(at, by, &rows);
        self.write(Operation::NoteMinute, note).await?;
        self.workers.uncounted.written(minute, &attempts);
        Ok(())
    }

    fn has_counted(&self, sale: SaleId) -> bool {
        self.workers.uncounted.has(sale)
    }

    async fn minutes(&self, sale: SaleId, from: UnixMillis) -> Result<Vec<Point>, StoreError> {
        self.look(Operation::ReadMinutes, move |tables| tables.read_minutes(sale, from)).await
    }

    async fn drop_before(&self, minute: UnixMillis, limit: usize) -> Result<usize, StoreError> {
        self.write(Operation::DropMinutes, move |tables| tables.drop_minutes(minute, limit)).await
    }
}
