//! A rate, as settings say it: `20/s`, or `20/s:40`.

use std::{fmt, num::NonZeroU32, ops::RangeInclusive, str::FromStr};

/// Requests a second, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// Why a text is no [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be requests a second, such as 20/s, or with how many may come at once, such as 20/s:40; each \
     from {} to {}",
    Rate::REQUESTS.start(),
    Rate::REQUESTS.end()
)]
pub struct RateError;

impl Rate {
    const REQUESTS: RangeInclusive<u32> = 1..=100_000;

    /// So many requests a second, and so many at once.
    pub(super) const fn of(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { per_second, burst }
    }

    /// How many may come at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst.get()
    }

    /// How many may come in a second, again and again.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        self.per_second.get()
    }

    /// The seconds in which as many may come again as may come at once, rounded up.
    pub(super) const fn window_s(self) -> u32 {
        self.burst.get().div_ceil(self.per_second.get())
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (rate, burst) = text.split_once(':').map_or((text, None), |(it, at)| (it, Some(at)));
        let rate = rate.strip_suffix("/s").ok_or(RateError)?;
        let number = |text: &str| {
            let number: u32 = text.parse().map_err(|_| RateError)?;
            // Without a sign, and without zeros before it.
            let is_plain = Self::REQUESTS.contains(&number) && number.to_string() == text;
            NonZeroU32::new(number).filter(|_| is_plain).ok_or(RateError)
        };
        let per_second = number(rate)?;
        Ok(Self { per_second, burst: burst.map_or(Ok(per_second), number)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second)?;
        if self.burst == self.per_second { Ok(()) } else { write!(f, ":{}", self.burst) }
    }
}
