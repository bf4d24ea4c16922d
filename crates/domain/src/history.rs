//! How sales go, written down minute by minute, for charts.

mod points;
mod uncounted;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt, StreamExt, stream};

pub use self::{
    points::{POINTS_MAX, ParseStepError, Point, Step},
    uncounted::{Attempts, Uncounted},
};

use crate::{
    Catalog, SaleId, StoreError, UnixMillis,
    ports::{Duty, SaleHistory, SaleRegister},
    processes::ProcessId,
    time::DAY_MS,
    upkeep::Shares,
};

/// A minute, in milliseconds.
pub const MINUTE_MS: i64 = 60_000;

/// How long minutes are kept, in milliseconds.
pub const KEPT_MS: i64 = 7 * DAY_MS;

/// The most minutes of a sale that are read at a time: a few more than are kept.
pub const MINUTES_MAX: usize = 10_500;

/// Sales that are written down at a time; where there are more, those that began first.
const SALES_MAX: usize = 512;

/// Sales that are counted at a time.
const AT_A_TIME: usize = 4;

/// For how long nobody else writes down how a sale stands of which it has recorded nothing, in milliseconds: until all
/// have seen that the minute has begun, and not until the next does.
const TURN_MS: u64 = 30_000;

/// Rows that are dropped at a time.
const DROPPED_MAX: usize = 5_000;

/// How a sale stood at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stood {
    /// The sale.
    pub sale: SaleId,
    /// Units sold.
    pub sold: u32,
    /// Units on hold.
    pub held: u32,
}

/// How sales stood at a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute {
    /// The minute.
    pub at: UnixMillis,
    /// Those that were counted.
    pub stood: Vec<Stood>,
    /// Those that were not: what was asked of them is written with the next minute.
    pub left_out: Vec<SaleId>,
}

/// What came of writing a minute down.
#[derive(Debug, Default)]
pub struct Written {
    /// Of how many sales it was.
    pub sales: usize,
    /// The sales that could not be counted, and why. They have no point at this minute.
    pub left_out: Vec<(SaleId, StoreError)>,
}

/// Writes down once a minute how the sales stand that have begun, and once more when they are closed; and
/// drops what is older than [`KEPT_MS`]. Of a sale at which a process has recorded nothing, one is enough to write
/// how it stands.
pub struct History {
    catalog: Arc<Catalog>,
    register: Arc<dyn SaleRegister>,
    history: Arc<dyn SaleHistory>,
    process: ProcessId,
    shares: Shares,
    noted: Mutex<Noted>,
}

/// What was written, and what is to be.
#[derive(Default)]
struct Noted {
    /// The last minute that was.
    minute: Option<UnixMillis>,
    /// The closed sales whose end is to be written: also of one that was open between two minutes alone.
    ends: BTreeSet<SaleId>,
    /// Those that were seen to be closed, as long as the catalog says so: the end of each is written once.
    closed: BTreeSet<SaleId>,
}

/// What came of counting a sale.
enum Counted {
    Stood(Stood),
    NoSale,
    /// Another process writes down how it stands.
    ByOthers,
}

