//! Where work is done: on a thread that has a connection to itself, and does whatever is waiting in
//! one transaction; or inline, by whoever asks, a transaction each.
//!
//! While one transaction is on its way to the disk, the next one gathers: that is the group
//! commit of everything that writes, whoever asks for it.

mod inline;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use domain::{StoreError, ports::Operation};
use telemetry::{Watch, store_call_ended};
use tokio::{sync::oneshot, time::Instant};

use crate::{Database, LedgerClock, SqliteError, database::BUSY_TIMEOUT, tables::Tables};

pub use inline::BrokenOff;
pub(crate) use inline::Inline;

/// Pieces of work in one transaction.
const JOBS_MAX: usize = 256;

/// How long a transaction is tried again that may be on the disk or not, whatever keeps it from being
/// made: no longer than a client waits.
const CERTAIN_WITHIN: Duration = Duration::from_secs(5);

/// How long is waited between two tries.
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// What a worker does with its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Writer,
    Reader,
}

/// The way to where work is done.
#[derive(Clone)]
pub(crate) enum Worker {
    /// A thread; it ends when the last clone is gone and all work is done.
    Thread(Sender<Box<dyn Job>>),
    /// No thread: `run` has done the work when it is first polled.
    Inline(Kind, Arc<Inline>),
}

