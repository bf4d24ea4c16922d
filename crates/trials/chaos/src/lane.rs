//! One lane of a trial: sale after sale on deployments of its own.

mod sale;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dev_servers::Stack;
use fastrand::Rng;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle, JoinSet},
    time::sleep,
};

use self::sale::{Opening, Visited};
use crate::{
    audits::{audit_until, unclean},
    capabilities::Capabilities,
    deployment::{Audit, Builds, Deployment},
    error::{ChaosError, during},
    fault::Kind,
    history::now_ms,
    inject::{CLOCK_MS, InjectedFault},
    judgement::{Breach, Calm},
    operator::{Operator, Steered},
    orders::Order,
    plan::{Pace, PlannedFault, Planner},
    programme::Part,
    progress::Progress,
    recovery::{Recovery, recoveries},
    timetable::{HEALED_BY_MS, JUDGED_AT_MS, LASTS_MS},
};

pub(crate) use self::sale::Judged;

/// Sales on one deployment. The next has new stores: a rolling restart has no way back.
const SALES_A_DEPLOYMENT: usize = 10;

/// Sales on one deployment that is upgraded: one in which that happens, and one after it.
const SALES_AN_UPGRADE: usize = 2;

/// How long before its opening a sale must be known, in milliseconds.
const AHEAD_MS: i64 = 2_000;

/// Where and how a lane runs.
pub(crate) struct Lane {
    pub(crate) number: usize,
    pub(crate) stack: Stack,
    pub(crate) rng: Rng,
    pub(crate) planner: Planner,
    pub(crate) builds: Builds,
    /// Whether its deployments are upgraded to the next build in their first sale.
    pub(crate) is_upgraded: bool,
    pub(crate) capabilities: Capabilities,
    /// Whether recoveries are timed; then every second sale has its faults one by one.
    pub(crate) is_timed: bool,
    /// How many readers look at each sale.
    pub(crate) readers: usize,
    /// How many viewers watch it.
    pub(crate) viewers: usize,
    /// How many sales are on at a time.
    pub(crate) sales: u8,
    /// Whether an operator changes them while faults go on.
    pub(crate) is_steered: bool,
    /// Where its deployments leave their logs.
    pub(crate) dir: PathBuf,
    pub(crate) progress: Arc<Progress>,
    pub(crate) cycles: mpsc::Sender<Cycle>,
}

/// What came of the sales that were on together.
pub(crate) struct Cycle {
    pub(crate) lane: usize,
    /// Each of them; that of the timetable is the first.
    pub(crate) sales: Vec<Judged>,
    pub(crate) faults: Vec<InjectedFault>,
    pub(crate) recoveries: Vec<Recovery>,
    /// How often a process of the service ended, or did not come up, by itself.
    pub(crate) ends: usize,
    pub(crate) longest_stop_ms: u64,
    pub(crate) peak_memory_mib: u64,
    /// What audits found.
    pub(crate) found: Vec<Breach>,
    /// Where the logs of its processes are.
    pub(crate) dir: PathBuf,
}

impl Cycle {
    /// Every promise that was broken.
    pub(crate) fn breaches(&self) -> impl Iterator<Item = &Breach> {
        self.sales.iter().flat_map(|sale| &sale.breaches).chain(&self.found)
    }
}

/// An operator at work, who has in the end what they did with each sale.
type Steers = JoinHandle<Result<Vec<Steered>, ChaosError>>;

/// Sales whose buyers may still be about.
struct Running {
    opens_ms: i64,
    visited: Vec<Visited>,
    /// What an operator does with them.
    steered: Steers,
    faults: Vec<InjectedFault>,
    pace: Pace,
    /// What the audits found while they ran.
    found: Vec<Breach>,
}

