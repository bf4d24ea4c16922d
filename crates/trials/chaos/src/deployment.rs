//! A deployment under trial: its processes, its stores, a proxy between any two programs, and what
//! is done to them.

mod embedded;
mod log_disk;
mod processes;
mod servers;
mod stores;

use std::path::{Path, PathBuf};

use dev_servers::{Proxy, Stack};
use tokio::task::block_in_place;

use crate::{
    capabilities::Capabilities,
    client::Client,
    clock::LedgerClock,
    deployment::{processes::Processes, stores::Stores},
    error::{ChaosError, during},
    fault::Pair,
    stack::services_on,
};

/// The builds of the service that take part.
#[derive(Debug, Clone)]
pub(crate) struct Builds {
    pub(crate) service: PathBuf,
    /// What takes its place in a rolling restart.
    pub(crate) next: Option<PathBuf>,
}

/// What an audit said.
pub(crate) enum Audit {
    Clean,
    /// A promise is broken; the report.
    Breach(String),
    /// A store cannot be asked; why.
    Impossible(String),
}

/// One service under trial. All of it is gone when this value is dropped.
pub(crate) struct Deployment {
    // Before the stores, so that it is gone when they go.
    pub(crate) processes: Processes,
    pub(crate) stores: Stores,
    pub(crate) clock: LedgerClock,
    /// Faults of the ledger take turns.
    pub(crate) ledger_turn: tokio::sync::Mutex<()>,
    /// Audits wait while the schema changes.
    pub(crate) audit_turn: tokio::sync::Mutex<()>,
}

impl Deployment {
    /// Starts everything in `dir`, an empty directory that stays, and waits until it is ready.
    pub(crate) async fn start(
        stack: Stack,
        dir: &Path,
        builds: &Builds,
        capabilities: &Capabilities,
    ) -> Result<Self, ChaosError> {
        let clock = LedgerClock::make(dir, capabilities.fake_time_of(stack))?;
        let stores = Stores::start(stack, dir, capabilities, &clock).await?;
        let processes =
            Processes::start(builds, &stores, services_on(stack), dir, capabilities).await?;
        processes.until_ready().await?;
        let (ledger_turn, audit_turn) = Default::default();
        Ok(Self { processes, stores, clock, ledger_turn, audit_turn })
    }

    /// A client of all its processes.
    pub(crate) fn client(&self) -> Result<Client, ChaosError> {
        Client::at(self.processes.proxies.iter().map(Proxy::port))
    }

    /// Asks `flashsale audit`.
    pub(crate) async fn audit(&self) -> Result<Audit, ChaosError> {
        let _turn = self.audit_turn.lock().await;
        let service = self.stores.program_for_audit(&self.processes.build());
        let mut audit = service.env("RUST_LOG", "warn").command(["audit", "--json"]);
        let output = block_in_place(|| audit.output()).map_err(during("run the audit"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(match output.status.code() {
            Some(0) => Audit::Clean,
            Some(1) => Audit::Breach(text(&output.stdout)),
            _ => Audit::Impossible(text(&output.stderr)),
        })
    }

    /// The network between a process of the service and another program.
    pub(crate) fn proxy(&self, pair: Pair, service: usize) -> Result<&Proxy, ChaosError> {
        let proxies = match pair {
            Pair::ClientsAndService => &self.processes.proxies,
            Pair::ServiceAndRedis => &self.stores.servers()?.redis_proxies,
            Pair::ServiceAndPostgres => &self.stores.servers()?.postgres_proxies,
        };
        Ok(&proxies[service])
    }

    /// The processes that write the ledger.
    pub(crate) async fn ledger_pids(&self) -> Vec<u32> {
        match &self.stores {
            Stores::Servers(servers) => servers.postgres.pids(),
            Stores::Embedded(_) => self.processes.pid(0).await.into_iter().collect(),
        }
    }

    /// Sees to it that somebody writes the ledger after something that may have ended who did.
    pub(crate) async fn revive_ledger(&self) -> Result<(), ChaosError> {
        match &self.stores {
            Stores::Servers(servers) => Ok(block_in_place(|| servers.postgres.revive())?),
            Stores::Embedded(_) => self.processes.revive(0).await,
        }
    }
}
