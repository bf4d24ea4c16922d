//! The processes of the service, each behind a proxy that its clients go through.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dev_servers::tied::{self, Signal};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use crate::{
    clock::Environment,
    error::ChaosError,
    proxy::{Proxy, roads_to},
    service::Service,
    stand::Builds,
    timetable::{HOLD_MS, LASTS_MS, STOCK},
};

/// How long a process may take to come up, however often it has to be started.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before one that did not come up is started again.
const START_AGAIN: Duration = Duration::from_millis(100);

/// The processes of the service.
pub(crate) struct Processes {
    places: Vec<Place>,
    /// From the clients to each of them.
    pub(crate) roads: Vec<Proxy>,
    build: Mutex<PathBuf>,
    next_build: Option<PathBuf>,
    /// How often one ended, or did not come up, though nobody had told it to.
    ends: AtomicUsize,
}

/// What stays the same when one process takes another's place.
struct Place {
    /// Locked while it changes: nobody meets an empty place.
    service: tokio::sync::Mutex<Option<Service>>,
    environment: Environment,
    log: PathBuf,
}

impl Processes {
    /// Starts a process in each of these environments. They leave their logs in `dir`.
    pub(crate) async fn start(
        builds: &Builds,
        environments: Vec<Environment>,
        dir: &Path,
    ) -> Result<Self, ChaosError> {
        // Where a process listens is known when it does.
        let roads = roads_to(0, environments.len()).await?;
        let places = environments.into_iter().enumerate().map(|(number, environment)| Place {
            service: tokio::sync::Mutex::default(),
            environment,
            log: dir.join(format!("service-{number}.log")),
        });
        let processes = Self {
            places: places.collect(),
            roads,
            build: Mutex::new(builds.service.clone()),
            next_build: builds.next.clone(),
            ends: AtomicUsize::new(0),
        };
        for number in 0..processes.places.len() {
            processes.revive(number).await?;
        }
        Ok(processes)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
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
        self.places[number].service.lock().await.as_ref().map(Service::pid)
    }

    /// Sends a process a signal.
    pub(crate) async fn signal(&self, number: usize, signal: Signal) -> Result<(), ChaosError> {
        let service = self.places[number].service.lock().await;
        block_in_place(|| service.as_ref().map_or(Ok(()), |service| service.signal(signal)))
    }

    /// Kills a process and starts another in its place.
    pub(crate) async fn kill(&self, number: usize) -> Result<(), ChaosError> {
        let mut service = self.places[number].service.lock().await;
        block_in_place(|| drop(service.take()));
        self.come_up(number, &mut service).await
    }

    /// Stops a process as an operator would, and starts another in its place.
    pub(crate) async fn restart(&self, number: usize) -> Result<(), ChaosError> {
        let mut service = self.places[number].service.lock().await;
        // What it still has to do goes through our proxies.
        block_in_place(|| service.take().map_or(Ok(()), Service::end))?;
        self.come_up(number, &mut service).await
    }

    /// Starts a process where there is none, or none any more.
    pub(crate) async fn revive(&self, number: usize) -> Result<(), ChaosError> {
        let mut service = self.places[number].service.lock().await;
        match service.as_mut().map(Service::is_alive) {
            Some(true) => return Ok(()),
            Some(false) => self.note_end(number, "it ended by itself"),
            None => {}
        }
        self.come_up(number, &mut service).await
    }

    /// How often, since this was last asked, one ended or did not come up by itself.
    pub(crate) fn take_ends(&self) -> usize {
        self.ends.swap(0, Ordering::SeqCst)
    }

    /// Starts a process: again and again, as whatever supervises it would, because one may not
    /// come up while its disk is full.
    async fn come_up(
        &self,
        number: usize,
        service: &mut Option<Service>,
    ) -> Result<(), ChaosError> {
        let given_up_at = Instant::now() + PATIENCE;
        loop {
            match block_in_place(|| Service::start(self.serve(number), &self.places[number].log)) {
                Ok(started) => {
                    self.roads[number].lead_to(started.port());
                    *service = Some(started);
                    return Ok(());
                }
                Err(error) if Instant::now() > given_up_at => return Err(error),
                Err(error) => self.note_end(number, &error.to_string()),
            }
            sleep(START_AGAIN).await;
        }
    }

    fn serve(&self, number: usize) -> Command {
        let mut command = tied::command(self.build(), Signal::Kill);
        command
            .arg("serve")
            .envs(self.places[number].environment.iter().map(|(name, value)| (name, value)))
            .env("HTTP_ADDR", "127.0.0.1:0")
            .env("SALE_PERIOD", format!("{LASTS_MS}ms"))
            .env("SALE_STOCK", STOCK.to_string())
            .env("HOLD_TTL", format!("{HOLD_MS}ms"))
            .env("RUST_LOG", "info");
        command
    }

    fn note_end(&self, number: usize, why: &str) {
        self.ends.fetch_add(1, Ordering::SeqCst);
        let log = File::options().append(true).open(&self.places[number].log);
        // It is counted all the same.
        let _ = log.and_then(|mut log| writeln!(log, "to be started again: {why}"));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
