//! What there is at one moment: the ledger, Redis, and how far every actor has come.

pub use crate::operator::{Operator, Steering};

/// The most codes of a scenario. Each is of one user.
pub const CODES_MAX: usize = 6;
/// The most checkout requests of a scenario: one a code, but where requests have keys.
pub const REQUESTS_MAX: usize = 6;
/// The most units of a scenario.
pub const UNITS_MAX: usize = 3;
/// The most users of a scenario.
pub const USERS_MAX: usize = 3;
/// The most slots of a user.
pub const SLOTS_MAX: usize = 2;
/// The most operators of a scenario. Each wants one thing.
pub const OPERATORS_MAX: usize = 2;
/// How many rebuilds can be under way at once.
pub const REBUILDS_MAX: usize = 2;

/// One moment of the whole service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Each checkout request.
    pub requests: [Request; REQUESTS_MAX],
    /// What there is about each code.
    pub attempts: [Attempt; CODES_MAX],
    /// The epoch of the sale in the ledger.
    pub epoch: u8,
    /// The terms of the sale in the ledger.
    pub terms: Terms,
    /// What operators have made of the sale.
    pub steering: Steering,
    /// What Redis has of the sale.
    pub live: Live,
    /// The epoch that this Redis process has loaded; 0 is none. It is a variable of the function
    /// library: FLUSHALL leaves it, a restart does not, and no copy has it.
    pub loaded: u8,
    /// An earlier copy of what Redis had.
    pub copy: Option<Live>,
    /// Whether Redis serves a copy that is older than it believes: until the next load it may
    /// then call free what the ledger has given away.
    pub rolled_back: bool,
    /// The rebuilds under way.
    pub rebuilds: [Rebuild; REBUILDS_MAX],
    /// The faults that may still happen.
    pub left: Faults,
}

/// One checkout request, as its process knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Request {
    /// The code it asks for.
    pub code: u8,
    /// How far the request has come.
    pub phase: Phase,
    /// What Redis granted, once it has.
    pub place: Place,
    /// The epoch of the grant.
    pub epoch: u8,
    /// A first run of the record, believed lost, that may still come to the server.
    pub has_twin: bool,
    /// Whether it is about to answer another unit than the record has.
    pub is_misled: bool,
}

/// All that is about a code, beside who asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Attempt {
    /// Whether Redis has ever had the code. A sweep may have seen it due at once, and ask the
    /// ledger to judge it at any moment from then on.
    pub was_placed: bool,
    /// Its row in the ledger.
    pub row: Row,
    /// Where in the row the unit and the slot are.
    pub recorded: Place,
    /// How far the purchase of it has come.
    pub till: Till,
    /// What its owner was told first, if anything.
    pub told: Option<Answer>,
    /// Whether it was recorded although the terms of that moment do not allow it.
    pub is_beyond_terms: bool,
    /// Whether its purchase was ever cancelled.
    pub was_cancelled: bool,
}

/// What a sale is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Terms {
    /// Units in stock.
    pub units: u8,
    /// Live units one user may have.
    pub per_user_limit: u8,
    /// Whether it is neither paused nor over.
    pub is_open: bool,
}

/// A unit and the user's slot it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The unit, from 0.
    pub unit: u8,
    /// The slot, from 0.
    pub slot: u8,
}

/// How far a checkout request has come. It may stop for ever in any phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Phase {
    /// It has asked nobody yet, or has no answer.
    #[default]
    New,
    /// The ledger has no record of its code; Redis is asked next. Only where it has a key.
    LookedFirst,
    /// Redis has granted; the record is next.
    Granted,
    /// The outcome of the record got lost; it is run again.
    Again,
    /// Its record has passed the fence and is not written yet. Only without [`Drain`].
    ///
    /// [`Drain`]: crate::Defence::Drain
    PastFence,
    /// The record did not get in; what is there is looked up next.
    LeftOut,
    /// The same, of a record that was run again.
    LeftOutAgain,
    /// It is certain that there is no record; the unit is given back next.
    Unrecorded,
    /// Its code has a record with another unit than Redis granted; that one goes back next.
    OtherUnit,
    /// The record stands; the answer is next.
    Recorded,
    /// The user has the code.
    Acknowledged,
    /// The user has heard a refusal.
    Over,
}

