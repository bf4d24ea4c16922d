//! A service whose ledger can do so much a second and no more: behind a narrow network, or on a slow
//! disk.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    thread,
};

use dev_servers::{
    Condition, Proxy, Stack,
    tied::{self, Signal},
};
use tokio::runtime::{self, Runtime};

use crate::{
    Bench,
    deployment::Deployment,
    error::{BenchError, during},
    processes,
    scenarios::grant,
    stores::Stores,
};

/// Bytes a second to Postgres: some 2,000 checkouts.
const BYTES_PER_SECOND: u32 = 250_000;

/// How long each flush of the ledger in a directory takes, in microseconds: with the 128 checkouts
/// of a batch, some 2,000 a second.
const FLUSH_US: u32 = 60_000;

/// The thread that alone flushes.
const WRITER: &str = "ledger-writer";

/// A service on slow stores. What slows them goes after it.
pub(crate) struct Slowed {
    pub(crate) deployment: Deployment,
    _brake: Brake,
}

/// What keeps the stores from being faster; it is kept as long as they are to be slow.
enum Brake {
    /// Before the runtime that it is on.
    Network {
        _proxy: Proxy,
        _runtime: Runtime,
    },
    Disk {
        _strace: Strace,
    },
}

/// strace on one thread, whose flushes it delays.
struct Strace(Child);

impl Slowed {
    /// Starts it with stock enough for all.
    pub(crate) fn start(bench: &Bench, stack: Stack) -> Result<Self, BenchError> {
        let mut stores = Stores::make(&bench.databases, stack)?;
        match stack {
            Stack::Servers => {
                let (proxy, runtime) = narrow_network(bench.databases.port())?;
                stores.reach_database_at(proxy.port());
                let deployment = Deployment::start_on(stores, grant::STOCK)?;
                proxy.set_condition(Condition::Narrow(BYTES_PER_SECOND));
                Ok(Self { deployment, _brake: Brake::Network { _proxy: proxy, _runtime: runtime } })
            }
            Stack::Embedded => {
                let deployment = Deployment::start_on(stores, grant::STOCK)?;
                let thread = processes::thread_of(deployment.app(), WRITER)?;
                let strace = Strace::delay_flushes(thread)?;
                Ok(Self { deployment, _brake: Brake::Disk { _strace: strace } })
            }
        }
    }
}

/// A way to a port that is good as yet, and the thread that it is carried on.
fn narrow_network(port: u16) -> Result<(Proxy, Runtime), BenchError> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(during("start a runtime for a proxy"))?;
    let proxy = runtime.block_on(Proxy::to(port)).map_err(during("open a proxy"))?;
    Ok((proxy, runtime))
}

impl Strace {
    /// Nobody else is slowed: only this thread is traced.
    fn delay_flushes(thread: u32) -> Result<Self, BenchError> {
        let mut command = tied::command("strace", Signal::Terminate);
        command.args(["-e", "trace=fsync,fdatasync", "-e", "signal=none"]);
        command.args(["-e", &format!("inject=fsync,fdatasync:delay_enter={FLUSH_US}")]);
        command.args(["-p", &thread.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut strace = tied::spawn(command)
            .map_err(during("start strace (`make deps faults` installs it)"))?;
        let told = strace.stderr.take().ok_or_else(|| nothing_slowed(String::new()))?;
        let mut lines = BufReader::new(told).lines();
        // Its first words say that it holds the thread, or why not.
        let first = lines.next().transpose().map_err(during("hear strace"))?.unwrap_or_default();
        if !first.ends_with(" attached") {
            return Err(nothing_slowed(first));
        }
        // It tells of every call; a full pipe would stop it.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self(strace))
    }
}

fn nothing_slowed(said: String) -> BenchError {
    BenchError::Refused { what: "slowing the disk (it needs root and strace)", said }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Killed outright it would leave the thread to the kernel, which lets go too.
        if Signal::Terminate.send(self.0.id()).is_err() {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
