//! Sights: what must come about somewhere, or an exploration that breaks no promise says little.

use crate::{
    operator::Stand,
    scenario::Scenario,
    state::{Attempt, Phase, Request, Row, State},
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

/// A request with a key is answered by the record of an equal one.
pub const REPEATED: &str = "equal requests get the same code";
/// A request with a key went on past a tombstone.
pub const NEXT_CODE: &str = "a key leads past a tombstone";
/// A code that has a record is granted another unit.
pub const SECOND_UNIT: &str = "a code is granted a second unit";

/// The unit of a purchase that was cancelled is sold once more.
pub const RESOLD: &str = "a cancelled unit is sold again";
/// A code is in Redis whose purchase was cancelled.
pub const LATE_VERDICT: &str = "a cancelled code is on hold in Redis";
/// A unit is sold that was not there at the opening.
pub const ADDED: &str = "a unit is sold that was added";
/// An operator is refused.
pub const REFUSED: &str = "an operator is refused";
/// An operator's change is in effect.
pub const EFFECTIVE: &str = "a change is in effect";

/// Every sight.
pub const SIGHTS: [Sight; 13] = [
    (SOLD_OUT, |scenario, state| state.sold() == scenario.units),
    (TOO_LATE, |_, state| is_left_out(state, |_, attempt| attempt.row == Row::Void)),
    (OLD_EPOCH, |_, state| {
        is_left_out(state, |request, attempt| {
            attempt.row == Row::None && request.epoch < state.epoch
        })
    }),
    (TAKEN, |_, state| {
        is_left_out(state, |request, attempt| {
            attempt.row == Row::None && request.epoch == state.epoch
        })
    }),
    (NOT_SERVED, |scenario, state| state.live.epoch != 0 && !state.is_served(scenario)),
    (REPEATED, |_, state| {
        let mut answered: Vec<_> = acknowledged(state).map(|request| request.code).collect();
        let all = answered.len();
        answered.sort_unstable();
        answered.dedup();
        answered.len() < all
    }),
    (NEXT_CODE, |scenario, state| {
        scenario.is_keyed()
            && acknowledged(state).any(|request| {
                let before = usize::from(request.code).checked_sub(1);
                before.is_some_and(|before| scenario.next_code(before).is_some())
            })
    }),
    (SECOND_UNIT, |scenario, state| {
        let is_other = |code: usize| {
            let attempt = &state.attempts[code];
            let place = state.live.codes[code];
            attempt.row.is_live() && place.is_some_and(|place| place != attempt.recorded)
        };
        state.is_served(scenario) && scenario.codes().any(is_other)
    }),
    (RESOLD, |scenario, state| {
        let is_of = |code: usize, row| state.attempts[code].row == row;
        let unit = |code: usize| state.attempts[code].recorded.unit;
        scenario.codes().filter(|code| is_of(*code, Row::Cancelled)).any(|code| {
            scenario.codes().any(|other| is_of(other, Row::Sold) && unit(other) == unit(code))
        })
    }),
    (LATE_VERDICT, |scenario, state| {
        let is_there = |code: usize| state.live.codes[code].is_some();
        let is_cancelled = |code: usize| state.attempts[code].row == Row::Cancelled;
        scenario.codes().any(|code| is_cancelled(code) && is_there(code))
    }),
    (ADDED, |scenario, state| {
        let is_added = |attempt: &Attempt| attempt.recorded.unit >= scenario.units;
        state.attempts.iter().any(|attempt| attempt.row == Row::Sold && is_added(attempt))
    }),
    (REFUSED, |_, state| state.steering.is_any(Stand::Refused)),
    (EFFECTIVE, |_, state| state.steering.is_any(Stand::InEffect)),
];

fn acknowledged(state: &State) -> impl Iterator<Item = &Request> {
    state.requests.iter().filter(|request| request.phase == Phase::Acknowledged)
}

/// Whether a record did not get in, for this reason.
fn is_left_out(state: &State, reason: impl Fn(&Request, &Attempt) -> bool) -> bool {
    let left_out =
        |request: &Request| matches!(request.phase, Phase::LeftOut | Phase::LeftOutAgain);
    state.requests.iter().any(|request| {
        left_out(request) && reason(request, &state.attempts[usize::from(request.code)])
    })
}
