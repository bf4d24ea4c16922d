//! Many callers, one call: the group commit used by the adapters.
//!
//! A worker takes whatever requests are waiting, up to a limit, sends them as one call, and
//! hands each its reply; while one batch is on its way the next one gathers. So load makes
//! batches larger, not queues longer, and a lone request is sent at once: there is no timer,
//! only a turn for the tasks that are ready and may have requests of their own.
//! The queue is bounded, in its length and in how long the last in it would wait; a caller finds it
//! full at once, before any work was done for them. Where requests wait in another queue before they
//! come to this one, both waits count, at the one door ([`Batcher::spawn_behind`]).

mod pace;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use telemetry::{Queue as Figures, Watch};
use tokio::sync::{Mutex, mpsc, oneshot};

use self::pace::Pace;

/// How often a worker lets other tasks run before it sends what it has, as long as each time
/// brings more. It makes batches larger and a request cheaper: `docs/decisions/04`.
const YIELDS_MAX: u32 = 4;

tokio::task_local! {
    static WORKER: &'static str;
}

/// What the worker that asks calls, by the name of its type; `None` outside of a worker. For whoever
/// reports a panic: without its workers a batcher answers nobody.
#[must_use]
pub fn current_worker() -> Option<&'static str> {
    WORKER.try_with(|worker| *worker).ok()
}

/// One call for many requests, made by a worker that owns what it needs for it, such as a
/// connection.
#[async_trait]
pub trait Call<Request, Reply>: Send + 'static {
    /// What the queue before it is called where it is watched, such as `record`.
    const NAME: &'static str;

    /// Makes ready what the first call needs, such as a connection, so that the first request
    /// need not wait for it. Called once, when the worker starts; what fails is tried again by
    /// the first call.
    async fn make_ready(&mut self) {}

    /// Answers every request of the batch, in its order. A batch has at least one request.
    async fn call(&mut self, batch: Vec<Request>) -> Vec<Reply>;
}

/// The limits of a batcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests that may wait; one more is refused.
    pub queue_max: NonZeroUsize,
    /// Requests of one call.
    pub batch_max: NonZeroUsize,
    /// How long a request may expect to wait for its reply, as calls are at present, in this queue
    /// and in the one before it; one that would wait longer is refused. One batch may wait in each
    /// whatever a call takes: nobody else would find out that calls are quick again.
    pub wait_max: Duration,
}

impl Limits {
    /// Limits of a queue that is bounded by its length alone.
    #[must_use]
    pub const fn patient(queue_max: NonZeroUsize, batch_max: NonZeroUsize) -> Self {
        Self { queue_max, batch_max, wait_max: Duration::MAX }
    }
}

/// The way to a batch. Clones share one queue; its workers end when the last clone is gone
/// and every request that was accepted is answered.
pub struct Batcher<Request, Reply> {
    queue: mpsc::Sender<Job<Request, Reply>>,
    state: Arc<State>,
    /// Where whoever takes a permit of this queue waits first.
    before: Option<Wait>,
}

/// What is known of a queue besides what is in it.
struct State {
    pace: Pace,
    /// Permits whose requests no worker has taken yet. One that waits for something else counts: it
    /// comes, and whoever came after it would find the queue longer than it looked.
    waiting: AtomicUsize,
    figures: Figures,
}

/// How long a request would wait in a queue, for whoever guards another one.
#[derive(Clone)]
pub struct Wait(Arc<State>);

/// A place in the queue: the right to one request that cannot be refused for want of room.
pub struct Permit<Request, Reply> {
    permit: mpsc::OwnedPermit<Job<Request, Reply>>,
    place: Place,
}

/// Counts as waiting until it is dropped, or taken by a worker.
struct Place(Option<Arc<State>>);

/// Why a request got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The queue was full, or too slow, and the request was not accepted.
    #[error("the queue is full")]
    Full,
    /// The workers are gone. An accepted request may have been carried out.
    #[error("the batcher has stopped")]
    Stopped,
}

impl BatchError {
    /// What an operator can do about it, if anything.
    #[must_use]
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::Stopped => {
                Some("a part of this process is gone, and the log says why: start the process anew")
            }
        }
    }
}

struct Job<Request, Reply> {
    request: Request,
    entered: Watch,
    /// `None` when nobody waits.
    reply: Option<oneshot::Sender<Reply>>,
}

type Queue<Request, Reply> = Arc<Mutex<mpsc::Receiver<Job<Request, Reply>>>>;

impl<Request: Send + 'static, Reply: Send + 'static> Batcher<Request, Reply> {
    /// Starts a worker on each of `calls`: with two, one batch gathers while another is on its
    /// way. Must be called on a tokio runtime.
    pub fn spawn<C: Call<Request, Reply>>(
        limits: Limits,
        calls: impl IntoIterator<Item = C>,
    ) -> Self {
        Self::spawn_behind(None, limits, calls)
    }

    /// [`spawn`](Self::spawn), where whoever takes a permit waits in the queue `before` until they
    /// send their request: they get none if the two waits are too long together.
    pub fn spawn_behind<C: Call<Request, Reply>>(
        before: Option<Wait>,
        limits: Limits,
        calls: impl IntoIterator<Item = C>,
    ) -> Self {
        let (queue, requests) = mpsc::channel(limits.queue_max.get());
        let requests = Arc::new(Mutex::new(requests));
        let state = Arc::new(State {
            pace: Pace::new(limits),
            waiting: AtomicUsize::new(0),
            figures: Figures::named(C::NAME),
        });
        for call in calls {
            let (requests, state) = (Arc::clone(&requests), Arc::clone(&state));
            let work = work(requests, call, limits.batch_max.get(), state);
            tokio::spawn(WORKER.scope(std::any::type_name::<C>(), work));
        }
        Self { queue, state, before }
    }

