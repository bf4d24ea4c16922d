//! A sale: its window, its terms, and whether it is open at a moment.

use crate::{Epoch, SaleId, UnixMillis};

/// The limits a checkout is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How many units are on offer, numbered from 1.
    pub stock: u32,
    /// How many live units, held and sold together, one user may have.
    pub per_user_limit: u16,
    /// How long a unit is held for its user.
    pub hold_ms: i64,
}

/// When a sale is on: from `starts_at` until just before `ends_at`, by the stores' clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first moment of the sale.
    pub starts_at: UnixMillis,
    /// The first moment after the sale.
    pub ends_at: UnixMillis,
}

/// Where a sale is in its life, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// It is over and its last hold is resolved: it needs no live side any more.
    Closed,
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
    /// What was made of it.
    pub state: SaleState,
    /// The generation of its live state; 0 before the first.
    pub epoch: Epoch,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_is_open_from_its_first_moment_until_just_before_its_end() {
        let sale = Sale {
            id: SaleId::try_from(1).unwrap(),
            window: Window { starts_at: UnixMillis(1_000), ends_at: UnixMillis(2_000) },
            terms: Terms { stock: 1, per_user_limit: 1, hold_ms: 1 },
            state: SaleState::Active,
            epoch: Epoch(0),
        };
        let paused = Sale { state: SaleState::Paused, ..sale };
        let closed = Sale { state: SaleState::Closed, ..sale };

        assert_eq!(sale.phase_at(UnixMillis(999)), Phase::Scheduled);
        assert_eq!(sale.phase_at(UnixMillis(1_000)), Phase::Open);
        assert_eq!(sale.phase_at(UnixMillis(1_999)), Phase::Open);
        assert_eq!(sale.phase_at(UnixMillis(2_000)), Phase::Ended);
        assert_eq!(paused.phase_at(UnixMillis(1_500)), Phase::Paused);
        assert_eq!(paused.phase_at(UnixMillis(2_000)), Phase::Ended);
        assert_eq!(closed.phase_at(UnixMillis(1_500)), Phase::Ended);
    }
}