/// The state of a row of `checkout_attempts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Row {
    /// There is no row.
    #[default]
    None,
    /// A hold.
    Held,
    /// A sold unit; the row of `purchases` is written in the same transaction.
    Sold,
    /// A hold that ran out.
    Expired,
    /// A hold that was given back.
    Released,
    /// A sold unit whose purchase was cancelled; the row of `purchases` stays, marked.
    Cancelled,
    /// A tombstone.
    Void,
}

/// How far a purchase has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Till {
    /// Nobody asks for it now.
    #[default]
    Idle,
    /// Redis did not have it; the ledger is asked next.
    Find,
    /// It is to be sold, believed to hold this unit.
    Redeem(u8),
    /// The row was seen held; it is to be written as sold. Only without [`CompareAndSet`].
    ///
    /// [`CompareAndSet`]: crate::Defence::CompareAndSet
    Write,
}

/// What the owner of a code is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// It is sold to them.
    Sold,
    /// It has expired.
    Expired,
    /// He has given it back.
    Released,
    /// It was sold to them, and their purchase cancelled.
    Cancelled,
    /// There never was such a code.
    Unknown,
}

/// What Redis has of the sale: the six keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Live {
    /// The epoch that is there; 0 when nothing is.
    pub epoch: u8,
    /// The terms that were loaded with it.
    pub terms: Terms,
    /// How often each unit is in the list of free ones. Once is right.
    pub free: [u8; UNITS_MAX],
    /// What each code holds.
    pub codes: [Option<Place>; CODES_MAX],
    /// The marks of each user's slots.
    pub marks: [[Mark; SLOTS_MAX]; USERS_MAX],
    /// The count of units sold.
    pub sold: u8,
    /// Whether it is another ledger's sale. Only with [`Identity`](crate::Defence::Identity) can
    /// that be told.
    pub is_other: bool,
}

/// What a user's slot is marked as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mark {
    /// Free.
    #[default]
    Free,
    /// Taken by a hold.
    Held,
    /// Taken by a purchase.
    Bought,
}

/// One rebuild under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rebuild {
    /// The epoch it has raised; 0 when it has not.
    pub epoch: u8,
    /// The terms it has read with that.
    pub terms: Terms,
    /// Whether it has read its snapshot; before the epoch only without [`LateSnapshot`].
    ///
    /// [`LateSnapshot`]: crate::Defence::LateSnapshot
    pub has_read: bool,
    /// The live rows it has read.
    pub snapshot: [Mark; CODES_MAX],
}

/// How many faults of each kind there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// Rebuilds that somebody starts, needed or not.
    pub rebuilds: u8,
    /// Redis comes back empty.
    pub restarts: u8,
    /// FLUSHALL: the process, and what it has in variables, lives on.
    pub flushes: u8,
    /// Redis comes back with an earlier copy.
    pub old_copies: u8,
    /// The data goes back to an earlier copy under the running process, which cannot notice.
    pub rollbacks: u8,
    /// A transaction's outcome gets lost.
    pub lost: u8,
    /// A call to place a hold is carried out that nobody hears of, perhaps much later.
    pub strays: u8,
    /// A record that is certainly not written.
    pub failures: u8,
    /// The ledger is replaced by one that knows nothing, and whoever serves starts anew; Redis
    /// lives on.
    pub restores: u8,
    /// Another ledger loads a sale of the same number.
    pub others: u8,
}

impl Row {
    /// Held or sold.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Sold)
    }
}

impl Request {
    /// Whether what Redis granted can still become a record.
    #[must_use]
    pub const fn has_grant(&self) -> bool {
        self.has_twin
            || matches!(
                self.phase,
                Phase::Granted
                    | Phase::Again
                    | Phase::PastFence
                    | Phase::LeftOut
                    | Phase::LeftOutAgain
            )
    }

    /// Whether it matters what Redis granted.
    #[must_use]
    pub const fn has_place(&self) -> bool {
        self.has_grant() || matches!(self.phase, Phase::OtherUnit)
    }
}

impl Attempt {
    /// Tells the owner of the code something.
    pub fn tell(&mut self, answer: Answer) {
        self.till = Till::Idle;
        self.told.get_or_insert(answer);
    }
}
