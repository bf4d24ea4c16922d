//! The processes of the service, each wired as the application wires it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use domain::{
    Ports, Services, Timetable, UnixMillis,
    ports::{Clock, CodeMint, CodeStore, Products, SaleStore},
    processes::ProcessId,
    remembered::{RememberedLive, SoldOutMemo},
    upkeep::Shares,
};
use fakes::{FakeLedger, ManualClock, PlainItems};
use scheduler::Scheduler;

use crate::{
    executor::Owner, ledger_line::LedgerLine, line::Line, live_line::LiveLine, lock::lock,
    network::Network, plan::Stack, world::World,
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

    /// Starts a process and its upkeep, with a line to each store. No two have the same number.
    fn start(line: Line) -> Self {
        let (world, number) = (Arc::clone(&line.world), line.process);
        let ledger = Arc::new(LedgerLine(line.clone()));
        let clock = Arc::new(ProcessClock(Arc::clone(&world)));
        let live_line = Arc::new(LiveLine(line));
        let mut shares = Shares::alone();
        let (sales, codes): (Arc<dyn SaleStore>, Arc<dyn CodeStore>) = match world.plan.stack {
            Stack::Servers => {
                shares = Shares::among(live_line.clone(), ProcessId(number.into()));
                let memo = Arc::new(SoldOutMemo::new(clock.clone()));
                let remembered = Arc::new(RememberedLive::new(live_line, memo));
                (remembered.clone(), remembered)
            }
            Stack::Embedded => (live_line.clone(), live_line),
        };
        let services = Services::over(Ports {
            register: ledger.clone(),
            answered: ledger.clone(),
            products: no_products(),
            product_reads: no_products(),
            operator: ledger.clone(),
            ledger,
            sales,
            codes,
            items: Arc::new(PlainItems),
            mint: Arc::new(Mint(number, AtomicU64::new(0))),
            clock,
        });
        let timetable = timetable(&world);
        let scheduler = Scheduler::new(services.upkeep(timetable)).with_shares(shares);
        let process = Self { number, services };
        world.note(|| format!("p{number} starts"));
        world.tasks.start(process.owner(), async move {
            scheduler.run(std::future::pending()).await;
        });
        process
    }
}

/// No sale of a run is of a product: what a unit is called is no part of the protocol.
pub(crate) fn no_products() -> Arc<dyn Products> {
    Arc::new(FakeLedger::new(ManualClock::new(UnixMillis(0))))
}

/// The timetable of a run.
pub(crate) fn timetable(world: &World) -> Timetable {
    Timetable::new(world.plan.period_ms, world.plan.terms).expect("the plan's slots fill the day")
}

/// All processes of a run, and the network that they share.
pub(crate) struct Service {
    pub(crate) world: Arc<World>,
    pub(crate) network: Arc<Mutex<Network>>,
    /// Those that are up; one that died leaves its place empty.
    processes: Mutex<Vec<Option<Arc<Process>>>>,
}

impl Service {
    /// A service that is down.
    pub(crate) fn new(world: Arc<World>) -> Self {
        let processes = Mutex::new(vec![None; world.plan.processes]);
        Self { world, network: Arc::default(), processes }
    }

    /// A line from the process of this number.
    pub(crate) fn line(&self, process: u16) -> Line {
        Line { world: Arc::clone(&self.world), network: Arc::clone(&self.network), process }
    }

    /// Starts a process in a place.
    pub(crate) fn start(&self, place: usize, number: u16) {
        let process = Process::start(self.line(number));
        if let Some(place) = lock(&self.processes).get_mut(place) {
            *place = Some(Arc::new(process));
        }
    }

    /// Ends the process in a place, whatever it is doing.
    pub(crate) fn kill(&self, place: usize) {
        if let Some(process) = lock(&self.processes).get_mut(place).and_then(Option::take) {
            self.world.tasks.end_all(process.owner());
        }
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> usize {
        lock(&self.processes).len()
    }

    /// One of the processes that are up, and its place.
    pub(crate) fn pick(&self) -> Option<(usize, Arc<Process>)> {
        let processes = lock(&self.processes).clone().into_iter().enumerate();
        let up: Vec<_> =
            processes.filter_map(|(place, process)| process.map(|it| (place, it))).collect();
        self.world.random.pick(&up)
    }
}

/// The clock of a process, which shows how long the run has been going on.
pub(crate) struct ProcessClock(pub(crate) Arc<World>);

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
pub(crate) struct Mint(pub(crate) u16, pub(crate) AtomicU64);

impl CodeMint for Mint {
    fn draw(&self) -> u128 {
        let count = self.1.fetch_add(1, Ordering::Relaxed);
        let shown = u128::from(self.0 << 5) + u128::from(count % 32);
        shown << 80 | u128::from(self.0) << 32 | u128::from(count)
    }
}
