//! Sights: what must come about somewhere, or an exploration that breaks no promise says little.

use crate::{
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

/// Every sight.
pub const SIGHTS: [Sight; 8] = [
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
