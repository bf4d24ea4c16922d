//! Taking a sale that is over out of the live store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Catalog, Phase, SaleId, StoreError, UnixMillis,
    ports::{SaleRegister, SaleStore},
};

/// How long after it was forgotten a sale is forgotten again, in milliseconds, while it counts
/// as just closed. A load that its process gave up waiting for may still arrive, and the live
/// store may come back from an old copy; nobody else would take the sale out again.
const FORGET_AGAIN_MS: i64 = 60_000;

/// Closes sales that are over and have no hold left, and drops them from the live store.
pub struct Retire {
    register: Arc<dyn SaleRegister>,
    sales: Arc<dyn SaleStore>,
    catalog: Arc<Catalog>,
    /// When each was forgotten last, by the ledger's clock.
    forgotten: Mutex<BTreeMap<SaleId, UnixMillis>>,
}

impl Retire {
    /// A retirement over these stores.
    pub fn new(
        register: Arc<dyn SaleRegister>,
        sales: Arc<dyn SaleStore>,
        catalog: Arc<Catalog>,
    ) -> Self {
        Self { register, sales, catalog, forgotten: Mutex::default() }
    }

    /// Closes what can be closed, and forgets what any process has closed of late. Says which
    /// sales were closed here. Closes nothing while the ledger's clock is not believed: a sale that
    /// was closed ahead of its time stays closed.
    pub async fn run(&self) -> Result<Vec<SaleId>, StoreError> {
        if !self.catalog.is_on_time() {
            return Ok(Vec::new());
        }
        let calendar = self.catalog.calendar();
        let mut closed = Vec::new();
        for sale in &calendar.sales {
            let over = sale.phase_at(calendar.now) == Phase::Ended;
            if over && self.register.close(sale.id).await? {
                closed.push(sale.id);
            }
        }
        for &sale in closed.iter().chain(&calendar.just_closed) {
            self.forget_now_and_again(sale, calendar.now).await?;
        }
        self.keep_only(&calendar.just_closed, &closed);
        Ok(closed)
    }

    async fn forget_now_and_again(&self, sale: SaleId, now: UnixMillis) -> Result<(), StoreError> {
        let last = self.forgotten().get(&sale).copied();
        if last.is_some_and(|last| now - last < FORGET_AGAIN_MS) {
            return Ok(());
        }
        self.sales.forget(sale).await?;
        self.forgotten().insert(sale, now);
        Ok(())
    }

    fn keep_only(&self, just_closed: &[SaleId], closed: &[SaleId]) {
        self.forgotten().retain(|sale, _| just_closed.contains(sale) || closed.contains(sale));
    }

    fn forgotten(&self) -> MutexGuard<'_, BTreeMap<SaleId, UnixMillis>> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
