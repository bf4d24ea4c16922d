//! Walking through a scenario at random: schedules too many to explore.

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{explore::Breach, promises::PROMISES, scenario::Scenario, step::Step};

/// The most steps of one schedule.
const STEPS_MAX: usize = 120;

/// How likely a fault is taken that may happen, so that not all happen at the start.
const FAULT: f64 = 0.2;

/// What came of walking.
#[derive(Debug, Clone, Default)]
pub struct Walked {
    /// How many schedules were walked.
    pub schedules: u64,
    /// How many steps they had together.
    pub steps: u64,
    /// The first broken promise, and the seed of the schedule that breaks it.
    pub breach: Option<(u64, Breach)>,
}

impl Walked {
    /// Walks `schedules` more. Each has a seed of its own, counted from `seed`, which alone
    /// decides it.
    pub fn walk_on(&mut self, scenario: &Scenario, seed: u64, schedules: u64) {
        for seed in seed..seed + schedules {
            let (steps, broken) = schedule(scenario, seed);
            self.schedules += 1;
            self.steps += steps.len() as u64;
            if let Some(promise) = broken {
                self.breach = Some((seed, Breach { promise, steps }));
                return;
            }
        }
    }
}

/// Walks one schedule, until it ends or breaks a promise.
fn schedule(scenario: &Scenario, seed: u64) -> (Vec<Step>, Option<&'static str>) {
    let mut chance = SmallRng::seed_from_u64(seed);
    let mut state = scenario.opening();
    let (mut taken, mut possible) = (Vec::new(), Vec::new());
    while taken.len() < STEPS_MAX {
        possible.clear();
        state.steps(scenario, &mut possible);
        let next = loop {
            if possible.is_empty() {
                return (taken, None);
            }
            let step = possible.swap_remove(chance.random_range(0..possible.len()));
            if step.is_fault() && !chance.random_bool(FAULT) {
                continue;
            }
            if let Some(next) = state.after(scenario, step) {
                taken.push(step);
                break next;
            }
        };
        state = next;
        if let Some((promise, _)) = PROMISES.iter().find(|(_, is_kept)| !is_kept(scenario, &state))
        {
            return (taken, Some(promise));
        }
    }
    (taken, None)
}
