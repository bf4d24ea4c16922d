//! The two kinds of no: what the business refuses, and what a store failed to answer.
//!
//! Services return `Result<Result<T, …Refusal>, StoreError>`: the outer layer says whether the
//! stores answered, the inner one what the business said.

use std::{borrow::Cow, error::Error};

use crate::{Receipt, UnixMillis, ports::Operation};

/// Why a checkout is refused. A refusal is an answer: it is recorded before it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckoutRefusal {
    /// No unit is free now.
    #[error("no unit of the sale is free")]
    SoldOut {
        /// When a unit may come back, if one is still on hold and would come back in time.
        retry: Option<Retry>,
    },
    /// The user has as many live units of this sale as one user may.
    #[error("the user has reached the limit of the sale")]
    UserLimit {
        /// How many one user may have.
        limit: u16,
        /// How many of theirs are on hold.
        held: u16,
        /// How many they have bought.
        bought: u16,
    },
    /// The sale has not started.
    #[error("the sale is not open yet")]
    NotOpen {
        /// When it starts.
        starts_at: UnixMillis,
    },
    /// The sale is over.
    #[error("the sale has ended")]
    Ended {
        /// When it ended.
        ends_at: UnixMillis,
    },
    /// The operator has stopped the sale for now.
    #[error("the sale is paused")]
    Paused {
        /// When it ends at the latest.
        ends_at: UnixMillis,
    },
    /// There never was such a sale.
    #[error("there is no such sale")]
    UnknownSale,
}

impl CheckoutRefusal {
    /// What the refusal is called where attempts are counted by outcome.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SoldOut { .. } => "sold_out",
            Self::UserLimit { .. } => "user_limit",
            Self::NotOpen { .. } => "not_open",
            Self::Ended { .. } => "ended",
            Self::Paused { .. } => "paused",
            Self::UnknownSale => "unknown_sale",
        }
    }
}

/// How long after it is due a unit can be had again at the latest, in milliseconds, while nothing
/// is wrong: the next sweep comes by and is told the verdict, and what a process remembers of a
/// sale that was sold out is over.
const COMES_BACK_MS: i64 = 500;

/// When asking again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    at: UnixMillis,
    after_ms: i64,
}

impl Retry {
    /// Asks for a unit again when that of the next hold which is due can be had, if that is in time
    /// for the sale.
    #[must_use]
    pub fn of(due_at: UnixMillis, now: UnixMillis, ends_at: UnixMillis) -> Option<Self> {
        // One that is due already is about to be swept.
        let at = UnixMillis(due_at.max(now).0.saturating_add(COMES_BACK_MS));
        (at < ends_at).then(|| Self { at, after_ms: at - now })
    }

    /// The moment, by the stores' clock.
    #[must_use]
    pub const fn at(self) -> UnixMillis {
        self.at
    }

    /// How far off that is, in milliseconds; a client's own clock may be wrong.
    #[must_use]
    pub const fn after_ms(self) -> i64 {
        self.after_ms
    }

    /// The same in whole seconds: never too soon, and never at once.
    #[must_use]
    pub fn after_s(self) -> i64 {
        (self.after_ms.saturating_add(999) / 1_000).max(1)
    }
}

/// Why a code is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// No such code was ever given to anyone.
    #[error("there is no such code")]
    Unknown,
    /// The code was redeemed before. Its receipt, so that a client whose answer got lost
    /// loses nothing.
    #[error("the code has been used")]
    AlreadyUsed(Box<Receipt>),
    /// The hold ran out.
    #[error("the hold has expired")]
    Expired,
    /// The hold was given back by its owner.
    #[error("the hold was given back")]
    Released,
    /// The code was redeemed, and an operator cancelled the purchase. Its receipt, with when and why.
    #[error("the purchase was cancelled")]
    Cancelled(Box<Receipt>),
    /// The code is good but not redeemed yet, so there is no receipt to show.
    #[error("the code has not been redeemed")]
    NotRedeemed,
}

/// What is known after a store failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A bounded queue was full. Nothing was touched.
    Overloaded,
    /// The store refused or could not be reached. Nothing was done.
    NotDone,
    /// The store gave no answer. The work may be done or not, or be done later.
    Unknown,
    /// The live store of the sale is being rebuilt. Nothing was promised.
    Rebuilding,
}

/// What was being done when a store failed: an [`Operation`], or a step that takes several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doing(&'static str);

impl Doing {
    /// A step that is no operation of a port.
    #[must_use]
    pub const fn step(name: &'static str) -> Self {
        Self(name)
    }
}

impl From<Operation> for Doing {
    fn from(operation: Operation) -> Self {
        Self(operation.name())
    }
}

/// A store could not answer. [`failure`](StoreError::failure) says what is known.
#[derive(Debug, thiserror::Error)]
#[error("{} failed", doing.0)]
pub struct StoreError {
    doing: Doing,
    failure: Failure,
    remedy: Option<Cow<'static, str>>,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// Names what was being done, what is known, and why.
    pub fn new(
        doing: impl Into<Doing>,
        failure: Failure,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { doing: doing.into(), failure, remedy: None, source: source.into() }
    }

    /// Says what an operator can do about it, in words that anybody may read.
    #[must_use]
    pub fn with_remedy(self, remedy: Option<Cow<'static, str>>) -> Self {
        Self { remedy, ..self }
    }

    /// The same, of what came after the work that was asked for: nobody shall be told that nothing was done.
    #[must_use]
    pub fn once_done(self) -> Self {
        Self { failure: Failure::Unknown, ..self }
    }

    /// What an operator can do about it, if that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&Cow<'static, str>> {
        self.remedy.as_ref()
    }

    /// What is known of the work that was asked for.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        self.failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    #[test]
    fn asking_again_makes_sense_when_the_unit_is_back_and_while_the_sale_is_on() {
        let back_at = NOW + (10 + COMES_BACK_MS);
        let retry = Retry::of(NOW + 10, NOW, back_at + 1).unwrap();

        assert_eq!((retry.at(), retry.after_ms()), (back_at, 10 + COMES_BACK_MS));
        assert_eq!(Retry::of(NOW + 10, NOW, back_at), None);
    }

    #[test]
    fn a_hold_that_is_due_already_is_back_soon() {
        let retry = Retry::of(NOW + -60_000, NOW, NOW + 1_000).unwrap();

        assert_eq!(retry.at(), NOW + COMES_BACK_MS);
        assert_eq!((retry.after_ms(), retry.after_s()), (COMES_BACK_MS, 1));
    }

    #[test]
    fn seconds_are_whole_and_last_at_least_as_long() {
        let end = UnixMillis(i64::MAX);
        for (ms, seconds) in [(0, 1), (500, 1), (501, 2), (1_500, 2), (1_501, 3), (60_000, 61)] {
            assert_eq!(Retry::of(NOW + ms, NOW, end).unwrap().after_s(), seconds, "{ms} ms");
        }
        let last = UnixMillis(i64::MAX - 1 - COMES_BACK_MS);
        assert_eq!(Retry::of(last, NOW, end).unwrap().at(), UnixMillis(i64::MAX - 1));
        assert_eq!(Retry::of(end, NOW, end), None);
    }
}
