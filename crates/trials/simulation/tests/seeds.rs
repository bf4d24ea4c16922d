//! Thousands of runs, and that a seed is one run.

use std::thread::available_parallelism;

use simulation::{Campaign, Failure, Stack, fingerprint, run};

/// How many seeds a test run has time for; `make simulate` has time for more.
const ON_SERVERS: u64 = 5_000;
const EMBEDDED: u64 = 1_000;

#[test]
fn whatever_happens_the_promises_hold_and_everything_heals() {
    try_seeds(Stack::Servers, ON_SERVERS);
}

#[test]
fn whatever_happens_the_embedded_stack_keeps_the_promises_and_heals() {
    try_seeds(Stack::Embedded, EMBEDDED);
}

fn try_seeds(stack: Stack, seeds: u64) {
    let threads = available_parallelism().map_or(1, usize::from);

    let campaign = Campaign::run(stack, 0..seeds, threads, |_| {});

    let campaign = campaign.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(campaign.runs, seeds);
    assert_eq!(campaign.coverage.missing(stack), [""; 0], "never met, so nothing is known of it");
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    let mut seen = Vec::new();
    let stacks = [Stack::Servers, Stack::Embedded];
    for (stack, seed) in stacks.into_iter().flat_map(|stack| (0..50).map(move |it| (stack, it))) {
        let first = run(stack, seed, true);
        let again = run(stack, seed, true);
        let untraced = run(stack, seed, false);

        assert!(first.trace.len() > 100, "{stack:?} {seed} is over before it began");
        assert_eq!(fingerprint(&first.trace), fingerprint(&again.trace), "{stack:?} {seed}");
        assert_eq!(first.coverage, untraced.coverage, "{stack:?} {seed} differs when untraced");
        seen.push(fingerprint(&first.trace));
    }

    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 100, "two seeds are one run");
}

#[test]
fn a_failure_tells_the_last_steps_and_how_to_see_them_all() {
    let trace = (1..=100).map(|step| format!("step {step}")).collect();
    let stack = Stack::Embedded;
    let failure = Failure { stack, seed: 7, what: "unit 3 is live twice".to_owned(), trace };

    let told = failure.to_string();

    assert!(told.starts_with("step 21\n"), "{told}");
    assert!(told.contains("step 100\n\nseed 7: unit 3 is live twice\n"), "{told}");
    assert!(
        told.ends_with("20 lines came before; `make simulate STACK=embedded SEED=7` shows all"),
        "{told}"
    );
}
