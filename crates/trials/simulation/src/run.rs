//! One run, from its seed to its end.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::{runtime::Builder, sync::oneshot, task::coop::unconstrained};

use crate::{
    checked::Checked,
    coverage::Coverage,
    executor::{Executor, Owner, Work},
    injector::Injector,
    liveness,
    lock::lock,
    operator,
    plan::{Plan, Stack},
    process::Service,
    random::Random,
    users::User,
    world::World,
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
    let random = Random::new(seed);
    let world =
        Arc::new(World::new(Plan::draw(stack, &random, &Random::new(!seed)), random, is_traced));
    world.note(|| format!("{:?}", world.plan));

    let ran = catch_unwind(AssertUnwindSafe(|| runtime.block_on(unconstrained(play(&world)))));
    Run {
        ending: ran.unwrap_or_else(|panic| Err(words_of(&*panic))),
        coverage: lock(&world.coverage).clone(),
        healed_ms: lock(&world.safety).healed_ms,
        trace: world.trace.take(),
    }
}

/// Starts everybody, and lets them go on until the run ends.
async fn play(world: &Arc<World>) -> Checked {
    let service = Arc::new(Service::new(Arc::clone(world)));
    let injector = Injector::new(Arc::clone(&service));
    for (place, number) in (0..world.plan.processes).zip(1..) {
        service.start(place, number);
    }
    let mut ends = Vec::new();
    let mut start = |part: Work| {
        let (end, ended) = oneshot::channel();
        ends.push(ended);
        world.tasks.start(Owner::World, async move {
            part.await;
            // The run may have ended before.
            let _ = end.send(());
        });
    };
    for number in 0..world.plan.users {
        start(Box::pin(User::new(&service, &format!("user-{number}")).live()));
    }
    start(Box::pin(operator::operate(Arc::clone(&service))));
    world.tasks.start(Owner::World, injector.run());
    world.tasks.start(Owner::World, liveness::check(Arc::clone(&service), ends));

    let executor = Executor::new(&world.tasks, world.random.clone());
    executor.run(|| world.catch_up(), || world.ending().is_some()).await;
    world.ending().unwrap_or(Ok(()))
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", words.unwrap_or("without words"))
}
