//! What goes wrong, and when: faults that a test plans ahead.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use domain::{Failure, StoreError, ports::Operation};
use tokio::sync::oneshot;

use crate::lock;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The store refuses: nothing is done, and the caller knows.
    Refuse,
    /// The call gets lost: nothing is done, and the caller does not know.
    Lose,
    /// The reply gets lost: the work is done, and the caller does not know.
    LoseReply,
    /// The call stands still until [`Faults::resume`], and is then done as if it had just been
    /// made: a slow network, or a process that was stopped just before it asked.
    Pause,
}

/// The faults of one store. Without a plan nothing goes wrong.
#[derive(Debug, Default)]
pub struct Faults {
    plans: Mutex<Plans>,
}

#[derive(Debug, Default)]
struct Plans {
    is_down: bool,
    of_any: VecDeque<Fault>,
    of: BTreeMap<Operation, VecDeque<Fault>>,
    paused: VecDeque<oneshot::Sender<()>>,
}

impl Faults {
    /// Makes one call of `operation` go wrong: the next, or the one after those planned before.
    pub fn plan(&self, operation: Operation, fault: Fault) {
        lock(&self.plans).of.entry(operation).or_default().push_back(fault);
    }

    /// Makes one call go wrong, whichever comes next.
    pub fn plan_next(&self, fault: Fault) {
        lock(&self.plans).of_any.push_back(fault);
    }

    /// Makes every call be refused until the store is up again.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.plans).is_down = is_down;
    }

    /// Forgets every plan, and brings the store up. Calls that stand still go on standing.
    pub fn clear(&self) {
        let mut plans = lock(&self.plans);
        plans.is_down = false;
        plans.of_any.clear();
        plans.of.clear();
    }

    /// How many calls stand still. One whose caller is gone does not count.
    #[must_use]
    pub fn paused(&self) -> usize {
        lock(&self.plans).paused.iter().filter(|call| !call.is_closed()).count()
    }

    /// Lets the call go on that has stood still the longest. Says whether there was one.
    pub fn resume(&self) -> bool {
        let mut plans = lock(&self.plans);
        while let Some(call) = plans.paused.pop_front() {
            if call.send(()).is_ok() {
                return true;
            }
        }
        false
    }

    /// The fault of the call that is being made.
    pub(crate) fn take(&self, operation: Operation) -> Option<Fault> {
        let mut plans = lock(&self.plans);
        if plans.is_down {
            return Some(Fault::Refuse);
        }
        let of_it = plans.of.get_mut(&operation).and_then(VecDeque::pop_front);
        of_it.or_else(|| plans.of_any.pop_front())
    }

    /// Does `work`, or what a planned fault makes of it. The work is one atomic step.
    pub(crate) async fn around<T: Send>(
        &self,
        operation: Operation,
        work: impl FnOnce() -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let failed = |failure, reason| Err(StoreError::new(operation, failure, reason));
        match self.take(operation) {
            None => work(),
            Some(Fault::Refuse) => failed(Failure::NotDone, "refused, as planned"),
            Some(Fault::Lose) => failed(Failure::Unknown, "lost, as planned"),
            Some(Fault::LoseReply) => {
                work()?;
                failed(Failure::Unknown, "reply lost, as planned")
            }
            Some(Fault::Pause) => {
                let (resume, resumed) = oneshot::channel();
                lock(&self.plans).paused.push_back(resume);
                // An error means that the store is being dropped: nothing is left to wait for.
                let _ = resumed.await;
                work()
            }
        }
    }
}
