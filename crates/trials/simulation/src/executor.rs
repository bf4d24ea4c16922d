//! One thread that polls all tasks, and draws which goes on next.
//!
//! Time is tokio's paused clock: it stands while a task can go on, and then jumps to the moment
//! of the next timer. So a run is a function of its seed.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::{lock::lock, random::Random};

/// What a task does.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whose a task is: what happens to its owner happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// Networks, clients and whoever injects faults: nothing happens to them.
    World,
    /// The process of this number.
    Process(u16),
}

/// The number of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskId(u64);

/// The tasks of a run, for those who start, stop and end them. Clones are the same tasks.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Shared>);

#[derive(Default)]
struct Shared {
    started: AtomicU64,
    orders: Mutex<Vec<Order>>,
    ready: Mutex<Vec<TaskId>>,
    stopped: Mutex<BTreeSet<Owner>>,
    executor: Mutex<Option<Waker>>,
}

enum Order {
    Start(TaskId, Owner, Work),
    End(TaskId),
    EndAll(Owner),
}

impl Tasks {
    /// Starts a task.
    pub(crate) fn start(
        &self,
        owner: Owner,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> TaskId {
        let id = TaskId(self.0.started.fetch_add(1, Ordering::Relaxed));
        self.order(Order::Start(id, owner, Box::pin(work)));
        id
    }

    /// Drops a task where it stands.
    pub(crate) fn end(&self, task: TaskId) {
        self.order(Order::End(task));
    }

    /// Drops every task of an owner where it stands.
    pub(crate) fn end_all(&self, owner: Owner) {
        self.order(Order::EndAll(owner));
    }

    /// Lets an owner's tasks stand still, or go on. What wakes them meanwhile is kept.
    pub(crate) fn set_stopped(&self, owner: Owner, is_stopped: bool) {
        let mut stopped = lock(&self.0.stopped);
        if is_stopped {
            stopped.insert(owner)
        } else {
            stopped.remove(&owner)
        };
        drop(stopped);
        self.0.wake_executor();
    }

    fn order(&self, order: Order) {
        lock(&self.0.orders).push(order);
        self.0.wake_executor();
    }
}

impl Shared {
    fn wake_executor(&self) {
        if let Some(executor) = &*lock(&self.executor) {
            executor.wake_by_ref();
        }
    }
}

/// Polls tasks.
pub(crate) struct Executor {
    shared: Arc<Shared>,
    random: Random,
    tasks: BTreeMap<TaskId, Task>,
}

struct Task {
    owner: Owner,
    work: Work,
    bell: Arc<Bell>,
}

/// Puts a task among those that are ready, once until it is polled.
struct Bell {
    task: TaskId,
    is_rung: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.is_rung.swap(true, Ordering::Relaxed) {
            lock(&self.shared.ready).push(self.task);
            self.shared.wake_executor();
        }
    }
}

impl Executor {
    pub(crate) fn new(tasks: &Tasks, random: Random) -> Self {
        Self { shared: Arc::clone(&tasks.0), random, tasks: BTreeMap::new() }
    }

    /// Polls one task at a time until `is_over` says so, which is asked before each. Whenever
    /// time may have passed, `catch_up` is called first.
    pub(crate) async fn run(mut self, catch_up: impl Fn(), mut is_over: impl FnMut() -> bool) {
        poll_fn(|context| {
            catch_up();
            *lock(&self.shared.executor) = Some(context.waker().clone());
            loop {
                if is_over() {
                    return Poll::Ready(());
                }
                self.carry_out_orders();
                let Some(task) = self.next_ready() else { return Poll::Pending };
                self.poll(task);
            }
        })
        .await;
        // Tasks know the shared state, and it knows them: one of the two has to let go.
        self.tasks.clear();
        lock(&self.shared.orders).clear();
        *lock(&self.shared.executor) = None;
    }

    fn carry_out_orders(&mut self) {
        let orders = std::mem::take(&mut *lock(&self.shared.orders));
        for order in orders {
            match order {
                Order::Start(id, owner, work) => {
                    let shared = Arc::clone(&self.shared);
                    let bell = Arc::new(Bell { task: id, is_rung: AtomicBool::new(true), shared });
                    self.tasks.insert(id, Task { owner, work, bell });
                    lock(&self.shared.ready).push(id);
                }
                Order::End(id) => drop(self.tasks.remove(&id)),
                Order::EndAll(owner) => self.tasks.retain(|_, task| task.owner != owner),
            }
        }
    }

    /// Draws one of the tasks that are ready and not stopped.
    fn next_ready(&mut self) -> Option<TaskId> {
        let stopped = lock(&self.shared.stopped);
        let mut ready = lock(&self.shared.ready);
        ready.retain(|id| self.tasks.contains_key(id));
        let may_go_on = |id: &TaskId| {
            stopped.is_empty() || self.tasks.get(id).is_some_and(|it| !stopped.contains(&it.owner))
        };
        let count = ready.iter().filter(|id| may_go_on(id)).count();
        if count == 0 {
            return None;
        }
        let drawn = self.random.below(count);
        let (at, _) = ready.iter().enumerate().filter(|(_, id)| may_go_on(id)).nth(drawn)?;
        Some(ready.swap_remove(at))
    }

    fn poll(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.bell.is_rung.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task.bell));
        if task.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks.remove(&id);
        }
    }
}
