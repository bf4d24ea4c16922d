//! The world under test: two processes, the calls under way, and what clients know.

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use domain::{
    CheckoutRefusal, Code, CodeRefusal, Epoch, Hold, Receipt, Sale, StoreError, UnixMillis,
};
use fakes::{HoldState, LiveCopy, Operation, Process, World};

use crate::{Op, PROCESSES, Work};

/// Units on offer: fewer than users want.
const STOCK: u32 = 4;

/// Units a user may have.
const LIMIT: u16 = 2;

/// A world, and what is known of it.
pub(crate) struct Model {
    pub(crate) world: World,
    pub(crate) sale: Sale,
    pub(crate) processes: Vec<Arc<Process>>,
    started: u16,
    pub(crate) calls: Vec<Call>,
    copies: Vec<LiveCopy>,
    /// What clients know of, and did.
    pub(crate) known: Vec<KnownHold>,
    pub(crate) refusals_answered: usize,
    /// How each record was when it was last looked at.
    pub(crate) seen: BTreeMap<Code, HoldState>,
    /// What the live store serves up to this epoch is in doubt: it went back unnoticed.
    pub(crate) doubtful: Option<Epoch>,
    /// When the sale was first seen closed.
    pub(crate) closed_at: Option<UnixMillis>,
}

/// A hold that a client knows of.
pub(crate) struct KnownHold {
    pub(crate) hold: Hold,
    /// They have asked to give it back, whatever came of it.
    pub(crate) is_returned: bool,
    /// They got the answer that they bought it just now.
    pub(crate) is_bought: bool,
}

/// A call that has not ended.
pub(crate) struct Call {
    process: usize,
    future: Pin<Box<dyn Future<Output = Reply>>>,
}

/// How a call ended.
pub(crate) enum Reply {
    Asked(Result<Result<Hold, CheckoutRefusal>, StoreError>),
    Redeemed(Code, Result<Result<Receipt, CodeRefusal>, StoreError>),
    Released(Code, Result<Result<(), CodeRefusal>, StoreError>),
    /// A step of the upkeep, about which no client hears.
    Upkeep,
}

impl Model {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let sale = world.open_sale(STOCK, LIMIT);
        let mut model = Self {
            world,
            sale,
            processes: Vec::new(),
            started: 0,
            calls: Vec::new(),
            copies: Vec::new(),
            known: Vec::new(),
            refusals_answered: 0,
            seen: BTreeMap::new(),
            doubtful: None,
            closed_at: None,
        };
        for _ in 0..PROCESSES {
            let process = model.start();
            model.processes.push(process);
        }
        model
    }

    fn start(&mut self) -> Arc<Process> {
        self.started += 1;
        Arc::new(self.world.process(self.started))
    }

    pub(crate) fn step(&mut self, op: Op) {
        match op {
            Op::Call(process, work) => self.call(process, work),
            Op::Pass(ms) => self.world.clock.advance_ms(ms),
            Op::Break(operation, fault) => {
                let is_live = operation <= Operation::SettleSoon;
                let live = self.world.live.faults();
                let store = if is_live { live } else { self.world.ledger.faults() };
                store.plan(operation, fault);
            }
            Op::ResumeLive => drop(self.world.live.faults().resume()),
            Op::ResumeLedger => drop(self.world.ledger.faults().resume()),
            Op::SettleLate => self.world.live.settle_late(),
            Op::Kill(process) => {
                self.calls.retain(|call| call.process != process);
                self.processes[process] = self.start();
            }
            Op::Copy => self.copies.push(self.world.live.copy()),
            Op::Wipe => self.world.live.wipe(),
            Op::Restart(at) => {
                if let Some(copy) = self.a_copy(at) {
                    self.world.live.restore(&copy);
                }
            }
            Op::RollBack(at) => {
                if let Some(copy) = self.a_copy(at) {
                    self.world.live.roll_back_undetected(&copy);
                    self.doubtful = self.world.ledger.sale(self.sale.id).map(|sale| sale.epoch);
                }
            }
            Op::Skew(ms) => self.world.live.set_skew_ms(ms),
        }
        self.run();
    }

    fn a_copy(&self, at: usize) -> Option<LiveCopy> {
        self.copies.get(at % self.copies.len().max(1)).cloned()
    }

    fn call(&mut self, at: usize, work: Work) {
        let process = Arc::clone(&self.processes[at]);
        let ledger = Arc::clone(&self.world.ledger);
        let sale = self.sale;
        let count = self.known.len().max(1);
        let known = match work {
            Work::Redeem(hold) | Work::Release(hold) => self.known.get_mut(hold % count),
            _ => None,
        };
        let future: Pin<Box<dyn Future<Output = Reply>>> = match (work, known) {
            (Work::Checkout(user), _) => Box::pin(async move {
                Reply::Asked(process.ask(&sale, ["alice", "bob", "carol"][user]).await)
            }),
            (Work::Redeem(_), Some(known)) => {
                let code = known.hold.code;
                Box::pin(async move { Reply::Redeemed(code, process.purchase.redeem(code).await) })
            }
            (Work::Release(_), Some(known)) => {
                let code = known.hold.code;
                known.is_returned = true;
                Box::pin(async move { Reply::Released(code, process.purchase.release(code).await) })
            }
            (Work::SetPaused(paused), _) => Box::pin(async move {
                drop(ledger.set_paused(sale.id, paused).await);
                Reply::Upkeep
            }),
            (upkeep, _) => Box::pin(async move {
                drop(keep_up(&process, &sale, upkeep).await);
                Reply::Upkeep
            }),
        };
        self.calls.push(Call { process: at, future });
    }

    /// Lets every call go on until it ends or is paused, or waits for one that is.
    pub(crate) fn run(&mut self) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        while woken.0.swap(false, Ordering::SeqCst) {
            let mut replies = Vec::new();
            self.calls.retain_mut(|call| match poll(call.future.as_mut(), &waker) {
                Poll::Ready(reply) => {
                    replies.push(reply);
                    false
                }
                Poll::Pending => true,
            });
            for reply in replies {
                self.hear(reply);
            }
        }
    }
}

/// Whether a call that waited can go on.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One step of the upkeep, as the scheduler runs it.
async fn keep_up(process: &Process, sale: &Sale, step: Work) -> Result<(), StoreError> {
    let listed = process.catalog.calendar().sales.iter().find(|other| other.id == sale.id).copied();
    match step {
        Work::Refresh => process.catalog.refresh().await,
        Work::Sweep => process.sweep.run(sale.id).await.map(drop),
        Work::SweepOverdue => {
            let calendar = process.catalog.calendar();
            process.sweep.run_overdue(&calendar.sales).await.map(drop)
        }
        Work::Restore => process.rebuild.restore(sale.id, None).await.map(drop),
        Work::RunAsked => process.rebuild.run_asked().await.map(drop),
        Work::Reconcile => match listed {
            Some(listed) => process.reconcile.run(&listed).await.map(drop),
            None => Ok(()),
        },
        Work::Retire => process.retire.run().await.map(drop),
        // Of nothing, because no client knows of any yet.
        Work::Checkout(_) | Work::Redeem(_) | Work::Release(_) | Work::SetPaused(_) => Ok(()),
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// What a future says that has nobody to wait for.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::SeqCst) {
        if let Poll::Ready(reply) = poll(future.as_mut(), &waker) {
            return reply;
        }
    }
    panic!("nothing is paused, and yet a call stands still")
}
