//! One question to a store for all who ask the same at the same time, and its answer kept for
//! those who ask a little later.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, watch};

use crate::{
    Failure, StoreError,
    answer::Doing,
    ports::{Clock, Tasks},
};

/// A map of so many entries at the most: the one that came first goes first.
pub(crate) struct Bounded<K, V> {
    entries_max: usize,
    entries: HashMap<K, V>,
    oldest_first: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries_max, entries: HashMap::new(), oldest_first: VecDeque::new() }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.oldest_first.push_back(key);
        while self.oldest_first.len() > self.entries_max
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

/// Why there is no answer, for each of many who asked: an error cannot be cloned, its text can.
#[derive(Debug, Clone)]
pub(crate) struct Unanswered {
    failure: Failure,
    reason: Arc<str>,
    remedy: Option<Cow<'static, str>>,
}

impl Unanswered {
    pub(crate) fn new(failure: Failure, reason: &str) -> Self {
        Self { failure, reason: reason.into(), remedy: None }
    }

    pub(crate) fn to_error(&self, doing: Doing) -> StoreError {
        let error = StoreError::new(doing, self.failure, self.reason.to_string());
        error.with_remedy(self.remedy.clone())
    }
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        let remedy = error.remedy().cloned();
        Self { failure: error.failure(), reason: reason.into(), remedy }
    }
}

/// How much may be asked at a time, and be kept.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Questions that differ and are under way; one more is refused.
    pub(crate) flights_max: usize,
    /// Answers that are kept.
    pub(crate) kept_max: usize,
}

/// Questions and their answers, shared by all threads of a process.
pub(crate) struct AskedOnce<K, V> {
    clock: Arc<dyn Clock>,
    tasks: Arc<dyn Tasks>,
    /// Those who wait for an answer; one more is refused.
    waiting: Arc<Semaphore>,
    flights_max: usize,
    known: Mutex<Known<K, V>>,
}

struct Known<K, V> {
    flights: HashMap<K, watch::Receiver<Option<V>>>,
    kept: Bounded<K, Kept<V>>,
}

struct Kept<V> {
    answer: V,
    until_ms: u64,
}

impl<K, V> AskedOnce<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        tasks: Arc<dyn Tasks>,
        waiting: Arc<Semaphore>,
        Bounds { flights_max, kept_max }: Bounds,
    ) -> Arc<Self> {
        let known = Known { flights: HashMap::new(), kept: Bounded::new(kept_max) };
        Arc::new(Self { clock, tasks, waiting, flights_max, known: Mutex::new(known) })
    }

    /// The answer that is kept, or the one of the question under way, or else of `ask`, which says
    /// for how many milliseconds its answer is good. It is asked to the end, also if whoever came
    /// first goes away.
    ///
    /// # Errors
    ///
    /// [`Failure::Overloaded`] when too many wait or too much is asked.
    pub(crate) async fn get<A>(
        self: &Arc<Self>,
        key: &K,
        ask: impl FnOnce() -> A,
    ) -> Result<V, Unanswered>
    where
        A: Future<Output = (V, u64)> + Send + 'static,
    {
        let (mut answer, _permit) = {
            let mut known = self.known();
            if let Some(kept) = known.kept.get(key)
                && self.clock.uptime_ms() < kept.until_ms
            {
                return Ok(kept.answer.clone());
            }
            let full = || Unanswered::new(Failure::Overloaded, "too many reads are waiting");
            let permit = self.waiting.try_acquire().map_err(|_| full())?;
            let answer = match known.flights.get(key) {
                Some(answer) => answer.clone(),
                None if known.flights.len() >= self.flights_max => return Err(full()),
                None => {
                    let (answered, answer) = watch::channel(None);
                    known.flights.insert(key.clone(), answer.clone());
                    self.tasks.start(Box::pin(Arc::clone(self).fly(key.clone(), ask(), answered)));
                    answer
                }
            };
            (answer, permit)
        };
        let answered = answer.wait_for(Option::is_some).await;
        let answered = answered.ok().and_then(|answer| answer.clone());
        answered.ok_or_else(|| Unanswered::new(Failure::Unknown, "the question was broken off"))
    }

    async fn fly(
        self: Arc<Self>,
        key: K,
        ask: impl Future<Output = (V, u64)>,
        answered: watch::Sender<Option<V>>,
    ) {
        // Also if this is dropped half-way: whoever asks next shall not wait for it.
        let _landing = Landing { of: &self, key: &key };
        let (answer, good_ms) = ask.await;
        let until_ms = self.clock.uptime_ms().saturating_add(good_ms);
        self.known().kept.put(key.clone(), Kept { answer: answer.clone(), until_ms });
        answered.send_replace(Some(answer));
    }

    fn known(&self) -> MutexGuard<'_, Known<K, V>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Landing<'a, K: Eq + Hash, V> {
    of: &'a AskedOnce<K, V>,
    key: &'a K,
}

impl<K: Eq + Hash, V> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        let mut known = self.of.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.flights.remove(self.key);
    }
}
