//! A directory with a ledger in it, for one test.

use std::{num::NonZeroUsize, sync::Arc, time::SystemTime};

use batcher::Limits;
use domain::UnixMillis;
use sqlite_ledger::{DataDir, Database, LedgerClock, SqliteLedger};

/// A directory that is gone with this value.
pub(crate) struct Shop(tempfile::TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn dir(&self) -> DataDir {
        DataDir::at(self.0.path().join("data"))
    }

    pub(crate) fn ledger(&self) -> SqliteLedger {
        SqliteLedger::serve(self.dir(), &wall_clock(), limits()).unwrap()
    }

    /// The same ledger by a way of its own, as another process would come to it.
    pub(crate) fn database(&self) -> Database {
        Database::open_existing(&self.dir()).unwrap()
    }
}

pub(crate) fn limits() -> Limits {
    let max = |count| NonZeroUsize::new(count).unwrap();
    Limits::patient(max(16_384), max(256))
}

/// The clock of this machine.
#[expect(clippy::disallowed_methods, reason = "a ledger's clock is the machine's")]
pub(crate) fn wall_clock() -> LedgerClock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        UnixMillis(since.as_millis().try_into().unwrap())
    })
}
