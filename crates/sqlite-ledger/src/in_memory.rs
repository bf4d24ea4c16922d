//! A ledger in memory, for a simulation: the adapter as it is, on a clock of its own.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{
    BrokenOff, Database, LedgerClock, Limits, OpenError, SqliteError, SqliteLedger, Tables,
    Workers,
    aside::Places,
    worker::{Inline, Kind, Session, Worker},
};

/// A ledger that is gone with this value, and what can befall it.
///
/// Its work is done by whoever asks, a transaction at a time. So everything happens in an order
/// that the caller's runtime settles, and a runtime of one thread settles it the same each time.
pub struct InMemory {
    inline: Arc<Inline>,
    workers: Arc<Workers>,
}

impl InMemory {
    /// A ledger with nothing in it.
    pub fn new(clock: LedgerClock) -> Result<Self, OpenError> {
        let session = Session::new(Database::in_memory()?, clock);
        let inline = Arc::new(Inline::new(session));
        let worker = |kind| Worker::Inline(kind, Arc::clone(&inline));
        let workers = Workers {
            writer: worker(Kind::Writer),
            finder: worker(Kind::Reader),
            looker: worker(Kind::Reader),
            first_unfiled: AtomicI64::new(0),
            uncounted: Arc::default(),
            dir: None,
            asides: Places::default(),
            _checkpointer: None,
        };
        Ok(Self { inline, workers: Arc::new(workers) })
    }

    /// The adapter, as a process that serves has it. Must be called on a tokio runtime.
    #[must_use]
    pub fn ledger(&self, limits: Limits) -> SqliteLedger {
        SqliteLedger::over(Arc::clone(&self.workers), limits)
    }

    /// Looks at what is committed, past the adapter.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&Tables<'_>) -> Result<T, SqliteError>,
    ) -> Result<T, SqliteError> {
        self.inline.with(|session| session.database.read((session.clock)(), look))?
    }

    /// A number that is another one if anything was written since.
    pub fn version(&self) -> Result<u64, SqliteError> {
        self.inline.with(|session| session.database.connection().total_changes())
    }

    /// Lets no transaction that writes come to its end, as long as the returned value lives.
    pub fn break_off(&self) -> BrokenOff {
        self.inline.break_off()
    }

    /// Forgets everything but what is committed, and begins to serve from that, as the next process
    /// does.
    pub fn restart(&self) -> Result<(), SqliteError> {
        self.workers.first_unfiled.store(0, Ordering::Relaxed);
        self.inline.with(|session| session.database.begin_to_serve())?
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Code, NewSale, Origin, Terms, UnixMillis, Window,
        ports::{LedgerStore, RaiseReply, SaleRegister},
    };

    use super::*;

    /// The upkeep has other sales to look after.
    #[tokio::test]
    async fn of_a_large_sale_that_is_closed_the_upkeep_files_a_part_and_the_rest_follows() {
        const CODES: u32 = 10_000;
        let memory = InMemory::new(Arc::new(|| UnixMillis(9_000))).unwrap();
        let max = |count: usize| count.try_into().unwrap();
        let ledger = memory.ledger(Limits::patient(max(16), max(16)));
        let window = Window::new(UnixMillis(1_000), UnixMillis(2_000)).unwrap();
        let terms = Terms::new(9, 9, 1_000).unwrap();
        let sale = ledger
            .schedule(NewSale::unnamed(window, terms, Origin::Operator))
            .await
            .unwrap()
            .unwrap();
        let raised = ledger.raise_epoch(sale.id, None).await.unwrap();
        assert!(matches!(raised, RaiseReply::Raised(_)), "{raised:?}");
        let codes = (1..=CODES).map(|number| Code::new(sale.id, number.into()));
        ledger.judge(sale.id, &codes.collect::<Vec<_>>()).await.unwrap();
        let filed = || {
            let count = "SELECT (SELECT count(*) FROM codes), filed FROM sales";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let found = memory
                .inline
                .with(|session| session.database.connection().query_row(count, [], read).unwrap());
            found.unwrap()
        };

        assert!(ledger.close(sale.id).await.unwrap());

        assert_eq!(filed(), (8_192, false));
        while filed() != (CODES, true) {
            tokio::task::yield_now().await;
        }
    }
}