impl Lane {
    /// Runs sales until the trial has had enough of them.
    pub(crate) async fn run(mut self) -> Result<(), ChaosError> {
        let mut deployments = 0;
        while !self.progress.is_over() {
            let dir = self.dir.join(format!("lane-{}-deployment-{deployments}", self.number));
            fs::create_dir_all(&dir).map_err(during("make a directory"))?;
            let deployment =
                Deployment::start(self.stack, &dir, &self.builds, &self.capabilities).await?;
            let deployment = Arc::new(deployment);
            self.sales(&deployment, &dir).await?;
            deployments += 1;
        }
        Ok(())
    }

    async fn sales(&mut self, deployment: &Arc<Deployment>, dir: &Path) -> Result<(), ChaosError> {
        let lasts_ms = i64::from(LASTS_MS);
        let mut opens_ms = (now_ms() + AHEAD_MS).div_euclid(lasts_ms) * lasts_ms + lasts_ms;
        let mut before: Option<Running> = None;
        let turns = if self.is_upgraded { SALES_AN_UPGRADE } else { SALES_A_DEPLOYMENT };
        for turn in 0..turns {
            if !self.progress.claim() {
                break;
            }
            let is_of_before = self.is_upgraded && turn == 0;
            let pace = self.pace(turn);
            let sale = find(deployment, opens_ms).await?;
            let of_timetable = Opening { part: Part::Timetable, sale, opens_ms, is_of_before };
            let mut visited = vec![self.visit(deployment, of_timetable, None)?];
            let steered = self.steer(deployment, pace, &mut visited).await?;
            let plan = if is_of_before {
                vec![PlannedFault::upgrade(&mut self.rng)]
            } else {
                self.planner.plan(&mut self.rng, pace)
            };
            let judged_at_ms = opens_ms + i64::from(JUDGED_AT_MS);
            let auditing = Arc::clone(deployment);
            let audits = tokio::spawn(async move { audit_until(&auditing, judged_at_ms).await });
            let faults = inject_all(deployment, opens_ms, &plan).await?;
            let found = audits.await.map_err(|error| panicked(&error))??;

            until(judged_at_ms).await;
            if let Some(before) = before.take() {
                self.judge(deployment, before, &faults, dir).await?;
            }
            before = Some(Running { opens_ms, visited, steered, faults, pace, found });
            opens_ms += lasts_ms;
        }
        if let Some(last) = before {
            let ends_ms =
                last.visited.iter().map(|visited| visited.opening.ends_at_last_ms()).max();
            until(ends_ms.unwrap_or(opens_ms)).await;
            self.judge(deployment, last, &[], dir).await?;
        }
        Ok(())
    }

    /// Has an operator put the other sales on, and change all of them while faults go on. The version before
    /// may not know how to, so while it serves nobody does.
    async fn steer(
        &mut self,
        deployment: &Arc<Deployment>,
        pace: Pace,
        visited: &mut Vec<Visited>,
    ) -> Result<Steers, ChaosError> {
        let rng = self.rng.fork();
        let Some(&Visited { opening, .. }) = visited.first() else { return Ok(nobody()) };
        if opening.is_of_before {
            return Ok(nobody());
        }
        let mut operator = Operator {
            deployment: Arc::clone(deployment),
            rng,
            opens_ms: opening.opens_ms,
            // Where recoveries are timed nothing else shall keep anybody from buying.
            spares_timetable: pace == Pace::OneByOne,
        };
        for part in Part::of(self.sales).skip(1) {
            let (sale, made) = operator.schedule(part).await?;
            visited.push(self.visit(deployment, Opening { part, sale, ..opening }, Some(made))?);
        }
        if !self.is_steered {
            return Ok(nobody());
        }
        let sales = visited.iter().map(Visited::to_steer).collect();
        Ok(tokio::spawn(operator.steer(sales)))
    }

    fn visit(
        &mut self,
        deployment: &Deployment,
        opening: Opening,
        made: Option<Order>,
    ) -> Result<Visited, ChaosError> {
        opening.visit(deployment, self.rng.fork(), (self.readers, self.viewers), made)
    }

    fn pace(&self, turn: usize) -> Pace {
        if self.is_timed && turn.is_multiple_of(2) { Pace::OneByOne } else { Pace::Together }
    }

