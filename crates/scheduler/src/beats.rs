//! Telling the other processes once a second what this one does: for people who watch.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{
    Company,
    processes::{Figures, REFUSED_MAX, Times},
};
use telemetry::{Totals, totals};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::failing::Failing;

/// How often the others are told.
pub const BEAT: Duration = Duration::from_secs(1);

/// What a checkout came to, and a purchase, that got what it asked for; and one that was answered again.
const GRANTED: &str = "granted";
const SOLD: &str = "sold";
const REPLAYED: &str = "replayed";

/// Tells the other processes what this one counts.
pub struct Beats {
    company: Arc<Company>,
    failing: Failing,
}

impl Beats {
    /// Tells those in `company`.
    #[must_use]
    pub fn new(company: Arc<Company>) -> Self {
        Self { company, failing: Failing::default() }
    }

    /// Tells them until `stop` is done.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(stop);
        let (mut before, mut counted_at) = (totals(), Instant::now());
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return,
                _ = beats.tick() => {}
            }
            let (now, at) = (totals(), Instant::now());
            let did = between(&before, &now, at - counted_at);
            (before, counted_at) = (now, at);
            tokio::select! {
                biased;
                () = &mut stop => return,
                told = self.company.tell(did) => {
                    self.failing.note("beat", None, told);
                }
            }
        }
    }
}

/// What was counted between two moments that are so far apart.
fn between(before: &Totals, now: &Totals, span: Duration) -> Figures {
    let checkouts = rise(&before.checkouts, &now.checkouts);
    let purchases = rise(&before.purchases, &now.purchases);
    let of = |counts: &BTreeMap<&str, u64>, name| counts.get(name).copied().unwrap_or_default();
    let mut refused = BTreeMap::new();
    for (name, count) in checkouts.iter().chain(&purchases) {
        if ![GRANTED, SOLD, REPLAYED].contains(name) && refused.len() < REFUSED_MAX {
            *refused.entry((*name).to_owned()).or_default() += count;
        }
    }
    Figures {
        span_ms: span.as_millis().try_into().unwrap_or(u64::MAX),
        checkouts: of(&checkouts, GRANTED),
        purchases: of(&purchases, SOLD),
        refused,
        checkout_times: times(&before.checkout_times, &now.checkout_times),
        purchase_times: times(&before.purchase_times, &now.purchase_times),
        viewers: now.viewers,
    }
}

/// How much more there is now of each.
fn rise<'n>(
    before: &BTreeMap<String, u64>,
    now: &'n BTreeMap<String, u64>,
) -> BTreeMap<&'n str, u64> {
    let more = now.iter().map(|(name, count)| {
        let before = before.get(name).copied().unwrap_or_default();
        (name.as_str(), count.saturating_sub(before))
    });
    more.filter(|(_, more)| *more > 0).collect()
}

fn times(before: &telemetry::Buckets, now: &telemetry::Buckets) -> Times {
    let mut times = Times::default();
    for (count, (before, now)) in times.0.iter_mut().zip(before.iter().zip(now)) {
        *count = now.saturating_sub(*before);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_by_the_bounds_they_are_read_by() {
        let counted_by = telemetry::BOUNDS_S.iter().map(|bound| bound * 1_000.0);
        let differ = counted_by.zip(Times::BOUNDS_MS).any(|(by, read)| (by - read).abs() > 1e-9);

        assert_eq!(telemetry::BOUNDS_S.len(), Times::BOUNDS_MS.len());
        assert!(!differ);
    }

    #[test]
    fn what_is_told_is_what_was_counted_since() {
        let outcomes = |of: &[(&str, u64)]| {
            of.iter().map(|&(name, count)| (name.to_owned(), count)).collect::<BTreeMap<_, _>>()
        };
        let mut before = Totals {
            checkouts: outcomes(&[("granted", 5), ("sold-out", 1), ("paused", 2)]),
            ..Totals::default()
        };
        before.checkout_times[2] = 8;
        let mut now = Totals {
            checkouts: outcomes(&[("granted", 9), ("sold-out", 4), ("paused", 2), ("replayed", 1)]),
            purchases: outcomes(&[("sold", 3), ("code-expired", 1)]),
            viewers: 7,
            ..Totals::default()
        };
        now.checkout_times[2] = 12;

        let did = between(&before, &now, Duration::from_millis(1_100));

        let mut checkout_times = Times::default();
        checkout_times.0[2] = 4;
        let expected = Figures {
            span_ms: 1_100,
            checkouts: 4,
            purchases: 3,
            refused: outcomes(&[("sold-out", 3), ("code-expired", 1)]),
            checkout_times,
            purchase_times: Times::default(),
            viewers: 7,
        };
        assert_eq!(did, expected);
    }
}
