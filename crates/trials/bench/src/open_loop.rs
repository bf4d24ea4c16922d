//! Load at a fixed rate: requests are sent when they are due, however slow the answers are.
//!
//! A closed loop, such as wrk's, sends less while the service stalls, and so hardly sees the
//! stall: the coordinated omission. Here the time of a request starts at the moment it was to
//! be sent; what it waits for a connection counts.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    closed_loop::{checkout_of_somebody, on_one_thread, unexpected},
    connection::Connection,
    error::{BenchError, during},
    figures::Latencies,
};

/// When each request is due: in bursts, one every millisecond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) per_second: u32,
    pub(crate) seconds: u32,
}

/// Schedules one after the other, without a pause.
#[derive(Debug, Clone)]
pub(crate) struct Phases(Vec<Schedule>);

/// A request, and how it was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// When it was due, from the start of the load.
    pub(crate) due: Duration,
    /// From when it was due to its answer.
    pub(crate) took: Duration,
    pub(crate) status: u16,
    /// When to ask again, as the answer advised, in seconds.
    pub(crate) retry_after_s: Option<u32>,
}

/// What a load at a fixed rate measured.
#[derive(Debug)]
pub(crate) struct Paced {
    pub(crate) latencies: Latencies,
    /// Answers a second, from the first send to the last answer.
    pub(crate) per_second: f64,
}

impl Schedule {
    pub(crate) fn requests(self) -> u64 {
        u64::from(self.per_second) * u64::from(self.seconds)
    }

    fn ticks(self) -> u64 {
        u64::from(self.seconds) * 1_000
    }

    /// The tick at which a request is due, counted from the start; both start at 0.
    fn tick_of(self, request: u64) -> u64 {
        request * 1_000 / u64::from(self.per_second)
    }

    /// Requests that are due by the end of a tick.
    fn due_by(self, tick: u64) -> u64 {
        ((tick + 1) * u64::from(self.per_second)).div_ceil(1_000).min(self.requests())
    }
}

impl Phases {
    pub(crate) fn of(schedules: impl IntoIterator<Item = Schedule>) -> Self {
        Self(schedules.into_iter().collect())
    }

    fn requests(&self) -> u64 {
        self.0.iter().map(|schedule| schedule.requests()).sum()
    }

    fn ticks(&self) -> u64 {
        self.0.iter().map(|schedule| schedule.ticks()).sum()
    }

    /// See [`Schedule::tick_of`].
    fn tick_of(&self, request: u64) -> u64 {
        let (mut request, mut start) = (request, 0);
        for schedule in &self.0 {
            if request < schedule.requests() {
                return start + schedule.tick_of(request);
            }
            request -= schedule.requests();
            start += schedule.ticks();
        }
        start
    }

    /// See [`Schedule::due_by`].
    fn due_by(&self, tick: u64) -> u64 {
        let (mut tick, mut due) = (tick, 0);
        for schedule in &self.0 {
            if tick < schedule.ticks() {
                return due + schedule.due_by(tick);
            }
            due += schedule.requests();
            tick -= schedule.ticks();
        }
        due
    }
}

/// Checkouts of random users of a sale, on schedule. It is an error if one was refused.
pub(crate) fn checkouts(
    url: &str,
    sale: u64,
    connections: u32,
    schedule: Schedule,
) -> Result<Paced, BenchError> {
    let load = send_all(url, sale, connections, Phases::of([schedule]), None);
    let (sent, took) = on_one_thread(load)?.map_err(during("send at a fixed rate"))?;
    if let Some(refused) = sent.iter().find(|sent| sent.status != 200) {
        return Err(BenchError::Wrong(format!("a checkout was answered {}", refused.status)));
    }
    let answers = u32::try_from(sent.len()).map_or(f64::INFINITY, f64::from);
    let mut latencies = Latencies::default();
    for sent in &sent {
        latencies.note(sent.took);
    }
    Ok(Paced { latencies, per_second: answers / took.as_secs_f64() })
}

/// Checkouts of a crowd, which comes in phases and takes any answer. Who finds no connection for
/// so many milliseconds goes away: they are in no record.
pub(crate) fn crowd(
    url: &str,
    sale: u64,
    connections: u32,
    phases: Phases,
    patience_ms: u64,
) -> Result<Vec<Sent>, BenchError> {
    let load = send_all(url, sale, connections, phases, Some(patience_ms));
    let (sent, _) = on_one_thread(load)?.map_err(during("send as a crowd"))?;
    Ok(sent)
}

/// The load, as its connections see it.
struct Pace {
    phases: Phases,
    /// How long a request may wait for a connection, in ticks.
    patience: Option<u64>,
    start: Instant,
    sale: u64,
    /// A permit for each request that is due. Whoever waited longest gets the next.
    due: Semaphore,
    sent: AtomicU64,
}

