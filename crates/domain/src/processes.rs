//! The processes that serve from one ledger, as one of them knows the others: what each did within the last
//! second.
//!
//! What is told is for people who watch, and nothing is decided by it. A process tells the others where
//! all find it, for a moment; while nobody watches here, it does not listen.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    Catalog, StoreError, UnixMillis,
    ports::{Clock, Processes},
};

/// How long what a process said counts, in milliseconds: after it the process is thought to be gone.
pub const SEEN_MS: i64 = 5_000;

/// How much older what a process said may be than what was said last of all that it counts in a [`Sum`], in
/// milliseconds: each speaks once a second, and may be a second late.
const SUMMED_MS: i64 = 2_000;

/// The most processes that are known at a time.
pub const PROCESSES_MAX: usize = 64;

/// The most names of what was refused, of one process and one second. There are fewer.
pub const REFUSED_MAX: usize = 64;

/// For how long somebody watches who has looked, in milliseconds.
const WATCHED_MS: u64 = 3_000;

/// Which process it is: drawn when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u128);

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ProcessId {
    type Err = std::num::ParseIntError;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// A process, and what it said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Which it is.
    pub id: ProcessId,
    /// Where it serves buyers, without blanks.
    pub address: String,
    /// When it said so, by the ledger's clock.
    pub seen_at: UnixMillis,
    /// What it had done by then.
    pub did: Figures,
}

/// What a process did within a time, or several of them together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// How long that was, in milliseconds.
    pub span_ms: u64,
    /// Checkouts that put a unit on hold.
    pub checkouts: u64,
    /// Purchases.
    pub purchases: u64,
    /// Checkouts and purchases that came to something else, by what it is called.
    pub refused: BTreeMap<String, u64>,
    /// How long checkouts took.
    pub checkout_times: Times,
    /// How long purchases took.
    pub purchase_times: Times,
    /// Who watches how sales stand.
    pub viewers: u64,
}

/// How long something took, each time: how often no longer than each bound, and longer than the one
/// before. The last is for what took longer than all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times(pub [u64; BOUNDS + 1]);

/// How many bounds there are.
const BOUNDS: usize = 13;

impl Times {
    /// The bounds, in milliseconds.
    pub const BOUNDS_MS: [f64; BOUNDS] =
        [0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0];

    fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// What a share of the times was no longer than, in milliseconds: between the bounds, where it would be
    /// if they were evenly spread. `None` if there are none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody reads a time so exactly")]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all = self.0.iter().sum::<u64>();
        let rank = share * all as f64;
        let (mut before, mut from) = (0_u64, 0.0);
        for (&count, bound) in self.0.iter().zip(Self::BOUNDS_MS) {
            if count > 0 && (before + count) as f64 >= rank {
                return Some(from + (bound - from) * (rank - before as f64) / count as f64);
            }
            (before, from) = (before + count, bound);
        }
        // Beyond the last bound nothing more is known.
        (all > 0).then_some(from)
    }
}

impl Figures {
    /// How many of these there were a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody reads a rate so exactly")]
    pub fn a_second(&self, count: u64) -> f64 {
        if self.span_ms == 0 { 0.0 } else { count as f64 * 1_000.0 / self.span_ms as f64 }
    }
}

/// What several processes did within about the same second, put together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sum {
    /// Units that were put on hold, a second.
    pub checkouts_a_second: f64,
    /// Units that were sold, a second.
    pub purchases_a_second: f64,
    /// What was refused or failed, by what it is called.
    pub refused: BTreeMap<String, u64>,
    /// How long checkouts took.
    pub checkout_times: Times,
    /// How long purchases took.
    pub purchase_times: Times,
    /// Who watches how sales stand.
    pub viewers: u64,
}

impl Sum {
    /// That of these processes, but of those that were silent for longer than a process is which goes on: they are
    /// still known, and do nothing any more.
    #[must_use]
    pub fn of(processes: &[Process]) -> Self {
        let mut sum = Self::default();
        let last = processes.iter().map(|process| process.seen_at).max();
        let goes_on = |it: &&Process| last.is_none_or(|last| last - it.seen_at <= SUMMED_MS);
        for Process { did, .. } in processes.iter().filter(goes_on) {
            sum.checkouts_a_second += did.a_second(did.checkouts);
            sum.purchases_a_second += did.a_second(did.purchases);
            for (name, count) in &did.refused {
                *sum.refused.entry(name.clone()).or_default() += count;
            }
            sum.checkout_times.add(&did.checkout_times);
            sum.purchase_times.add(&did.purchase_times);
            sum.viewers = sum.viewers.saturating_add(did.viewers);
        }
        sum
    }
}

/// The processes, as one of them knows them.
pub struct Company {
    port: Arc<dyn Processes>,
    catalog: Arc<Catalog>,
    clock: Arc<dyn Clock>,
    id: ProcessId,
    address: String,
    known: Mutex<Known>,
    watched_at_ms: AtomicU64,
}

/// What this process said last, and what it heard then.
#[derive(Default)]
struct Known {
    own: Option<Process>,
    others: Vec<Process>,
}

