//! How fast a peer must take what is written to it.

use std::time::Duration;

use tokio::time::Instant;

/// How long a peer may take to make room for more of its answers, whatever it took before.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes a second it must take meanwhile, on the whole.
const BYTES_PER_S_MIN: u64 = 8_192;

/// The waits for a peer to read. One that comes soon after another is the rest of it: else a few
/// bytes at a time would be as good as all.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the wait began that goes on.
    since: Option<Instant>,
    /// How long it was waited before that.
    waited: Duration,
    /// How much was taken meanwhile.
    taken: u64,
    /// When the last wait ended.
    ended: Option<Instant>,
}

impl Pace {
    /// Whether the peer is waited for.
    pub(super) const fn is_waiting(&self) -> bool {
        self.since.is_some()
    }

    /// Waits for the peer, from the first call on; returns until when.
    pub(super) fn wait(&mut self, now: Instant) -> Instant {
        if self.since.is_none() && self.ended.is_none_or(|ended| now - ended > PATIENCE) {
            self.waited = Duration::ZERO;
            self.taken = 0;
        }
        let for_taken = Duration::from_millis(self.taken.saturating_mul(1_000) / BYTES_PER_S_MIN);
        let allowed = (PATIENCE + for_taken).saturating_sub(self.waited);
        *self.since.get_or_insert(now) + allowed
    }

    /// Notes that the peer took so many bytes.
    pub(super) fn took(&mut self, bytes: usize) {
        if self.is_waiting() {
            self.taken = self.taken.saturating_add(bytes as u64);
        }
    }

    /// Notes that the peer took all there was, after it was waited for.
    pub(super) fn took_all(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now - since;
            self.ended = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// In which second it is waited no longer for a peer that takes so many bytes in each, and all
    /// there is or not; `None` if for ever.
    fn cut_in(bytes: usize, takes_all: bool) -> Option<u32> {
        let (mut pace, start) = (Pace::default(), Instant::now());
        (0..600).find(|&second| {
            let now = start + second * SECOND;
            let is_cut = pace.wait(now) < now + SECOND;
            pace.took(bytes);
            if takes_all {
                pace.took_all(now + SECOND);
                assert!(!pace.is_waiting());
            }
            is_cut
        })
    }

    #[test]
    fn a_few_bytes_at_a_time_are_not_enough() {
        for takes_all in [false, true] {
            let cut = [0, 100, 4_096, 8_192].map(|bytes| cut_in(bytes, takes_all));
            assert_eq!(cut, [Some(5), Some(5), Some(9), None], "{takes_all}");
        }
    }

    #[test]
    fn a_wait_long_after_another_has_its_own_time() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(pace.wait(now), now + PATIENCE);
            now += 4 * SECOND;
            pace.took_all(now);
            now += PATIENCE + SECOND;
        }
    }
}
