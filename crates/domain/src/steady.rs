//! Telling a clock that was set from time that has passed.
//!
//! What is done because a moment has come (a sale closed, a hold expired) cannot be undone when the
//! clock that said so is set right again. So the store's clock is held against one that nobody
//! sets: how long the process has been going on. Where the two are suddenly apart, the store's was
//! set, and it is believed only once it has stood there for a while.

use crate::UnixMillis;

/// From where on a clock has jumped, in milliseconds. What is less is followed at once: clocks are
/// set right by seconds every day.
const JUMP_MS_MIN: i64 = 30_000;

/// How long a clock that jumped has to stand before it is believed, in milliseconds.
pub const BELIEVED_AFTER_MS: u64 = 60_000;

/// A clock that is believed where it agrees with the time that has passed.
#[derive(Debug, Default)]
pub struct SteadyClock {
    /// What it showed when the process began, by what is believed.
    believed: Option<i64>,
    jump: Option<Jump>,
}

#[derive(Debug, Clone, Copy)]
struct Jump {
    /// What it showed when the process began, by what it shows now.
    beginning: i64,
    since_uptime_ms: u64,
}

/// What has become of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockNews {
    /// It shows so many milliseconds more than it should, or less, and is not believed.
    Jumped(i64),
    /// It shows again what it should.
    Back,
    /// It has stood for a while where it jumped to, so many milliseconds away, and is believed.
    Believed(i64),
}

/// A look at a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The time that is believed.
    pub at: UnixMillis,
    /// What is new.
    pub news: Option<ClockNews>,
}

impl SteadyClock {
    /// What to believe of a clock that shows this, in a process that has been going on for so long.
    pub fn read(&mut self, shown: UnixMillis, uptime_ms: u64) -> Reading {
        let uptime = i64::try_from(uptime_ms).unwrap_or(i64::MAX);
        let beginning = shown.0.saturating_sub(uptime);
        let believed = *self.believed.get_or_insert(beginning);
        let apart = beginning.saturating_sub(believed);
        let news = match self.jump {
            _ if !is_jump(apart) => self.jump.take().map(|_| ClockNews::Back),
            Some(jump) if !is_jump(beginning.saturating_sub(jump.beginning)) => {
                let stood_ms = uptime_ms.saturating_sub(jump.since_uptime_ms);
                (stood_ms >= BELIEVED_AFTER_MS).then(|| {
                    self.jump = None;
                    ClockNews::Believed(apart)
                })
            }
            _ => {
                self.jump = Some(Jump { beginning, since_uptime_ms: uptime_ms });
                Some(ClockNews::Jumped(apart))
            }
        };
        if self.jump.is_some() {
            return Reading { at: UnixMillis(believed.saturating_add(uptime)), news };
        }
        self.believed = Some(beginning);
        Reading { at: shown, news }
    }

    /// Whether the clock is believed.
    #[must_use]
    pub const fn is_believed(&self) -> bool {
        self.jump.is_none()
    }
}

const fn is_jump(apart_ms: i64) -> bool {
    apart_ms.unsigned_abs() >= JUMP_MS_MIN.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY_MS;

    const NOON: i64 = 1_795_000_000_000;

    /// What is believed, counted from noon, and what is new, of a clock that shows so many
    /// milliseconds since noon after so many of the process.
    fn readings(looks: &[(i64, u64)]) -> Vec<(i64, Option<ClockNews>)> {
        let mut clock = SteadyClock::default();
        let read = |&(shown, uptime_ms)| {
            let Reading { at, news } = clock.read(UnixMillis(NOON + shown), uptime_ms);
            (at.0 - NOON, news)
        };
        looks.iter().map(read).collect()
    }

    #[test]
    fn a_clock_that_goes_as_time_does_or_is_set_by_seconds_is_believed() {
        let looks = [(0, 5), (100, 105), (20_100, 205), (60_000_000, 60_000_105), (200, 100_305)];

        let believed: Vec<_> = readings(&looks[..4]).into_iter().map(|(at, _)| at).collect();

        assert_eq!(believed, [0, 100, 20_100, 60_000_000]);
        assert!(readings(&looks[..4]).iter().all(|(_, news)| news.is_none()));
        let set_back = [(0, 0), (-JUMP_MS_MIN + 2, 1)];
        assert_eq!(readings(&set_back)[1], (-JUMP_MS_MIN + 2, None));
    }

    #[test]
    fn a_clock_that_jumps_and_comes_back_has_changed_nothing() {
        for by in [40 * DAY_MS, -40 * DAY_MS, JUMP_MS_MIN, -JUMP_MS_MIN] {
            let jumped = Some(ClockNews::Jumped(by));
            assert_eq!(
                readings(&[(0, 0), (by + 10, 10), (by + 3_000, 3_000), (3_010, 3_010)]),
                [(0, None), (10, jumped), (3_000, None), (3_010, Some(ClockNews::Back))]
            );
        }
    }

    #[test]
    fn a_clock_that_stands_where_it_jumped_to_is_believed_after_a_while() {
        let stands = i64::try_from(BELIEVED_AFTER_MS).unwrap();
        let shown = |at: i64| DAY_MS + at;
        assert_eq!(
            readings(&[
                (0, 0),
                (shown(10), 10),
                (shown(stands + 9), BELIEVED_AFTER_MS + 9),
                (shown(stands + 10), BELIEVED_AFTER_MS + 10),
                (shown(stands + 11), BELIEVED_AFTER_MS + 11),
            ]),
            [
                (0, None),
                (10, Some(ClockNews::Jumped(DAY_MS))),
                (stands + 9, None),
                (shown(stands + 10), Some(ClockNews::Believed(DAY_MS))),
                (shown(stands + 11), None),
            ]
        );
    }

    #[test]
    fn a_clock_that_jumps_on_has_not_stood() {
        let mut clock = SteadyClock::default();
        clock.read(UnixMillis(NOON), 0);
        for look in 1..10 {
            let uptime_ms = BELIEVED_AFTER_MS / 2 * look;
            let passed = i64::try_from(uptime_ms).unwrap();
            let jumps = i64::try_from(look).unwrap() * DAY_MS;

            let reading = clock.read(UnixMillis(NOON + passed + jumps), uptime_ms);

            assert_eq!((reading.at.0, clock.is_believed()), (NOON + passed, false));
        }
    }
}
