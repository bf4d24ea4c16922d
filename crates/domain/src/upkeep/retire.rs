//! Taking a sale that is over out of the live side.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Catalog, Phase, SaleId, StoreError,
    ports::{SaleRegister, SaleStore},
};

/// Closes sales that are over and have no hold left, and drops them from the live side.
pub struct Retire {
    register: Arc<dyn SaleRegister>,
    sales: Arc<dyn SaleStore>,
    catalog: Arc<Catalog>,
    forgotten: Mutex<BTreeSet<SaleId>>,
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
    /// sales were closed here.
    pub async fn run(&self) -> Result<Vec<SaleId>, StoreError> {
        let calendar = self.catalog.calendar();
        let mut closed = Vec::new();
        for sale in &calendar.sales {
            let over = sale.phase_at(calendar.now) == Phase::Ended;
            if over && self.register.close(sale.id).await? {
                closed.push(sale.id);
            }
        }
        for &sale in closed.iter().chain(&calendar.just_closed) {
            self.forget_once(sale).await?;
        }
        self.keep_only(&calendar.just_closed, &closed);
        Ok(closed)
    }

    async fn forget_once(&self, sale: SaleId) -> Result<(), StoreError> {
        if self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).contains(&sale) {
            return Ok(());
        }
        self.sales.forget(sale).await?;
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).insert(sale);
        Ok(())
    }

    fn keep_only(&self, just_closed: &[SaleId], closed: &[SaleId]) {
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.retain(|sale| just_closed.contains(sale) || closed.contains(sale));
    }
}
