//! cluster: sales on masters of their own. On a machine of few cores that is no faster, so it is told by what each
//! master is called for, and the time that it takes for it.

use std::{thread, time::Duration};

use dev_servers::{RedisCluster, Stack};

use crate::{
    Bench,
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Run, Spread},
    stores::Stores,
};

/// As many masters, without replicas, which would take the same again.
const MASTERS: usize = 3;

/// Units of each sale: more than any run can take.
const STOCK: u32 = 500_000;

/// How many sales are put on until two are on different masters.
const SALES_MAX: usize = 40;

/// What masters did meanwhile, by the figures that they keep.
#[derive(Clone, Copy)]
struct Work {
    calls: f64,
    cpu_us: f64,
}

/// What a grant took of a master, in µs, and what its sale took of another one.
pub(crate) struct Shares {
    /// Of the one sale's own master while it is alone, and while both are sold.
    alone_us: Vec<f64>,
    beside_us: Vec<f64>,
    /// What the master of nothing that is asked for was called for, in parts of what the sale's own was.
    elsewhere: Vec<f64>,
    runs: Vec<Run>,
}

impl Shares {
    /// What a grant takes of its master when another sale is sold beside it, in parts of what it takes alone.
    pub(crate) fn beside(&self) -> f64 {
        middle(&self.beside_us) / middle(&self.alone_us)
    }

    /// How much another master is called for one sale, in parts of what its own is.
    pub(crate) fn elsewhere(&self) -> f64 {
        middle(&self.elsewhere)
    }

    /// For people.
    pub(crate) fn list(&self) -> String {
        let grants = middle(&self.runs.iter().map(|run| run.per_second).collect::<Vec<_>>());
        format!(
            "two sales on two of {MASTERS} masters: a grant takes {:.1} µs of its master, and {:.1} while both \
             are sold; one that is sold alone calls the other's master {:.4} times as often as its own; \
             {grants:.0} grants/s of both",
            middle(&self.alone_us),
            middle(&self.beside_us),
            self.elsewhere()
        )
    }
}

fn middle(values: &[f64]) -> f64 {
    Spread::of(values.iter().copied()).median
}

/// Measures grants of one of two sales, and of both, as often as was asked for.
pub(crate) fn measure(bench: &Bench, load: Load) -> Result<Shares, BenchError> {
    let cluster = RedisCluster::start(MASTERS, 0)?;
    let mut stores = Stores::make(&bench.databases, Stack::Servers)?;
    stores.reach_redis_at(cluster.url());
    let deployment = Deployment::start_on(stores, STOCK)?;
    let master_of = |sale: u64| cluster.owner_of_key(&format!("sale:{{{sale}}}"));
    let (one, own) = (deployment.sale(), master_of(deployment.sale())?);
    let (mut two, mut sales) = (one, 1);
    while sales < SALES_MAX && master_of(two)? == own {
        two = deployment.put_on(STOCK)?;
        sales += 1;
    }
    let other = master_of(two)?;
    if own == other {
        return Err(BenchError::Wrong(format!("of {SALES_MAX} sales no two are on two masters")));
    }
    // To load them takes more than to sell them.
    deployment.until_served(sales)?;
    let at_rest = meanwhile(&cluster, [own, other], || {
        thread::sleep(Duration::from_secs(load.seconds.into()));
        Ok(())
    })?
    .1;
    let mut shares =
        Shares { alone_us: vec![], beside_us: vec![], elsewhere: vec![], runs: vec![] };
    let sold = |sales: &str| deployment.measure("sales.lua", load, &[("SALES", sales)]);
    for _ in 0..bench.runs {
        let (run, [of_own, of_other]) =
            meanwhile(&cluster, [own, other], || sold(&one.to_string()))?;
        shares.alone_us.push((of_own.cpu_us - at_rest[0].cpu_us).max(0.0) / granted(&run)?);
        let of_other = (of_other.calls - at_rest[1].calls).max(0.0);
        shares.elsewhere.push(of_other / (of_own.calls - at_rest[0].calls).max(1.0));
        let (run, both) = meanwhile(&cluster, [own, other], || sold(&format!("{one},{two}")))?;
        let taken_us = both.iter().zip(at_rest).map(|(work, rest)| work.cpu_us - rest.cpu_us);
        shares.beside_us.push(taken_us.sum::<f64>().max(0.0) / granted(&run)?);
        shares.runs.push(run);
    }
    Ok(shares)
}

/// How many units were granted. It is an error if a checkout was refused.
fn granted(run: &Run) -> Result<f64, BenchError> {
    match u32::try_from(run.answers) {
        Ok(answers @ 1..) if run.refusals == 0 => Ok(answers.into()),
        _ => {
            let said = format!("of {} checkouts {} were refused", run.answers, run.refusals);
            Err(BenchError::Wrong(said))
        }
    }
}

/// Does something, and tells what these masters did meanwhile.
fn meanwhile<T>(
    cluster: &RedisCluster,
    masters: [usize; 2],
    work: impl FnOnce() -> Result<T, BenchError>,
) -> Result<(T, [Work; 2]), BenchError> {
    let look = || Ok::<_, BenchError>([of(cluster, masters[0])?, of(cluster, masters[1])?]);
    let before = look()?;
    let done = work()?;
    let after = look()?;
    let since = |index: usize| {
        let ((calls, cpu), (calls_before, cpu_before)) = (after[index], before[index]);
        Work { calls: calls - calls_before, cpu_us: cpu - cpu_before }
    };
    Ok((done, [since(0), since(1)]))
}

/// How often a node was called so far, and the time that it took, in µs.
fn of(cluster: &RedisCluster, node: usize) -> Result<(f64, f64), BenchError> {
    let said = cluster.command(node, "INFO commandstats")?;
    let calls = said.lines().find_map(|line| {
        line.strip_prefix("cmdstat_fcall:calls=")?.split(',').next()?.parse().ok()
    });
    let cpu = cluster.command(node, "INFO cpu")?;
    let seconds = ["used_cpu_user:", "used_cpu_sys:"].map(|name| {
        cpu.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
    });
    match seconds {
        [Some(in_user), Some(in_system)] => {
            Ok((calls.unwrap_or_default(), (in_user + in_system) * 1e6))
        }
        _ => Err(BenchError::Unreadable { from: "a node of the cluster", said: cpu }),
    }
}
