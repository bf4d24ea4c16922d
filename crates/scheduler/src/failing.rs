//! What fails at the moment, so that it is said once.

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{Mutex, PoisonError},
};

use domain::StoreError;

/// The steps whose last run failed.
#[derive(Default)]
pub(crate) struct Failing(Mutex<BTreeSet<&'static str>>);

impl Failing {
    /// Logs a step's first failure and its first success after one: a database that is down
    /// is one line, not four a second.
    pub(crate) fn note<T>(&self, step: &'static str, result: Result<T, StoreError>) -> Option<T> {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(value) => {
                if failing.remove(step) {
                    tracing::info!(step, "works again");
                }
                Some(value)
            }
            Err(error) => {
                if failing.insert(step) {
                    tracing::warn!(step, error = &error as &dyn Error, "failing; trying on");
                }
                None
            }
        }
    }
}
