//! A sale: its window, its terms, and what follows from them at a moment.
//!
//! [`Terms::new`] and [`Window::new`] say what is true of every sale there is, also of one that
//! has been in a ledger for years. What may be put on sale today is narrower, and may change
//! without making an old row unreadable: [`Terms::of_new_sale`] and [`Window::of_new_sale`].

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use crate::{
    Epoch, ProductId, SaleId, Salt, Unit, UnixMillis,
    ports::{Grant, LiveEpoch, RaiseReply},
    time::DAY_MS,
};

/// The shortest time between two rebuilds of one sale, in milliseconds: several processes
/// that find the live store lost shall not keep replacing each other's snapshot.
pub const EPOCH_AGE_MIN_MS: i64 = 500;

/// How many units a rebuild reads and loads in a millisecond at the least.
const UNITS_SERVED_IN_A_MS: i64 = 250;

/// How long a closed sale counts as just closed, in milliseconds: every process has heard of it
/// by then, and what was still on its way to the live store has arrived.
pub const JUST_CLOSED_MS: i64 = 600_000;

/// The limits a checkout is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    stock: u32,
    per_user_limit: u16,
    hold_ms: i64,
}

/// Why terms are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// There are more units than numbers for them.
    #[error("must be from 0 to {max}, not {0}", max = Unit::MAX)]
    Stock(u32),
    /// A new sale has nothing to sell, or too much.
    #[error("must be from 1 to {max}, not {0}", max = Unit::MAX)]
    NewStock(u32),
    /// A user could have nothing, or too much.
    #[error("must be from 1 to {max}, not {0}", max = Terms::PER_USER_LIMIT.end())]
    PerUserLimit(u16),
    /// A hold would be over before it began.
    #[error("must be a millisecond at the least, not {0}")]
    Hold(i64),
    /// A hold of a new sale would be too short to redeem, or keep others waiting too long.
    #[error("must be between 100ms and 1day")]
    NewHold(i64),
}

impl TermsError {
    /// Which of the terms is wrong, by the name of its column.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Stock(_) | Self::NewStock(_) => "stock",
            Self::PerUserLimit(_) => "per_user_limit",
            Self::Hold(_) | Self::NewHold(_) => "hold_ms",
        }
    }
}

impl Terms {
    /// How many live units one user may be allowed.
    pub const PER_USER_LIMIT: RangeInclusive<u16> = 1..=1_000;

    /// How many units a new sale may offer. One of none would look as if it had sold out.
    pub const STOCK_OF_NEW: RangeInclusive<u32> = 1..=Unit::MAX;

    /// How long a unit of a new sale may be held, in milliseconds.
    pub const HOLD_MS_OF_NEW: RangeInclusive<i64> = 100..=DAY_MS;

    /// The terms of a sale, whenever it was made: `hold_ms` in milliseconds.
    pub fn new(stock: u32, per_user_limit: u16, hold_ms: i64) -> Result<Self, TermsError> {
        if stock > Unit::MAX {
            return Err(TermsError::Stock(stock));
        }
        if !Self::PER_USER_LIMIT.contains(&per_user_limit) {
            return Err(TermsError::PerUserLimit(per_user_limit));
        }
        if hold_ms < 1 {
            return Err(TermsError::Hold(hold_ms));
        }
        Ok(Self { stock, per_user_limit, hold_ms })
    }

    /// The terms of a sale that an operator or the timetable makes now.
    pub fn of_new_sale(stock: u32, per_user_limit: u16, hold_ms: i64) -> Result<Self, TermsError> {
        if !Self::STOCK_OF_NEW.contains(&stock) {
            return Err(TermsError::NewStock(stock));
        }
        Self::check_new_hold(hold_ms)?;
        Self::new(stock, per_user_limit, hold_ms)
    }

    /// Whether a new sale may hold a unit for so many milliseconds: long enough to be redeemed,
    /// and no longer than others will wait for it.
    pub fn check_new_hold(hold_ms: i64) -> Result<(), TermsError> {
        if !Self::HOLD_MS_OF_NEW.contains(&hold_ms) {
            return Err(TermsError::NewHold(hold_ms));
        }
        Ok(())
    }

    /// How many units are on offer, numbered from 1.
    #[must_use]
    pub const fn stock(self) -> u32 {
        self.stock
    }

    /// How many live units, held and sold together, one user may have.
    #[must_use]
    pub const fn per_user_limit(self) -> u16 {
        self.per_user_limit
    }

    /// How long a unit is held for its user.
    #[must_use]
    pub const fn hold_ms(self) -> i64 {
        self.hold_ms
    }
}

/// When a sale is on: from `starts_at` until just before `ends_at`, by the stores' clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    starts_at: UnixMillis,
    ends_at: UnixMillis,
}

/// Why a window is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It ends before there was a moment in it.
    #[error("must be after the start")]
    Empty,
    /// A new sale would last too short or too long; for how many milliseconds.
    #[error("must be between 1ms and 366days")]
    Lasts(i64),
}

impl Window {
    /// In milliseconds.
    const LASTS_MS_OF_NEW: RangeInclusive<i64> = 1..=366 * DAY_MS;

    /// The window of a sale, whenever it was made.
    pub fn new(starts_at: UnixMillis, ends_at: UnixMillis) -> Result<Self, WindowError> {
        if ends_at <= starts_at {
            return Err(WindowError::Empty);
        }
        Ok(Self { starts_at, ends_at })
    }

    /// The window of a sale that an operator makes now, and that lasts for `lasts_ms`.
    pub fn of_new_sale(starts_at: UnixMillis, lasts_ms: i64) -> Result<Self, WindowError> {
        if !Self::LASTS_MS_OF_NEW.contains(&lasts_ms) {
            return Err(WindowError::Lasts(lasts_ms));
        }
        Self::new(starts_at, starts_at + lasts_ms)
    }

