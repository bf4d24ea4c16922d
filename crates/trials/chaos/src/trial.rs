//! A trial: lanes of sales, side by side, until there were enough.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Parser, value_parser};
use dev_servers::Stack;
use fastrand::Rng;
use tokio::{runtime, sync::mpsc, task::JoinSet};

use crate::{
    capabilities::Capabilities,
    deployment::Builds,
    error::{ChaosError, during},
    fault::Kind,
    lane::{Cycle, Lane},
    plan::Planner,
    progress::Progress,
    report::Report,
    stack::description_of,
    variants::{FLASHSALE, VariantBuilder},
};

/// The service under every fault that one machine can provoke.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Trial {
    /// Sales of the timetable to run; each takes some 20 seconds of its lane
    #[arg(long, default_value_t = 12)]
    cycles: usize,
    /// What the service stands on
    #[arg(long, value_enum, default_value_t)]
    stack: Stack,
    /// Services that are tried side by side, each on stores of its own
    #[arg(long, default_value_t = 4, global = true)]
    lanes: usize,
    /// Readers of each sale, which look at it again and again
    #[arg(long, value_name = "N", default_value_t = 30, global = true)]
    readers: usize,
    /// Viewers of each sale, who are told how it stands as that changes
    #[arg(long, value_name = "N", default_value_t = 20, global = true)]
    viewers: usize,
    /// Sales that are on at a time: one of the timetable, and if more are wanted a long and a short one
    /// beside it
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u8).range(1..=3), global = true)]
    sales: u8,
    /// Operators who change the sales while faults go on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u8).range(0..=1), global = true)]
    operators: u8,
    /// Gives the same faults at the same times again [default: a new one]
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// End at the first broken promise
    #[arg(long)]
    until_broken: bool,
    /// Only faults whose names contain this
    #[arg(long, value_name = "TEXT", global = true)]
    only: Option<String>,
    /// The service to try [default: the one beside this program]
    #[arg(long, value_name = "PROGRAM")]
    service: Option<PathBuf>,
    /// Where processes leave their logs, and where builds are kept
    #[arg(long, value_name = "DIR", default_value = "target/chaos", global = true)]
    dir: PathBuf,
    /// The version before this one, if each deployment is upgraded from that
    #[arg(skip)]
    before: Option<PathBuf>,
}

impl Trial {
    /// Runs it; true if no promise was broken.
    pub(crate) fn run(&self) -> Result<bool, ChaosError> {
        let next = match self.stack {
            // What an upgrade leads to is next already.
            _ if self.before.is_some() => None,
            Stack::Servers if self.may_plan(Kind::ServicesReplaced) => Some(self.next_build()?),
            Stack::Servers | Stack::Embedded => None,
        };
        let capabilities = Capabilities::of_this_machine(next.clone())?;
        let report = self.run_lanes(&capabilities, next.as_deref())?;
        report.print(&capabilities);
        Ok(report.breaches.is_empty() && report.cycles > 0)
    }

