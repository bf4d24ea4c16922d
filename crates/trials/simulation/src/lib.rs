//! Whole runs of the real services, on the fakes or on the embedded stack, with everything going wrong by the dice of a
//! seed.
//!
//! Several processes, each with its requests and its upkeep, serve a crowd of users from one
//! live side and one ledger. One thread polls all of it; dice say which task goes on next, how
//! long each message takes, and what goes wrong: requests and replies get lost, arrive late or
//! twice, commits end unknown, stores restart, forget, go back in time or are down, clocks are
//! set, processes stand still or die at any step. What must be true is checked after every
//! change of a store and at every answer (`witness`, `history`). Then all trouble ends, and
//! within a bounded time everything must have healed: each unit is sold or can be, and what is
//! over is forgotten (`finale`).
//!
//! On the embedded stack the ledger is SQLite's, in memory, and there is one process at a time: when
//! it dies, the live side dies with it. It meets everything else all the same, also what can only
//! befall servers.
//!
//! A seed is a run on each stack: the same each time, on any machine.
//!
//! Not a failure: any store error, at any time, while something is or was just wrong.

mod answers;
mod campaign;
mod coverage;
mod dice;
mod embedded_ledger;
mod executor;
mod finale;
mod history;
mod ledger;
mod ledger_line;
mod live_line;
mod mishap;
mod network;
mod plan;
mod process;
mod stage;
mod trace;
mod users;
mod weather;
mod witness;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime::Builder, sync::oneshot, task::coop::unconstrained};

pub use campaign::{Campaign, Failure};
pub use coverage::Coverage;
pub use plan::Stack;
pub use trace::fingerprint;

use crate::{
    dice::Dice,
    executor::{Executor, Owner},
    plan::Plan,
    process::Process,
    stage::Stage,
    users::User,
};

/// How a run went.
#[derive(Debug)]
pub struct Run {
    /// What was true that must not be, if anything.
    pub ending: Result<(), String>,
    /// What it came across.
    pub coverage: Coverage,
    /// How long it took to heal, in milliseconds of its time, if it did.
    pub healed_ms: Option<u64>,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
}

/// Runs a seed.
#[must_use]
pub fn run(stack: Stack, seed: u64, is_traced: bool) -> Run {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without sockets needs nothing that could be missing");
    let _entered = runtime.enter();
    let dice = Dice::new(seed);
    let stage = Arc::new(Stage::new(Plan::draw(stack, &dice), dice, is_traced));
    stage.note(|| format!("{:?}", stage.plan));

    let ran = catch_unwind(AssertUnwindSafe(|| runtime.block_on(unconstrained(play(&stage)))));
    lock(&stage.seats).clear();
    Run {
        ending: ran.unwrap_or_else(|panic| Err(words_of(&*panic))),
        coverage: lock(&stage.coverage).clone(),
        healed_ms: lock(&stage.witness).healed_ms,
        trace: stage.trace.take(),
    }
}

/// Puts everybody on the stage and lets them play until the run ends.
async fn play(stage: &Arc<Stage>) -> Result<(), String> {
    for (seat, number) in (0..stage.plan.processes).zip(1..) {
        Process::start(stage, seat, number);
    }
    let mut ends = Vec::new();
    let mut start = |part: executor::Work| {
        let (end, ended) = oneshot::channel();
        ends.push(ended);
        stage.tasks.start(Owner::World, async move {
            part.await;
            // The run may have ended before.
            let _ = end.send(());
        });
    };
    for number in 0..stage.plan.users {
        start(Box::pin(User::new(stage, &format!("user-{number}")).live()));
    }
    start(Box::pin(weather::operate(Arc::clone(stage))));
    stage.tasks.start(Owner::World, weather::rage(Arc::clone(stage)));
    stage.tasks.start(Owner::World, finale::direct(Arc::clone(stage), ends));

    let executor = Executor::new(&stage.tasks, stage.dice.clone());
    executor.run(|| stage.catch_up(), || stage.ending().is_some()).await;
    stage.ending().unwrap_or(Ok(()))
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", words.unwrap_or("without words"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
