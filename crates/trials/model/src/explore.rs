//! Exploring a scenario: every order of its steps, from the opening on, the shortest first.

use std::{collections::BTreeMap, time::Duration};

use stateright::{
    Checker, HasDiscoveries, Model, Property,
    report::{ReportData, ReportDiscovery, Reporter},
};

use crate::{promises::PROMISES, scenario::Scenario, sights::SIGHTS, state::State, step::Step};

impl Model for Scenario {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.opening()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(self, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        last.after(self, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let promises = PROMISES.map(|(name, is_kept)| Property::always(name, is_kept));
        let sights = SIGHTS.map(|(name, is_seen)| Property::sometimes(name, is_seen));
        promises.into_iter().chain(sights).collect()
    }
}

/// What came of an exploration.
#[derive(Debug, Clone)]
pub struct Explored {
    /// How many different states there were, as far as it went.
    pub states: usize,
    /// The most steps from the opening.
    pub depth: usize,
    /// Whether every state was seen that there is.
    pub is_complete: bool,
    /// The first promise that was broken, by the shortest way.
    pub breach: Option<Breach>,
    /// What was seen of [`SIGHTS`].
    pub seen: Vec<&'static str>,
    /// How long it took.
    pub took: Duration,
}

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Breach {
    /// The promise.
    pub promise: &'static str,
    /// The steps that break it.
    pub steps: Vec<Step>,
}

/// Explores a scenario until one of `promises` is broken, every state is seen, or more than
/// `steps_max` steps were taken; a state is come to by several. `tell` hears now and then how many
/// states there are.
pub fn explore(
    scenario: &Scenario,
    promises: &[&'static str],
    steps_max: usize,
    mut tell: impl FnMut(usize) + Send,
) -> Explored {
    let limits = |depth_max| Limits { promises, steps_max, depth_max };
    let mut explored = explore_to(scenario, &limits(usize::MAX), &mut tell);
    // A checker goes on for a while when it has found something, and keeps what it found last.
    while let Some(breach) = &explored.breach {
        let shorter = explore_to(scenario, &limits(breach.steps.len()), &mut tell);
        if shorter.breach.is_none() {
            break;
        }
        explored = shorter;
    }
    explored
}

/// Where an exploration ends.
struct Limits<'a> {
    promises: &'a [&'static str],
    steps_max: usize,
    depth_max: usize,
}

fn explore_to(
    scenario: &Scenario,
    limits: &Limits<'_>,
    tell: &mut (impl FnMut(usize) + Send),
) -> Explored {
    let &Limits { promises, steps_max, depth_max } = limits;
    let mut progress = Progress { tell, took: Duration::ZERO };
    let checker = scenario
        .clone()
        .checker()
        .finish_when(HasDiscoveries::AnyOf(promises.iter().copied().collect()))
        .target_state_count(steps_max)
        // The opening counts as one, and a state that deep is not looked at.
        .target_max_depth(depth_max.saturating_add(1))
        .spawn_bfs()
        .join_and_report(&mut progress);
    let found = checker.discoveries();
    let breaches = promises.iter().filter_map(|promise| {
        let steps = found.get(promise)?.clone().into_actions();
        Some(Breach { promise, steps })
    });
    let breach = breaches.min_by_key(|breach| breach.steps.len());
    let seen = SIGHTS.iter().map(|(sight, _)| *sight).filter(|sight| found.contains_key(sight));
    Explored {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        is_complete: breach.is_none() && checker.state_count() < steps_max,
        breach,
        seen: seen.collect(),
        took: progress.took,
    }
}

struct Progress<'a, F> {
    tell: &'a mut F,
    took: Duration,
}

impl<F: FnMut(usize)> Reporter<Scenario> for Progress<'_, F> {
    fn report_checking(&mut self, data: ReportData) {
        self.took = data.duration;
        (self.tell)(data.unique_states);
    }

    fn report_discoveries(
        &mut self,
        _: &Scenario,
        _: BTreeMap<&'static str, ReportDiscovery<Scenario>>,
    ) {
        // They are told when the exploration is over.
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(50)
    }
}