impl History {
    /// What `process` writes down of the sales in `catalog`.
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        register: Arc<dyn SaleRegister>,
        history: Arc<dyn SaleHistory>,
        process: ProcessId,
    ) -> Self {
        let (shares, noted) = (Shares::alone(), Mutex::default());
        Self { catalog, register, history, process, shares, noted }
    }

    /// The same, which has this part in it.
    #[must_use]
    pub fn with_shares(self, shares: Shares) -> Self {
        Self { shares, ..self }
    }

    /// Writes down a minute that has begun since the last time; `None` if none has.
    ///
    /// Nothing is written while the ledger's clock is not believed: no chart has a use for it. A sale that
    /// cannot be counted costs no other its point.
    ///
    /// # Errors
    ///
    /// Nothing is written of this minute, and it is done again the next time: no sale could be counted, or
    /// what was counted could not be written.
    pub async fn run(&self) -> Result<Option<Written>, StoreError> {
        let Some(minute) = self.minute() else { return Ok(None) };
        self.see_closed();
        if self.noted().minute == Some(minute) {
            return Ok(None);
        }
        let written = self.write(minute).await?;
        self.noted().minute = Some(minute);
        if written.sales > 0 || self.begun().is_empty() {
            self.history.drop_before(minute + -KEPT_MS, DROPPED_MAX).await?;
        }
        Ok(Some(written))
    }

    /// Writes down what came since the last minute, at the one that is next: for a process that will not see
    /// that one.
    pub async fn finish(&self) -> Result<Written, StoreError> {
        match self.minute() {
            Some(minute) => self.write(minute + MINUTE_MS).await,
            None => Ok(Written::default()),
        }
    }

    /// The minute that has begun, if it is known what time it is.
    fn minute(&self) -> Option<UnixMillis> {
        if !self.catalog.was_refreshed() || !self.catalog.is_on_time() {
            return None;
        }
        let now = self.catalog.reckoned_now();
        Some(now + -now.0.rem_euclid(MINUTE_MS))
    }

    /// Notes which sales are closed whose end is to be written. The catalog knows them for ten minutes; an end that
    /// could not be written by then is given up.
    fn see_closed(&self) {
        let calendar = self.catalog.calendar();
        let Noted { ends, closed, .. } = &mut *self.noted();
        closed.retain(|sale| calendar.just_closed.contains(sale));
        ends.retain(|sale| closed.contains(sale));
        for &sale in &calendar.just_closed {
            if closed.len() < SALES_MAX && closed.insert(sale) {
                ends.insert(sale);
            }
        }
    }

    async fn write(&self, at: UnixMillis) -> Result<Written, StoreError> {
        let ends = self.noted().ends.clone();
        let begun = self.begun().into_iter().map(|sale| (sale, false));
        let all: Vec<_> = begun.chain(ends.iter().map(|&sale| (sale, true))).collect();
        let asked = stream::iter(all).map(|(sale, is_end)| self.count(sale, is_end).boxed());
        let counted: Vec<_> = asked.buffer_unordered(AT_A_TIME).collect().await;
        let (mut stood, mut left_out) = (Vec::with_capacity(counted.len()), Vec::new());
        let mut others = Vec::new();
        for (sale, counted) in counted {
            match counted {
                Ok(Counted::Stood(it)) => stood.push(it),
                Ok(Counted::NoSale) => {}
                Ok(Counted::ByOthers) => others.push(sale),
                Err(error) => left_out.push((sale, error)),
            }
        }
        // One is as good as all: then it is the ledger.
        if stood.is_empty()
            && let Some((_, error)) = left_out.pop()
        {
            return Err(error);
        }
        // A sale may be read in any order, and is shown in one.
        stood.sort_unstable_by_key(|it| it.sale);
        let missing: Vec<_> = left_out.iter().map(|(sale, _)| *sale).collect();
        let sales = stood.len();
        if sales > 0 {
            // What comes of those while this is written is for the next minute, too.
            let left_out = missing.iter().copied().chain(others).collect();
            let minute = Minute { at, stood, left_out };
            let noted = self.history.note(&minute, self.process).await;
            if noted.is_err() {
                minute.stood.iter().for_each(|it| self.shares.note_failed(Duty::Chart, it.sale));
            }
            noted?;
        }
        self.noted().ends.retain(|sale| !ends.contains(sale) || missing.contains(sale));
        Ok(Written { sales, left_out })
    }

    /// The sales that have begun and are not closed. One that began within the minute has its first buyers
    /// in this row.
    fn begun(&self) -> Vec<SaleId> {
        let calendar = self.catalog.calendar();
        let has_begun = calendar.sales.iter().filter(|it| it.window.starts_at() <= calendar.now);
        has_begun.map(|sale| sale.id).take(SALES_MAX).collect()
    }

    /// Counts a sale, unless that is another process's to do. The end of one is written by each that saw it.
    async fn count(&self, sale: SaleId, is_end: bool) -> (SaleId, Result<Counted, StoreError>) {
        if !is_end
            && !self.history.has_counted(sale)
            && !self.shares.take(Duty::Chart, sale, TURN_MS).await
        {
            return (sale, Ok(Counted::ByOthers));
        }
        let counted = self.register.tally(sale).await.map(|tally| match tally {
            Some(tally) => Counted::Stood(Stood { sale, sold: tally.sold, held: tally.held }),
            None => Counted::NoSale,
        });
        (sale, counted)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
