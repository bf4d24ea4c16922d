//! The processes of the service, each behind a proxy that its clients go through.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dev_servers::{Program, Service};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use crate::{
    deployment::{Builds, stores::Stores},
    error::{ChaosError, during},
    proxy::Proxy,
    timetable::{HOLD_MS, LASTS_MS, STOCK},
};

/// How long a process may take to come up, however often it has to be started, and to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before one that did not come up is started again.
const START_AGAIN: Duration = Duration::from_millis(100);

/// The processes of the service.
pub(crate) struct Processes {
    replicas: Vec<Replica>,
    /// From the clients to each of them.
    pub(crate) proxies: Vec<Proxy>,
    build: Mutex<PathBuf>,
    next_build: Option<PathBuf>,
    /// How often one ended, or did not come up, though nobody had told it to.
    ends: AtomicUsize,
}

/// What stays the same when one process takes another's place.
struct Replica {
    /// Locked while it changes: nobody meets an empty place.
    service: tokio::sync::Mutex<Service>,
    log: PathBuf,
}

impl Processes {
    /// Starts as many processes on these stores. They leave their logs in `dir`.
    pub(crate) async fn start(
        builds: &Builds,
        stores: &Stores,
        count: usize,
        dir: &Path,
    ) -> Result<Self, ChaosError> {
        let (mut replicas, mut proxies) = (Vec::new(), Vec::new());
        for number in 0..count {
            let log = dir.join(format!("service-{number}.log"));
            let program = stores.program(&builds.service, number).log_to(&log);
            let service = block_in_place(|| with_terms(program).start(&["serve"]))?;
            proxies.push(Proxy::to(service.port()).await.map_err(during("open a proxy"))?);
            replicas.push(Replica { service: tokio::sync::Mutex::new(service), log });
        }
        Ok(Self {
            replicas,
            proxies,
            build: Mutex::new(builds.service.clone()),
            next_build: builds.next.clone(),
            ends: AtomicUsize::new(0),
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.replicas.len()
    }

    /// The program that is started.
    pub(crate) fn build(&self) -> PathBuf {
        lock(&self.build).clone()
    }

    /// From now on, whatever process is started is one of the next build.
    pub(crate) fn take_next_build(&self) {
        if let Some(next) = &self.next_build {
            lock(&self.build).clone_from(next);
        }
    }

    /// The number of a process, as the machine has it.
    pub(crate) async fn pid(&self, number: usize) -> Option<u32> {
        self.replicas[number].service.lock().await.pid()
    }

    /// Makes a process stand still.
    pub(crate) async fn pause(&self, number: usize) -> Result<(), ChaosError> {
        let service = self.replicas[number].service.lock().await;
        Ok(block_in_place(|| service.pause())?)
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self, number: usize) -> Result<(), ChaosError> {
        let service = self.replicas[number].service.lock().await;
        Ok(block_in_place(|| service.resume())?)
    }

    /// Kills a process and starts another in its place.
    pub(crate) async fn kill(&self, number: usize) -> Result<(), ChaosError> {
        let service = self.replicas[number].service.lock().await;
        block_in_place(|| service.kill())?;
        self.come_up(number, &service).await
    }

    /// Stops a process as an operator would, and starts another in its place.
    pub(crate) async fn restart(&self, number: usize) -> Result<(), ChaosError> {
        let service = self.replicas[number].service.lock().await;
        // What it still has to do goes through our proxies.
        block_in_place(|| service.terminate())?;
        self.come_up(number, &service).await
    }

    /// Starts a process where there is none any more.
    pub(crate) async fn revive(&self, number: usize) -> Result<(), ChaosError> {
        let service = self.replicas[number].service.lock().await;
        if service.is_alive() {
            return Ok(());
        }
        self.note_end(number, "it ended by itself");
        self.come_up(number, &service).await
    }

    /// Waits until all of them are ready.
    pub(crate) async fn until_ready(&self) -> Result<(), ChaosError> {
        for replica in &self.replicas {
            let service = replica.service.lock().await;
            // What it asks its stores goes through our proxies.
            block_in_place(|| service.await_ready(PATIENCE))?;
        }
        Ok(())
    }

    /// How often, since this was last asked, one ended or did not come up by itself.
    pub(crate) fn take_ends(&self) -> usize {
        self.ends.swap(0, Ordering::SeqCst)
    }

    /// Starts a process: again and again, as whatever supervises it would, because one may not
    /// come up while its disk is full.
    async fn come_up(&self, number: usize, service: &Service) -> Result<(), ChaosError> {
        let given_up_at = Instant::now() + PATIENCE;
        service.set_program(&self.build());
        loop {
            match block_in_place(|| service.start_again()) {
                Ok(()) => {
                    // Connections to the one before are cut, whatever they still hold up.
                    self.proxies[number].forward_to(service.port());
                    return Ok(());
                }
                Err(error) if Instant::now() > given_up_at => return Err(error.into()),
                Err(error) => self.note_end(number, &error.to_string()),
            }
            sleep(START_AGAIN).await;
        }
    }

    fn note_end(&self, number: usize, why: &str) {
        self.ends.fetch_add(1, Ordering::SeqCst);
        let log = File::options().append(true).open(&self.replicas[number].log);
        // It is counted all the same.
        let _ = log.and_then(|mut log| writeln!(log, "to be started again: {why}"));
    }
}

/// Sets the service to the small sales of a trial.
fn with_terms(program: Program) -> Program {
    program
        .env("SALE_PERIOD", format!("{LASTS_MS}ms"))
        .env("SALE_STOCK", STOCK.to_string())
        .env("HOLD_TTL", format!("{HOLD_MS}ms"))
        .env("RUST_LOG", "info")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
