//! The randomness of a run, all of it from its seed.

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex},
};

use fastrand::Rng;

use crate::lock::lock;

/// The source of randomness of a run. Clones are the same source.
#[derive(Clone)]
pub(crate) struct Random(Arc<Mutex<Rng>>);

impl Random {
    /// The source of this seed: the same draws in the same order.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Rng::with_seed(seed))))
    }

    /// A number below `count`, which must not be 0.
    pub(crate) fn below(&self, count: usize) -> usize {
        lock(&self.0).usize(..count)
    }

    /// A number in a range.
    pub(crate) fn within(&self, range: RangeInclusive<u64>) -> u64 {
        lock(&self.0).u64(range)
    }

    /// Milliseconds between minus and plus `ms_max`.
    pub(crate) fn around_zero(&self, ms_max: i64) -> i64 {
        lock(&self.0).i64(-ms_max..=ms_max)
    }

    /// Happens this often in a thousand times.
    pub(crate) fn happens(&self, per_mille: u64) -> bool {
        lock(&self.0).u64(..1_000) < per_mille
    }

    /// One of `choices`, each as likely; `None` if there is none.
    pub(crate) fn pick<T: Clone>(&self, choices: &[T]) -> Option<T> {
        if choices.is_empty() { None } else { Some(choices[self.below(choices.len())].clone()) }
    }
}
