//! The stores of a service that has neither Redis nor Postgres: a directory. The live store is in
//! the memory of the process, and gone with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use dev_servers::Place;

use crate::{
    capabilities::Capabilities,
    clock::{Environment, LedgerClock},
    disk::Disk,
    error::{ChaosError, during},
    ledger::sqlite,
};

/// Room for the ledger of a deployment's sales, and for a log of it that cannot be copied for a
/// while.
const DISK_MIB: u32 = 64;

/// A directory for one process.
pub(crate) struct Embedded {
    data_dir: PathBuf,
    pub(crate) disk: Option<Disk>,
    /// The ledger's clock is that of the process which writes it.
    clock: Environment,
}

impl Embedded {
    /// Makes a directory in `dir`, on a disk of its own if that can be.
    pub(crate) fn make(
        dir: &Path,
        capabilities: &Capabilities,
        clock: &LedgerClock,
    ) -> Result<Self, ChaosError> {
        let data_dir = dir.join("data");
        fs::create_dir(&data_dir).map_err(during("make a directory"))?;
        let disk = capabilities.is_root.then(|| Disk::mount(&data_dir, DISK_MIB)).transpose()?;
        Ok(Self { data_dir, disk, clock: clock.environment() })
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Place {
        Place::Embedded { data_dir: self.data_dir.clone() }
    }

    /// The clock of whoever serves from it or looks at it: an operator is on the same machine.
    pub(crate) fn clock(&self) -> Environment {
        self.clock.clone()
    }

    /// Leaves the log of the ledger no room of its own. If somebody is in the way, it has some for
    /// a while.
    pub(crate) fn shorten_log(&self) {
        let _ = sqlite::shorten_log(&self.ledger());
    }

    /// The file of the ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.data_dir.join("ledger.sqlite")
    }
}
