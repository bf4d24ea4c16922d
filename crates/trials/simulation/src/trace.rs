//! What happened in a run, for people to read.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Mutex,
};

use crate::lock::lock;

/// The lines of a run, if anyone wants to read them. A run is the same with and without.
pub(crate) struct Trace(Option<Mutex<Vec<String>>>);

impl Trace {
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(Mutex::default))
    }

    /// Adds a line, which is written only if it is wanted.
    pub(crate) fn note(&self, now_ms: u64, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            lock(lines).push(format!("{now_ms:>6} {}", line()));
        }
    }

    /// Takes the lines out.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.as_ref().map_or_else(Vec::new, |lines| std::mem::take(&mut *lock(lines)))
    }
}

/// A number that two traces share only if they are the same, as good as certainly.
#[must_use]
pub fn fingerprint(trace: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    trace.hash(&mut hasher);
    hasher.finish()
}
