//! stream: thousands watch a sale while it is sold, and what that costs.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use dev_servers::Stack;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    Bench,
    closed_loop::{checkout_of_somebody, on_one_thread},
    connection::Connection,
    deployment::Deployment,
    error::{BenchError, during},
    processes::{Cpu, resident_memory_mib},
    scenarios::{
        grant,
        reads::{Asked, asked_so_far},
    },
};

/// How many watch.
pub(crate) const VIEWERS: usize = 5_000;

/// How many of them come at a time.
const COME_AT_A_TIME: usize = 32;

/// How often a unit is taken: every event is another.
const TAKEN_EVERY: Duration = Duration::from_millis(100);

/// How long a crowd is there before it is looked at.
const SETTLES: Duration = Duration::from_secs(3);

/// How often the crowd looks whether it is wanted.
const LOOKS: Duration = Duration::from_millis(20);

/// How an event begins.
const EVENT: &[u8] = b"event: sale";

/// How long all of them may take to come.
const COME_WITHIN: Duration = Duration::from_secs(60);

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

/// Those who watch, and one who buys.
#[derive(Default)]
struct Crowd {
    wanted: AtomicUsize,
    /// Those who were told something.
    there: AtomicUsize,
    bytes: AtomicU64,
    events: AtomicU64,
    is_over: AtomicBool,
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
    let crowd = Arc::new(Crowd::default());
    let (one, all) = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let watching = watch(&crowd, deployment.url(), deployment.sale());
            on_one_thread(watching)?.map_err(during("watch a sale"))
        });
        let looks = crowd
            .look(&deployment, 1, seconds)
            .and_then(|one| Ok((one, crowd.look(&deployment, VIEWERS, seconds)?)));
        crowd.is_over.store(true, Ordering::Relaxed);
        let broke = || BenchError::Wrong("the viewers broke".to_owned());
        watching.join().map_err(|_| broke())??;
        looks
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

impl Crowd {
    /// Waits until so many are there, and looks at them for so many seconds.
    fn look(
        &self,
        deployment: &Deployment,
        viewers: usize,
        seconds: u32,
    ) -> Result<Seconds, BenchError> {
        self.wanted.store(viewers, Ordering::Relaxed);
        let start = Instant::now();
        while self.there.load(Ordering::Relaxed) < viewers {
            if start.elapsed() > COME_WITHIN {
                return Err(BenchError::Wrong("not all viewers were told anything".to_owned()));
            }
            thread::sleep(LOOKS);
        }
        thread::sleep(SETTLES);
        let so_far = || -> Result<_, BenchError> {
            let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
            let asked = asked_so_far(deployment.stores())?;
            Ok((Instant::now(), Cpu::now(), of(&self.bytes), of(&self.events), asked))
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
}

/// Has as many watch as are wanted, until it is over.
async fn watch(crowd: &Arc<Crowd>, url: &str, sale: u64) -> io::Result<()> {
    let mut viewers = JoinSet::new();
    let mut buyer = Connection::open(url).await?;
    let mut taken_at = Instant::now();
    while !crowd.is_over.load(Ordering::Relaxed) {
        let missing = crowd.wanted.load(Ordering::Relaxed).saturating_sub(viewers.len());
        for _ in 0..missing.min(COME_AT_A_TIME) {
            viewers.spawn(watch_on(Arc::clone(crowd), url.to_owned(), sale));
        }
        if taken_at.elapsed() >= TAKEN_EVERY {
            taken_at = Instant::now();
            buyer.post(&checkout_of_somebody(sale)?).await?;
        }
        sleep(LOOKS).await;
        if let Some(left) = viewers.try_join_next() {
            return left.map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// Watches on one connection. Returns only if that breaks.
async fn watch_on(crowd: Arc<Crowd>, url: String, sale: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
    let request = format!("GET /stream?sale={sale} HTTP/1.1\r\nhost: bench\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut is_there = false;
    loop {
        let mut told = [0; 1_024];
        let bytes = stream.read(&mut told).await?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let events = told[..bytes].windows(EVENT.len()).filter(|&it| it == EVENT).count();
        crowd.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        crowd.events.fetch_add(events as u64, Ordering::Relaxed);
        if events > 0 && !is_there {
            is_there = true;
            crowd.there.fetch_add(1, Ordering::Relaxed);
        }
    }
}
