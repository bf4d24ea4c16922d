//! What is on at a time: a sale of the timetable, and beside it two that an operator puts on, a short
//! one that is over while faults go on, and a long one that lasts into those of the next.

use std::ops::RangeInclusive;

use crate::timetable::{LASTS_MS, STOCK, WISHES};

/// A sale of a programme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// That of the timetable.
    Timetable,
    Short,
    Long,
}

/// Units of each of those beside the timetable's.
const STOCK_BESIDE: u32 = 60;

/// How many times the stock is wanted, and how many times by those beside the timetable's: their stock is
/// raised by more, and their limit lets nobody have all that they want.
const DEMAND: u32 = 3;
const DEMAND_BESIDE: u32 = 5;

impl Part {
    /// Those of a programme of so many.
    pub(crate) fn of(count: u8) -> impl Iterator<Item = Self> {
        [Self::Timetable, Self::Long, Self::Short].into_iter().take(count.into())
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Timetable => "timetable",
            Self::Short => "short",
            Self::Long => "long",
        }
    }

    /// When it begins, in milliseconds after the opening of the programme.
    pub(crate) const fn opens_after_ms(self) -> u32 {
        match self {
            Self::Timetable => 0,
            Self::Long => 200,
            Self::Short => 500,
        }
    }

    /// When it is to end, likewise, and when at the latest it does if an operator moves that.
    pub(crate) const fn ends_after_ms(self) -> u32 {
        match self {
            Self::Timetable => LASTS_MS,
            Self::Short => 8_500,
            Self::Long => 29_000,
        }
    }

    pub(crate) const fn ends_at_last_ms(self) -> u32 {
        match self {
            Self::Short => 18_000,
            Self::Timetable | Self::Long => self.ends_after_ms(),
        }
    }

    /// The ends that an operator gives it, in milliseconds after the opening of the programme. A sale of the
    /// timetable stays in its slot, so the last of its are refused.
    pub(crate) const fn ends_ms(self) -> RangeInclusive<u32> {
        match self {
            Self::Timetable => LASTS_MS - 1_500..=LASTS_MS + 500,
            Self::Short => 6_000..=self.ends_at_last_ms(),
            Self::Long => 24_000..=self.ends_at_last_ms(),
        }
    }

    /// How many units it is made with, and how many an operator makes of it.
    pub(crate) const fn stock(self) -> u32 {
        match self {
            Self::Timetable => STOCK,
            Self::Short | Self::Long => STOCK_BESIDE,
        }
    }

    pub(crate) const fn stocks(self) -> RangeInclusive<u32> {
        let some = self.stock() / 4;
        self.stock() - some..=self.stock() + some
    }

    /// How many units one user may have. Of those beside the timetable's not all that they want: who has
    /// reached the limit goes on when it is raised.
    pub(crate) const fn per_user_limit(self) -> u16 {
        match self {
            Self::Timetable => 10,
            Self::Short | Self::Long => 3,
        }
    }

    /// How many want something of it.
    pub(crate) const fn buyers(self) -> u32 {
        let times = match self {
            Self::Timetable => DEMAND,
            Self::Short | Self::Long => DEMAND_BESIDE,
        };
        times * self.stock() / WISHES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timetable::{FAULTS_FROM_MS, HEALED_BY_MS, JUDGED_AT_MS};

    #[test]
    fn a_short_sale_ends_in_the_middle_of_the_faults_and_a_long_one_in_those_of_the_next() {
        assert!((FAULTS_FROM_MS..HEALED_BY_MS).contains(&Part::Short.ends_after_ms()));
        assert!(Part::Long.ends_after_ms() > LASTS_MS + FAULTS_FROM_MS);
        for part in Part::of(3) {
            assert!(part.ends_at_last_ms() < LASTS_MS + JUDGED_AT_MS, "{part:?}");
            assert!(*part.ends_ms().start() > part.opens_after_ms(), "{part:?}");
        }
    }

    #[test]
    fn whoever_comes_when_all_is_healed_wants_more_than_there_ever_is() {
        for part in Part::of(3) {
            let late = part.buyers() * 2 / 3;
            let each = WISHES.min(part.per_user_limit().into());

            assert!(late * each > *part.stocks().end() * 3 / 2, "{part:?}: {late} times {each}");
        }
    }
}
