//! The points of a chart, and how far they are apart.

use std::str::FromStr;

use super::MINUTE_MS;
use crate::{UnixMillis, time::DAY_MS};

/// The most points of a chart.
pub const POINTS_MAX: usize = 1_500;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn point(minute: i64, sold: u32, checkouts: u64) -> Point {
        Point { at: UnixMillis(minute * MINUTE_MS), sold, held: 1, checkouts, refused: 1 }
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
}
