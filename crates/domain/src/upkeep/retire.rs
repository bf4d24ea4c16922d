//! Taking a sale that is over out of the live store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Catalog, Phase, SaleId, StoreError, UnixMillis,
    ports::{Duty, SaleRegister, SaleStore},
    upkeep::Shares,
};

/// How long after it was forgotten a sale is forgotten again, in milliseconds, while it counts
/// as just closed. A load that its process gave up waiting for may still arrive, and the live
/// store may come back from an old copy; nobody else would take the sale out again.
const FORGET_AGAIN_MS: i64 = 60_000;

/// For how long nobody else tries to close a sale that is over, in milliseconds: longer than from one try to
/// the next.
const TURN_MS: u64 = 2_500;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retired {
    /// The sales that were closed here.
    pub closed: Vec<SaleId>,
    /// Whether all that were over were left to other processes, so that nothing is known of closing any.
    pub is_left: bool,
}

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
        self.run_in_turn(&Shares::alone()).await.map(|retired| retired.closed)
    }

    /// The same, where each sale is closed by the process whose turn it is.
    pub async fn run_in_turn(&self, shares: &Shares) -> Result<Retired, StoreError> {
        if !self.catalog.is_on_time() {
            return Ok(Retired::default());
        }
        let calendar = self.catalog.calendar();
        let (mut closed, mut left, mut tried) = (Vec::new(), 0, 0);
        for sale in calendar.sales.iter().filter(|it| it.phase_at(calendar.now) == Phase::Ended) {
            if !shares.take(Duty::Close, sale.id, TURN_MS).await {
                left += 1;
                continue;
            }
            tried += 1;
            let is_closed = self.register.close(sale.id).await;
            if is_closed.inspect_err(|_| shares.note_failed(Duty::Close, sale.id))? {
                closed.push(sale.id);
            }
        }
        for &sale in closed.iter().chain(&calendar.just_closed) {
            self.forget_now_and_again(sale, calendar.now).await?;
        }
        self.keep_only(&calendar.just_closed, &closed);
        Ok(Retired { closed, is_left: left > 0 && tried == 0 })
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
