//! overload: ten times as many checkouts as the stores can do, for some seconds, and the time after.
//!
//! The load shares the two cores with the service, so what it is told at ten times the capacity is
//! told late; that is against the service, not for it.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use dev_servers::Stack;
use tokio::time::Instant;

use crate::{
    Bench,
    error::BenchError,
    figures::{Latencies, Load},
    open_loop::{self, Phases, Schedule, Sent},
    processes,
    slow_stores::Slowed,
};

/// Connections of the crowd; whoever finds none goes away.
const CONNECTIONS: u32 = 2_000;

/// How long one waits for a connection, in milliseconds.
const PATIENCE_MS: u64 = 20;

/// Connections of the load that shows what the stores can do.
const CAPACITY_CONNECTIONS: u32 = 256;

/// How many times the capacity the crowd asks for.
const TIMES: f64 = 10.0;

/// Seconds of half load, of the crowd, and of half load again.
const SECONDS: [u32; 3] = [4, 4, 5];

/// Pieces of the time after the crowd whose tails are looked at.
const WINDOW: Duration = Duration::from_millis(250);

/// How many times their tail at half load is as good as that.
pub(crate) const TAIL_TIMES_MAX: f64 = 2.0;

/// How long a request may expect to wait for the stores: what `QUEUE_WAIT_MAX` is if nobody sets it.
const WAIT_MS_MAX: f64 = 100.0;

const MEMORY_PAUSE: Duration = Duration::from_millis(50);

/// What was measured.
pub(crate) struct Overload {
    pub(crate) figures: Figures,
    /// The most memory in the second half of the crowd's time in parts of that in the first.
    pub(crate) memory_growth: f64,
    /// All of it, for people.
    pub(crate) list: String,
}

/// What the service is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    half_p99_ms: f64,
    accepted: usize,
    accepted_p50_ms: f64,
    pub(crate) accepted_p99_ms: f64,
    refused: usize,
    /// If anybody was refused.
    pub(crate) refused_p99_ms: Option<f64>,
    /// Different advice when to ask again; none if some had no advice.
    pub(crate) advices: usize,
    /// Seconds from the crowd's end to the first piece of time whose tail is as before.
    pub(crate) recovers_s: Option<f64>,
}

/// Resident memory of the service over time, in MiB.
type Memory = Vec<(Duration, f64)>;

impl Figures {
    /// Of a load whose crowd came and went at these moments.
    fn of(sent: &[Sent], came: Duration, went: Duration) -> Self {
        let (before, rest): (Vec<Sent>, Vec<Sent>) = sent.iter().partition(|sent| sent.due < came);
        let (during, after): (Vec<Sent>, Vec<Sent>) = rest.iter().partition(|sent| sent.due < went);
        let (accepted, refused): (Vec<Sent>, Vec<Sent>) =
            during.iter().partition(|sent| was_granted(sent));
        let half_p99_ms = p99_ms(&before);
        let advice: HashSet<_> = refused.iter().map(|sent| sent.retry_after_s).collect();
        Self {
            half_p99_ms,
            accepted: accepted.len(),
            accepted_p50_ms: quantile_ms(&accepted, 0.5),
            accepted_p99_ms: p99_ms(&accepted),
            refused: refused.len(),
            refused_p99_ms: (!refused.is_empty()).then(|| p99_ms(&refused)),
            advices: if advice.contains(&None) { 0 } else { advice.len() },
            recovers_s: recovers_s(&after, went, half_p99_ms * TAIL_TIMES_MAX),
        }
    }

    /// The tail of the accepted in parts of that at half load, or of what the service lets a request
    /// expect to wait if that is more: a store that takes calls of a tenth of a second when it is
    /// busy, and of some milliseconds when it is not, cannot be told to answer all in those.
    pub(crate) fn tail_times(self) -> f64 {
        self.accepted_p99_ms / self.half_p99_ms.max(WAIT_MS_MAX)
    }
}

fn was_granted(sent: &Sent) -> bool {
    sent.status == 200
}

fn p99_ms(sent: &[Sent]) -> f64 {
    quantile_ms(sent, 0.99)
}

fn quantile_ms(sent: &[Sent], quantile: f64) -> f64 {
    let mut latencies = Latencies::default();
    for sent in sent {
        latencies.note(sent.took);
    }
    let [quantile_ms] = latencies.quantiles_ms([quantile]);
    quantile_ms
}

/// When the first piece of time begins, after the crowd, in which nobody is refused and the tail is
/// at most this.
fn recovers_s(after: &[Sent], went: Duration, p99_ms_max: f64) -> Option<f64> {
    let last = after.iter().map(|sent| sent.due).max()?;
    let starts = (0..).map(|number| WINDOW * number).take_while(|&start| went + start <= last);
    let is_good = |start: &Duration| {
        let from = went + *start;
        let of_it = after.iter().filter(|sent| sent.due >= from && sent.due < from + WINDOW);
        let of_it: Vec<Sent> = of_it.copied().collect();
        !of_it.is_empty() && of_it.iter().all(was_granted) && p99_ms(&of_it) <= p99_ms_max
    };
    starts.into_iter().find(is_good).map(|start| start.as_secs_f64())
}