async fn send_all(
    url: &str,
    sale: u64,
    connections: u32,
    phases: Phases,
    patience: Option<u64>,
) -> io::Result<(Vec<Sent>, Duration)> {
    let mut idle = Vec::new();
    for _ in 0..connections {
        idle.push(Connection::open(url).await?);
    }
    let (due, sent) = (Semaphore::new(0), AtomicU64::new(0));
    let pace = Arc::new(Pace { phases, patience, start: Instant::now(), sale, due, sent });
    let mut sending = JoinSet::new();
    for connection in idle {
        sending.spawn(send(Arc::clone(&pace), connection));
    }
    let clock = thread::spawn({
        let pace = Arc::clone(&pace);
        move || pace.keep(connections)
    });
    let mut all = Vec::new();
    while let Some(sent) = sending.join_next().await {
        all.append(&mut sent.map_err(io::Error::other)??);
    }
    let took = pace.start.elapsed();
    clock.join().map_err(|_| io::Error::other("the clock of the schedule broke"))?;
    Ok((all, took))
}

/// Sends what is due, one request after the other, until the schedule is done.
async fn send(pace: Arc<Pace>, mut connection: Connection) -> io::Result<Vec<Sent>> {
    let mut all = Vec::new();
    loop {
        pace.due.acquire().await.map_err(io::Error::other)?.forget();
        let request = pace.sent.fetch_add(1, Ordering::Relaxed);
        if request >= pace.phases.requests() {
            return Ok(all);
        }
        let due = Duration::from_millis(pace.phases.tick_of(request));
        let answer = connection.post(&checkout_of_somebody(pace.sale)?).await?;
        let took = (pace.start + due).elapsed();
        if !matches!(answer.status, 200 | 503) {
            return Err(unexpected(&answer));
        }
        let (status, retry_after_s) = (answer.status, answer.retry_after_s);
        all.push(Sent { due, took, status, retry_after_s });
    }
}

impl Pace {
    fn at(&self, tick: u64) -> Instant {
        self.start + Duration::from_millis(tick)
    }

    /// Makes requests due, tick by tick. On a thread of its own: the runtime's timers may be two
    /// milliseconds late, which would be most of the latency; a sleeping thread wakes in time.
    fn keep(&self, connections: u32) {
        let mut due = 0;
        for tick in 0..self.phases.ticks() {
            thread::sleep(self.at(tick).saturating_duration_since(Instant::now()));
            let due_now = self.phases.due_by(tick);
            self.permit(due_now - due);
            due = due_now;
            self.send_away(tick);
        }
        // One more for each connection, to find that nothing is left.
        self.permit(connections.into());
    }

    /// Takes requests back that have waited too long for a connection.
    fn send_away(&self, tick: u64) {
        let Some(patience) = self.patience else { return };
        let Some(before) = tick.checked_sub(patience) else { return };
        let may_wait = self.phases.due_by(tick) - self.phases.due_by(before);
        let waiting = self.due.available_permits() as u64;
        let gone = usize::try_from(waiting.saturating_sub(may_wait)).unwrap_or(usize::MAX);
        let gone = self.due.forget_permits(gone) as u64;
        self.sent.fetch_add(gone, Ordering::Relaxed);
    }

    fn permit(&self, requests: u64) {
        for _ in 0..requests {
            self.due.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_in_the_tick_they_belong_to() {
        for per_second in [1, 7, 999, 1_000, 1_001, 7_654, 50_000] {
            let schedule = Schedule { per_second, seconds: 3 };
            let mut due = 0;
            for tick in 0..schedule.ticks() {
                for request in due..schedule.due_by(tick) {
                    assert_eq!(schedule.tick_of(request), tick, "{per_second} a second");
                }
                due = schedule.due_by(tick);
            }
            assert_eq!(due, schedule.requests(), "{per_second} a second");
        }
    }

    #[test]
    fn bursts_are_even() {
        let schedule = Schedule { per_second: 2_500, seconds: 1 };

        let due: Vec<_> = (0..5).map(|tick| schedule.due_by(tick)).collect();

        assert_eq!(due, [3, 5, 8, 10, 13]);
    }

    #[test]
    fn phases_follow_each_other_without_a_pause_and_lose_no_request() {
        let schedules = [(1_000, 1), (7_654, 2), (500, 1)];
        let phases =
            Phases::of(schedules.map(|(per_second, seconds)| Schedule { per_second, seconds }));

        let mut due = 0;
        for tick in 0..phases.ticks() {
            for request in due..phases.due_by(tick) {
                assert_eq!(phases.tick_of(request), tick);
            }
            due = phases.due_by(tick);
        }

        assert_eq!((phases.ticks(), due), (4_000, 1_000 + 2 * 7_654 + 500));
        assert_eq!(phases.requests(), due);
    }

    #[test]
    fn who_finds_no_connection_goes_away_and_the_others_are_due_as_before() {
        let phases = Phases::of([Schedule { per_second: 2_000, seconds: 1 }]);
        let (due, sent) = (Semaphore::new(100), AtomicU64::new(0));
        let pace = Pace { phases, patience: Some(10), start: Instant::now(), sale: 1, due, sent };

        pace.send_away(5);
        assert_eq!(pace.due.available_permits(), 100);
        pace.send_away(500);

        assert_eq!(pace.due.available_permits(), 20);
        assert_eq!(pace.sent.load(Ordering::Relaxed), 80);
    }
}
