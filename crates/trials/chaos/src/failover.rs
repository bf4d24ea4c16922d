//! Failover: the whole service on a server with a standby, and what becomes of its answers when the
//! standby takes the server's place.

mod course;
pub(crate) mod crowd;
pub(crate) mod outcome;
pub(crate) mod stand;

use std::{fs, path::Path};

use clap::{Parser, ValueEnum};
use tokio::runtime;

use crate::{
    error::{ChaosError, during},
    failover::{
        outcome::{Outcome, Table},
        stand::Stand,
    },
    trial::Trial,
};

/// Failovers of the same processes, from server to standby to the standby's standby; then all is new,
/// for the sale has only so many units.
const ROUNDS_A_STAND: usize = 10;

/// How many runs in a row may be none before that is a failure.
const VOID_MAX: usize = 5;

/// Put the service on a server with a standby, break that, let the standby take its place, and hold
/// what was answered against it.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Failover {
    /// Only this one [default: each of them]
    #[arg(long = "trial", value_enum, value_name = "NAME")]
    course: Option<Course>,
    /// How often each is run
    #[arg(long, default_value_t = 3)]
    times: usize,
}

/// What befalls the server and its standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Course {
    /// The server is killed, and its synchronous standby promoted.
    Killed,
    /// The server stands still, and its synchronous standby is promoted.
    Frozen,
    /// Nothing gets through to the server any more, and its synchronous standby is promoted.
    CutOff,
    /// The synchronous standby is promoted while the server lives on.
    SplitBrain,
    /// The standby is not waited for, and two seconds behind when it is promoted.
    StandbyBehind,
    /// The synchronous standby goes, and comes back.
    StandbyGone,
    /// The synchronous standby is cut off, commits that wait for it are cancelled, and it is promoted.
    WaitCancelled,
    /// The synchronous standby is cut off, the server crashes and comes back before it is lost, and
    /// the standby is promoted.
    CrashThenPromote,
}

impl Course {
    /// Its name on a command line.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Failover {
    /// Runs the trials; true if no promise was broken.
    pub(crate) fn run(&self, trial: &Trial) -> Result<bool, ChaosError> {
        let service = trial.service()?;
        let courses = self.course.map_or_else(|| Course::value_variants().to_vec(), |it| vec![it]);
        let mut table = Table::new(["failover", "first ms", "idle ms"]);
        for course in courses {
            let dir = trial.dir().join("failover").join(course.name());
            run_often(course, &service, &dir, self.times, |outcome| {
                eprintln!("{}: {outcome}", course.name());
                table.add(course.name(), outcome);
                true
            })?;
        }
        table.print();
        Ok(table.is_clean() && self.times > 0)
    }
}

/// Runs one of them so many times, or until it is enough, with a build of the service, which leaves
/// its logs in `dir`.
pub(crate) fn run_often(
    course: Course,
    service: &Path,
    dir: &Path,
    times: usize,
    mut goes_on: impl FnMut(Outcome) -> bool,
) -> Result<(), ChaosError> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(during("remove old logs"))?;
    }
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(during("start a runtime"))?;
    runtime.block_on(async {
        let (mut stand, mut time, mut void) = (None, 0, 0);
        while time < times {
            let this = match stand.take() {
                Some(before) if time % ROUNDS_A_STAND > 0 => {
                    let mut this: Stand = before;
                    if course != Course::StandbyGone {
                        this.renew().await?;
                    }
                    this
                }
                _ => {
                    let dir = dir.join(time.to_string());
                    fs::create_dir_all(&dir).map_err(during("make a directory for logs"))?;
                    Stand::start(service, &dir, course != Course::StandbyBehind).await?
                }
            };
            let outcome = course::run(course, &this).await?;
            if let Some(why) = outcome.is_void() {
                eprintln!("{}, once more: {outcome}", course.name());
                void += 1;
                if void == VOID_MAX {
                    let said = why.to_owned();
                    return Err(ChaosError::Failed { what: "a failover", said });
                }
                // In which nothing is left of this one.
                continue;
            }
            (time, void) = (time + 1, 0);
            if !goes_on(outcome) {
                break;
            }
            stand = Some(this);
        }
        Ok(())
    })
}
