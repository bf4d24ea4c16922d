//! Masters: the whole service on a cluster of Redis, or on servers that sentinels watch, and what becomes of the
//! sales when the master that has one changes.

mod course;
mod stand;

use std::fs;

use clap::{Parser, ValueEnum};
use tokio::runtime;

use crate::{
    error::{ChaosError, during},
    failover::outcome::Table,
    masters::stand::Stand,
    trial::Trial,
};

/// Put the service on a Redis Cluster, or on servers that sentinels watch, take the master of an open sale
/// away, and hold what was answered against the ledger.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Masters {
    /// Only this one [default: each of them]
    #[arg(long = "trial", value_enum, value_name = "NAME")]
    course: Option<Course>,
    /// How often each is run
    #[arg(long, default_value_t = 3)]
    times: usize,
}

/// What befalls the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Course {
    /// The hash slot of the sale is moved to another node, key by key.
    SlotMoved,
    /// The node that has the sale is killed, and comes back when its replica has its place.
    NodeKilled,
    /// It stands still instead, and goes on when its replica has its place.
    NodeFrozen,
    /// Its replica is told to take its place.
    NodeReplaced,
    /// It is killed with its replica, so that a third of all slots is lost.
    ThirdLost,
    /// The primary that sentinels watch is killed, and comes back when another one has its place.
    PrimaryKilled,
    /// It stands still instead, and goes on when another one has its place.
    PrimaryFrozen,
    /// Sentinels are told to take another one.
    PrimaryReplaced,
    /// It stands still and goes on, and one process knows of no other: two primaries are served from at once.
    TwoPrimaries,
}

impl Course {
    /// Its name on a command line.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it befalls a node of a cluster.
    fn is_of_a_cluster(self) -> bool {
        use Course::{NodeFrozen, NodeKilled, NodeReplaced, SlotMoved, ThirdLost};
        matches!(self, SlotMoved | NodeKilled | NodeFrozen | NodeReplaced | ThirdLost)
    }
}

impl Masters {
    /// Runs the trials; true if no promise was broken.
    pub(crate) fn run(&self, trial: &Trial) -> Result<bool, ChaosError> {
        let service = trial.service()?;
        let courses = self.course.map_or_else(|| Course::value_variants().to_vec(), |it| vec![it]);
        let runtime = runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(during("start a runtime"))?;
        let mut table = Table::new(["masters", "pause ms", "other ms"]);
        for course in courses {
            let dir = trial.dir().join("masters").join(course.name());
            if dir.exists() {
                fs::remove_dir_all(&dir).map_err(during("remove old logs"))?;
            }
            fs::create_dir_all(&dir).map_err(during("make a directory for logs"))?;
            runtime.block_on(async {
                let mut stand = Stand::start(course, &service, &dir)?;
                for _ in 0..self.times {
                    let outcome = course::run(course, &mut stand).await?;
                    eprintln!("{}: {outcome}", course.name());
                    table.add(course.name(), outcome);
                }
                Ok::<_, ChaosError>(())
            })?;
        }
        table.print();
        Ok(table.is_clean() && self.times > 0)
    }
}
