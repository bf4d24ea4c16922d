//! Ten thousand runs, and that a seed is one run.

use std::thread::available_parallelism;

use simulation::{Campaign, Failure, fingerprint, run};

/// How many seeds a test run has time for; `make simulate` has time for more.
const SEEDS: u64 = 10_000;

#[test]
fn whatever_happens_the_promises_hold_and_everything_heals() {
    let threads = available_parallelism().map_or(1, usize::from);

    let campaign = Campaign::run(0..SEEDS, threads, |_| {});

    let campaign = campaign.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(campaign.runs, SEEDS);
    assert_eq!(campaign.coverage.missing(), [""; 0], "never met, so nothing is known of it");
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    let mut seen = Vec::new();
    for seed in 0..50 {
        let first = run(seed, true);
        let again = run(seed, true);

        assert!(first.trace.len() > 100, "seed {seed} is over before it began");
        assert_eq!(fingerprint(&first.trace), fingerprint(&again.trace), "seed {seed}");
        assert_eq!(first.coverage, run(seed, false).coverage, "seed {seed} differs when untraced");
        seen.push(fingerprint(&first.trace));
    }

    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 50, "two seeds are one run");
}

#[test]
fn a_failure_tells_the_last_steps_and_how_to_see_them_all() {
    let trace = (1..=100).map(|step| format!("step {step}")).collect();
    let failure = Failure { seed: 7, what: "unit 3 is live twice".to_owned(), trace };

    let told = failure.to_string();

    assert!(told.starts_with("step 21\n"), "{told}");
    assert!(told.contains("step 100\n\nseed 7: unit 3 is live twice\n"), "{told}");
    assert!(told.ends_with("20 lines came before; `make simulate SEED=7` shows all"), "{told}");
}
