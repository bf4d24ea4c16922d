//! The way from a process to a store and back: slow, lossy, and sometimes closed.
//!
//! A request that was sent is on its own: it arrives although the process that sent it died,
//! or stands still, or gave up waiting. So each is a task of the world.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

pub(crate) use domain::ports::Store;
use domain::{Failure, StoreError, ports::Operation};
use tokio::{
    sync::oneshot,
    time::{Duration, timeout},
};

use crate::{executor::Owner, lock, mishap::Mishap, stage::Stage, witness};

/// How long a process waits for a store, in milliseconds.
const PATIENCE_MS: u64 = 700;

/// How late a request is that is repeated, in milliseconds at most: later than its hold lives.
const REPEATED_MS_MAX: u64 = 8_000;

/// Which ways are closed, and until when, in milliseconds since the run began.
#[derive(Default)]
pub(crate) struct Network {
    down_until: BTreeMap<Store, u64>,
    cut_off_until: BTreeMap<(u16, Store), u64>,
    restarts: BTreeMap<Store, u64>,
}

impl Network {
    pub(crate) fn take_down(&mut self, store: Store, until_ms: u64) {
        self.down_until.insert(store, until_ms);
        self.restart(store);
    }

    pub(crate) fn cut_off(&mut self, process: u16, store: Store, until_ms: u64) {
        self.cut_off_until.insert((process, store), until_ms);
    }

    /// Breaks all connections to a store.
    pub(crate) fn restart(&mut self, store: Store) {
        *self.restarts.entry(store).or_insert(0) += 1;
    }

    fn restarts(&self, store: Store) -> u64 {
        self.restarts.get(&store).copied().unwrap_or(0)
    }

    fn is_down(&self, store: Store, now_ms: u64) -> bool {
        self.down_until.get(&store).is_some_and(|&until| now_ms < until)
    }

    fn is_cut_off(&self, process: u16, store: Store, now_ms: u64) -> bool {
        self.cut_off_until.get(&(process, store)).is_some_and(|&until| now_ms < until)
    }
}

/// A process's lines to both stores.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) stage: Arc<Stage>,
    pub(crate) process: u16,
}

