//! A process of the service, wired as the application wires it, and what can befall it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use domain::{
    Ports, Services, Timetable,
    ports::{Clock, CodeMint, CodeStore, SaleStore},
    remembered::{RememberedLive, SoldOutMemo},
};
use fakes::PlainItems;
use scheduler::Scheduler;

use crate::{
    executor::Owner, ledger_line::LedgerLine, live_line::LiveLine, lock, network::Line,
    plan::Stack, stage::Stage,
};

/// A process that is up.
pub(crate) struct Process {
    pub(crate) number: u16,
    pub(crate) services: Services,
}

impl Process {
    /// Whose tasks its own are.
    pub(crate) const fn owner(&self) -> Owner {
        Owner::Process(self.number)
    }

    /// Starts a process and its upkeep, and gives it a place. No two have the same number.
    pub(crate) fn start(stage: &Arc<Stage>, seat: usize, number: u16) {
        let wire = Line { stage: Arc::clone(stage), process: number };
        let ledger = Arc::new(LedgerLine(wire.clone()));
        let clock = Arc::new(ProcessClock(Arc::clone(stage)));
        let live_line = Arc::new(LiveLine(wire));
        let (sales, codes): (Arc<dyn SaleStore>, Arc<dyn CodeStore>) = match stage.plan.stack {
            Stack::Servers => {
                let memo = Arc::new(SoldOutMemo::new(clock.clone()));
                let remembered = Arc::new(RememberedLive::new(live_line, memo));
                (remembered.clone(), remembered)
            }
            Stack::Embedded => (live_line.clone(), live_line),
        };
        let services = Services::over(Ports {
            register: ledger.clone(),
            ledger,
            sales,
            codes,
            items: Arc::new(PlainItems),
            mint: Arc::new(Mint(number, AtomicU64::new(0))),
            clock,
        });
        let timetable = Timetable::new(stage.plan.period_ms, stage.plan.terms)
            .expect("the plan's slots fill the day");
        let scheduler = Scheduler::new(services.upkeep(timetable));
        let process = Self { number, services };
        stage.note(|| format!("p{number} starts"));
        stage.tasks.start(process.owner(), async move {
            scheduler.run(std::future::pending()).await;
        });
        if let Some(place) = lock(&stage.seats).get_mut(seat) {
            *place = Some(Arc::new(process));
        }
    }
}

/// The clock of a process, which shows how long the run has been going on.
struct ProcessClock(Arc<Stage>);

#[async_trait]
impl Clock for ProcessClock {
    async fn wait(&self, ms: u64) {
        self.0.pass(ms).await;
    }

    fn uptime_ms(&self) -> u64 {
        self.0.now_ms()
    }
}

/// A mint that counts: first what a code shows of itself in a trace, then what makes it the
/// only one.
struct Mint(u16, AtomicU64);

impl CodeMint for Mint {
    fn draw(&self) -> u128 {
        let count = self.1.fetch_add(1, Ordering::Relaxed);
        let shown = u128::from(self.0 << 5) + u128::from(count % 32);
        shown << 80 | u128::from(self.0) << 32 | u128::from(count)
    }
}
