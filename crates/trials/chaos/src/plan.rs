//! Which faults a sale meets, and when. A seed gives the same plans again; what the programs
//! make of them is theirs.

use dev_servers::Stack;
use fastrand::Rng;

use crate::{
    capabilities::Capabilities,
    fault::{Fault, Kind, Target},
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
pub(crate) struct PlannedFault {
    pub(crate) fault: Fault,
    /// Milliseconds after the opening.
    pub(crate) at_ms: u32,
    pub(crate) lasts_ms: u32,
}

/// All faults in random order, and again when they have all been.
pub(crate) struct Planner {
    stack: Stack,
    kinds: Vec<Kind>,
    left: Vec<Kind>,
}

impl PlannedFault {
    /// An upgrade while a sale is on, and nothing else.
    pub(crate) fn upgrade(rng: &mut Rng) -> Self {
        let kind = Kind::ServicesUpgraded;
        let lasts_ms = rng.u32(kind.lasts_ms());
        let latest_ms = (HEALED_BY_MS - lasts_ms) / 2;
        let fault = Fault { kind, service: 0 };
        Self { fault, at_ms: rng.u32(FAULTS_FROM_MS..=latest_ms), lasts_ms }
    }

    pub(crate) fn ends_ms(&self) -> u32 {
        self.at_ms + self.lasts_ms
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.at_ms < other.ends_ms() && other.at_ms < self.ends_ms()
    }
}

impl Planner {
    /// All that is usually done to a stack, with these capabilities.
    pub(crate) fn of(stack: Stack, capabilities: &Capabilities) -> Self {
        let mut planner = Self::of_all(stack, capabilities);
        planner.kinds.retain(|kind| kind.is_usual());
        planner
    }

    /// All that can be done to a stack with these capabilities.
    fn of_all(stack: Stack, capabilities: &Capabilities) -> Self {
        let can_be =
            |kind: &Kind| kind.needs().is_none_or(|capability| capabilities.has(capability));
        Self { stack, kinds: Kind::of(stack).filter(can_be).collect(), left: Vec::new() }
    }

    /// Those whose names contain `text`; `None` if there are none.
    pub(crate) fn named(text: &str, stack: Stack, capabilities: &Capabilities) -> Option<Self> {
        let mut planner = Self::of_all(stack, capabilities);
        planner.kinds.retain(|kind| kind.to_string().contains(text));
        (!planner.kinds.is_empty()).then_some(planner)
    }

    /// The faults of one sale.
    pub(crate) fn plan(&mut self, rng: &mut Rng, pace: Pace) -> Vec<PlannedFault> {
        let count = match pace {
            Pace::OneByOne => 3,
            Pace::Together => 6,
        };
        let room_ms = (HEALED_BY_MS - FAULTS_FROM_MS) / count;
        let mut plan: Vec<PlannedFault> = Vec::new();
        for turn in 0..count {
            let kind = self.draw(rng);
            let fault = Fault { kind, service: rng.usize(0..services_on(self.stack)) };
            let lasts_ms = rng.u32(kind.lasts_ms());
            let (earliest_ms, latest_ms) = match pace {
                Pace::OneByOne => {
                    let earliest_ms = FAULTS_FROM_MS + turn * room_ms;
                    (earliest_ms, earliest_ms + room_ms - lasts_ms - CALM_MS)
                }
                Pace::Together => (FAULTS_FROM_MS, HEALED_BY_MS - lasts_ms),
            };
            let planned = PlannedFault { fault, at_ms: rng.u32(earliest_ms..=latest_ms), lasts_ms };
            // Two faults of one thing at a time would undo each other.
            let is_free = |other: &PlannedFault| {
                !other.overlaps(&planned) || !meet(other.fault.target(), fault.target())
            };
            if plan.iter().all(is_free) {
                plan.push(planned);
            }
        }
        plan.sort_by_key(|planned| planned.at_ms);
        plan
    }

    fn draw(&mut self, rng: &mut Rng) -> Kind {
        loop {
            if let Some(kind) = self.left.pop() {
                return kind;
            }
            self.left.clone_from(&self.kinds);
            rng.shuffle(&mut self.left);
        }
    }
}

/// Whether two faults hit the same thing.
fn meet(one: Target, other: Target) -> bool {
    match (one, other) {
        (Target::Services, Target::Service(_)) | (Target::Service(_), Target::Services) => true,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::RedisFault;

    const STACKS: [Stack; 2] = [Stack::Servers, Stack::Embedded];

    fn plans(stack: Stack, seed: u64) -> Vec<Vec<PlannedFault>> {
        let (mut planner, mut rng) =
            (Planner::of(stack, &Capabilities::all()), Rng::with_seed(seed));
        let paces = [Pace::OneByOne, Pace::Together].into_iter().cycle();
        paces.take(200).map(|pace| planner.plan(&mut rng, pace)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_plans_again() {
        for stack in STACKS {
            assert_eq!(plans(stack, 7), plans(stack, 7));
            assert_ne!(plans(stack, 7), plans(stack, 8));
        }
    }

    #[test]
    fn every_fault_of_a_stack_is_planned_and_healed_in_time() {
        for stack in STACKS {
            let plan: Vec<_> = plans(stack, 1).concat();

            for kind in Kind::of(stack).filter(|kind| kind.is_usual()) {
                assert!(plan.iter().any(|planned| planned.fault.kind == kind), "{kind}");
            }
            assert!(plan.iter().all(|planned| planned.at_ms >= FAULTS_FROM_MS));
            assert!(plan.iter().all(|planned| planned.ends_ms() <= HEALED_BY_MS));
        }
    }

    #[test]
    fn a_stack_meets_no_fault_of_what_it_does_not_have() {
        for planned in plans(Stack::Embedded, 1).concat() {
            let fault = planned.fault;

            assert!(
                !fault.to_string().contains("Redis") && !fault.to_string().contains("Postgres")
            );
            assert_eq!(fault.service, 0);
        }
    }

    #[test]
    fn what_only_an_operator_does_comes_by_its_name_alone() {
        let shared = Kind::Redis(RedisFault::Shared);
        let usual = plans(Stack::Servers, 1).concat();
        let named = Planner::named("another ledger", Stack::Servers, &Capabilities::all());

        let plan = named.unwrap().plan(&mut Rng::with_seed(1), Pace::OneByOne);

        assert!(usual.iter().all(|planned| planned.fault.kind != shared));
        assert!(plan.iter().all(|planned| planned.fault.kind == shared) && !plan.is_empty());
    }

    #[test]
    fn faults_come_one_by_one_where_they_are_to_be_timed_and_else_together() {
        let overlap = |plan: &[PlannedFault]| {
            plan.windows(2).any(|pair| pair[0].ends_ms() + CALM_MS > pair[1].at_ms)
        };
        for stack in STACKS {
            let plans = plans(stack, 1);

            assert!(plans.iter().step_by(2).all(|plan| plan.len() == 3 && !overlap(plan)));
            assert!(plans.iter().skip(1).step_by(2).any(|plan| overlap(plan)));
        }
    }

    #[test]
    fn two_faults_of_one_thing_never_meet() {
        for plan in STACKS.into_iter().flat_map(|stack| plans(stack, 1)) {
            for (at, planned) in plan.iter().enumerate() {
                for other in &plan[at + 1..] {
                    let same = meet(planned.fault.target(), other.fault.target());
                    assert!(!(same && planned.overlaps(other)), "{plan:?}");
                }
            }
        }
    }
}
