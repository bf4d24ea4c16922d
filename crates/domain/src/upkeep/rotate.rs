//! Making the sales of the timetable, ahead of their time.

use std::sync::Arc;

use crate::{
    Catalog, Sale, StoreError,
    ports::{SaleRegister, Timetable},
};

/// Fills the timetable.
///
/// After downtime the current slot gets its sale at once; slots that passed are not sold late.
pub struct Rotate {
    register: Arc<dyn SaleRegister>,
    catalog: Arc<Catalog>,
    timetable: Timetable,
}

impl Rotate {
    /// A rotation by `timetable`.
    pub fn new(
        register: Arc<dyn SaleRegister>,
        catalog: Arc<Catalog>,
        timetable: Timetable,
    ) -> Self {
        Self { register, catalog, timetable }
    }

    /// Makes the sales that are missing and refreshes the catalog. Says which are new.
    pub async fn run(&self) -> Result<Vec<Sale>, StoreError> {
        let made = self.register.fill_timetable(self.timetable).await?;
        self.catalog.refresh().await?;
        Ok(made)
    }
}
