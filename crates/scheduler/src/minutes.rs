//! Writing down minute by minute how sales go, beside the upkeep: nobody who sells waits for it.

use std::{
    collections::BTreeSet,
    error::Error,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{History, SaleId, StoreError};
use telemetry::{Watch, step_ended};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::failing::Failing;

/// How often it is looked whether a minute has begun that is to be written down, or can be now.
pub const HISTORY_EVERY: Duration = Duration::from_secs(2);

/// How long a process that stops may take for what came since the last minute: what it has to do for its buyers
/// has nearly all the time that a stop may take.
const LAST_MAX: Duration = Duration::from_millis(500);

/// The name of the step.
const HISTORY: &str = "history";

/// Writes down how sales go.
pub struct Minutes {
    history: History,
    failing: Failing,
    /// The sales that could not be counted the last time, which were told of.
    left_out: Mutex<BTreeSet<SaleId>>,
}

impl Minutes {
    /// Writes down this history.
    #[must_use]
    pub fn of(history: History) -> Self {
        Self { history, failing: Failing::default(), left_out: Mutex::default() }
    }

    /// Writes down each minute until `stop` is done, and then what came since the last, if that is quickly
    /// done.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut looks = interval(HISTORY_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = pin!(stop);
        let deadline = loop {
            tokio::select! {
                biased;
                () = &mut stop => break Instant::now() + LAST_MAX,
                _ = looks.tick() => {}
            }
            let mut tick = pin!(self.tick());
            tokio::select! {
                biased;
                () = &mut tick => {}
                () = &mut stop => {
                    let deadline = Instant::now() + LAST_MAX;
                    // Whoever does not know whether it is written would count it twice.
                    if timeout_at(deadline, tick).await.is_err() {
                        return;
                    }
                    break deadline;
                }
            }
        };
        let written = timeout_at(deadline, self.history.finish()).await;
        if let Ok(Err(error)) = written {
            let error = &error as &dyn Error;
            tracing::debug!(error, "what came since the last minute is not written down");
        }
    }

    /// Writes down a minute, if one has begun.
    pub async fn tick(&self) {
        let began = Watch::start();
        let written = self.history.run().await;
        step_ended(HISTORY, began, written.is_ok());
        if let Some(Some(written)) = self.failing.note(HISTORY, None, written) {
            self.tell_left_out(&written.left_out);
        }
    }

    /// Tells once of the sales that cannot be counted any more.
    fn tell_left_out(&self, left_out: &[(SaleId, StoreError)]) {
        let now = left_out.iter().map(|(sale, _)| *sale).collect();
        let mut told = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *told, now);
        let mut new = left_out.iter().filter(|(sale, _)| !before.contains(sale));
        if let Some((sale, error)) = new.next() {
            let (others, error) = (new.count(), error as &dyn Error);
            tracing::warn!(
                %sale, others, error,
                "a sale cannot be counted, and has no point in its chart; trying on"
            );
        }
    }
}
