//! Which faults strike a sale, and when. A seed gives the same plans again; what the programs
//! make of them is theirs.

use dev_servers::Stack;
use fastrand::Rng;

use crate::{
    fault::{Fault, Kind, Target},
    powers::Powers,
    stack::services_on,
    timetable::{FAULTS_FROM_MS, HEALED_BY_MS},
};

/// How the faults of a sale come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Three, one by one, so that the time to recover from each can be told.
    OneByOne,
    /// Six, as they come.
    Together,
}

/// The least time between two faults of a sale that meets them one by one, in milliseconds.
const CALM_MS: u32 = 200;

/// A fault at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) fault: Fault,
    /// Milliseconds after the opening.
    pub(crate) at_ms: u32,
    pub(crate) lasts_ms: u32,
}

/// All faults in random order, and again when they have all been.
pub(crate) struct Deck {
    stack: Stack,
    kinds: Vec<Kind>,
    left: Vec<Kind>,
}

impl Strike {
    pub(crate) fn ends_ms(&self) -> u32 {
        self.at_ms + self.lasts_ms
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.at_ms < other.ends_ms() && other.at_ms < self.ends_ms()
    }
}

impl Deck {
    /// All that can be done to a stack with these powers.
    pub(crate) fn of(stack: Stack, powers: &Powers) -> Self {
        let can_be = |kind: &Kind| kind.needs().is_none_or(|power| powers.has(power));
        Self { stack, kinds: Kind::of(stack).filter(can_be).collect(), left: Vec::new() }
    }

    /// Those whose names contain `text`; `None` if there are none.
    pub(crate) fn named(text: &str, stack: Stack, powers: &Powers) -> Option<Self> {
        let mut deck = Self::of(stack, powers);
        deck.kinds.retain(|kind| kind.to_string().contains(text));
        (!deck.kinds.is_empty()).then_some(deck)
    }

    /// The faults of one sale.
    pub(crate) fn strikes(&mut self, dice: &mut Rng, pace: Pace) -> Vec<Strike> {
        let count = match pace {
            Pace::OneByOne => 3,
            Pace::Together => 6,
        };
        let room_ms = (HEALED_BY_MS - FAULTS_FROM_MS) / count;
        let mut strikes: Vec<Strike> = Vec::new();
        for turn in 0..count {
            let kind = self.draw(dice);
            let fault = Fault { kind, service: dice.usize(0..services_on(self.stack)) };
            let lasts_ms = dice.u32(kind.lasts_ms());
            let (earliest_ms, latest_ms) = match pace {
                Pace::OneByOne => {
                    let earliest_ms = FAULTS_FROM_MS + turn * room_ms;
                    (earliest_ms, earliest_ms + room_ms - lasts_ms - CALM_MS)
                }
                Pace::Together => (FAULTS_FROM_MS, HEALED_BY_MS - lasts_ms),
            };
            let strike = Strike { fault, at_ms: dice.u32(earliest_ms..=latest_ms), lasts_ms };
            // Two faults of one thing at a time would undo each other.
            let is_free = |other: &Strike| {
                !other.overlaps(&strike) || !meet(other.fault.target(), fault.target())
            };
            if strikes.iter().all(is_free) {
                strikes.push(strike);
            }
        }
        strikes.sort_by_key(|strike| strike.at_ms);
        strikes
    }

    fn draw(&mut self, dice: &mut Rng) -> Kind {
        loop {
            if let Some(kind) = self.left.pop() {
                return kind;
            }
            self.left.clone_from(&self.kinds);
            dice.shuffle(&mut self.left);
        }
    }
}

/// Whether two faults strike the same thing.
fn meet(one: Target, other: Target) -> bool {
    match (one, other) {
        (Target::Services, Target::Service(_)) | (Target::Service(_), Target::Services) => true,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACKS: [Stack; 2] = [Stack::Servers, Stack::Embedded];

    fn plans(stack: Stack, seed: u64) -> Vec<Vec<Strike>> {
        let (mut deck, mut dice) = (Deck::of(stack, &Powers::all()), Rng::with_seed(seed));
        let paces = [Pace::OneByOne, Pace::Together].into_iter().cycle();
        paces.take(200).map(|pace| deck.strikes(&mut dice, pace)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_plans_again() {
        for stack in STACKS {
            assert_eq!(plans(stack, 7), plans(stack, 7));
            assert_ne!(plans(stack, 7), plans(stack, 8));
        }
    }

    #[test]
    fn every_fault_of_a_stack_strikes_and_is_healed_in_time() {
        for stack in STACKS {
            let strikes: Vec<_> = plans(stack, 1).concat();

            for kind in Kind::of(stack) {
                assert!(strikes.iter().any(|strike| strike.fault.kind == kind), "{kind}");
            }
            assert!(strikes.iter().all(|strike| strike.at_ms >= FAULTS_FROM_MS));
            assert!(strikes.iter().all(|strike| strike.ends_ms() <= HEALED_BY_MS));
        }
    }

    #[test]
    fn a_stack_meets_no_fault_of_what_it_does_not_have() {
        for strike in plans(Stack::Embedded, 1).concat() {
            let fault = strike.fault;

            assert!(
                !fault.to_string().contains("Redis") && !fault.to_string().contains("Postgres")
            );
            assert_eq!(fault.service, 0);
        }
    }

    #[test]
    fn faults_come_one_by_one_where_they_are_to_be_timed_and_else_together() {
        let overlap = |strikes: &[Strike]| {
            strikes.windows(2).any(|pair| pair[0].ends_ms() + CALM_MS > pair[1].at_ms)
        };
        for stack in STACKS {
            let plans = plans(stack, 1);

            assert!(plans.iter().step_by(2).all(|strikes| strikes.len() == 3 && !overlap(strikes)));
            assert!(plans.iter().skip(1).step_by(2).any(|strikes| overlap(strikes)));
        }
    }

    #[test]
    fn two_faults_of_one_thing_never_meet() {
        for strikes in STACKS.into_iter().flat_map(|stack| plans(stack, 1)) {
            for (at, strike) in strikes.iter().enumerate() {
                for other in &strikes[at + 1..] {
                    let same = meet(strike.fault.target(), other.fault.target());
                    assert!(!(same && strike.overlaps(other)), "{strikes:?}");
                }
            }
        }
    }
}
