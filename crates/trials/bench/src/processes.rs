//! CPU time and memory of the programs under load, as the kernel counts them.

use std::{collections::HashMap, fs, process};

use dev_servers::Service;

use crate::error::{BenchError, during};

/// The kernel counts in hundredths of a second, whatever its own tick.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time by program.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) service: f64,
    pub(crate) redis: f64,
    pub(crate) postgres: f64,
}

impl Cpu {
    /// Seconds used so far by the programs this process has started.
    pub(crate) fn now() -> Self {
        let processes = all_processes();
        let mut cpu = Self::default();
        for (&pid, found) in &processes {
            if !descends_from_here(pid, &processes) {
                continue;
            }
            match found.name.as_str() {
                "flashsale" | "floor" => cpu.service += found.seconds,
                "redis-server" => cpu.redis += found.seconds,
                "postgres" => cpu.postgres += found.seconds,
                _ => {}
            }
        }
        cpu
    }

    /// Seconds used since an earlier reading. What a program used that has ended meanwhile is not
    /// seen.
    pub(crate) fn since(self, before: Self) -> Self {
        let used = |now: f64, before: f64| (now - before).max(0.0);
        Self {
            service: used(self.service, before.service),
            redis: used(self.redis, before.redis),
            postgres: used(self.postgres, before.postgres),
        }
    }

    /// Microseconds a request between two readings.
    pub(crate) fn per_request(before: Self, after: Self, requests: f64) -> Self {
        let share = |seconds: f64| seconds * 1_000_000.0 / requests;
        let Self { service, redis, postgres } = after.since(before);
        Self { service: share(service), redis: share(redis), postgres: share(postgres) }
    }

    /// Of all programs but the load generator.
    pub(crate) fn total(self) -> f64 {
        self.service + self.redis + self.postgres
    }
}

/// Seconds that this process has used so far; none where the kernel does not say.
pub(crate) fn own_cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    read_own(&stat).unwrap_or_default()
}

/// The thread of a service that has this name, as the kernel has it.
pub(crate) fn thread_of(service: &Service, name: &str) -> Result<u32, BenchError> {
    let threads = fs::read_dir(in_proc(service, "task")?).map_err(during("list threads"))?;
    let is_it = |id: &u32| {
        let comm = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        comm.trim() == name
    };
    threads
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(is_it)
        .ok_or_else(|| BenchError::Wrong(format!("the service has no thread {name}")))
}

/// Forgets the peak so far: from here on it is that of the load to come.
pub(crate) fn reset_peak_memory(service: &Service) -> Result<(), BenchError> {
    const RESET_PEAK: &str = "5";
    fs::write(in_proc(service, "clear_refs")?, RESET_PEAK).map_err(during("reset a memory peak"))
}

/// Most resident memory since the last reset, in MiB.
pub(crate) fn peak_memory_mib(service: &Service) -> Result<f64, BenchError> {
    memory_mib(service, "VmHWM:")
}

/// Most resident memory of a process, in MiB, as long as there is one.
pub(crate) fn peak_memory_mib_of(pid: u32) -> Option<f64> {
    read_mib(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

/// Resident memory, in MiB.
pub(crate) fn resident_memory_mib(service: &Service) -> Result<f64, BenchError> {
    memory_mib(service, "VmRSS:")
}

fn memory_mib(service: &Service, label: &str) -> Result<f64, BenchError> {
    let status = fs::read_to_string(in_proc(service, "status")?)
        .map_err(during("read the memory of a program"))?;
    read_mib(&status, label)
        .ok_or_else(|| BenchError::Unreadable { from: "/proc", said: status.clone() })
}

/// What the kernel has of a service in a file of this name.
fn in_proc(service: &Service, name: &str) -> Result<String, BenchError> {
    let pid = service.pid().ok_or_else(|| BenchError::Wrong("the service has ended".to_owned()))?;
    Ok(format!("/proc/{pid}/{name}"))
}

/// Reads a line of `/proc/PID/status` such as `VmRSS:     5124 kB`.
fn read_mib(status: &str, label: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(label))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024.0)
}

struct Found {
    name: String,
    parent: u32,
    seconds: f64,
}

fn all_processes() -> HashMap<u32, Found> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // A process that has ended meanwhile has no share.
            Some((pid, read(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
        })
        .collect()
}

/// Reads `/proc/PID/stat`, whose second field is a name in parentheses.
fn read(stat: &str) -> Option<Found> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<_> = tail.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    // Its own time and that of children it has waited for, in user and in kernel mode.
    let ticks: f64 = fields.get(11..15)?.iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Some(Found { name, parent, seconds: ticks / TICKS_PER_SECOND })
}

/// The same file, without the time of children.
fn read_own(stat: &str) -> Option<f64> {
    let (_, tail) = stat.rsplit_once(')')?;
    let fields: Vec<_> = tail.split_whitespace().collect();
    let ticks: f64 = fields.get(11..13)?.iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Some(ticks / TICKS_PER_SECOND)
}

fn descends_from_here(pid: u32, processes: &HashMap<u32, Found>) -> bool {
    let mut at = pid;
    while let Some(found) = processes.get(&at) {
        if found.parent == process::id() {
            return true;
        }
        at = found.parent;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a (b) c) S 3 7 7 0 -1 4194560 1 0 0 0 100 50 20 30 20 0 1 0 5 0 0";

        let found = read(stat).unwrap();

        assert_eq!((found.name.as_str(), found.parent), ("a (b) c", 3));
        assert!((found.seconds - 2.0).abs() < 1e-9, "{}", found.seconds);
        let own = read_own(stat).unwrap();
        assert!((own - 1.5).abs() < 1e-9, "{own}");
    }

    #[test]
    fn memory_is_read_in_mebibytes() {
        let status = "Name:\tflashsale\nVmHWM:\t   65536 kB\nVmRSS:\t    1024 kB\n";

        assert_eq!(read_mib(status, "VmHWM:"), Some(64.0));
        assert_eq!(read_mib(status, "VmRSS:"), Some(1.0));
        assert_eq!(read_mib(status, "VmSwap:"), None);
    }
}
