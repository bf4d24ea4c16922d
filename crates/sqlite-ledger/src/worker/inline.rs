//! Work that is done at once, by whoever asks.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{Job, Kind, Session};
use crate::{SqliteError, tables::Tables};

/// A connection that all who ask share.
pub(crate) struct Inline {
    session: Mutex<Session>,
    /// How many want no transaction to come to its end.
    broken_off: AtomicUsize,
}

/// As long as this lives, what is written is undone before it is committed, and nobody is told what
/// became of it.
#[must_use]
pub struct BrokenOff(Arc<Inline>);

/// A job whose transaction does not come to its end.
struct Interrupted(Box<dyn Job>);

impl Inline {
    pub(crate) const fn new(session: Session) -> Self {
        Self { session: Mutex::new(session), broken_off: AtomicUsize::new(0) }
    }

    /// Does a job, as a thread does one that comes alone.
    pub(super) fn finish(&self, kind: Kind, job: Box<dyn Job>) -> Result<(), SqliteError> {
        let is_broken_off = kind == Kind::Writer && self.broken_off.load(Ordering::SeqCst) > 0;
        let job = if is_broken_off { Box::new(Interrupted(job)) } else { job };
        self.with(|session| session.finish(kind, vec![job]))
    }

    /// Uses the connection itself. What panicked in it, as what panics on a thread, leaves nobody
    /// to do what comes after.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Session) -> T) -> Result<T, SqliteError> {
        self.session.lock().map(|mut session| work(&mut session)).map_err(|_| SqliteError::Gone)
    }

    /// Lets nothing that is written come to its end, as long as the returned value lives.
    pub(crate) fn break_off(self: &Arc<Self>) -> BrokenOff {
        self.broken_off.fetch_add(1, Ordering::SeqCst);
        BrokenOff(Arc::clone(self))
    }
}

impl Drop for BrokenOff {
    fn drop(&mut self) {
        self.0.broken_off.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Job for Interrupted {
    fn run(&mut self, tables: &Tables<'_>) -> Result<(), SqliteError> {
        self.0.run(tables)?;
        Err(SqliteError::Gone)
    }

    fn tell(self: Box<Self>, outcome: Result<(), SqliteError>) {
        self.0.tell(outcome);
    }
}
