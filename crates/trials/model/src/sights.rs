//! Sights: what must come about somewhere, or an exploration that breaks no promise says little.

use crate::{
    scenario::Scenario,
    state::{Attempt, Phase, Row, State},
};

/// One sight: what it is, and whether a state shows it.
pub type Sight = (&'static str, fn(&Scenario, &State) -> bool);

/// Every unit is sold.
pub const SOLD_OUT: &str = "the sale is sold out";
/// A record meets the tombstone of its code.
pub const TOO_LATE: &str = "a record comes too late";
/// A record of an older epoch is left out.
pub const OLD_EPOCH: &str = "a grant of an older epoch is refused";
/// A record of this very epoch is left out, because of another's unit or slot.
pub const TAKEN: &str = "a unit or slot is taken in the ledger";
/// Redis comes back with what it cannot serve.
pub const NOT_SERVED: &str = "Redis has the sale and refuses to serve it";

/// Every sight.
pub const SIGHTS: [Sight; 5] = [
    (SOLD_OUT, |scenario, state| state.sold() == scenario.units),
    (TOO_LATE, |_, state| is_left_out(state, |attempt| attempt.row == Row::Void)),
    (OLD_EPOCH, |_, state| {
        is_left_out(state, |attempt| attempt.row == Row::None && attempt.epoch < state.epoch)
    }),
    (TAKEN, |_, state| {
        is_left_out(state, |attempt| attempt.row == Row::None && attempt.epoch == state.epoch)
    }),
    (NOT_SERVED, |scenario, state| state.live.epoch != 0 && !state.is_served(scenario)),
];

/// Whether a record did not get in, for this reason.
fn is_left_out(state: &State, reason: impl Fn(&Attempt) -> bool) -> bool {
    let left_out =
        |attempt: &Attempt| matches!(attempt.phase, Phase::LeftOut | Phase::LeftOutAgain);
    state.attempts.iter().any(|attempt| left_out(attempt) && reason(attempt))
}
