//! `Processes` in memory: what the processes of one machine's memory tell each other, of which there is one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use domain::{
    StoreError,
    ports::Processes,
    processes::{PROCESSES_MAX, Process, ProcessId, SEEN_MS},
};

use crate::MemoryStores;

/// What each said last.
#[derive(Default)]
pub(crate) struct Said(Mutex<BTreeMap<ProcessId, Process>>);

impl Said {
    fn keep(&self, own: &Process) -> MutexGuard<'_, BTreeMap<ProcessId, Process>> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(own.id, own.clone());
        said.retain(|_, process| own.seen_at - process.seen_at < SEEN_MS);
        said
    }
}

#[async_trait]
impl Processes for MemoryStores {
    async fn leave(&self, own: &Process) -> Result<(), StoreError> {
        drop(self.said.keep(own));
        Ok(())
    }

    async fn exchange(&self, own: &Process) -> Result<Vec<Process>, StoreError> {
        let mut known: Vec<_> = self.said.keep(own).values().cloned().collect();
        known.sort_unstable_by_key(|process| std::cmp::Reverse(process.seen_at));
        known.truncate(PROCESSES_MAX);
        Ok(known)
    }
}
