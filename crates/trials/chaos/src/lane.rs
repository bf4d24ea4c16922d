//! One lane of a trial: sale after sale on stands of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dev_servers::Stack;
use fastrand::Rng;
use serde_json::Value;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle, JoinSet},
    time::sleep,
};

use crate::{
    blow::Blow,
    crowd::Crowd,
    error::{ChaosError, during},
    history::{Asked, History, now_ms},
    ledger::Records,
    plan::{Deck, Pace, Strike},
    powers::Powers,
    progress::Progress,
    recovery::{Recovery, recoveries},
    stand::{Audit, Builds, Stand},
    timetable::{JUDGED_AT_MS, LASTS_MS},
    verdict::{Breach, Promise, judge},
};

/// Sales on one stand. The next has new stores: a rolling restart has no way back.
const SALES_A_STAND: usize = 10;

/// How long before its opening a sale must be known, in milliseconds.
const AHEAD_MS: i64 = 2_000;

/// How long after its end a sale may have holds, in milliseconds: what was taken at the last
/// moment, and the time to sweep it.
const HOLDS_END_MS: i64 = 10_000;

/// Between two audits of a sale that is on.
const AUDIT_PAUSE: Duration = Duration::from_millis(300);

/// Where and how a lane runs.
pub(crate) struct Lane {
    pub(crate) number: usize,
    pub(crate) stack: Stack,
    pub(crate) dice: Rng,
    pub(crate) deck: Deck,
    pub(crate) builds: Builds,
    pub(crate) powers: Powers,
    /// Whether recoveries are timed; then every second sale has its faults one by one.
    pub(crate) is_timed: bool,
    /// Where its stands leave their logs.
    pub(crate) dir: PathBuf,
    pub(crate) progress: Arc<Progress>,
    pub(crate) cycles: mpsc::Sender<Cycle>,
}

/// What came of one sale.
pub(crate) struct Cycle {
    pub(crate) lane: usize,
    pub(crate) sale: i64,
    pub(crate) blows: Vec<Blow>,
    pub(crate) recoveries: Vec<Recovery>,
    pub(crate) history: Vec<Asked>,
    pub(crate) sold: usize,
    /// How often a process of the service ended, or did not come up, by itself.
    pub(crate) ends: usize,
    pub(crate) breaches: Vec<Breach>,
    /// Where the logs of its processes are.
    pub(crate) dir: PathBuf,
}

/// A sale whose buyers may still be about.
struct Running {
    sale: i64,
    ends_ms: i64,
    history: Arc<History>,
    crowd: JoinHandle<()>,
    blows: Vec<Blow>,
    pace: Pace,
    /// What the audits found while it ran.
    found: Vec<Breach>,
}

impl Lane {
    /// Runs sales until the trial has had enough of them.
    pub(crate) async fn run(mut self) -> Result<(), ChaosError> {
        let mut stands = 0;
        while !self.progress.is_over() {
            let dir = self.dir.join(format!("lane-{}-stand-{stands}", self.number));
            fs::create_dir_all(&dir).map_err(during("make a directory"))?;
            let stand = Stand::start(self.stack, &dir, &self.builds, &self.powers).await?;
            let stand = Arc::new(stand);
            self.sales(&stand, &dir).await?;
            stands += 1;
        }
        Ok(())
    }

    async fn sales(&mut self, stand: &Arc<Stand>, dir: &Path) -> Result<(), ChaosError> {
        let lasts_ms = i64::from(LASTS_MS);
        let mut opens_ms = (now_ms() + AHEAD_MS).div_euclid(lasts_ms) * lasts_ms + lasts_ms;
        let mut before = None;
        for turn in 0..SALES_A_STAND {
            if !self.progress.claim() {
                break;
            }
            let sale = open(stand, opens_ms).await?;
            let history = Arc::new(History::default());
            let crowd =
                Crowd { shop: stand.shop()?, sale, opens_ms, history: Arc::clone(&history) };
            let mut dice = self.dice.fork();
            let crowd = tokio::spawn(async move { crowd.shop(&mut dice).await });
            let pace = self.pace(turn);
            let strikes = self.deck.strikes(&mut self.dice, pace);
            let judged_at_ms = opens_ms + i64::from(JUDGED_AT_MS);
            let auditing = Arc::clone(stand);
            let audits = tokio::spawn(async move { audit_until(&auditing, judged_at_ms).await });
            let blows = suffer_all(stand, opens_ms, &strikes).await?;
            let found = audits.await.map_err(|error| panicked(&error))??;

            until(judged_at_ms).await;
            if let Some(before) = before.take() {
                self.judge(stand, before, dir).await?;
            }
            let ends_ms = opens_ms + lasts_ms;
            before = Some(Running { sale, ends_ms, history, crowd, blows, pace, found });
            opens_ms = ends_ms;
        }
        if let Some(last) = before {
            until(last.ends_ms).await;
            self.judge(stand, last, dir).await?;
        }
        Ok(())
    }