    /// How long a request would wait here, for whoever guards the queue that comes next.
    #[must_use]
    pub fn wait(&self) -> Wait {
        Wait(Arc::clone(&self.state))
    }

    /// Takes a permit of the queue.
    pub fn permit(&self) -> Result<Permit<Request, Reply>, BatchError> {
        if self.is_too_slow() {
            // A call that broke looks like one that takes for ever.
            if self.queue.is_closed() {
                return Err(BatchError::Stopped);
            }
            self.state.figures.refused();
            return Err(BatchError::Full);
        }
        match self.queue.clone().try_reserve_owned() {
            Ok(permit) => Ok(Permit { permit, place: Place::of(&self.state) }),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.state.figures.refused();
                Err(BatchError::Full)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(BatchError::Stopped),
        }
    }

    /// Whether one more request would wait too long, here and before.
    fn is_too_slow(&self) -> bool {
        let queues = [Some(&*self.state), self.before.as_ref().map(|Wait(state)| &**state)];
        let queues = || queues.iter().flatten();
        // The clock is looked at only where it matters.
        queues().any(|queue| queue.has_batch())
            && queues().map(|queue| queue.wait()).sum::<Duration>() > self.state.pace.wait_max()
    }

    /// Sends a request and waits for its reply.
    pub async fn submit(&self, request: Request) -> Result<Reply, BatchError> {
        self.permit()?.submit(request).await
    }

    /// Sends a request whose reply nobody waits for.
    pub fn submit_unanswered(&self, request: Request) -> Result<(), BatchError> {
        self.permit()?.send(request, None);
        Ok(())
    }
}

impl<Request, Reply> Clone for Batcher<Request, Reply> {
    fn clone(&self) -> Self {
        let Self { queue, state, before } = self;
        Self { queue: queue.clone(), state: Arc::clone(state), before: before.clone() }
    }
}

impl State {
    /// Whether a whole batch is waiting.
    fn has_batch(&self) -> bool {
        self.pace.batches(self.waiting.load(Ordering::Relaxed)) > 0
    }

    fn wait(&self) -> Duration {
        self.pace.wait(self.waiting.load(Ordering::Relaxed))
    }
}

impl Place {
    fn of(state: &Arc<State>) -> Self {
        state.waiting.fetch_add(1, Ordering::Relaxed);
        Self(Some(Arc::clone(state)))
    }

    /// Goes on counting until a worker takes the request.
    fn keep(mut self) -> Option<Arc<State>> {
        self.0.take()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(state) = &self.0 {
            state.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<Request, Reply> Permit<Request, Reply> {
    fn send(self, request: Request, reply: Option<oneshot::Sender<Reply>>) {
        let Self { permit, place } = self;
        if let Some(state) = place.keep() {
            state.figures.entered();
        }
        permit.send(Job { request, entered: Watch::start(), reply });
    }
}

impl<Request: Send, Reply: Send> Permit<Request, Reply> {
    /// Sends a request and waits for its reply. A caller who stops waiting before their batch is
    /// sent takes the request back; after that it is carried out all the same.
    pub async fn submit(self, request: Request) -> Result<Reply, BatchError> {
        let (reply, answer) = oneshot::channel();
        self.send(request, Some(reply));
        answer.await.map_err(|_| BatchError::Stopped)
    }
}

async fn work<Request: Send, Reply: Send, C: Call<Request, Reply>>(
    queue: Queue<Request, Reply>,
    mut call: C,
    batch_max: usize,
    state: Arc<State>,
) {
    call.make_ready().await;
    let mut jobs = Vec::with_capacity(batch_max);
    loop {
        gather(&queue, &mut jobs, batch_max).await;
        let Some(first) = jobs.first() else { return };
        state.figures.left(jobs.len(), first.entered);
        state.waiting.fetch_sub(jobs.len(), Ordering::Relaxed);
        let mut requests = Vec::with_capacity(jobs.len());
        let mut waiting = Vec::with_capacity(jobs.len());
        for Job { request, reply, .. } in jobs.drain(..) {
            if reply.as_ref().is_some_and(oneshot::Sender::is_closed) {
                continue;
            }
            requests.push(request);
            waiting.push(reply);
        }
        if requests.is_empty() {
            continue;
        }
        let (began, sent) = (state.pace.begin(), requests.len());
        let replies = call.call(requests).await;
        state.pace.end(began, sent);
        debug_assert_eq!(replies.len(), waiting.len(), "a call answers every request");
        for (caller, reply) in waiting.into_iter().zip(replies) {
            if let Some(caller) = caller {
                // A caller that went away needs no reply.
                let _ = caller.send(reply);
            }
        }
    }
}

/// Takes what has gathered, or waits for it. Takes nothing when no more will come.
async fn gather<Request, Reply>(
    queue: &Queue<Request, Reply>,
    jobs: &mut Vec<Job<Request, Reply>>,
    batch_max: usize,
) {
    // Only an idle worker waits here, so whoever is free takes what has gathered.
    let mut queue = queue.lock().await;
    queue.recv_many(jobs, batch_max).await;
    // Requests come in crowds: many callers got their replies together, and ask again together.
    // The tasks that are ready to run now may be about to ask.
    for _ in 0..YIELDS_MAX {
        let gathered = jobs.len();
        tokio::task::yield_now().await;
        while jobs.len() < batch_max
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
        if jobs.len() == gathered {
            return;
        }
    }
}
