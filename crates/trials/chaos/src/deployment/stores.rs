//! The stores of a deployment, whichever they are.

use std::path::Path;

use dev_servers::{Program, Stack};
use tokio::task::block_in_place;

use crate::{
    capabilities::Capabilities,
    clock::LedgerClock,
    deployment::{embedded::Embedded, servers::Servers},
    disk::Disk,
    error::ChaosError,
    ledger::{Records, postgres, sqlite},
};

/// Where the service keeps what it knows.
pub(crate) enum Stores {
    Servers(Box<Servers>),
    Embedded(Embedded),
}

impl Stores {
    pub(crate) async fn start(
        stack: Stack,
        dir: &Path,
        capabilities: &Capabilities,
        clock: &LedgerClock,
    ) -> Result<Self, ChaosError> {
        Ok(match stack {
            Stack::Servers => {
                Self::Servers(Box::new(Servers::start(dir, capabilities, clock).await?))
            }
            Stack::Embedded => Self::Embedded(Embedded::make(dir, capabilities, clock)?),
        })
    }

    /// A build of the service, set to these stores as one of its processes finds them.
    pub(crate) fn program(&self, build: &Path, service: usize) -> Program {
        let program = Program::at(build);
        match self {
            Self::Servers(servers) => program.on(&servers.place(service)),
            Self::Embedded(embedded) => program.on(&embedded.place()).envs(embedded.clock()),
        }
    }

    /// The same, set to them as an audit finds them, which goes past every fault of the network.
    pub(crate) fn program_for_audit(&self, build: &Path) -> Program {
        match self {
            Self::Servers(servers) => Program::at(build).on(&servers.place_for_audit()),
            Self::Embedded(_) => self.program(build, 0),
        }
    }

    /// The number of the sale that opens at this moment, as soon as there is one.
    pub(crate) async fn sale_at(&self, opens_ms: i64) -> Result<Option<i64>, ChaosError> {
        match self {
            Self::Servers(servers) => postgres::sale_at(&servers.database_url(), opens_ms).await,
            Self::Embedded(embedded) => {
                block_in_place(|| sqlite::sale_at(&embedded.ledger(), opens_ms))
            }
        }
    }

    /// Everything that the ledger has of a sale, at one moment.
    pub(crate) async fn records_of(&self, sale: i64) -> Result<Records, ChaosError> {
        match self {
            Self::Servers(servers) => postgres::records_of(&servers.database_url(), sale).await,
            Self::Embedded(embedded) => {
                block_in_place(|| sqlite::records_of(&embedded.ledger(), sale))
            }
        }
    }

    /// The servers, where there are some: faults of what a stack does not have are not planned.
    pub(crate) fn servers(&self) -> Result<&Servers, ChaosError> {
        match self {
            Self::Servers(servers) => Ok(servers),
            Self::Embedded(_) => Err(ChaosError::Failed {
                what: "injecting a fault",
                said: "this stack has no servers".to_owned(),
            }),
        }
    }

    /// Leaves the ledger no room, until the disk is freed that this returns: none, if the machine
    /// does not let us have a small one.
    pub(crate) fn fill_disk(&self) -> Result<Option<&Disk>, ChaosError> {
        let disk = match self {
            Self::Servers(servers) => &servers.disk,
            Self::Embedded(embedded) => {
                embedded.shorten_log();
                &embedded.disk
            }
        };
        disk.as_ref().map(|disk| disk.fill().map(|()| disk)).transpose()
    }
}
