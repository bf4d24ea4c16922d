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

/// What a load at a fixed rate measured.
#[derive(Debug)]
pub(crate) struct Paced {
    pub(crate) latencies: Latencies,
    /// Answers a second, from the first send to the last answer.
    pub(crate) per_second: f64,
}

impl Schedule {
    fn requests(self) -> u64 {
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

/// Checkouts of random users of a sale, on schedule. It is an error if one was refused.
pub(crate) fn checkouts(
    url: &str,
    sale: u64,
    connections: u32,
    schedule: Schedule,
) -> Result<Paced, BenchError> {
    on_one_thread(send_all(url, sale, connections, schedule))?
        .map_err(during("send at a fixed rate"))
}

/// The load, as its connections see it.
struct Pace {
    schedule: Schedule,
    start: Instant,
    sale: u64,
    /// A permit for each request that is due. Whoever waited longest gets the next.
    due: Semaphore,
    sent: AtomicU64,
}

async fn send_all(url: &str, sale: u64, connections: u32, schedule: Schedule) -> io::Result<Paced> {
    let mut idle = Vec::new();
    for _ in 0..connections {
        idle.push(Connection::open(url).await?);
    }
    let (due, sent) = (Semaphore::new(0), AtomicU64::new(0));
    let pace = Arc::new(Pace { schedule, start: Instant::now(), sale, due, sent });
    let mut sending = JoinSet::new();
    for connection in idle {
        sending.spawn(send(Arc::clone(&pace), connection));
    }
    let clock = thread::spawn({
        let pace = Arc::clone(&pace);
        move || pace.keep(connections)
    });
    let mut latencies = Latencies::default();
    while let Some(sent) = sending.join_next().await {
        latencies.extend([sent.map_err(io::Error::other)??]);
    }
    let took = pace.start.elapsed();
    clock.join().map_err(|_| io::Error::other("the clock of the schedule broke"))?;
    let answers = u32::try_from(latencies.count()).map_or(f64::INFINITY, f64::from);
    Ok(Paced { latencies, per_second: answers / took.as_secs_f64() })
}

/// Sends what is due, one request after the other, until the schedule is done.
async fn send(pace: Arc<Pace>, mut connection: Connection) -> io::Result<Latencies> {
    let mut latencies = Latencies::default();
    loop {
        pace.due.acquire().await.map_err(io::Error::other)?.forget();
        let request = pace.sent.fetch_add(1, Ordering::Relaxed);
        if request >= pace.schedule.requests() {
            return Ok(latencies);
        }
        let intended = pace.at(pace.schedule.tick_of(request));
        let answer = connection.post(&checkout_of_somebody(pace.sale)?).await?;
        latencies.note(intended.elapsed());
        if answer.status != 200 {
            return Err(unexpected(&answer));
        }
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
        for tick in 0..self.schedule.ticks() {
            thread::sleep(self.at(tick).saturating_duration_since(Instant::now()));
            let due_now = self.schedule.due_by(tick);
            self.permit(due_now - due);
            due = due_now;
        }
        // One more for each connection, to find that nothing is left.
        self.permit(connections.into());
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
}