    /// The first moment of the sale.
    #[must_use]
    pub const fn starts_at(self) -> UnixMillis {
        self.starts_at
    }

    /// The first moment after the sale.
    #[must_use]
    pub const fn ends_at(self) -> UnixMillis {
        self.ends_at
    }

    /// Whether some moment is in both. Windows that touch have none in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.starts_at < other.ends_at && other.starts_at < self.ends_at
    }
}

/// Where a sale is in its life, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has not started yet.
    Scheduled,
    /// Units can be had.
    Open,
    /// The operator has stopped it for now; codes given before stay good.
    Paused,
    /// No more units are given; codes given before stay good until they expire.
    Ended,
}

/// What an operator or the upkeep has made of a sale, beside its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleState {
    /// It follows its window.
    Active,
    /// The operator has stopped it for now.
    Paused,
    /// It is over and its last hold is resolved: it needs no live store any more.
    Closed,
}

/// Who put a sale on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is in a slot of the timetable. Such sales keep apart: no moment is in two of them.
    Timetable,
    /// An operator did. It may overlap whatever there is.
    Operator,
}

/// A sale that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSale {
    /// When it is on.
    pub window: Window,
    /// The limits a checkout is held to.
    pub terms: Terms,
    /// Who puts it on.
    pub origin: Origin,
    /// What it is of; `None` for generated items.
    pub product: Option<ProductId>,
}

impl NewSale {
    /// A sale of generated items.
    #[must_use]
    pub const fn unnamed(window: Window, terms: Terms, origin: Origin) -> Self {
        Self { window, terms, origin, product: None }
    }
}

/// Why a sale is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotScheduled {
    /// It is one of the timetable, and overlaps another of those.
    #[error("it overlaps another sale of the timetable")]
    Overlaps,
    /// There is no such product.
    #[error("there is no such product")]
    UnknownProduct,
    /// Its product is archived.
    #[error("the product is archived")]
    ArchivedProduct,
}

/// A sale, as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sale {
    /// Its number.
    pub id: SaleId,
    /// When it is on.
    pub window: Window,
    /// The limits a checkout is held to.
    pub terms: Terms,
    /// Who put it on.
    pub origin: Origin,
    /// What it is of; `None` for generated items.
    pub product: Option<ProductId>,
    /// What was made of it.
    pub state: SaleState,
    /// The generation of its live state; 0 before the first.
    pub epoch: Epoch,
    /// What the codes of keys are reckoned with.
    pub salt: Salt,
}

impl Sale {
    /// Where the sale is in its life at `now`.
    #[must_use]
    pub fn phase_at(&self, now: UnixMillis) -> Phase {
        if self.state == SaleState::Closed || now >= self.window.ends_at {
            Phase::Ended
        } else if self.state == SaleState::Paused {
            Phase::Paused
        } else if now < self.window.starts_at {
            Phase::Scheduled
        } else {
            Phase::Open
        }
    }

    /// Whether the ledger takes a grant down at `now`: one of this epoch, within the terms, while the sale is
    /// on as far as the ledger knows. The epoch says it of all that was changed; but of what was stopped by
    /// somebody who could not ask the live store, only the state and the end do. When the sale opens is up
    /// to the live store, which is early by a little at the most.
    #[must_use]
    pub fn takes(&self, grant: &Grant, now: UnixMillis) -> bool {
        let is_on = self.state == SaleState::Active && now < self.window.ends_at;
        let Terms { stock, per_user_limit, .. } = self.terms;
        is_on
            && grant.epoch == self.epoch
            && grant.unit.get() <= stock
            && grant.slot.0 < per_user_limit
    }

    /// The same sale as somebody else saw it, if that was at a newer epoch.
    #[must_use]
    pub(crate) const fn or_newer(self, other: Self) -> Self {
        if other.epoch.0 > self.epoch.0 { other } else { self }
    }

    /// How long an epoch stands at the least, in milliseconds. Serving a large stock takes whoever
    /// rebuilds it longer, and who raises the epoch meanwhile undoes that work.
    const fn epoch_age_min_ms(&self) -> i64 {
        EPOCH_AGE_MIN_MS + self.terms.stock() as i64 / UNITS_SERVED_IN_A_MS
    }

    /// The sale at its next epoch, or the reply that says why its epoch stands.
    ///
    /// `live` is the epoch the live store knows, if any, and `epoch_age_ms` how long ago the
    /// ledger raised the epoch last, if it ever did.
    pub fn at_next_epoch(
        self,
        live: Option<LiveEpoch>,
        epoch_age_ms: Option<i64>,
    ) -> Result<Self, RaiseReply> {
        if self.state == SaleState::Closed {
            return Err(RaiseReply::Closed);
        }
        let age_min_ms = self.epoch_age_min_ms();
        let newest = match live {
            Some(LiveEpoch::Served(served)) if served > self.epoch => {
                return Err(RaiseReply::Behind { ledger: self.epoch });
            }
            // No snapshot of this ledger's epoch can be loaded, so nobody's is replaced.
            Some(LiveEpoch::Fence(fence)) if fence > self.epoch => fence,
            // A negative age is a clock that was set back: no reason to keep a sale unserved.
            _ if epoch_age_ms.is_some_and(|age_ms| (0..age_min_ms).contains(&age_ms)) => {
                return Err(RaiseReply::TooSoon);
            }
            _ => self.epoch,
        };
        Ok(Self { epoch: Epoch(newest.0.saturating_add(1)), ..self })
    }
}
