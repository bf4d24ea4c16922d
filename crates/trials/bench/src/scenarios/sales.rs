//! sales: a hundred that are on while nobody asks for anything, and ten that are busy at a time.

use std::{thread, time::Duration};

use dev_servers::Stack;
use tokio::time::Instant;

use crate::{
    Bench,
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Run},
    processes::Cpu,
    scenarios::grant,
};

/// How many are on while nobody asks, and how many are busy.
pub(crate) const IDLE: usize = 100;
pub(crate) const BUSY: usize = 10;

/// Units of a sale that nobody asks for, and of each of the busy ones: more than any run can take.
const STOCK_IDLE: u32 = 10_000;
const STOCK_BUSY: u32 = 200_000;

/// How long a service is left alone before it is looked at, and how long it is looked at: the kernel counts
/// in hundredths of a second.
const SETTLES: Duration = Duration::from_secs(5);
const LOOKED_AT: Duration = Duration::from_secs(30);

/// What an idle service takes, in parts of a core.
pub(crate) struct Idle {
    /// With one sale, and with a hundred.
    one: Cpu,
    hundred: Cpu,
}

/// Runs of the same load, in turns.
#[derive(Default)]
pub(crate) struct Pairs {
    pub(crate) one: Vec<Run>,
    pub(crate) ten: Vec<Run>,
}

impl Idle {
    /// What a hundred sales cost, of a core: the process and the stores together.
    pub(crate) fn cost(&self) -> f64 {
        (self.hundred.total() - self.one.total()).max(0.0)
    }

    /// For people.
    pub(crate) fn list(&self, stack: Stack) -> String {
        let of_a_core = |cpu: Cpu| {
            let [service, redis, postgres] =
                [cpu.service, cpu.redis, cpu.postgres].map(|cores| cores * 100.0);
            match stack {
                Stack::Servers => {
                    format!("service {service:.2}, Redis {redis:.2}, Postgres {postgres:.2}")
                }
                Stack::Embedded => format!("service {service:.2}"),
            }
        };
        format!(
            "{IDLE} open sales, {}, nobody asks, % of a core: {} (one sale: {})",
            stack.name(),
            of_a_core(self.hundred),
            of_a_core(self.one)
        )
    }
}

/// Measures what a service takes that nobody asks for anything.
pub(crate) fn idle(bench: &Bench, stack: Stack) -> Result<Idle, BenchError> {
    let deployment = Deployment::start(&bench.databases, stack, STOCK_IDLE)?;
    let one = taken(&deployment)?;
    for _ in 1..IDLE {
        deployment.put_on(STOCK_IDLE)?;
    }
    deployment.until_served(IDLE)?;
    let hundred = taken(&deployment)?;
    Ok(Idle { one, hundred })
}

/// What it takes from now on, in parts of a core. It is an error if somebody asked.
fn taken(deployment: &Deployment) -> Result<Cpu, BenchError> {
    thread::sleep(SETTLES);
    let (before, start) = (Cpu::now(), Instant::now());
    thread::sleep(LOOKED_AT);
    let (used, took_s) = (Cpu::now().since(before), start.elapsed().as_secs_f64());
    let asked = deployment.stores().number("SELECT count(*) FROM checkout_attempts")?;
    if asked > 0 {
        return Err(BenchError::Wrong(format!("{asked} attempts, and nobody was to ask")));
    }
    let share = |seconds: f64| seconds / took_s;
    let Cpu { service, redis, postgres } = used;
    Ok(Cpu { service: share(service), redis: share(redis), postgres: share(postgres) })
}

/// Measures grants of one sale, and of ten at a time, as often as was asked for; each run on an empty ledger.
pub(crate) fn busy(bench: &Bench, stack: Stack, load: Load) -> Result<Pairs, BenchError> {
    let mut pairs = Pairs::default();
    for _ in 0..bench.runs {
        let deployment = Deployment::start(&bench.databases, stack, grant::STOCK)?;
        pairs.one.push(grant::run(&deployment, load)?);
        let deployment = Deployment::start(&bench.databases, stack, STOCK_BUSY)?;
        pairs.ten.push(run_of_ten(&deployment, load)?);
    }
    Ok(pairs)
}

/// It is an error if a checkout was refused, if a grant is not in the ledger, or if a sale was left out.
fn run_of_ten(deployment: &Deployment, load: Load) -> Result<Run, BenchError> {
    let mut sales = vec![deployment.sale()];
    for _ in 1..BUSY {
        sales.push(deployment.put_on(STOCK_BUSY)?);
    }
    deployment.until_served(BUSY)?;
    let named: Vec<_> = sales.iter().map(ToString::to_string).collect();
    let run = deployment.measure("sales.lua", load, &[("SALES", &named.join(","))])?;
    let recorded = sales.iter().map(|&sale| deployment.stores().recorded(sale, "granted"));
    let recorded = recorded.collect::<Result<Vec<_>, _>>()?;
    let together: u64 = recorded.iter().sum();
    if run.refusals > 0 || together < run.answers || recorded.contains(&0) {
        return Err(BenchError::Wrong(format!(
            "of {} checkouts {} were refused, and recorded are {recorded:?} grants",
            run.answers, run.refusals
        )));
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hundred_sales_cost_is_what_is_taken_beyond_one_by_all_programs() {
        let cpu = |service, redis, postgres| Cpu { service, redis, postgres };
        let idle = Idle { one: cpu(0.01, 0.0, 0.002), hundred: cpu(0.02, 0.004, 0.003) };
        let less = Idle { one: cpu(0.01, 0.0, 0.0), hundred: cpu(0.009, 0.0, 0.0) };

        assert!((idle.cost() - 0.015).abs() < 1e-9, "{}", idle.cost());
        assert!(less.cost().abs() < 1e-9);
        let list = idle.list(Stack::Servers);
        assert!(list.contains("service 2.00, Redis 0.40, Postgres 0.30 (one sale: "), "{list}");
        assert!(!idle.list(Stack::Embedded).contains("Redis"));
    }
}
