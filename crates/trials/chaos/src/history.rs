//! What buyers asked and what they were told: one line an answer, or a lack of one.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

/// The time of this machine, which is the ledger's too unless a fault moves it: ms since the
/// Unix epoch.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The moment at which something is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    at: Timestamp,
    clock: Instant,
}

impl Sent {
    pub(crate) fn now() -> Self {
        Self { at: Timestamp::now(), clock: Instant::now() }
    }

    /// When that was, not later than it was.
    pub(crate) fn sent_ms(self) -> i64 {
        self.at.as_millisecond()
    }

    /// Now, not earlier than it is: whatever was sent in a later millisecond was sent after it. By a
    /// clock that nobody sets.
    pub(crate) fn answered_ms(self) -> i64 {
        not_before_ms(self.at, self.clock.elapsed())
    }
}

fn not_before_ms(at: Timestamp, took: Duration) -> i64 {
    let took_us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    let us = at.as_microsecond().saturating_add(took_us).saturating_add(1);
    us.div_euclid(1_000) + i64::from(us.rem_euclid(1_000) > 0)
}

/// One request and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) user: String,
    pub(crate) what: Ask,
    /// Which process was asked.
    pub(crate) service: usize,
    pub(crate) sent_ms: i64,
    pub(crate) answered_ms: i64,
    pub(crate) answer: Answer,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Checkout,
    /// The same with a key, by its number among those of the buyer.
    Keyed(u32),
    Purchase(Uuid),
    /// The same by one who says that they may be repeating themselves.
    PurchaseAgain(Uuid),
    Release(Uuid),
}

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted(Granted),
    /// A hold that was recorded before it was asked for with this key, as the answer says.
    GrantedBefore(Granted),
    /// A checkout was refused, by this name.
    Refused(&'static str),
    /// A purchase, now or before, and whether it was told as a replay.
    Bought {
        unit: i32,
        item: String,
        is_replay: bool,
    },
    /// The hold ran out or was given back.
    Expired,
    /// It was bought, and the purchase cancelled.
    Cancelled,
    NotFound,
    Released,
    /// No answer, or one that says that none can be given: it may have been done.
    Unknown(String),
    /// No answer this service may give.
    Wrong(String),
}

/// A hold, as a buyer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) code: Uuid,
    pub(crate) unit: i32,
    pub(crate) expires_ms: i64,
}

impl Ask {
    /// The code that it is about, if it has one already.
    pub(crate) const fn code(self) -> Option<Uuid> {
        match self {
            Self::Checkout | Self::Keyed(_) => None,
            Self::Purchase(code) | Self::PurchaseAgain(code) | Self::Release(code) => Some(code),
        }
    }
}

impl Answer {
    /// The hold it tells of.
    pub(crate) const fn hold(&self) -> Option<Granted> {
        match self {
            Self::Granted(hold) | Self::GrantedBefore(hold) => Some(*hold),
            _ => None,
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// All that the buyers of one sale saw.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: Mutex<Vec<Asked>>,
}

impl History {
    pub(crate) fn note(&self, asked: Asked) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    /// All lines so far, in the order in which they were answered.
    pub(crate) fn lines(&self) -> Vec<Asked> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_not_before_what_was_sent_while_it_was_awaited() {
        for (at_us, took_us, answered_ms) in
            [(1_000, 0, 2), (1_900, 50, 2), (1_900, 400, 3), (1_998, 0, 2), (1_100, 2_500, 4)]
        {
            let at = Timestamp::from_microsecond(at_us).unwrap();
            let answered = not_before_ms(at, Duration::from_micros(took_us));
            assert_eq!(answered, answered_ms, "{at_us} + {took_us}");
        }
    }
}
