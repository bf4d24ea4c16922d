//! stream: thousands watch a sale while it is sold, and what that costs.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use dev_servers::Stack;
use tokio::time::Instant;

use crate::{
    Bench,
    closed_loop::checkout_of_somebody,
    connection::Connection,
    crowd::{self, Crowd},
    deployment::Deployment,
    error::BenchError,
    processes::{Cpu, resident_memory_mib},
    scenarios::{
        grant,
        reads::{Asked, asked_so_far},
    },
};

/// How many watch.
pub(crate) const VIEWERS: usize = 5_000;

/// How often a unit is taken: every event is another.
const TAKEN_EVERY: Duration = Duration::from_millis(100);

/// What was measured.
pub(crate) struct Watched {
    /// Of a core, more than for one viewer.
    pub(crate) cores: f64,
    /// More than for one viewer.
    pub(crate) memory_mib: f64,
    /// Megabytes a second, to all of them.
    pub(crate) megabytes_per_s: f64,
    /// With one viewer, and with all; where there are servers to be asked.
    pub(crate) asked: Option<Asked>,
    /// For people.
    pub(crate) list: String,
}

/// A look at some seconds of it.
struct Seconds {
    cores: f64,
    bytes_per_s: f64,
    events_per_s: f64,
    memory_mib: f64,
    asked_per_s: Option<f64>,
}

/// Measures what the crowd adds to a single viewer.
pub(crate) fn measure(bench: &Bench, stack: Stack, seconds: u32) -> Result<Watched, BenchError> {
    let deployment = Deployment::start(&bench.databases, stack, grant::STOCK)?;
    let (url, sale) = (deployment.url().to_owned(), deployment.sale());
    let crowd = Arc::new(Crowd::default());
    let watches = |crowd: Arc<Crowd>| {
        let url = url.clone();
        async move { crowd.watch(&url, sale).await }
    };
    let (mut buyer, mut taken_at) = (None, None::<Instant>);
    let takes = async || {
        if taken_at.is_none_or(|at| at.elapsed() >= TAKEN_EVERY) {
            taken_at = Some(Instant::now());
            let buyer = match &mut buyer {
                Some(buyer) => buyer,
                none => none.insert(Connection::open(&url).await?),
            };
            buyer.post(&checkout_of_somebody(sale)?).await?;
        }
        Ok::<(), io::Error>(())
    };
    let (one, all) = crowd::beside(&crowd, watches, takes, || {
        let one = look(&crowd, &deployment, 1, seconds)?;
        Ok((one, look(&crowd, &deployment, VIEWERS, seconds)?))
    })?;
    let (cores, memory_mib) = (all.cores - one.cores, all.memory_mib - one.memory_mib);
    let megabytes_per_s = all.bytes_per_s / 1e6;
    let list = format!(
        "{} viewers, {}: {:.1} events/s to each, {megabytes_per_s:.2} MB/s, {:.1} % of a core (one: {:.1} %), \
         {memory_mib:.1} MiB more",
        VIEWERS,
        stack.name(),
        all.events_per_s / f64::from(u32::try_from(VIEWERS).unwrap_or(u32::MAX)),
        all.cores * 100.0,
        one.cores * 100.0,
    );
    let asked = one.asked_per_s.zip(all.asked_per_s);
    let asked = asked.map(|(before, meanwhile)| Asked { before, meanwhile });
    Ok(Watched { cores, memory_mib, megabytes_per_s, asked, list })
}

/// Waits until so many are there, and looks at them for so many seconds.
fn look(
    crowd: &Crowd,
    deployment: &Deployment,
    viewers: usize,
    seconds: u32,
) -> Result<Seconds, BenchError> {
    crowd.come(viewers)?;
    let so_far = || -> Result<_, BenchError> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let asked = asked_so_far(deployment.stores())?;
        Ok((Instant::now(), Cpu::now(), of(&crowd.bytes), of(&crowd.events), asked))
    };
    let before = so_far()?;
    thread::sleep(Duration::from_secs(seconds.into()));
    let after = so_far()?;
    let took_s = (after.0 - before.0).as_secs_f64();
    let per_s = |after: u64, before: u64| {
        u32::try_from(after.saturating_sub(before)).map_or(f64::INFINITY, f64::from) / took_s
    };
    Ok(Seconds {
        cores: after.1.since(before.1).service / took_s,
        bytes_per_s: per_s(after.2, before.2),
        events_per_s: per_s(after.3, before.3),
        memory_mib: resident_memory_mib(deployment.app())?,
        asked_per_s: after.4.zip(before.4).map(|(after, before)| per_s(after, before)),
    })
}
