//! The timetable: a sale in every slot of the day, made ahead of its time.

use crate::{Origin, Sale, Terms, UnixMillis, Window, time::DAY_MS};

/// The shop's standing order: a sale of the same terms in each slot, the slots being of one
/// length and counted from midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timetable {
    period_ms: i64,
    terms: Terms,
}

/// Why a period is none of a timetable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must divide a day and be at least 1s, such as 1h, 15m or 2s")]
pub struct PeriodError;

impl Timetable {
    /// The shortest slot, in milliseconds.
    const PERIOD_MS_MIN: i64 = 1_000;

    /// How far ahead of its start a sale is made, at the least, in milliseconds: every process
    /// has heard of it by then, and has it served.
    const LEAD_MS_MIN: i64 = 5_000;

    /// A sale of `terms` every `period_ms` milliseconds.
    pub fn new(period_ms: i64, terms: Terms) -> Result<Self, PeriodError> {
        Self::check_period(period_ms)?;
        Ok(Self { period_ms, terms })
    }

    /// Whether slots of this length fill the day: then each midnight begins one, whatever day it
    /// is.
    pub const fn check_period(period_ms: i64) -> Result<(), PeriodError> {
        if period_ms < Self::PERIOD_MS_MIN || DAY_MS % period_ms != 0 {
            return Err(PeriodError);
        }
        Ok(())
    }

    /// The length of a slot, in milliseconds.
    #[must_use]
    pub const fn period_ms(self) -> i64 {
        self.period_ms
    }

    /// How far ahead of its start a sale is made, in milliseconds.
    #[must_use]
    pub fn lead_ms(self) -> i64 {
        self.period_ms.max(Self::LEAD_MS_MIN)
    }

    /// What each sale offers.
    #[must_use]
    pub const fn terms(self) -> Terms {
        self.terms
    }

    /// The slots that lack a sale, from the current one to the last that starts within the lead.
    /// A slot that overlaps a sale of a timetable keeps what it has, whatever its period was;
    /// sales of operators are in nobody's way. A slot that passed is not sold late.
    #[must_use]
    pub fn missing(self, now: UnixMillis, sales: &[Sale]) -> Vec<Window> {
        let mut missing: Vec<_> = self.slots(now).collect();
        for window in of_timetable(sales) {
            missing.retain(|slot| !slot.overlaps(window));
        }
        missing
    }

    /// What of the same slots has no sale and gets none, because one of a timetable has a part of the
    /// slot: that one was made when the period was another.
    #[must_use]
    pub fn gaps(self, now: UnixMillis, sales: &[Sale]) -> Vec<Window> {
        let mut taken: Vec<_> = of_timetable(sales).collect();
        taken.sort_unstable_by_key(|window| window.starts_at());
        let mut gaps = Vec::new();
        for slot in self.slots(now) {
            let in_it = taken.iter().filter(|window| window.overlaps(slot)).copied();
            let mut free_from = slot.starts_at();
            let mut is_taken = false;
            for window in in_it {
                is_taken = true;
                gaps.extend(Window::new(free_from, window.starts_at()));
                free_from = free_from.max(window.ends_at());
            }
            if is_taken {
                gaps.extend(Window::new(free_from, slot.ends_at()));
            }
        }
        gaps.retain(|gap| gap.ends_at() > now);
        gaps
    }

    /// The slots from the current one to the last that starts within the lead.
    fn slots(self, now: UnixMillis) -> impl Iterator<Item = Window> {
        let slot_at = move |moment: UnixMillis| moment.0.div_euclid(self.period_ms);
        // Where time itself begins and ends there is no whole slot.
        let start_of = move |slot: i64| slot.checked_mul(self.period_ms).map(UnixMillis);
        let window_of = move |slot| Window::new(start_of(slot)?, start_of(slot + 1)?).ok();
        (slot_at(now)..=slot_at(now + self.lead_ms())).filter_map(window_of)
    }
}

