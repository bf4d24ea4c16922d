//! The way from a process to a store and back: slow, lossy, and sometimes closed.
//!
//! A request that was sent is on its own: it arrives although the process that sent it died,
//! or stands still, or gave up waiting. So each is a task of the world.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, atomic::Ordering},
};

use domain::{
    Failure, StoreError,
    ports::{Operation, Store},
};
use tokio::{
    sync::oneshot,
    time::{Duration, timeout},
};

use crate::{executor::Owner, fault::Fault, lock::lock, network::Network, world::World};

/// How long a process waits for a store, in milliseconds.
const PATIENCE_MS: u64 = 700;

/// How late a request is that is repeated, in milliseconds at most: later than its hold lives.
const REPEATED_MS_MAX: u64 = 8_000;

/// A process's lines to both stores.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) world: Arc<World>,
    pub(crate) network: Arc<Mutex<Network>>,
    pub(crate) process: u16,
}

/// What is to happen to a request, beside that it takes its time.
struct Fate {
    fault: Option<Fault>,
    is_repeated: bool,
    request_ms: u64,
    reply_ms: u64,
}

impl Line {
    /// Sends a request and waits for its reply, which `deliver` makes when it arrives.
    pub(crate) async fn call<T, F>(
        &self,
        operation: Operation,
        asked: &(impl Debug + Sync),
        deliver: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Debug + Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel();
        self.send(operation, asked, deliver, Some(reply));
        match timeout(Duration::from_millis(PATIENCE_MS), replied).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(failed(operation, Failure::Unknown, "the connection broke")),
            Err(_) => Err(failed(operation, Failure::Unknown, "no answer in time")),
        }
    }

    /// Sends a request; its reply goes to `reply`, if anyone waits for it.
    pub(crate) fn send<T, F>(
        &self,
        operation: Operation,
        asked: &(impl Debug + Sync),
        deliver: impl Fn() -> F + Send + Sync + 'static,
        reply: Option<oneshot::Sender<Result<T, StoreError>>>,
    ) where
        T: Debug + Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let fate = self.fate(operation);
        self.world.note(|| format!("p{} asks {operation:?} {asked:?}", self.process));
        let line = self.clone();
        self.world.tasks.start(Owner::World, line.carry(operation, fate, deliver, reply));
    }

    fn fate(&self, operation: Operation) -> Fate {
        let World { plan, random, .. } = &*self.world;
        let rates = plan.rates;
        let goes_wrong = |(per_mille, fault): (u64, Fault)| {
            let goes_wrong = self.world.goes_wrong(per_mille);
            if goes_wrong {
                self.world.met(fault);
            }
            goes_wrong
        };
        let is_commit = operation.store() == Store::Ledger && operation.writes();
        let faults = [
            (rates.request_lost, Fault::RequestLost),
            (rates.refused, Fault::CallRefused),
            (if is_commit { rates.commit_unknown } else { 0 }, Fault::CommitUnknown),
            (rates.reply_lost, Fault::ReplyLost),
        ];
        let mut delay_ms = 0;
        if goes_wrong((rates.delayed, Fault::RequestDelayed)) {
            delay_ms = random.pick(&[50, 400, 1_200, 6_000]).unwrap_or(50);
        }
        Fate {
            fault: faults.into_iter().find(|&it| goes_wrong(it)).map(|(_, fault)| fault),
            is_repeated: operation.may_be_repeated()
                && goes_wrong((rates.repeated, Fault::RequestRepeated)),
            request_ms: random.within(0..=2)
                + self.world.while_in_trouble(random.within(0..=delay_ms)),
            reply_ms: random.within(0..=2),
        }
    }

    async fn carry<T, F>(
        self,
        operation: Operation,
        fate: Fate,
        deliver: impl Fn() -> F + Send + Sync + 'static,
        reply: Option<oneshot::Sender<Result<T, StoreError>>>,
    ) where
        T: Debug + Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let Self { world, network, process } = &self;
        let store = operation.store();
        let restarts = lock(network).restarts(store);
        let restorations = lock(network).restorations(store);
        let is_lost = || lock(network).restorations(store) != restorations;
        world.pass(fate.request_ms).await;
        if fate.fault == Some(Fault::RequestLost) || self.is_cut_off(store) {
            world.note(|| format!("p{process} {operation:?} does not arrive"));
            // Nobody says so: the caller waits until it gives up.
            world.pass(world.while_in_trouble(PATIENCE_MS)).await;
            return;
        }
        if is_lost() {
            world.note(|| format!("p{process} {operation:?} is lost with the ledger it went to"));
            return;
        }
        let is_refused = fate.fault == Some(Fault::CallRefused);
        if is_refused || lock(network).is_down(store, world.now_ms()) {
            world.note(|| format!("p{process} {operation:?} is refused"));
            tell(reply, Err(failed(operation, Failure::NotDone, "there is no connection")));
            return;
        }
        // What was in flight when the store restarted, or when its connection broke in
        // mid-commit, was done just before, or never.
        let is_broken =
            fate.fault == Some(Fault::CommitUnknown) || lock(network).restarts(store) != restarts;
        if is_broken && world.random.happens(500) {
            world.note(|| format!("p{process} {operation:?} is broken off"));
            if store == Store::Ledger {
                // Its reply is nobody's.
                let delivered = deliver();
                world.stores.ledger.break_off(Box::pin(async { drop(delivered.await) })).await;
            }
            return;
        }

        let replied = self.deliver(operation, deliver()).await;
        world.pass(fate.reply_ms).await;
        let is_heard = fate.fault.is_none()
            && !self.is_cut_off(store)
            && lock(network).restarts(store) == restarts;
        if is_heard {
            tell(reply, replied);
        } else {
            drop(reply);
        }
        if fate.is_repeated {
            world.pass(world.while_in_trouble(world.random.within(0..=REPEATED_MS_MAX))).await;
            if !lock(network).is_down(store, world.now_ms()) && !is_lost() {
                // Nobody waits for this reply.
                let _ = self.deliver(operation, deliver()).await;
            }
        }
    }

    /// Lets the store do what is asked of it, and looks at what has become of the world.
    async fn deliver<T: Debug>(
        &self,
        operation: Operation,
        delivered: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Self { world, process, .. } = self;
        world.unlooked.fetch_add(1, Ordering::Relaxed);
        let replied = delivered.await;
        lock(&world.coverage).operation(operation);
        world.note(|| format!("p{process} {operation:?} is done: {replied:?}"));
        if operation.writes() {
            world.look(operation.store());
        }
        world.unlooked.fetch_sub(1, Ordering::Relaxed);
        replied
    }

    fn is_cut_off(&self, store: Store) -> bool {
        let now_ms = self.world.now_ms();
        lock(&self.network).is_cut_off(self.process, store, now_ms)
    }
}

fn tell<T>(reply: Option<oneshot::Sender<T>>, result: T) {
    if let Some(reply) = reply {
        // Whoever asked may be gone.
        let _ = reply.send(result);
    }
}

fn failed(operation: Operation, failure: Failure, reason: &'static str) -> StoreError {
    StoreError::new(operation, failure, reason)
}
