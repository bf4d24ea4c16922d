//! The clock that the ledger goes by, which can be moved while it runs.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::error::{ChaosError, during};

/// A clock that is not moved.
const ON_TIME: &str = "+0";

/// What is set in the environment of a process.
pub(crate) type Environment = Vec<(&'static str, OsString)>;

/// A clock in a file, which libfaketime reads at every look.
pub(crate) struct LedgerClock {
    path: PathBuf,
    /// libfaketime, if the machine has it: without it, the clock is that of the machine.
    library: Option<PathBuf>,
}

impl LedgerClock {
    /// A clock that is on time, kept in `dir`.
    pub(crate) fn make(dir: &Path, library: Option<PathBuf>) -> Result<Self, ChaosError> {
        let path = dir.join("clock");
        fs::write(&path, ON_TIME).map_err(during("set a clock"))?;
        Ok(Self { path, library })
    }

    /// What makes a process go by this clock. What only measures how long something takes goes by
    /// the machine's, which nobody can set.
    pub(crate) fn environment(&self) -> Environment {
        let Some(library) = &self.library else { return Vec::new() };
        vec![
            ("LD_PRELOAD", library.into()),
            ("FAKETIME_TIMESTAMP_FILE", self.path.clone().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            // Else every look at a file takes a lock that all processes share, and one that is
            // killed with it leaves the others waiting for good (libfaketime 0.9.10; seen after a
            // PANIC of Postgres).
            ("NO_FAKE_STAT", "1".into()),
        ]
    }

    /// Moves it this far from the true time, in milliseconds.
    pub(crate) fn move_by(&self, by_ms: i64) -> Result<(), ChaosError> {
        let (sign, ms) = (if by_ms < 0 { '-' } else { '+' }, by_ms.abs());
        let offset = format!("{sign}{}.{:03}", ms / 1_000, ms % 1_000);
        // All at once: a reader must not see half of it.
        let new = self.path.with_extension("new");
        fs::write(&new, offset)
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(during("move a clock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_moved_to_the_millisecond_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let clock = LedgerClock::make(dir.path(), None).unwrap();
        let read = || fs::read_to_string(dir.path().join("clock")).unwrap();
        assert_eq!(read(), "+0");

        for (by_ms, text) in [(1_400, "+1.400"), (-1_005, "-1.005"), (0, "+0.000")] {
            clock.move_by(by_ms).unwrap();
            assert_eq!(read(), text);
        }
    }
}
