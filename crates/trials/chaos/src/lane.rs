//! One lane of a trial: sale after sale on deployments of its own.

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

use crate::{
    audits::{audit_until, unclean},
    buyers::Buyers,
    cancellations::{Cancelled, Cancelling},
    capabilities::Capabilities,
    crowd::Crowd,
    deployment::{Audit, Builds, Deployment},
    error::{ChaosError, during},
    history::{Asked, History, now_ms},
    inject::InjectedFault,
    judgement::{Breach, judge, judge_crowd},
    ledger::Records,
    plan::{Pace, PlannedFault, Planner},
    progress::Progress,
    recovery::{Recovery, recoveries},
    sightings::Sightings,
    timetable::{HEALED_BY_MS, HOLD_MS, JUDGED_AT_MS, LASTS_MS},
};

/// Sales on one deployment. The next has new stores: a rolling restart has no way back.
const SALES_A_DEPLOYMENT: usize = 10;

/// Sales on one deployment that is upgraded: one in which that happens, and one after it.
const SALES_AN_UPGRADE: usize = 2;

/// How long before its opening a sale must be known, in milliseconds.
const AHEAD_MS: i64 = 2_000;

/// How long after its end a sale may have holds, in milliseconds: what was taken at the last
/// moment, and the time to sweep it.
const HOLDS_END_MS: i64 = 10_000;

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
    /// Where its deployments leave their logs.
    pub(crate) dir: PathBuf,
    pub(crate) progress: Arc<Progress>,
    pub(crate) cycles: mpsc::Sender<Cycle>,
}

/// What came of one sale.
pub(crate) struct Cycle {
    pub(crate) lane: usize,
    pub(crate) sale: i64,
    pub(crate) faults: Vec<InjectedFault>,
    pub(crate) recoveries: Vec<Recovery>,
    pub(crate) history: Vec<Asked>,
    pub(crate) sightings: Arc<Sightings>,
    pub(crate) sold: usize,
    /// How often a process of the service ended, or did not come up, by itself.
    pub(crate) ends: usize,
    pub(crate) longest_stop_ms: u64,
    pub(crate) peak_memory_mib: u64,
    pub(crate) breaches: Vec<Breach>,
    /// Where the logs of its processes are.
    pub(crate) dir: PathBuf,
}

/// A sale whose buyers may still be about.
struct Running {
    sale: i64,
    ends_ms: i64,
    history: Arc<History>,
    sightings: Arc<Sightings>,
    /// Buyers and readers.
    visitors: JoinHandle<()>,
    faults: Vec<InjectedFault>,
    pace: Pace,
    /// What the operator cancelled of it.
    cancelled: Vec<Cancelled>,
    /// What the audits found while it ran.
    found: Vec<Breach>,
}

