//! How sales go, written down minute by minute, for charts.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt, StreamExt, stream};

use crate::{
    Catalog, SaleId, StoreError, UnixMillis,
    ports::{Recorded, SaleHistory, SaleRegister, Tally},
    processes::ProcessId,
    time::DAY_MS,
};

/// A minute, in milliseconds.
pub const MINUTE_MS: i64 = 60_000;

/// How long minutes are kept, in milliseconds.
pub const KEPT_MS: i64 = 7 * DAY_MS;

/// The most minutes of a sale that are read at a time: a few more than are kept.
pub const MINUTES_MAX: usize = 10_500;

/// The most points of a chart.
pub const POINTS_MAX: usize = 1_500;

/// Sales that are written down at a time; where there are more, those that began first.
const SALES_MAX: usize = 512;

/// Sales that are counted at a time.
const AT_A_TIME: usize = 4;

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
    /// Those that could not be: what was asked of them is written with the next minute.
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

/// How a sale stood at a moment, and what was asked of it since the point before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The moment.
    pub at: UnixMillis,
    /// Units sold.
    pub sold: u32,
    /// Units on hold.
    pub held: u32,
    /// Attempts that were granted a unit.
    pub checkouts: u64,
    /// Attempts that were refused by a rule of the sale.
    pub refused: u64,
}

/// How far points are apart: whole minutes, a day at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step(i64);

/// Why a text is no [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a number of milliseconds that are whole minutes, from {} to {}",
    Step::MS_MIN,
    Step::MS_MAX
)]
pub struct ParseStepError;

impl Step {
    /// The shortest.
    pub const MS_MIN: i64 = MINUTE_MS;

    /// The longest.
    pub const MS_MAX: i64 = DAY_MS;

    /// The shortest by which so long a time has no more than [`POINTS_MAX`] points.
    #[must_use]
    pub fn for_ms(ms: i64) -> Self {
        let points_max = i64::try_from(POINTS_MAX).unwrap_or(i64::MAX);
        let minutes = (ms.max(0) / MINUTE_MS + 1).div_ceil_of(points_max);
        Self((minutes * MINUTE_MS).clamp(MINUTE_MS, DAY_MS))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// The moment from which on the last [`POINTS_MAX`] points before `now` are.
    #[must_use]
    pub fn first_before(self, now: UnixMillis) -> UnixMillis {
        let points_max = i64::try_from(POINTS_MAX).unwrap_or(i64::MAX);
        now + -points_max.saturating_mul(self.0)
    }

    /// Puts minutes, the first one first, together to points. Each is at the last of its minutes; where there
    /// are too many, the first are left out.
    #[must_use]
    pub fn points(self, minutes: &[Point]) -> Vec<Point> {
        let place = |at: UnixMillis| at.0.div_ceil_of(self.0);
        let mut points: Vec<Point> = Vec::new();
        for &minute in minutes {
            match points.last_mut() {
                Some(last) if place(last.at) == place(minute.at) => {
                    let (checkouts, refused) = (last.checkouts, last.refused);
                    *last = minute;
                    last.checkouts += checkouts;
                    last.refused += refused;
                }
                _ => points.push(minute),
            }
        }
        points.split_off(points.len().saturating_sub(POINTS_MAX))
    }
}

impl FromStr for Step {
    type Err = ParseStepError;

    /// Reads milliseconds, as they are written anywhere else: without a sign, and without zeros before them.
    fn from_str(text: &str) -> Result<Self, ParseStepError> {
        let ms = text.parse().ok().filter(|ms: &i64| ms.to_string() == text);
        let is_step = |ms: &i64| (MINUTE_MS..=DAY_MS).contains(ms) && ms % MINUTE_MS == 0;
        ms.filter(is_step).map(Self).ok_or(ParseStepError)
    }
}

/// Division that rounds up, as unsigned integers have it.
trait DivCeil {
    fn div_ceil_of(self, by: Self) -> Self;
}

impl DivCeil for i64 {
    fn div_ceil_of(self, by: Self) -> Self {
        self.div_euclid(by) + Self::from(self.rem_euclid(by) > 0)
    }
}

/// What a process has recorded of each sale and not written down. Counted once a batch.
#[derive(Debug, Default)]
pub struct Uncounted(Mutex<BTreeMap<SaleId, Attempts>>);

/// How many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Those that were granted a unit.
    pub granted: u64,
    /// Those that were refused.
    pub refused: u64,
}