/// A piece of work that is done in a transaction with others, perhaps more than once, and is told
/// of when the transaction is on the disk.
pub(crate) trait Job: Send {
    fn run(&mut self, tables: &Tables<'_>) -> Result<(), SqliteError>;
    fn tell(self: Box<Self>, outcome: Result<(), SqliteError>);
}

struct Task<T, F> {
    work: F,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, SqliteError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnMut(&Tables<'_>) -> Result<T, SqliteError> + Send,
{
    fn run(&mut self, tables: &Tables<'_>) -> Result<(), SqliteError> {
        self.done = Some((self.work)(tables)?);
        Ok(())
    }

    fn tell(self: Box<Self>, outcome: Result<(), SqliteError>) {
        let Self { done, reply, .. } = *self;
        // Whoever asked may have gone away.
        let _ = reply.send(outcome.and_then(|()| done.ok_or(SqliteError::Gone)));
    }
}

impl Worker {
    /// Starts a thread on a connection.
    pub(crate) fn spawn(name: &str, kind: Kind, database: Database, clock: LedgerClock) -> Self {
        let (queue, jobs) = mpsc::channel();
        let thread = thread::Builder::new().name(name.to_owned());
        let session = Session::new(database, clock);
        let spawned = thread.spawn(move || work(kind, session, &jobs));
        if let Err(error) = spawned {
            // Whoever asks is told that the thread is gone.
            tracing::error!(%error, thread = name, "cannot start a thread of the ledger");
        }
        Self::Thread(queue)
    }

    /// Does `work` in a transaction, with whatever else is waiting. It may be done again if it is
    /// not certain what became of it, so it must be safe to repeat.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnMut(&Tables<'_>) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, SqliteError> {
        let (reply, answer) = oneshot::channel();
        let task = Task { work, done: None, reply };
        match self {
            Self::Thread(queue) => queue.send(Box::new(task)).map_err(|_| SqliteError::Gone)?,
            Self::Inline(kind, inline) => inline.finish(*kind, Box::new(task))?,
        }
        answer.await.unwrap_or(Err(SqliteError::Gone))
    }

    /// Does a batch in one piece: `work` answers every request of it, in order.
    pub(crate) async fn batch<Request, Reply>(
        &self,
        operation: Operation,
        batch: Vec<Request>,
        work: impl Fn(&Tables<'_>, &[Request]) -> Result<Vec<Reply>, SqliteError> + Send + 'static,
    ) -> Vec<Result<Reply, StoreError>>
    where
        Request: Send + 'static,
        Reply: Send + 'static,
    {
        let requests = batch.len();
        match self.run(move |tables| work(tables, &batch)).await {
            Ok(replies) => replies.into_iter().map(Ok).collect(),
            Err(error) => (0..requests).map(|_| Err(error.clone().during(operation))).collect(),
        }
    }
}

fn work(kind: Kind, mut session: Session, queue: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = queue.recv() {
        let mut jobs = vec![first];
        jobs.extend(queue.try_iter().take(JOBS_MAX - 1));
        session.finish(kind, jobs);
    }
}

/// A connection, and the time of its transactions.
pub(crate) struct Session {
    pub(crate) database: Database,
    pub(crate) clock: LedgerClock,
    /// Whether the last transaction failed.
    is_failing: bool,
}

impl Session {
    pub(crate) const fn new(database: Database, clock: LedgerClock) -> Self {
        Self { database, clock, is_failing: false }
    }

    /// Logs the first transaction that failed, and the first that did not any more: on a full disk
    /// there are hundreds a second.
    fn note(&mut self, error: Option<&SqliteError>, jobs: usize) {
        match error {
            Some(error) if !self.is_failing => {
                tracing::warn!(%error, jobs, "a transaction of the ledger failed; trying on");
            }
            None if self.is_failing => tracing::info!("the ledger works again"),
            _ => {}
        }
        self.is_failing = error.is_some();
    }

    /// Does the jobs, in one transaction if that is possible, and tells of each what came of it.
    fn finish(&mut self, kind: Kind, mut jobs: Vec<Box<dyn Job>>) {
        match self.until_certain(kind, &mut jobs) {
            Err(error) if jobs.len() > 1 && error.is_one_jobs() => {
                // All is undone, also what would have gone well: each by itself, then.
                for mut job in jobs {
                    let outcome = self.until_certain(kind, std::slice::from_mut(&mut job));
                    job.tell(outcome);
                }
            }
            outcome => {
                self.note(outcome.as_ref().err(), jobs.len());
                for job in jobs {
                    job.tell(outcome.clone());
                }
            }
        }
    }

    /// Does the jobs in one transaction; and again the same, as long as it may be on the disk or
    /// not.
    ///
    /// A commit that could not be flushed is undone in this process, but its end may be in the
    /// log. The next commit writes to the same place, so once one has gone through there is
    /// nothing left of the first. If none does, nobody is told that it failed.
    fn until_certain(&mut self, kind: Kind, jobs: &mut [Box<dyn Job>]) -> Result<(), SqliteError> {
        let mut done = self.transact(kind, jobs);
        if !matches!(done, Err(SqliteError::Lost(_))) {
            return done;
        }
        let give_up_at = Instant::now() + CERTAIN_WITHIN;
        while done.is_err() {
            thread::sleep(PAUSE_BETWEEN_TRIES);
            let left = give_up_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // Whatever keeps this run from it says nothing of what the one before did.
            let again = self.database.wait_for_others(left).map_err(SqliteError::from);
            let again = again.and_then(|()| self.transact(kind, jobs));
            done = again.map_err(|error| SqliteError::Lost(error.to_string()));
        }
        if let Err(error) = self.database.wait_for_others(BUSY_TIMEOUT) {
            tracing::warn!(%error, "the ledger may be given up sooner than it should");
        }
        done
    }

    /// Does the jobs in one transaction. All is undone if one of them fails.
    fn transact(&mut self, kind: Kind, jobs: &mut [Box<dyn Job>]) -> Result<(), SqliteError> {
        let all = |tables: &Tables<'_>| jobs.iter_mut().try_for_each(|job| job.run(tables));
        let began = Watch::start();
        let (call, done) = match kind {
            Kind::Writer => ("write", self.database.write((self.clock)(), all)),
            Kind::Reader => ("read", self.database.read((self.clock)(), all)),
        };
        store_call_ended("sqlite", call, began, done.is_ok());
        done
    }
}