/// The most memory between two moments.
fn peak_mib(memory: &Memory, from: Duration, to: Duration) -> f64 {
    let then = memory.iter().filter(|(at, _)| (from..to).contains(at));
    then.map(|&(_, mib)| mib).fold(0.0, f64::max)
}

/// See [`Overload::memory_growth`].
fn memory_growth(memory: &Memory, came: Duration, went: Duration) -> f64 {
    let middle = (came + went) / 2;
    peak_mib(memory, middle, went) / peak_mib(memory, came, middle)
}

/// Measures once: it is a matter of seconds, not of parts of a percent.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Overload, BenchError> {
    dev_servers::raise_open_files()?;
    let slowed = Slowed::start(bench, stack)?;
    let deployment = &slowed.deployment;
    eprintln!("measuring how much slow stores can do ...");
    let full = Load { connections: CAPACITY_CONNECTIONS, seconds: load.seconds };
    let run = deployment.measure("checkout.lua", full, &[])?;
    let granted = u32::try_from(run.answers - run.refusals).map_or(f64::INFINITY, f64::from);
    let capacity = granted / f64::from(load.seconds);
    let [half, tenfold] = [capacity / 2.0, capacity * TIMES].map(whole);
    let rates = [half, tenfold, half];
    let schedules: Vec<_> = rates
        .into_iter()
        .zip(SECONDS)
        .map(|(per_second, seconds)| Schedule { per_second, seconds })
        .collect();
    let came = Duration::from_secs(SECONDS[0].into());
    let went = came + Duration::from_secs(SECONDS[1].into());

    let before = deployment.recorded("granted")?;
    let (sent, memory) = with_memory(&slowed, || {
        let phases = Phases::of(schedules.iter().copied());
        open_loop::crowd(deployment.url(), deployment.sale(), CONNECTIONS, phases, PATIENCE_MS)
    })?;
    let recorded = deployment.recorded("granted")? - before;
    let granted = sent.iter().filter(|sent| was_granted(sent)).count() as u64;
    if recorded < granted {
        let wrong = format!("{granted} units were granted, and {recorded} grants are recorded");
        return Err(BenchError::Wrong(wrong));
    }
    let figures = Figures::of(&sent, came, went);
    let memory_growth = memory_growth(&memory, came, went);
    let peaks =
        [(Duration::ZERO, came), (came, went)].map(|(from, to)| peak_mib(&memory, from, to));
    let due = schedules[1].requests();
    let list = list(stack, capacity, rates, due, &figures, peaks);
    Ok(Overload { figures, memory_growth, list })
}

fn list(
    stack: Stack,
    capacity: f64,
    [half, tenfold, _]: [u32; 3],
    due: u64,
    figures: &Figures,
    [half_mib, crowd_mib]: [f64; 2],
) -> String {
    let known = |figure: Option<f64>| {
        figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2}"))
    };
    let Figures {
        half_p99_ms,
        accepted,
        accepted_p50_ms,
        accepted_p99_ms,
        refused,
        refused_p99_ms,
        advices,
        recovers_s,
    } = *figures;
    let answered = accepted as u64 + refused as u64;
    format!(
        "overload, {}: stores that can do {capacity:.0} checkouts a second; {half} a second for {} s, \
         {tenfold} for {} s on {CONNECTIONS} connections, {half} for {} s\n  \
         half load    p99 {half_p99_ms:.2} ms, {half_mib:.1} MiB\n  \
         the crowd    {due} came, {accepted} accepted, p50 {accepted_p50_ms:.2} ms, p99 {accepted_p99_ms:.2} ms; {refused} refused, \
         p99 {} ms, {advices} different advices; {} found no connection; {crowd_mib:.1} MiB\n  \
         afterwards   p99 as before after {} s",
        stack.name(),
        SECONDS[0],
        SECONDS[1],
        SECONDS[2],
        known(refused_p99_ms),
        due.saturating_sub(answered),
        known(recovers_s),
    )
}

/// Puts a load on it, and watches the service's memory meanwhile.
fn with_memory<T>(
    slowed: &Slowed,
    load: impl FnOnce() -> Result<T, BenchError>,
) -> Result<(T, Memory), BenchError> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let (start, mut memory) = (Instant::now(), Memory::new());
            while !is_over.load(Ordering::Relaxed) {
                let mib = processes::resident_memory_mib(slowed.deployment.app())?;
                memory.push((start.elapsed(), mib));
                thread::sleep(MEMORY_PAUSE);
            }
            Ok::<_, BenchError>(memory)
        });
        let done = load();
        is_over.store(true, Ordering::Relaxed);
        let memory = watching
            .join()
            .map_err(|_| BenchError::Wrong("watching the memory broke".to_owned()))?;
        Ok((done?, memory?))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of requests is positive and far below four billion"
)]
fn whole(per_second: f64) -> u32 {
    (per_second as u32).max(1)
}

#[cfg(test)]
mod tests;
