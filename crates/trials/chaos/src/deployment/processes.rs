//! The processes of the service, each behind a proxy that its clients go through.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use dev_servers::{Program, Proxy, Service};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use crate::{
    capabilities::Capabilities,
    deployment::{Builds, log_disk::LogDisk, stores::Stores},
    error::{ChaosError, during},
    timetable::{HOLD_MS, LASTS_MS, STOCK},
};

/// How long a process may take to come up, however often it has to be started, and to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before one that did not come up is started again.
const START_AGAIN: Duration = Duration::from_millis(100);

/// The processes of the service.
pub(crate) struct Processes {
    // Before the disk of their logs, so that they have said all when that goes.
    replicas: Vec<Replica>,
    /// From the clients to each of them.
    pub(crate) proxies: Vec<Proxy>,
    build: Mutex<PathBuf>,
    next_build: Option<PathBuf>,
    /// How often one ended, or did not come up, though nobody had told it to.
    ends: AtomicUsize,
    /// The longest that one took to stop when it was told to, in milliseconds.
    longest_stop_ms: AtomicU64,
    log_disk: Option<LogDisk>,
}

/// What stays the same when one process takes another's place.
struct Replica {
    /// Locked while it changes: nobody meets an empty place.
    service: tokio::sync::Mutex<Service>,
    log: PathBuf,
}

impl Processes {
    /// Starts as many processes on these stores. They leave their logs in `dir`, or on a disk of
    /// their own if that can be, from where they come to `dir` in the end.
    pub(crate) async fn start(
        builds: &Builds,
        stores: &Stores,
        count: usize,
        dir: &Path,
        capabilities: &Capabilities,
    ) -> Result<Self, ChaosError> {
        let (mut replicas, mut proxies) = (Vec::new(), Vec::new());
        let log_disk = capabilities.is_root.then(|| LogDisk::mount(dir)).transpose()?;
        let logs = log_disk.as_ref().map_or(dir, LogDisk::path);
        for number in 0..count {
            let log = logs.join(format!("service-{number}.log"));
            let program = stores.program(&builds.service, number).write_log_to(&log);
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
            longest_stop_ms: AtomicU64::new(0),
            log_disk,
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
        let told_at = Instant::now();
        // What it still has to do goes through our proxies.
        block_in_place(|| service.terminate())?;
        let took_ms = u64::try_from(told_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.longest_stop_ms.fetch_max(took_ms, Ordering::SeqCst);
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

    /// The longest that one took, since this was last asked, to stop when it was told to.
    pub(crate) fn take_longest_stop_ms(&self) -> u64 {
        self.longest_stop_ms.swap(0, Ordering::SeqCst)
    }

    /// The most memory that one of them had so far, in MiB.
    pub(crate) async fn peak_memory_mib(&self) -> u64 {
        let mut peak_mib = 0;
        for number in 0..self.len() {
            let Some(pid) = self.pid(number).await else { continue };
            // One that ends just now has no peak any more.
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            peak_mib = peak_mib.max(read_peak_mib(&status).unwrap_or_default());
        }
        peak_mib
    }

    /// Leaves the logs no room for a while.
    pub(crate) async fn fill_log_disk(&self, lasts: Duration) -> Result<(), ChaosError> {
        let Some(disk) = &self.log_disk else { return Ok(()) };
        block_in_place(|| disk.fill())?;
        sleep(lasts).await;
        disk.free()
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

/// Reads the line of `/proc/PID/status` that says `VmHWM:     5124 kB`.
fn read_peak_mib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024)
}

/// Sets the service to the small sales of a trial.
pub(super) fn with_terms(program: Program) -> Program {
    program
        .env("SALE_PERIOD", format!("{LASTS_MS}ms"))
        .env("SALE_STOCK", STOCK.to_string())
        .env("HOLD_TTL", format!("{HOLD_MS}ms"))
        .env("RUST_LOG", "info")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_a_process_is_read_in_mebibytes() {
        let status = "Name:\tflashsale\nVmHWM:\t   65536 kB\nVmRSS:\t    1024 kB\n";

        assert_eq!(read_peak_mib(status), Some(64));
        assert_eq!(read_peak_mib("Name:\tflashsale\n"), None);
    }
}
