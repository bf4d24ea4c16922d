//! How far a trial has come: its lanes share the sales that are left.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The sales of a trial that nobody has claimed yet.
pub(crate) struct Progress {
    left: AtomicUsize,
}

impl Progress {
    /// A trial of so many sales.
    pub(crate) fn of(sales: usize) -> Self {
        Self { left: AtomicUsize::new(sales) }
    }

    /// Takes a sale to run; false if there is none left.
    pub(crate) fn claim(&self) -> bool {
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    /// Lets what runs come to its end, and nothing else begin.
    pub(crate) fn stop(&self) {
        self.left.store(0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sale_is_claimed_once_and_none_after_a_stop() {
        let progress = Progress::of(2);

        assert_eq!([(); 3].map(|()| progress.claim()), [true, true, false]);
        assert!(progress.is_over());

        let progress = Progress::of(2);
        progress.stop();
        assert!(!progress.claim());
    }
}
