//! CPU time of the programs under load, as the kernel counts it.

use std::{collections::HashMap, fs, process};

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

    /// Microseconds a request between two readings.
    pub(crate) fn per_request(before: Self, after: Self, requests: f64) -> Self {
        let share = |before: f64, after: f64| (after - before) * 1_000_000.0 / requests;
        Self {
            service: share(before.service, after.service),
            redis: share(before.redis, after.redis),
            postgres: share(before.postgres, after.postgres),
        }
    }
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