/// When sales of a timetable are on, whatever its period was.
fn of_timetable(sales: &[Sale]) -> impl Iterator<Item = Window> {
    sales.iter().filter(|sale| sale.origin == Origin::Timetable).map(|sale| sale.window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Epoch, SaleId, sale::SaleState};

    const MIDNIGHT: UnixMillis = UnixMillis(20_000 * DAY_MS);
    const HOUR_MS: i64 = 3_600_000;

    fn every(period_ms: i64) -> Timetable {
        Timetable::new(period_ms, Terms::new(5, 1, 1_000).unwrap()).unwrap()
    }

    /// When the missing slots start and end, in milliseconds since midnight.
    fn missing(period_ms: i64, now_ms: i64, taken: &[(i64, i64)]) -> Vec<(i64, i64)> {
        missing_beside(Origin::Timetable, period_ms, now_ms, taken)
    }

    fn missing_beside(
        origin: Origin,
        period_ms: i64,
        now_ms: i64,
        taken: &[(i64, i64)],
    ) -> Vec<(i64, i64)> {
        let sale = |&(from, to)| Sale {
            id: SaleId::try_from(1).unwrap(),
            window: Window::new(MIDNIGHT + from, MIDNIGHT + to).unwrap(),
            terms: every(period_ms).terms(),
            origin,
            product: None,
            state: SaleState::Active,
            epoch: Epoch(0),
            salt: crate::Salt::new([7; 32]),
        };
        let sales: Vec<_> = taken.iter().map(sale).collect();
        let slots = every(period_ms).missing(MIDNIGHT + now_ms, &sales);
        slots.iter().map(|slot| (slot.starts_at() - MIDNIGHT, slot.ends_at() - MIDNIGHT)).collect()
    }

    #[test]
    fn a_period_divides_the_day_and_lasts_a_second() {
        let terms = Terms::new(5, 1, 1_000).unwrap();
        for good in [1_000, 1_600, 2_000, 15 * 60_000, HOUR_MS, DAY_MS] {
            assert!(Timetable::new(good, terms).is_ok(), "{good}");
        }
        for wrong in [i64::MIN, -HOUR_MS, 0, 500, 999, 7 * 60_000, DAY_MS + 1, 2 * DAY_MS] {
            assert_eq!(Timetable::new(wrong, terms), Err(PeriodError), "{wrong}");
        }
    }

    #[test]
    fn the_next_sale_is_made_a_period_ahead_and_never_less_than_five_seconds() {
        assert_eq!(every(HOUR_MS).lead_ms(), HOUR_MS);
        assert_eq!(every(5_000).lead_ms(), 5_000);
        assert_eq!(every(1_000).lead_ms(), 5_000);
    }

    #[test]
    fn slots_are_counted_from_midnight_and_follow_each_other() {
        let (first, second) = ((0, HOUR_MS), (HOUR_MS, 2 * HOUR_MS));

        assert_eq!(missing(HOUR_MS, 0, &[]), [first, second]);
        assert_eq!(missing(HOUR_MS, HOUR_MS - 1, &[]), [first, second]);
        assert_eq!(missing(HOUR_MS, HOUR_MS, &[]), [second, (2 * HOUR_MS, 3 * HOUR_MS)]);
        let seconds: Vec<_> = (10..16).map(|slot| (slot * 1_000, slot * 1_000 + 1_000)).collect();
        assert_eq!(missing(1_000, 10_999, &[]), seconds);
    }

    #[test]
    fn a_slot_that_a_sale_touches_by_a_moment_keeps_what_it_has() {
        let quarter = 15 * 60_000;
        let slots = [(0, quarter), (quarter, 2 * quarter)];

        assert_eq!(missing(quarter, 1, &slots), []);
        assert_eq!(missing(quarter, 1, &[(-9, 1)]), [slots[1]]);
        assert_eq!(missing(quarter, 1, &[(quarter - 1, quarter)]), [slots[1]]);
        assert_eq!(missing(quarter, 1, &[(quarter - 1, quarter + 1)]), []);
        assert_eq!(missing(quarter, 1, &[(-9, 0), (2 * quarter, DAY_MS)]), slots);
    }

    #[test]
    fn a_slot_is_filled_beside_whatever_an_operator_made() {
        let slots = [(0, HOUR_MS), (HOUR_MS, 2 * HOUR_MS)];

        assert_eq!(missing_beside(Origin::Operator, HOUR_MS, 0, &slots), slots);
        assert_eq!(missing_beside(Origin::Operator, HOUR_MS, 0, &[(-9, DAY_MS)]), slots);
    }

    /// The gaps of a timetable, in minutes since midnight, beside sales that are taken so.
    fn gaps(period_min: i64, now_min: i64, taken: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let minute = 60_000;
        let sale = |&(from, to): &(i64, i64)| Sale {
            id: SaleId::try_from(1).unwrap(),
            window: Window::new(MIDNIGHT + from * minute, MIDNIGHT + to * minute).unwrap(),
            terms: every(minute).terms(),
            origin: Origin::Timetable,
            product: None,
            state: SaleState::Active,
            epoch: Epoch(0),
            salt: crate::Salt::new([7; 32]),
        };
        let taken: Vec<_> = taken.iter().map(sale).collect();
        let gaps = every(period_min * minute).gaps(MIDNIGHT + now_min * minute, &taken);
        let minutes = |moment: UnixMillis| (moment - MIDNIGHT) / minute;
        gaps.iter().map(|gap| (minutes(gap.starts_at()), minutes(gap.ends_at()))).collect()
    }

    #[test]
    fn a_gap_is_what_a_sale_of_another_period_leaves_of_a_slot() {
        // Hours became two: nothing is on in the second half of a slot.
        assert_eq!(gaps(120, 70, &[(60, 120), (120, 180)]), [(180, 240)]);
        // Quarters became hours.
        assert_eq!(gaps(60, 20, &[(15, 30), (30, 45)]), [(45, 60)]);
        assert_eq!(gaps(60, 10, &[(15, 30), (45, 60)]), [(0, 15), (30, 45)]);
        // What is past is no gap any more.
        assert_eq!(gaps(60, 20, &[(15, 30), (45, 60)]), [(30, 45)]);
        // A slot that has its sale has no gap, nor has one that gets its sale yet.
        assert_eq!(gaps(60, 20, &[(0, 60), (60, 120)]), []);
        assert_eq!(gaps(60, 20, &[]), []);
        // Hours became half hours.
        assert_eq!(gaps(30, 20, &[(0, 60), (60, 120)]), []);
    }

    #[test]
    fn there_is_no_slot_beyond_the_end_of_time() {
        for end in [i64::MIN, i64::MAX] {
            for slot in every(DAY_MS).missing(UnixMillis(end), &[]) {
                assert_eq!(slot.starts_at().0.rem_euclid(DAY_MS), 0, "{slot:?}");
            }
        }
    }
}
