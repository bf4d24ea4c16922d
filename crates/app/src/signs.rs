//! Signs of life. What must go on says so again and again, and what says nothing any more is named.
//!
//! A sign comes from the work itself, from the thread that does it: a timer elsewhere would go on while the
//! work stands still.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::spawn_local,
    time::{Instant, sleep},
};

/// How often a thread gives a sign that has nothing else to do.
const EVERY: Duration = Duration::from_millis(250);

/// The signs of all that must go on in this process.
#[derive(Clone, Default)]
pub(crate) struct Signs(Arc<Mutex<Vec<(&'static str, Sign)>>>);

/// When one of them gave its last sign. What gave none yet has not begun, and is not missed.
#[derive(Clone, Default)]
pub(crate) struct Sign(Arc<Mutex<Option<Instant>>>);

impl Signs {
    /// The sign of one more that must go on once it has begun.
    pub(crate) fn of(&self, name: &'static str) -> Sign {
        let sign = Sign::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, sign.clone()));
        sign
    }

    /// Has the thread that calls give signs, for as long as it has time for its tasks. Must be called where
    /// tasks of that thread alone can be started.
    pub(crate) fn of_this_thread(&self, name: &'static str) {
        let sign = self.of(name);
        spawn_local(async move {
            loop {
                sign.give();
                sleep(EVERY).await;
            }
        });
    }

    /// The first that has given no sign for longer than `limit`.
    pub(crate) fn missing(&self, limit: Duration) -> Option<&'static str> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = all.iter().find(|(_, sign)| sign.is_older_than(limit));
        missing.map(|(name, _)| *name)
    }
}

impl Sign {
    /// Says that it goes on.
    pub(crate) fn give(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_older_than(&self, limit: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() > limit)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_thread_that_has_time_for_one_task_alone_gives_no_sign() {
        const LIMIT: Duration = Duration::from_millis(50);
        let signs = Signs::default();
        let in_one_thread = tokio::task::LocalSet::new();
        in_one_thread
            .run_until(async {
                signs.of_this_thread("a thread");
                assert_eq!(signs.missing(Duration::ZERO), None, "it has not begun");
                tokio::task::yield_now().await;

                // Nothing is awaited: no other task of the thread comes to its turn.
                thread::sleep(2 * LIMIT);
                assert_eq!(signs.missing(LIMIT), Some("a thread"));

                while signs.missing(LIMIT).is_some() {
                    sleep(LIMIT / 10).await;
                }
            })
            .await;
    }
}
