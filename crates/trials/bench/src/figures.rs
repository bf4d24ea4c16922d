//! What runs measured, and the middle of several runs.

use std::time::Duration;

use crate::processes::Cpu;

/// How much load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
}

/// What one run measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Answers of any kind.
    pub(crate) answers: u64,
    /// Answers that were not 2xx.
    pub(crate) refusals: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Microseconds a request.
    pub(crate) cpu: Cpu,
    /// The service's peak; the floor has none to be held to.
    pub(crate) memory_mib: Option<f64>,
}

/// The middle of several values, and how far they were apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) lowest: f64,
    pub(crate) median: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// Of an even number of values, the upper middle one is the median; zero if there is none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
        Self {
            lowest: at(0),
            median: at(sorted.len() / 2),
            highest: at(sorted.len().saturating_sub(1)),
        }
    }
}

/// Times that requests took.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn note(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Milliseconds within which each of these parts of the requests was answered. Exact: every
    /// time is kept, none is put in a bucket.
    pub(crate) fn quantiles_ms<const N: usize>(mut self, parts: [f64; N]) -> [f64; N] {
        self.0.sort_unstable();
        parts.map(|part| {
            let latency = self.0.get(rank(part, self.0.len())).copied().unwrap_or_default();
            latency.as_secs_f64() * 1_000.0
        })
    }
}

impl Extend<Latencies> for Latencies {
    fn extend<T: IntoIterator<Item = Latencies>>(&mut self, others: T) {
        for other in others {
            self.0.extend(other.0);
        }
    }
}

/// Index of the smallest value that at least `part` of `count` sorted values do not exceed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a run has far fewer requests than f64 has digits"
)]
fn rank(part: f64, count: usize) -> usize {
    let position = (part * count as f64).ceil() as usize;
    position.clamp(1, count.max(1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(ms: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies(ms.into_iter().map(Duration::from_millis).collect())
    }

    fn assert_close<const N: usize>(found: [f64; N], expected: [f64; N]) {
        let close = found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-9);
        assert!(close, "{found:?} is not {expected:?}");
    }

    #[test]
    fn the_median_is_told_with_its_spread() {
        let spread = Spread::of([3.0, 1.0, 2.0]);

        assert_eq!(spread, Spread { lowest: 1.0, median: 2.0, highest: 3.0 });
    }

    #[test]
    fn nothing_measured_is_zero() {
        assert_eq!(Spread::of([]), Spread { lowest: 0.0, median: 0.0, highest: 0.0 });
        assert_close(latencies([]).quantiles_ms([0.5, 1.0]), [0.0, 0.0]);
    }

    #[test]
    fn a_quantile_is_a_time_that_was_seen_and_its_part_did_not_exceed() {
        let found = latencies((1..=1_000).rev()).quantiles_ms([0.0, 0.5, 0.99, 0.999, 1.0]);

        assert_close(found, [1.0, 500.0, 990.0, 999.0, 1_000.0]);
    }

    #[test]
    fn of_few_requests_the_slowest_is_the_tail() {
        assert_close(latencies([7, 5]).quantiles_ms([0.5, 0.51, 0.999]), [5.0, 7.0, 7.0]);
    }

    #[test]
    fn the_times_of_all_connections_count() {
        let mut all = latencies([1, 2]);

        all.extend([latencies([3]), latencies([]), latencies([4])]);

        assert_eq!(all.count(), 4);
    }
}
