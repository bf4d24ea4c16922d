//! Making the sales of the timetable, ahead of their time.

use std::sync::Arc;

use crate::{Catalog, Origin, Sale, StoreError, Timetable, ports::SaleRegister};

/// Fills the timetable.
///
/// After downtime the current slot gets its sale at once; slots that passed are not sold late.
pub struct Rotate {
    register: Arc<dyn SaleRegister>,
    catalog: Arc<Catalog>,
    timetable: Option<Timetable>,
}

impl Rotate {
    /// A rotation by `timetable`; without one it makes no sale.
    pub fn new(
        register: Arc<dyn SaleRegister>,
        catalog: Arc<Catalog>,
        timetable: impl Into<Option<Timetable>>,
    ) -> Self {
        Self { register, catalog, timetable: timetable.into() }
    }

    /// Refreshes the catalog and makes the sales that are missing. Says which are new.
    ///
    /// Where another process is faster, or a sale that was closed has the slot because a clock
    /// jumped, the register makes nothing.
    pub async fn run(&self) -> Result<Vec<Sale>, StoreError> {
        self.catalog.refresh().await?;
        let calendar = self.catalog.calendar();
        let Some(timetable) = self.timetable else { return Ok(Vec::new()) };
        let missing = timetable.missing(calendar.now, &calendar.sales);

        let mut made = Vec::new();
        let mut failed = None;
        for &window in &missing {
            let terms = timetable.terms();
            match self.register.schedule(window, terms, Origin::Timetable).await {
                Ok(sale) => made.extend(sale),
                Err(error) => {
                    // The next rotation goes on from here, so that sales are made in their order.
                    failed = Some(error);
                    break;
                }
            }
        }
        // Also if all were made by another process just now: buyers ask this one for them.
        if !missing.is_empty() {
            self.catalog.refresh().await?;
        }
        match failed {
            // What could not be made is missing at the next rotation, too.
            Some(error) if made.is_empty() => Err(error),
            _ => Ok(made),
        }
    }
}
