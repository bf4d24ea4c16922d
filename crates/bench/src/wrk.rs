//! The load: wrk, and what it prints.

use std::{path::Path, process::Command};

use crate::{
    cpu::Cpu,
    stand::{BenchError, during},
};

/// How much load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
}

/// What one run measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Microseconds a request.
    pub(crate) cpu: Cpu,
}

/// Runs wrk with one of the scripts beside this crate.
pub(crate) fn run(
    script: &str,
    url: &str,
    load: Load,
    environment: &[(&str, &str)],
) -> Result<Run, BenchError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("wrk").join(script);
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "1", "--latency"])
        .arg(format!("--connections={}", load.connections))
        .arg(format!("--duration={}s", load.seconds))
        .arg("--script")
        .arg(script)
        .arg(url)
        .envs(environment.iter().copied());
    let before = Cpu::now();
    let output = command.output().map_err(during("start wrk (`make bench` installs it)"))?;
    let after = Cpu::now();
    let printed = String::from_utf8_lossy(&output.stdout);
    read(&printed, before, after).ok_or_else(|| BenchError::Unreadable(printed.into_owned()))
}

fn read(printed: &str, before: Cpu, after: Cpu) -> Option<Run> {
    let value = |label: &str| {
        let line = printed.lines().find(|line| line.trim_start().starts_with(label))?;
        line.trim_start().strip_prefix(label)?.split_whitespace().next()
    };
    let requests: f64 =
        printed.lines().find_map(|line| line.trim().split_once(" requests in "))?.0.parse().ok()?;
    Some(Run {
        per_second: value("Requests/sec:")?.parse().ok()?,
        p50_ms: milliseconds(value("50%")?)?,
        p99_ms: milliseconds(value("99%")?)?,
        cpu: Cpu::per_request(before, after, requests),
    })
}

/// Reads a time as wrk prints it: `812.00us`, `3.61ms`, `1.02s`.
fn milliseconds(text: &str) -> Option<f64> {
    for (unit, ms) in [("us", 0.001), ("ms", 1.0), ("s", 1_000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse::<f64>().ok().map(|number| number * ms);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_prints_is_read() {
        let printed = "Running 6s test @ http://127.0.0.1:8082\n  1 threads and 64 connections\n\
                       \x20 Latency Distribution\n     50%    3.61ms\n     75%    4.10ms\n\
                       \x20    99%  812.00us\n  98080 requests in 6.00s, 24.69MB read\n\
                       Requests/sec:  16346.79\nTransfer/sec:      4.11MB\n";
        let after = Cpu { service: 9.808, ..Cpu::default() };

        let run = read(printed, Cpu::default(), after).unwrap();

        let close = |one: f64, other: f64| (one - other).abs() < 1e-6;
        assert!(close(run.per_second, 16_346.79) && close(run.cpu.service, 100.0), "{run:?}");
        assert!(close(run.p50_ms, 3.61) && close(run.p99_ms, 0.812), "{run:?}");
        assert!(read("wrk: unable to connect", Cpu::default(), after).is_none());
    }
}
