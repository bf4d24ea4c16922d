//! What the ledger in memory keeps, for tests to look at.

use domain::{
    CheckoutRefusal, Code, Epoch, SaleId, Slot, Unit, UnixMillis, UserId,
    ports::{Granted, LiveUnit, Verdict},
};

/// One record of a checkout attempt. No record ever disappears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptRecord {
    /// A granted attempt.
    Hold(HoldRecord),
    /// A refused attempt.
    Refusal {
        /// The sale that was asked.
        sale: SaleId,
        /// Who asked.
        user: UserId,
        /// The answer they got.
        refusal: CheckoutRefusal,
    },
    /// A code that was judged before its record came.
    Tombstone {
        /// The sale of the code.
        sale: SaleId,
        /// The code.
        code: Code,
    },
}

/// A granted attempt, which is the hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRecord {
    /// The code.
    pub code: Code,
    /// The sale.
    pub sale: SaleId,
    /// Whom the unit is kept for.
    pub user: UserId,
    /// The unit.
    pub unit: Unit,
    /// Which of the user's slots it takes.
    pub slot: Slot,
    /// The generation of the live store that granted it.
    pub epoch: Epoch,
    /// When it is due.
    pub expires_at: UnixMillis,
    /// What became of it.
    pub state: HoldState,
    /// When; `None` as long as nothing has.
    pub ended_at: Option<UnixMillis>,
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// Nothing yet.
    Held,
    /// It was redeemed.
    Sold,
    /// It ran out.
    Expired,
    /// Its owner gave it back.
    Released,
    /// It was redeemed, and the purchase cancelled.
    Cancelled,
}

impl HoldRecord {
    /// Whether the unit and the slot are taken.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.state, HoldState::Held | HoldState::Sold)
    }

    /// Ends the purchase, if it stands: the only other change there is. Says whether it did.
    pub(crate) fn cancel(&mut self, now: UnixMillis) -> bool {
        let is_sold = self.state == HoldState::Sold;
        if is_sold {
            (self.state, self.ended_at) = (HoldState::Cancelled, Some(now));
        }
        is_sold
    }

    /// Ends the hold, unless it has ended: the only change there is to one. Says whether it did.
    pub(crate) fn end(&mut self, state: HoldState, now: UnixMillis) -> bool {
        let is_held = self.state == HoldState::Held;
        if is_held {
            (self.state, self.ended_at) = (state, Some(now));
        }
        is_held
    }

    pub(crate) fn verdict(&self, now: UnixMillis) -> Verdict {
        match self.state {
            HoldState::Held => {
                Verdict::Held { unit: self.unit, left_ms: (self.expires_at - now).max(1) }
            }
            HoldState::Sold => Verdict::Sold { unit: self.unit },
            HoldState::Expired | HoldState::Released | HoldState::Cancelled => Verdict::Free,
        }
    }

    /// What was granted.
    pub(crate) const fn granted(&self) -> Granted {
        Granted { unit: self.unit, slot: self.slot, expires_at: self.expires_at }
    }

    pub(crate) fn live_unit(&self) -> Option<LiveUnit> {
        let held_until = match self.state {
            HoldState::Held => Some(self.expires_at),
            HoldState::Sold => None,
            HoldState::Expired | HoldState::Released | HoldState::Cancelled => return None,
        };
        let Self { code, user, unit, slot, .. } = self.clone();
        Some(LiveUnit { code, user, unit, slot, held_until })
    }
}

impl AttemptRecord {
    /// The code, if the attempt has one.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Hold(hold) => Some(hold.code),
            Self::Tombstone { code, .. } => Some(*code),
            Self::Refusal { .. } => None,
        }
    }

    /// The hold, if the attempt was granted.
    #[must_use]
    pub const fn hold(&self) -> Option<&HoldRecord> {
        match self {
            Self::Hold(hold) => Some(hold),
            Self::Refusal { .. } | Self::Tombstone { .. } => None,
        }
    }
}
