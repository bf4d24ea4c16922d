//! Many seeds, on all processors.

use std::{
    fmt,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{coverage::Coverage, lock::lock, plan::Stack, run::run};

/// How many lines of a trace a failure shows.
const LINES_MAX: usize = 80;

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Campaign {
    /// How many runs there were.
    pub runs: u64,
    /// What they came across.
    pub coverage: Coverage,
    /// The longest time one took to heal, in milliseconds of its time.
    pub healed_ms_max: u64,
}

/// A run in which something was true that must not be.
#[derive(Debug)]
pub struct Failure {
    /// What it ran on.
    pub stack: Stack,
    /// The seed that does it again.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// What happened.
    pub trace: Vec<String>,
}

impl Campaign {
    /// Runs `seeds` on so many threads, and calls `progress` after each run with how many were
    /// done. The first failure, by its seed, ends it.
    pub fn run(
        stack: Stack,
        seeds: Range<u64>,
        threads: usize,
        progress: impl Fn(u64) + Sync,
    ) -> Result<Self, Failure> {
        let next = AtomicU64::new(seeds.start);
        let failed = AtomicU64::new(u64::MAX);
        let campaign = Mutex::new(Self::default());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut own = Self::default();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end || failed.load(Ordering::Relaxed) < seed {
                            break;
                        }
                        let ran = run(stack, seed, false);
                        if ran.ending.is_err() {
                            failed.fetch_min(seed, Ordering::Relaxed);
                        }
                        own.add(1, &ran.coverage, ran.healed_ms.unwrap_or(0));
                        progress(seed - seeds.start + 1);
                    }
                    lock(&campaign).add(own.runs, &own.coverage, own.healed_ms_max);
                });
            }
        });
        match failed.into_inner() {
            u64::MAX => Ok(campaign.into_inner().unwrap_or_default()),
            seed => Err(Failure::of(stack, seed)),
        }
    }

    fn add(&mut self, runs: u64, coverage: &Coverage, healed_ms: u64) {
        self.runs += runs;
        self.coverage.add(coverage);
        self.healed_ms_max = self.healed_ms_max.max(healed_ms);
    }
}

impl Failure {
    /// Runs the seed again, and writes down what happens.
    fn of(stack: Stack, seed: u64) -> Self {
        let again = run(stack, seed, true);
        let what = again.ending.err();
        let what = what.unwrap_or_else(|| "failed once, and not when run again".to_owned());
        Self { stack, seed, what, trace: again.trace }
    }
}

impl fmt::Display for Failure {
    /// The last steps, what is wrong with them, and how to see them all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.trace.len().saturating_sub(LINES_MAX);
        for line in &self.trace[hidden..] {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "\nseed {}: {}", self.seed, self.what)?;
        let again = format!("make simulate STACK={} SEED={}", self.stack.name(), self.seed);
        write!(f, "{hidden} lines came before; `{again}` shows all")
    }
}