/// What is to happen to a request, beside that it takes its time.
struct Fate {
    mishap: Option<Mishap>,
    is_repeated: bool,
    request_ms: u64,
    reply_ms: u64,
}
impl Line {
    /// Sends a request and waits for its reply, which `deliver` makes when it arrives.
    pub(crate) async fn call<T: Debug + Send + 'static>(
        &self,
        operation: Operation,
        asked: &(impl Debug + Sync),
        deliver: impl Fn() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, replied) = oneshot::channel();
        self.send(operation, asked, deliver, Some(reply));
        match timeout(Duration::from_millis(PATIENCE_MS), replied).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(failed(operation, Failure::Unknown, "the connection broke")),
            Err(_) => Err(failed(operation, Failure::Unknown, "no answer in time")),
        }
    }

    /// Sends a request; its reply goes to `reply`, if anyone waits for it.
    pub(crate) fn send<T: Debug + Send + 'static>(
        &self,
        operation: Operation,
        asked: &(impl Debug + Sync),
        deliver: impl Fn() -> Result<T, StoreError> + Send + 'static,
        reply: Option<oneshot::Sender<Result<T, StoreError>>>,
    ) {
        let fate = self.fate(operation);
        self.stage.note(|| format!("p{} asks {operation:?} {asked:?}", self.process));
        let line = self.clone();
        self.stage.tasks.start(Owner::World, line.carry(operation, fate, deliver, reply));
    }

    fn fate(&self, operation: Operation) -> Fate {
        let Stage { plan, dice, .. } = &*self.stage;
        let rates = plan.rates;
        let goes_wrong = |(per_mille, mishap): (u64, Mishap)| {
            let goes_wrong = self.stage.goes_wrong(per_mille);
            if goes_wrong {
                self.stage.met(mishap);
            }
            goes_wrong
        };
        let is_commit = operation.store() == Store::Ledger && operation.writes();
        let mishaps = [
            (rates.request_lost, Mishap::RequestLost),
            (rates.refused, Mishap::CallRefused),
            (if is_commit { rates.commit_unknown } else { 0 }, Mishap::CommitUnknown),
            (rates.reply_lost, Mishap::ReplyLost),
        ];
        let mut delay_ms = 0;
        if goes_wrong((rates.delayed, Mishap::RequestDelayed)) {
            delay_ms = dice.pick(&[50, 400, 1_200, 6_000]).unwrap_or(50);
        }
        Fate {
            mishap: mishaps.into_iter().find(|&it| goes_wrong(it)).map(|(_, mishap)| mishap),
            is_repeated: operation.may_be_repeated()
                && goes_wrong((rates.repeated, Mishap::RequestRepeated)),
            request_ms: dice.within(0..=2) + self.stage.while_in_trouble(dice.within(0..=delay_ms)),
            reply_ms: dice.within(0..=2),
        }
    }

    async fn carry<T: Debug + Send + 'static>(
        self,
        operation: Operation,
        fate: Fate,
        deliver: impl Fn() -> Result<T, StoreError> + Send + 'static,
        reply: Option<oneshot::Sender<Result<T, StoreError>>>,
    ) {
        let Self { stage, process } = &self;
        let store = operation.store();
        let restarts = lock(&stage.network).restarts(store);
        stage.pass(fate.request_ms).await;
        if fate.mishap == Some(Mishap::RequestLost) || self.is_cut_off(store) {
            stage.note(|| format!("p{process} {operation:?} does not arrive"));
            // Nobody says so: the caller waits until he gives up.
            stage.pass(stage.while_in_trouble(PATIENCE_MS)).await;
            return;
        }
        let is_refused = fate.mishap == Some(Mishap::CallRefused);
        if is_refused || lock(&stage.network).is_down(store, stage.now_ms()) {
            stage.note(|| format!("p{process} {operation:?} is refused"));
            tell(reply, Err(failed(operation, Failure::NotDone, "there is no connection")));
            return;
        }
        // What was in flight when the store restarted, or when its connection broke in
        // mid-commit, was done just before, or never.
        let is_broken = fate.mishap == Some(Mishap::CommitUnknown)
            || lock(&stage.network).restarts(store) != restarts;
        if is_broken && stage.dice.happens(500) {
            stage.note(|| format!("p{process} {operation:?} is broken off"));
            if store == Store::Ledger {
                // Its reply is nobody's.
                stage.ledger.break_off(&|| drop(deliver()));
            }
            return;
        }

        let replied = self.deliver(operation, &deliver);
        stage.pass(fate.reply_ms).await;
        let is_heard = fate.mishap.is_none()
            && !self.is_cut_off(store)
            && lock(&stage.network).restarts(store) == restarts;
        if is_heard {
            tell(reply, replied);
        } else {
            drop(reply);
        }
        if fate.is_repeated {
            stage.pass(stage.while_in_trouble(stage.dice.within(0..=REPEATED_MS_MAX))).await;
            if !lock(&stage.network).is_down(store, stage.now_ms()) {
                // Nobody waits for this reply.
                let _ = self.deliver(operation, &deliver);
            }
        }
    }

    /// Lets the store do what is asked of it, and looks at what has become of the world.
    fn deliver<T: Debug>(
        &self,
        operation: Operation,
        deliver: &impl Fn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let replied = deliver();
        lock(&self.stage.coverage).operation(operation);
        self.stage.note(|| format!("p{} {operation:?} is done: {replied:?}", self.process));
        if operation.writes() {
            self.stage.expect(witness::look(&self.stage, operation.store()));
        }
        replied
    }

    fn is_cut_off(&self, store: Store) -> bool {
        let now_ms = self.stage.now_ms();
        lock(&self.stage.network).is_cut_off(self.process, store, now_ms)
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
