//! Ten thousand runs, and that a seed is one run.

use std::thread::available_parallelism;

use simulation::{Campaign, fingerprint, run};

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