    fn pace(&self, turn: usize) -> Pace {
        if self.is_timed && turn.is_multiple_of(2) { Pace::OneByOne } else { Pace::Together }
    }

    /// Judges a sale when its buyers have gone home and its last hold has ended.
    async fn judge(&self, stand: &Stand, running: Running, dir: &Path) -> Result<(), ChaosError> {
        let Running { sale, ends_ms, history, crowd, blows, pace, found } = running;
        crowd
            .await
            .map_err(|error| ChaosError::Failed { what: "the crowd", said: error.to_string() })?;
        let records = last_records(stand, sale, ends_ms).await?;
        let history = history.lines();
        let mut breaches = judge(&history, &records);
        breaches.extend(found);
        match stand.audit()? {
            Audit::Clean => {}
            Audit::Breach(report) => breaches.push(unclean(&report)),
            Audit::Impossible(said) => return Err(ChaosError::Failed { what: "the audit", said }),
        }
        let recoveries = match pace {
            Pace::OneByOne => recoveries(&blows, &history),
            Pace::Together => Vec::new(),
        };
        let cycle = Cycle {
            lane: self.number,
            sale,
            blows,
            recoveries,
            history,
            sold: records.purchases.len(),
            ends: stand.processes.take_ends(),
            breaches,
            dir: dir.to_owned(),
        };
        // Nobody listens any more if the trial was stopped.
        let _ = self.cycles.send(cycle).await;
        Ok(())
    }
}

/// Waits for a sale to open; returns its number.
async fn open(stand: &Stand, opens_ms: i64) -> Result<i64, ChaosError> {
    until(opens_ms - AHEAD_MS / 2).await;
    while now_ms() < opens_ms + AHEAD_MS {
        if let Some(sale) = stand.stores.sale_at(opens_ms).await? {
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

/// Lets every fault strike at its time, each in a task of its own: one may block while another
/// is to be healed.
async fn suffer_all(
    stand: &Arc<Stand>,
    opens_ms: i64,
    strikes: &[Strike],
) -> Result<Vec<Blow>, ChaosError> {
    let mut blows: JoinSet<_> = strikes
        .iter()
        .map(|&strike| {
            let stand = Arc::clone(stand);
            async move {
                until(opens_ms + i64::from(strike.at_ms)).await;
                stand.suffer(strike).await
            }
        })
        .collect();
    let mut suffered = Vec::new();
    while let Some(blow) = blows.join_next().await {
        suffered.push(blow.map_err(|error| panicked(&error))??);
    }
    Ok(suffered)
}

fn panicked(error: &JoinError) -> ChaosError {
    ChaosError::Failed { what: "a task", said: error.to_string() }
}

/// Audits again and again, as an operator might, whatever goes on. What cannot be audited now,
/// because a store is down, is audited later.
async fn audit_until(stand: &Stand, moment_ms: i64) -> Result<Vec<Breach>, ChaosError> {
    let mut found = Vec::new();
    while now_ms() < moment_ms && found.is_empty() {
        if let Audit::Breach(report) = stand.audit()? {
            found.push(unclean(&report));
        }
        sleep(AUDIT_PAUSE).await;
    }
    Ok(found)
}

fn unclean(report: &str) -> Breach {
    Breach { promise: Promise::AuditIsClean, what: broken_invariants(report) }
}

/// The names of the invariants that an audit found broken, each with its first row.
fn broken_invariants(report: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let invariants = report["invariants"].as_array().into_iter().flatten();
    let broken = invariants.filter(|invariant| invariant["holds"] == false).map(|invariant| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text(&invariant["name"]), text(&invariant["rows"][0]))
    });
    broken.collect::<Vec<_>>().join("; ")
}

/// The records of a sale when none of its units is on hold any more, or when none should be.
async fn last_records(stand: &Stand, sale: i64, ends_ms: i64) -> Result<Records, ChaosError> {
    loop {
        let records = stand.stores.records_of(sale).await?;
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