impl Company {
    /// The company of this process, which serves buyers at `address`, among those that tell each other by
    /// `port`.
    pub(crate) fn new(
        port: Arc<dyn Processes>,
        catalog: Arc<Catalog>,
        clock: Arc<dyn Clock>,
        id: ProcessId,
        address: String,
    ) -> Arc<Self> {
        let (known, watched_at_ms) = (Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { port, catalog, clock, id, address, known, watched_at_ms })
    }

    /// Tells the others what this process did within the last second; and if somebody watches, hears
    /// what they did.
    ///
    /// # Errors
    ///
    /// This process is the only one that is known of, until it has heard others again.
    pub async fn tell(&self, did: Figures) -> Result<(), StoreError> {
        let own = Process {
            id: self.id,
            address: self.address.clone(),
            seen_at: self.catalog.reckoned_now(),
            did,
        };
        self.known().own = Some(own.clone());
        // Before the ledger has said what time it is, nobody would know when this was.
        let told = match (self.catalog.was_refreshed(), self.is_watched()) {
            (false, _) => Ok(Vec::new()),
            (true, false) => self.port.leave(&own).await.map(|()| Vec::new()),
            (true, true) => self.port.exchange(&own).await,
        };
        let (others, told) = match told {
            Ok(others) => (others, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        self.known().others = others;
        told
    }

    /// What each process did last, this one first: for somebody who watches, and looks again within a
    /// second or two. Who comes first is shown this process alone, until it has heard the others.
    #[must_use]
    pub fn look(&self) -> Vec<Process> {
        self.watched_at_ms.store(self.clock.uptime_ms().max(1), Relaxed);
        let known = self.known();
        let others = known.others.iter().filter(|other| other.id != self.id);
        let mut others: Vec<_> = others.cloned().collect();
        others.sort_unstable_by_key(|other| other.id);
        known.own.iter().cloned().chain(others).take(PROCESSES_MAX).collect()
    }

    fn is_watched(&self) -> bool {
        let watched_at_ms = self.watched_at_ms.load(Relaxed);
        watched_at_ms > 0 && self.clock.uptime_ms().saturating_sub(watched_at_ms) < WATCHED_MS
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(counts: &[(usize, u64)]) -> Times {
        let mut times = Times::default();
        for &(bucket, count) in counts {
            times.0[bucket] = count;
        }
        times
    }

    fn process(id: u128, did: Figures) -> Process {
        Process { id: ProcessId(id), address: "a:1".to_owned(), seen_at: UnixMillis(0), did }
    }

    fn is(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn a_quantile_is_between_the_bounds_of_the_times_it_is_among() {
        assert_eq!(Times::default().quantile(0.5), None);
        let even = times(&[(1, 50), (2, 50)]);
        assert!(is(even.quantile(0.5), 1.0), "{:?}", even.quantile(0.5));
        assert!(is(even.quantile(0.75), 1.75), "{:?}", even.quantile(0.75));
        assert!(is(even.quantile(1.0), 2.5));
        assert!(is(times(&[(0, 1)]).quantile(0.5), 0.25));
        assert!(is(times(&[(13, 7)]).quantile(0.5), 5_000.0), "no more is known");
    }

    #[test]
    fn what_processes_did_is_put_together_each_by_how_long_it_took() {
        let refused = |count| BTreeMap::from([("sold-out".to_owned(), count)]);
        let one = Figures {
            span_ms: 1_000,
            checkouts: 10,
            purchases: 4,
            refused: refused(3),
            checkout_times: times(&[(0, 10)]),
            purchase_times: times(&[(1, 4)]),
            viewers: 5,
        };
        let other = Figures { span_ms: 2_000, refused: refused(1), ..one.clone() };

        let sum = Sum::of(&[process(1, one), process(2, other)]);

        assert!(is(Some(sum.checkouts_a_second), 15.0) && is(Some(sum.purchases_a_second), 6.0));
        assert_eq!((sum.refused, sum.viewers), (refused(4), 10));
        assert_eq!((sum.checkout_times, sum.purchase_times), (times(&[(0, 20)]), times(&[(1, 8)])));
    }

    #[test]
    fn what_a_process_did_that_is_silent_since_counts_for_two_beats() {
        let seen_at = |at| {
            let did = Figures { span_ms: 1_000, checkouts: 1, viewers: 1, ..Figures::default() };
            Process { seen_at: UnixMillis(at), ..process(at.unsigned_abs().into(), did) }
        };

        for (silent_ms, viewers) in [(0, 2), (SUMMED_MS, 2), (SUMMED_MS + 1, 1)] {
            let sum = Sum::of(&[seen_at(9_000), seen_at(9_000 - silent_ms)]);

            assert_eq!(sum.viewers, viewers, "{silent_ms}");
            assert!(is(Some(sum.checkouts_a_second), f64::from(u32::try_from(viewers).unwrap())));
        }
    }

    #[test]
    fn nothing_happens_in_no_time() {
        let sum = Sum::of(&[process(1, Figures { checkouts: 3, ..Figures::default() })]);

        assert!(is(Some(sum.checkouts_a_second), 0.0));
    }

    #[test]
    fn a_process_is_read_by_the_name_it_has() {
        for id in [0, 7, u128::MAX] {
            let name = ProcessId(id).to_string();
            assert_eq!((name.len(), name.parse()), (32, Ok(ProcessId(id))));
        }
    }
}
