//! The stores of a stand, whichever they are.

use std::path::Path;

use tokio::task::block_in_place;

use crate::{
    clock::{Environment, LedgerClock},
    disk::Disk,
    error::ChaosError,
    ledger::{Records, postgres, sqlite},
    powers::Powers,
    stack::Stack,
    stand::{embedded::Embedded, servers::Servers},
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
        powers: &Powers,
        clock: &LedgerClock,
    ) -> Result<Self, ChaosError> {
        Ok(match stack {
            Stack::Servers => Self::Servers(Box::new(Servers::start(dir, powers, clock).await?)),
            Stack::Embedded => Self::Embedded(Embedded::make(dir, powers, clock)?),
        })
    }

    /// What tells a process of the service where they are.
    pub(crate) fn environment(&self, service: usize) -> Environment {
        match self {
            Self::Servers(servers) => servers.environment(service),
            Self::Embedded(embedded) => embedded.environment(),
        }
    }

    /// What tells an audit, which goes past every fault of the network.
    pub(crate) fn environment_of_audit(&self) -> Environment {
        match self {
            Self::Servers(servers) => servers.environment_of_audit(),
            Self::Embedded(embedded) => embedded.environment(),
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

    /// The servers, where there are some: faults of what a stack does not have are not in its deck.
    pub(crate) fn servers(&self) -> Result<&Servers, ChaosError> {
        match self {
            Self::Servers(servers) => Ok(servers),
            Self::Embedded(_) => Err(ChaosError::Failed {
                what: "letting a fault strike",
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
