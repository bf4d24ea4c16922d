//! The sales this process knows of: a snapshot of the register, so that a request asks nobody.

use std::sync::{Arc, PoisonError, RwLock};

use crate::{
    SaleId, StoreError, UnixMillis,
    ports::{Calendar, Listed, SaleRegister},
};

/// A snapshot of the sales that are not closed, refreshed by the scheduler about every second.
///
/// A sale that is not in it, because it is closed or newer than the snapshot, is looked up in
/// the register. What the snapshot says of the time is only ever used where being late does
/// no harm: a sale that was over then is over now.
pub struct Catalog {
    register: Arc<dyn SaleRegister>,
    calendar: RwLock<Arc<Calendar>>,
}

impl Catalog {
    /// An empty catalog over `register`.
    pub fn new(register: Arc<dyn SaleRegister>) -> Self {
        let empty = Calendar { now: UnixMillis(0), sales: Vec::new(), just_closed: Vec::new() };
        Self { register, calendar: RwLock::new(Arc::new(empty)) }
    }

    /// Takes a new snapshot.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let calendar = Arc::new(self.register.calendar().await?);
        *self.calendar.write().unwrap_or_else(PoisonError::into_inner) = calendar;
        Ok(())
    }

    /// Whether there was ever a snapshot: before, nothing is known of any sale.
    #[must_use]
    pub fn was_refreshed(&self) -> bool {
        self.calendar().now > UnixMillis(0)
    }

    /// The snapshot.
    #[must_use]
    pub fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(&self.calendar.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sale of this number, if it is in the snapshot.
    #[must_use]
    pub fn listed(&self, id: SaleId) -> Option<Listed> {
        let calendar = self.calendar();
        let sale = calendar.sales.iter().find(|sale| sale.id == id).copied()?;
        Some(Listed { sale, seen_at: calendar.now })
    }

    /// The sale of this number, or `None` if there never was one.
    pub async fn find(&self, id: SaleId) -> Result<Option<Listed>, StoreError> {
        match self.listed(id) {
            Some(listed) => Ok(Some(listed)),
            None => self.register.find(id).await,
        }
    }
}
