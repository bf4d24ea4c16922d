//! What of the upkeep is this process's to do.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Sale, SaleId,
    ports::{Duty, TurnAsked, Turns},
    processes::ProcessId,
};

/// The part that a process has in the upkeep. Every step is safe in any number of processes; that only
/// one of them takes it at a time spares both stores the work of the others.
pub struct Shares {
    /// Who says whose turn it is, and who asks; `None` where there is nobody to share with.
    among: Option<(Arc<dyn Turns>, ProcessId)>,
    /// What this process failed at the last time.
    failed: Mutex<BTreeSet<(Duty, SaleId)>>,
}

impl Shares {
    /// The part of a process that is alone, which is all.
    #[must_use]
    pub fn alone() -> Self {
        Self { among: None, failed: Mutex::default() }
    }

    /// The part of one process among those that ask for turns where it does.
    #[must_use]
    pub fn among(turns: Arc<dyn Turns>, process: ProcessId) -> Self {
        Self { among: Some((turns, process)), failed: Mutex::default() }
    }

    /// Whether it is this process that does its duty by the sale now, and nobody else for so long. Where
    /// nobody can say it is everybody.
    pub async fn take(&self, duty: Duty, sale: SaleId, for_ms: u64) -> bool {
        let has_failed = self.failed().remove(&(duty, sale));
        let Some((turns, by)) = &self.among else { return true };
        let asked = TurnAsked { sale, duty, by: *by, for_ms, has_failed };
        turns.take(asked).await.unwrap_or(true)
    }

    /// This process could not do it: the next turn is rather another's.
    pub fn note_failed(&self, duty: Duty, sale: SaleId) {
        self.failed().insert((duty, sale));
    }

    /// Forgets the sales that are not among `current`.
    pub fn keep_only(&self, current: &[Sale]) {
        self.failed().retain(|(_, id)| current.iter().any(|sale| sale.id == *id));
    }

    fn failed(&self) -> MutexGuard<'_, BTreeSet<(Duty, SaleId)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
