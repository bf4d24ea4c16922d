//! Those who watch a sale, thousands of them on one thread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    closed_loop::on_one_thread,
    error::{BenchError, during},
};

/// How many of them come at a time.
const COME_AT_A_TIME: usize = 32;

/// How long a crowd is there before it is looked at.
const SETTLES: Duration = Duration::from_secs(3);

/// How often the crowd looks whether it is wanted.
const LOOKS: Duration = Duration::from_millis(20);

/// How an event begins.
const EVENT: &[u8] = b"event: sale";

/// How long all of them may take to come.
const COME_WITHIN: Duration = Duration::from_secs(60);

/// Those who watch.
#[derive(Default)]
pub(crate) struct Crowd {
    wanted: AtomicUsize,
    /// Those who were told something.
    there: AtomicUsize,
    /// What they were told so far.
    pub(crate) bytes: AtomicU64,
    pub(crate) events: AtomicU64,
    /// What they asked beside that.
    pub(crate) asked: AtomicU64,
    is_over: AtomicBool,
}

impl Crowd {
    /// Has so many be there, and waits until they are.
    pub(crate) fn come(&self, viewers: usize) -> Result<(), BenchError> {
        self.wanted.store(viewers, Ordering::Relaxed);
        let start = Instant::now();
        while self.there.load(Ordering::Relaxed) < viewers {
            if start.elapsed() > COME_WITHIN || self.is_over.load(Ordering::Relaxed) {
                return Err(BenchError::Wrong("not all viewers were told anything".to_owned()));
            }
            thread::sleep(LOOKS);
        }
        thread::sleep(SETTLES);
        Ok(())
    }

    /// Watches on one connection. Returns only if that breaks.
    pub(crate) async fn watch(&self, url: &str, sale: u64) -> io::Result<()> {
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
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            self.events.fetch_add(events as u64, Ordering::Relaxed);
            if events > 0 && !is_there {
                is_there = true;
                self.there.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Measures something beside a crowd, of which each does `one`, and which does `together` again and again.
pub(crate) fn beside<T, One>(
    crowd: &Arc<Crowd>,
    one: impl Fn(Arc<Crowd>) -> One + Sync,
    together: impl AsyncFnMut() -> io::Result<()> + Send,
    measure: impl FnOnce() -> Result<T, BenchError>,
) -> Result<T, BenchError>
where
    One: Future<Output = io::Result<()>> + Send + 'static,
{
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let watched = on_one_thread(attend(crowd, &one, together));
            // Nobody comes any more.
            crowd.is_over.store(true, Ordering::Relaxed);
            watched?.map_err(during("watch a sale"))
        });
        let measured = measure();
        crowd.is_over.store(true, Ordering::Relaxed);
        let broke = || BenchError::Wrong("the viewers broke".to_owned());
        watching.join().map_err(|_| broke())??;
        measured
    })
}

/// Has as many be there as are wanted, until it is over.
async fn attend<One>(
    crowd: &Arc<Crowd>,
    one: &impl Fn(Arc<Crowd>) -> One,
    mut together: impl AsyncFnMut() -> io::Result<()>,
) -> io::Result<()>
where
    One: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut viewers = JoinSet::new();
    while !crowd.is_over.load(Ordering::Relaxed) {
        let missing = crowd.wanted.load(Ordering::Relaxed).saturating_sub(viewers.len());
        for _ in 0..missing.min(COME_AT_A_TIME) {
            viewers.spawn(one(Arc::clone(crowd)));
        }
        together().await?;
        sleep(LOOKS).await;
        if let Some(left) = viewers.try_join_next() {
            return left.map_err(io::Error::other)?;
        }
    }
    Ok(())
}