    /// Whether a fault is among those that were asked for.
    fn may_plan(&self, kind: Kind) -> bool {
        self.only.as_ref().is_none_or(|text| kind.to_string().contains(text))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The same trial of another service, until it breaks a promise.
    pub(crate) fn of_mutant(&self, program: PathBuf, stack: Stack, cycles: usize) -> Self {
        Self { service: Some(program), until_broken: true, stack, cycles, ..self.clone() }
    }

    /// The same trial of services that begin as the version `before`, and are upgraded.
    pub(crate) fn of_upgrade(&self, before: PathBuf) -> Self {
        Self { before: Some(before), ..self.clone() }
    }

    /// The service with a newer function library.
    fn next_build(&self) -> Result<PathBuf, ChaosError> {
        eprintln!("building the service with a newer function library ...");
        let variants = VariantBuilder::in_dir(&self.dir)?;
        variants.build(FLASHSALE, "next-library", &variants.next_library()?)
    }

    /// Runs the lanes on a runtime of their own.
    pub(crate) fn run_lanes(
        &self,
        capabilities: &Capabilities,
        next: Option<&Path>,
    ) -> Result<Report, ChaosError> {
        dev_servers::raise_open_files()?;
        let runtime = runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(during("start a runtime"))?;
        runtime.block_on(self.lanes(capabilities, &self.builds(next)?))
    }

    async fn lanes(
        &self,
        capabilities: &Capabilities,
        builds: &Builds,
    ) -> Result<Report, ChaosError> {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        println!(
            "{} sales of the timetable in {} lanes, {} at a time, {}, SEED={seed}",
            self.cycles,
            self.lanes,
            self.sales,
            description_of(self.stack)
        );
        let logs = self.dir.join("logs");
        if logs.exists() {
            fs::remove_dir_all(&logs).map_err(during("remove old logs"))?;
        }
        fs::create_dir_all(&logs).map_err(during("make a directory for logs"))?;
        let logs = logs.canonicalize().map_err(during("find the directory for logs"))?;
        let progress = Arc::new(Progress::of(self.cycles));
        let mut rng = Rng::with_seed(seed);
        let (sender, mut cycles) = mpsc::channel(self.lanes);
        let mut lanes = JoinSet::new();
        for number in 0..self.lanes {
            let lane = Lane {
                number,
                stack: self.stack,
                rng: rng.fork(),
                planner: self.planner(capabilities)?,
                builds: builds.clone(),
                is_upgraded: self.before.is_some(),
                capabilities: capabilities.clone(),
                is_timed: !self.until_broken,
                readers: self.readers,
                viewers: self.viewers,
                sales: self.sales,
                is_steered: self.operators > 0,
                dir: logs.clone(),
                progress: Arc::clone(&progress),
                cycles: sender.clone(),
            };
            lanes.spawn(lane.run());
        }
        drop(sender);
        let mut report = Report::of(self.stack, self.readers);
        loop {
            tokio::select! {
                cycle = cycles.recv() => match cycle {
                    Some(cycle) => self.note(&mut report, &cycle, &progress),
                    None => break,
                },
                _ = tokio::signal::ctrl_c() => {
                    eprintln!("stopping");
                    break;
                }
            }
            if self.until_broken && !report.breaches.is_empty() {
                lanes.shutdown().await;
                return Ok(report);
            }
        }
        // A lane that failed has left its reason; the others are ended where they stand.
        while let Some(ended) = lanes.try_join_next() {
            match ended {
                Ok(ended) => ended?,
                Err(error) => {
                    return Err(ChaosError::Failed { what: "a lane", said: error.to_string() });
                }
            }
        }
        lanes.shutdown().await;
        Ok(report)
    }

    fn note(&self, report: &mut Report, cycle: &Cycle, progress: &Progress) {
        report.add(cycle);
        if self.until_broken && cycle.breaches().next().is_some() {
            progress.stop();
        }
    }

    /// The service that is tried.
    pub(crate) fn service(&self) -> Result<PathBuf, ChaosError> {
        let here = env::current_exe().map_err(during("find this program"))?;
        let service = self.service.clone().unwrap_or_else(|| here.with_file_name("flashsale"));
        service.canonicalize().map_err(during("find the service"))
    }

    fn builds(&self, next: Option<&Path>) -> Result<Builds, ChaosError> {
        let service = self.service()?;
        Ok(match self.before.clone() {
            Some(before) => Builds { service: before, next: Some(service) },
            None => Builds { service, next: next.map(Path::to_owned) },
        })
    }

    fn planner(&self, capabilities: &Capabilities) -> Result<Planner, ChaosError> {
        let Some(only) = &self.only else { return Ok(Planner::of(self.stack, capabilities)) };
        Planner::named(only, self.stack, capabilities).ok_or_else(|| ChaosError::Failed {
            what: "choosing faults",
            said: format!("no fault that can be tried here is called {only:?}"),
        })
    }
}