impl Uncounted {
    /// The most sales: more numbers can be made up than there are sales.
    const SALES_MAX: usize = 2 * SALES_MAX;

    /// Counts a batch of attempts: of which sale each was, and what came of recording it.
    pub fn add<'a>(&self, batch: impl Iterator<Item = (SaleId, &'a Result<Recorded, StoreError>)>) {
        let mut counted = self.locked();
        for (sale, recorded) in batch {
            let granted = match recorded {
                Ok(Recorded::Hold(_)) => true,
                Ok(Recorded::Refusal) => false,
                Ok(_) | Err(_) => continue,
            };
            if counted.len() >= Self::SALES_MAX && !counted.contains_key(&sale) {
                continue;
            }
            let attempts = counted.entry(sale).or_default();
            let count = if granted { &mut attempts.granted } else { &mut attempts.refused };
            *count += 1;
        }
    }

    /// What was counted of each of these sales.
    #[must_use]
    pub fn of(&self, sales: &[Stood]) -> Vec<Attempts> {
        let counted = self.locked();
        sales.iter().map(|it| counted.get(&it.sale).copied().unwrap_or_default()).collect()
    }

    /// So much of a minute's sales is written down. What was counted of those that it leaves out is kept, and
    /// what was of others is forgotten: nobody asks for it.
    pub fn written(&self, minute: &Minute, attempts: &[Attempts]) {
        let mut counted = self.locked();
        let mut before = std::mem::take(&mut *counted);
        for (stood, written) in minute.stood.iter().zip(attempts) {
            let Some(mut left) = before.remove(&stood.sale) else { continue };
            left.granted = left.granted.saturating_sub(written.granted);
            left.refused = left.refused.saturating_sub(written.refused);
            counted.insert(stood.sale, left);
        }
        let kept = minute.left_out.iter().filter_map(|sale| before.remove_entry(sale));
        counted.extend(kept);
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<SaleId, Attempts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down once a minute how the sales stand that have begun, and once more when they are closed; and
/// drops what is older than [`KEPT_MS`].
pub struct History {
    catalog: Arc<Catalog>,
    register: Arc<dyn SaleRegister>,
    history: Arc<dyn SaleHistory>,
    process: ProcessId,
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

impl History {
    /// What `process` writes down of the sales in `catalog`.
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        register: Arc<dyn SaleRegister>,
        history: Arc<dyn SaleHistory>,
        process: ProcessId,
    ) -> Self {
        Self { catalog, register, history, process, noted: Mutex::default() }
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
        self.history.drop_before(minute + -KEPT_MS, DROPPED_MAX).await?;
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
        let all: Vec<_> = self.begun().into_iter().chain(ends.iter().copied()).collect();
        let asked = stream::iter(all).map(|sale| self.count(sale).boxed());
        let counted: Vec<_> = asked.buffer_unordered(AT_A_TIME).collect().await;
        let (mut stood, mut left_out) = (Vec::with_capacity(counted.len()), Vec::new());
        for (sale, counted) in counted {
            match counted {
                Ok(counted) => stood.extend(counted),
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
            let minute = Minute { at, stood, left_out: missing.clone() };
            self.history.note(&minute, self.process).await?;
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

    async fn count(&self, sale: SaleId) -> (SaleId, Result<Option<Stood>, StoreError>) {
        let tally = self.register.tally(sale).await;
        let stood = |tally: Tally| Stood { sale, sold: tally.sold, held: tally.held };
        (sale, tally.map(|tally| tally.map(stood)))
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Slot, Unit, ports::Granted};

    fn sale(number: i64) -> SaleId {
        SaleId::try_from(number).unwrap()
    }

    fn stood(number: i64) -> Stood {
        Stood { sale: sale(number), sold: 0, held: 0 }
    }

    fn written(uncounted: &Uncounted, stood: &[Stood], left_out: &[i64]) -> Vec<Attempts> {
        let attempts = uncounted.of(stood);
        let left_out = left_out.iter().map(|&number| sale(number)).collect();
        let minute = Minute { at: UnixMillis(0), stood: stood.to_vec(), left_out };
        uncounted.written(&minute, &attempts);
        attempts
    }

    fn point(minute: i64, sold: u32, checkouts: u64) -> Point {
        Point { at: UnixMillis(minute * MINUTE_MS), sold, held: 1, checkouts, refused: 1 }
    }

    /// A grant that was recorded, and a refusal.
    fn recorded() -> [Result<Recorded, StoreError>; 2] {
        let unit = Unit::try_from(1).unwrap();
        let held = Granted { unit, slot: Slot(0), expires_at: UnixMillis(0) };
        [Ok(Recorded::Hold(held)), Ok(Recorded::Refusal)]
    }

    #[test]
    fn a_step_is_of_whole_minutes_and_no_longer_than_a_day() {
        for good in [60_000, 120_000, 3_600_000, 86_400_000] {
            assert_eq!(good.to_string().parse::<Step>().unwrap().ms(), good);
        }
        for wrong in [
            "",
            "0",
            "60",
            "59999",
            "60001",
            "060000",
            "+60000",
            "-60000",
            "60000.0",
            "86460000",
            "99999999999999999999",
        ] {
            assert_eq!(wrong.parse::<Step>(), Err(ParseStepError), "{wrong:?}");
        }
    }

    #[test]
    fn the_step_of_a_time_is_the_shortest_that_has_room_for_all_of_it() {
        let points_max = i64::try_from(POINTS_MAX).unwrap();
        for (minutes, step) in
            [(0, 1), (60, 1), (points_max - 1, 1), (points_max, 2), (7 * 24 * 60, 7)]
        {
            assert_eq!(Step::for_ms(minutes * MINUTE_MS).ms(), step * MINUTE_MS, "{minutes}");
        }
        assert_eq!(Step::for_ms(i64::MAX).ms(), Step::MS_MAX);
    }

    #[test]
    fn a_point_is_at_the_last_of_its_minutes_and_has_the_attempts_of_all() {
        let step: Step = "180000".parse().unwrap();

        let points = step.points(&[point(3, 1, 5), point(4, 2, 6), point(6, 3, 7), point(8, 4, 8)]);

        let expected = [(3, 1, 5, 1), (6, 3, 13, 2), (8, 4, 8, 1)];
        let found: Vec<_> = points
            .iter()
            .map(|it| (it.at.0 / MINUTE_MS, it.sold, it.checkouts, it.refused))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn of_more_points_than_a_chart_has_the_last_are_kept() {
        let minutes: Vec<_> = (0..10_000).map(|minute| point(minute, 0, 1)).collect();

        let points = "60000".parse::<Step>().unwrap().points(&minutes);

        assert_eq!(points.len(), POINTS_MAX);
        assert_eq!(points.last(), minutes.last());
    }

    #[test]
    fn what_is_recorded_while_something_is_written_is_written_with_the_next() {
        let uncounted = Uncounted::default();
        let [held, refused] = recorded();
        uncounted.add([(sale(1), &held), (sale(1), &refused), (sale(1), &held)].into_iter());

        let minute =
            Minute { at: UnixMillis(0), stood: vec![stood(1), stood(2)], left_out: Vec::new() };
        let first = uncounted.of(&minute.stood);
        uncounted.add([(sale(1), &held)].into_iter());
        uncounted.written(&minute, &first);

        assert_eq!(first, [Attempts { granted: 2, refused: 1 }, Attempts::default()]);
        assert_eq!(uncounted.of(&[stood(1)]), [Attempts { granted: 1, refused: 0 }]);
    }

    #[test]
    fn made_up_sales_take_a_bounded_room_and_only_until_something_is_written() {
        let uncounted = Uncounted::default();
        let [_, refused] = recorded();
        uncounted.add((1..10_000).map(|number| (sale(number), &refused)));
        assert_eq!(uncounted.locked().len(), Uncounted::SALES_MAX);

        written(&uncounted, &[stood(1)], &[]);

        assert_eq!(uncounted.locked().len(), 1);
    }

    #[test]
    fn what_was_asked_of_a_sale_that_could_not_be_counted_is_written_with_the_next() {
        let uncounted = Uncounted::default();
        let [held, refused] = recorded();
        uncounted.add([(sale(1), &held), (sale(2), &held), (sale(3), &refused)].into_iter());

        written(&uncounted, &[stood(1)], &[2]);
        uncounted.add([(sale(2), &refused)].into_iter());

        let of_both = written(&uncounted, &[stood(2), stood(3)], &[]);
        assert_eq!(of_both, [Attempts { granted: 1, refused: 1 }, Attempts::default()]);
        assert_eq!(uncounted.of(&[stood(2)]), [Attempts::default()]);
    }
}