    /// Judges sales when their buyers have gone home and their last holds have ended. Those that outlasted
    /// their own faults have met some of the next.
    async fn judge(
        &self,
        deployment: &Deployment,
        running: Running,
        next_faults: &[InjectedFault],
        dir: &Path,
    ) -> Result<(), ChaosError> {
        let Running { opens_ms, visited, steered, faults, pace, mut found } = running;
        let mut steered = steered.await.map_err(|error| panicked(&error))??;
        let met = [&faults, next_faults].concat();
        let is_of_clock =
            |met: &InjectedFault| matches!(met.fault.kind, Kind::ClockAhead | Kind::ClockBehind);
        let calm = Calm {
            from_ms: opens_ms + i64::from(HEALED_BY_MS),
            clock_ms: if met.iter().any(is_of_clock) { CLOCK_MS } else { 0 },
        };
        let mut sales = Vec::new();
        for visited in visited {
            let of_sale = steered.iter_mut().find(|it| it.sale == visited.opening.sale);
            let orders = of_sale.map(|it| std::mem::take(&mut it.orders)).unwrap_or_default();
            sales.push(visited.judge(deployment, orders, (&met, calm)).await?);
        }
        match deployment.audit().await? {
            Audit::Clean => {}
            Audit::Breach(report) => found.push(unclean(&report)),
            Audit::Impossible(said) => return Err(ChaosError::Failed { what: "the audit", said }),
        }
        let recoveries = match (pace, sales.first()) {
            (Pace::OneByOne, Some(of_timetable)) => recoveries(&faults, &of_timetable.history),
            _ => Vec::new(),
        };
        let cycle = Cycle {
            lane: self.number,
            sales,
            faults,
            recoveries,
            ends: deployment.processes.take_ends(),
            longest_stop_ms: deployment.processes.take_longest_stop_ms(),
            peak_memory_mib: deployment.processes.peak_memory_mib().await,
            found,
            dir: dir.to_owned(),
        };
        // Nobody listens any more if the trial was stopped.
        let _ = self.cycles.send(cycle).await;
        Ok(())
    }
}

/// Nobody who steers.
fn nobody() -> Steers {
    tokio::spawn(async { Ok(Vec::new()) })
}

/// Waits until the sale that opens then is known; returns its number.
async fn find(deployment: &Deployment, opens_ms: i64) -> Result<i64, ChaosError> {
    until(opens_ms - AHEAD_MS / 2).await;
    while now_ms() < opens_ms + AHEAD_MS {
        if let Some(sale) = deployment.stores.sale_at(opens_ms).await? {
            return Ok(sale);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err(ChaosError::Failed {
        what: "waiting for a sale",
        said: "the service did not make the next sale in time".to_owned(),
    })
}

/// Injects every fault at its time, each in a task of its own: one may block while another
/// is to be healed.
async fn inject_all(
    deployment: &Arc<Deployment>,
    opens_ms: i64,
    plan: &[PlannedFault],
) -> Result<Vec<InjectedFault>, ChaosError> {
    let mut faults: JoinSet<_> = plan
        .iter()
        .map(|&planned| {
            let deployment = Arc::clone(deployment);
            async move {
                until(opens_ms + i64::from(planned.at_ms)).await;
                deployment.inject(planned).await
            }
        })
        .collect();
    let mut injected = Vec::new();
    while let Some(fault) = faults.join_next().await {
        injected.push(fault.map_err(|error| panicked(&error))??);
    }
    Ok(injected)
}

fn panicked(error: &JoinError) -> ChaosError {
    ChaosError::Failed { what: "a task", said: error.to_string() }
}

/// Waits until this moment, ms since the Unix epoch.
pub(crate) async fn until(moment_ms: i64) {
    let left_ms = u64::try_from(moment_ms - now_ms()).unwrap_or(0);
    sleep(Duration::from_millis(left_ms)).await;
}