/// A sale that opens.
#[derive(Clone, Copy)]
struct Opening {
    sale: i64,
    opens_ms: i64,
    /// Whether the version before serves it at first.
    is_of_before: bool,
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
        let mut before = None;
        let turns = if self.is_upgraded { SALES_AN_UPGRADE } else { SALES_A_DEPLOYMENT };
        for turn in 0..turns {
            if !self.progress.claim() {
                break;
            }
            let sale = open(deployment, opens_ms).await?;
            let (history, sightings) = <(Arc<History>, Arc<Sightings>)>::default();
            let is_of_before = self.is_upgraded && turn == 0;
            let opening = Opening { sale, opens_ms, is_of_before };
            let visitors = self.visitors(deployment, opening, &history, &sightings)?;
            let pace = self.pace(turn);
            let plan = if is_of_before {
                vec![PlannedFault::upgrade(&mut self.rng)]
            } else {
                self.planner.plan(&mut self.rng, pace)
            };
            let judged_at_ms = opens_ms + i64::from(JUDGED_AT_MS);
            let auditing = Arc::clone(deployment);
            let audits = tokio::spawn(async move { audit_until(&auditing, judged_at_ms).await });
            let cancelling = self.cancelling(deployment, opening, &history)?;
            let faults = inject_all(deployment, opens_ms, &plan).await?;
            let cancelled = cancelling.await.map_err(|error| panicked(&error))??;
            let found = audits.await.map_err(|error| panicked(&error))??;

            until(judged_at_ms).await;
            if let Some(before) = before.take() {
                self.judge(deployment, before, dir).await?;
            }
            let ends_ms = opens_ms + lasts_ms;
            before = Some(Running {
                sale,
                ends_ms,
                history,
                sightings,
                visitors,
                faults,
                pace,
                cancelled,
                found,
            });
            opens_ms = ends_ms;
        }
        if let Some(last) = before {
            until(last.ends_ms).await;
            self.judge(deployment, last, dir).await?;
        }
        Ok(())
    }

    /// Lets buyers and readers come. What they do comes from one draw, however many they are, so that
    /// a seed gives the same faults with any crowd. What the version before may not know, keys and
    /// streams, nobody uses while it serves.
    fn visitors(
        &mut self,
        deployment: &Deployment,
        Opening { sale, opens_ms, is_of_before }: Opening,
        history: &Arc<History>,
        sightings: &Arc<Sightings>,
    ) -> Result<JoinHandle<()>, ChaosError> {
        let (client, mut rng) = (deployment.client()?, self.rng.fork());
        let mut readers_rng = rng.fork();
        let history = Arc::clone(history);
        let have_keys = !is_of_before;
        let buyers = Buyers { client: client.clone(), sale, opens_ms, have_keys, history };
        let viewers = if is_of_before { 0 } else { self.viewers };
        let (readers, sightings) = (self.readers, Arc::clone(sightings));
        let crowd = Crowd { client, readers, viewers, sale, opens_ms, sightings };
        Ok(tokio::spawn(async move {
            tokio::join!(buyers.buy(&mut rng), crowd.look(&mut readers_rng));
        }))
    }

    /// Has purchases cancelled while faults are about, early enough for whoever comes when all has healed to buy
    /// their units. The version before does not know how.
    fn cancelling(
        &mut self,
        deployment: &Arc<Deployment>,
        Opening { sale, opens_ms, is_of_before }: Opening,
        history: &Arc<History>,
    ) -> Result<JoinHandle<Result<Vec<Cancelled>, ChaosError>>, ChaosError> {
        let (client, mut rng) = (deployment.client()?, self.rng.fork());
        let (deployment, history) = (Arc::clone(deployment), Arc::clone(history));
        let lasts_ms = if is_of_before { 0 } else { HEALED_BY_MS - HOLD_MS };
        let until_ms = opens_ms + i64::from(lasts_ms);
        Ok(tokio::spawn(async move {
            let cancelling =
                Cancelling { deployment: &deployment, client, sale, history: &history };
            cancelling.until(&mut rng, until_ms).await
        }))
    }

    fn pace(&self, turn: usize) -> Pace {
        if self.is_timed && turn.is_multiple_of(2) { Pace::OneByOne } else { Pace::Together }
    }

    /// Judges a sale when its buyers have gone home and its last hold has ended.
    async fn judge(
        &self,
        deployment: &Deployment,
        running: Running,
        dir: &Path,
    ) -> Result<(), ChaosError> {
        let Running { sale, ends_ms, history, sightings, visitors, faults, pace, .. } = running;
        let (cancelled, found) = (running.cancelled, running.found);
        visitors.await.map_err(|error| panicked(&error))?;
        let records = last_records(deployment, sale, ends_ms).await?;
        let history = history.lines();
        let mut breaches = judge(&history, &records, &cancelled);
        breaches.extend(judge_crowd(sale, &sightings, (&faults, &cancelled), &records));
        breaches.extend(found);
        match deployment.audit().await? {
            Audit::Clean => {}
            Audit::Breach(report) => breaches.push(unclean(&report)),
            Audit::Impossible(said) => return Err(ChaosError::Failed { what: "the audit", said }),
        }
        let recoveries = match pace {
            Pace::OneByOne => recoveries(&faults, &history),
            Pace::Together => Vec::new(),
        };
        let cycle = Cycle {
            lane: self.number,
            sale,
            faults,
            recoveries,
            history,
            sightings,
            sold: records.purchases.values().filter(|row| !row.is_cancelled).count(),
            ends: deployment.processes.take_ends(),
            longest_stop_ms: deployment.processes.take_longest_stop_ms(),
            peak_memory_mib: deployment.processes.peak_memory_mib().await,
            breaches,
            dir: dir.to_owned(),
        };
        // Nobody listens any more if the trial was stopped.
        let _ = self.cycles.send(cycle).await;
        Ok(())
    }
}

/// Waits for a sale to open; returns its number.
async fn open(deployment: &Deployment, opens_ms: i64) -> Result<i64, ChaosError> {
    until(opens_ms - AHEAD_MS / 2).await;
    while now_ms() < opens_ms + AHEAD_MS {
        if let Some(sale) = deployment.stores.sale_at(opens_ms).await? {
            until(opens_ms).await;
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

/// The records of a sale when none of its units is on hold any more, or when none should be.
async fn last_records(
    deployment: &Deployment,
    sale: i64,
    ends_ms: i64,
) -> Result<Records, ChaosError> {
    loop {
        let records = deployment.stores.records_of(sale).await?;
        let has_holds = records.holds.values().any(|hold| hold.state == "held");
        if !has_holds || now_ms() > ends_ms + HOLDS_END_MS {
            return Ok(records);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn until(moment_ms: i64) {
    let left_ms = u64::try_from(moment_ms - now_ms()).unwrap_or(0);
    sleep(Duration::from_millis(left_ms)).await;
}
