//! The load: wrk, and what it prints.

use std::{path::Path, process::Command};

use crate::{
    error::{BenchError, during},
    figures::{Load, Run},
    processes::Cpu,
};

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
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(line) = printed.lines().find(|line| line.contains("Socket errors:")) {
        return Err(BenchError::Refused { what: "wrk", said: line.trim().to_owned() });
    }
    read(&printed, before, after).ok_or(BenchError::Unreadable { from: "wrk", said: printed })
}

fn read(printed: &str, before: Cpu, after: Cpu) -> Option<Run> {
    let value = |label: &str| {
        let line = printed.lines().find(|line| line.trim_start().starts_with(label))?;
        line.trim_start().strip_prefix(label)?.split_whitespace().next()
    };
    let answers: u32 =
        printed.lines().find_map(|line| line.trim().split_once(" requests in "))?.0.parse().ok()?;
    // A line that is only there when it has something to say.
    let refusals =
        value("Non-2xx or 3xx responses:").map_or(Some(0), |count| count.parse().ok())?;
    Some(Run {
        answers: answers.into(),
        refusals,
        per_second: value("Requests/sec:")?.parse().ok()?,
        p50_ms: milliseconds(value("50%")?)?,
        p99_ms: milliseconds(value("99%")?)?,
        cpu: Cpu::per_request(before, after, answers.into()),
        memory_mib: None,
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

    const PRINTED: &str = "Running 6s test @ http://127.0.0.1:8082\n  1 threads and 64 connections\n\
                           \x20 Latency Distribution\n     50%    3.61ms\n     75%    4.10ms\n\
                           \x20    99%  812.00us\n  98080 requests in 6.00s, 24.69MB read\n";
    const RATE: &str = "Requests/sec:  16346.79\nTransfer/sec:      4.11MB\n";

    #[test]
    fn what_wrk_prints_is_read() {
        let after = Cpu { service: 9.808, ..Cpu::default() };

        let run = read(&format!("{PRINTED}{RATE}"), Cpu::default(), after).unwrap();

        let close = |one: f64, other: f64| (one - other).abs() < 1e-6;
        assert!(close(run.per_second, 16_346.79) && close(run.cpu.service, 100.0), "{run:?}");
        assert!(close(run.p50_ms, 3.61) && close(run.p99_ms, 0.812), "{run:?}");
        assert_eq!((run.answers, run.refusals), (98_080, 0));
        assert!(read("wrk: unable to connect", Cpu::default(), after).is_none());
    }

    #[test]
    fn refusals_are_told_apart() {
        let printed = format!("{PRINTED}  Non-2xx or 3xx responses: 98079\n{RATE}");

        let run = read(&printed, Cpu::default(), Cpu::default()).unwrap();

        assert_eq!((run.answers, run.refusals), (98_080, 98_079));
    }
}
