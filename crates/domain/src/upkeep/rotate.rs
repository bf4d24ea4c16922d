//! Making the sales of the timetable, ahead of their time.

use std::sync::Arc;

use crate::{Catalog, Sale, StoreError, Timetable, ports::SaleRegister};

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

    /// Refreshes the catalog and makes the sales that are missing. Says which are new.
    ///
    /// Where another process is faster, or a sale that was closed has the slot because a clock
    /// jumped, the register makes nothing.
    pub async fn run(&self) -> Result<Vec<Sale>, StoreError> {
        self.catalog.refresh().await?;
        let calendar = self.catalog.calendar();
        let taken = calendar.sales.iter().map(|sale| sale.window);
        let missing = self.timetable.missing(calendar.now, taken);

        let mut made = Vec::new();
        for &window in &missing {
            made.extend(self.register.schedule(window, self.timetable.terms()).await?);
        }
        // Also if all were made by another process just now: buyers ask this one for them.
        if !missing.is_empty() {
            self.catalog.refresh().await?;
        }
        Ok(made)
    }
}
