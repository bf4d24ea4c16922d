//! Making the sales of the timetable, ahead of their time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    Catalog, NewSale, Origin, Sale, StoreError, Timetable, Window,
    ports::{Calendar, SaleRegister},
};

/// Fills the timetable.
///
/// After downtime the current slot gets its sale at once; slots that passed are not sold late.
pub struct Rotate {
    register: Arc<dyn SaleRegister>,
    catalog: Arc<Catalog>,
    timetable: Option<Timetable>,
    gaps: Mutex<Gaps>,
}

/// When no sale of the timetable is on although one should be.
#[derive(Default)]
struct Gaps {
    known: Vec<Window>,
    new: Vec<Window>,
}

impl Rotate {
    /// A rotation by `timetable`; without one it makes no sale.
    pub fn new(
        register: Arc<dyn SaleRegister>,
        catalog: Arc<Catalog>,
        timetable: impl Into<Option<Timetable>>,
    ) -> Self {
        Self { register, catalog, timetable: timetable.into(), gaps: Mutex::default() }
    }

    /// Refreshes the catalog and makes the sales that are missing. Says which are new.
    ///
    /// Where another process is faster, or a sale that was closed has the slot because a clock
    /// jumped, the register makes nothing. Nor is anything made while the ledger's clock is not
    /// believed.
    pub async fn run(&self) -> Result<Vec<Sale>, StoreError> {
        self.catalog.refresh().await?;
        let calendar = self.catalog.calendar();
        let Some(timetable) = self.timetable else { return Ok(Vec::new()) };
        if !self.catalog.is_on_time() {
            return Ok(Vec::new());
        }
        self.look_for_gaps(timetable, &calendar);
        let missing = timetable.missing(calendar.now, &calendar.sales);

        let mut made = Vec::new();
        let mut failed = None;
        for &window in &missing {
            let sale = NewSale::unnamed(window, timetable.terms(), Origin::Timetable);
            match self.register.schedule(sale).await {
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

    /// When no sale of the timetable will be on, as far as was not said before: the timetable is
    /// another than that by which the sales were made that are there, and those are in the way.
    pub fn new_gaps(&self) -> Vec<Window> {
        std::mem::take(&mut self.gaps().new)
    }

    fn look_for_gaps(&self, timetable: Timetable, calendar: &Calendar) {
        let mut gaps = self.gaps();
        let Gaps { known, new } = &mut *gaps;
        known.retain(|gap| gap.ends_at() > calendar.now);
        for gap in timetable.gaps(calendar.now, &calendar.sales) {
            if !known.iter().any(|known| known.overlaps(gap)) {
                known.push(gap);
                new.push(gap);
            }
        }
    }

    fn gaps(&self) -> MutexGuard<'_, Gaps> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
