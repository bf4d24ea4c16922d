//! idle: what processes take that nobody asks for anything, while much is live; one, and ten.

use std::{thread, time::Duration};

use dev_servers::Stack;
use tokio::time::Instant;

use crate::{Bench, deployment::Deployment, error::BenchError, processes::Cpu};

/// Units that are on hold.
const LIVE: u32 = 100_000;

/// How many processes are measured, beside one, and for how many it is reckoned.
const SOME: u32 = 10;
pub(crate) const MANY: u32 = 50;

/// What a process says when it has found that the live store lacks the units.
const DRIFTED: &str = "the live store had drifted and was rebuilt";
const FOUND_WITHIN: Duration = Duration::from_secs(60);

/// How long they are left alone before they are looked at, and how long that is: the kernel counts in hundredths of
/// a second.
const SETTLES: Duration = Duration::from_secs(15);
const LOOKED_AT: Duration = Duration::from_secs(60);

/// What is taken, in parts of a core.
pub(crate) struct Idle {
    one: Cpu,
    some: Cpu,
}

impl Idle {
    /// What the stores take for many processes: for each after the first, as much as for one of those measured.
    pub(crate) fn stores_for_many(&self) -> f64 {
        let of_stores = |cpu: Cpu| cpu.redis + cpu.postgres;
        reckoned(of_stores(self.one), of_stores(self.some))
    }

    /// For people.
    pub(crate) fn list(&self) -> String {
        let Self { one, some } = self;
        let of = |name, one: f64, some: f64| {
            let many = reckoned(one, some) * 100.0;
            format!(
                "{name} {:.2} (1), {:.2} ({SOME}), {many:.2} ({MANY})",
                one * 100.0,
                some * 100.0
            )
        };
        format!(
            "{LIVE} units on hold, nobody asks, % of a core by how many processes, of {MANY} reckoned: {}; {}; {}",
            of("Postgres", one.postgres, some.postgres),
            of("Redis", one.redis, some.redis),
            of("all processes", one.service, some.service),
        )
    }
}

fn reckoned(one: f64, some: f64) -> f64 {
    let each = (some - one).max(0.0) / f64::from(SOME - 1);
    one + each * f64::from(MANY - 1)
}

/// Measures one process, and some.
pub(crate) fn measure(bench: &Bench) -> Result<Idle, BenchError> {
    let deployment = Deployment::start(&bench.databases, Stack::Servers, LIVE)?;
    deployment.stores().rows(include_str!("../../sql/live_holds.sql"))?;
    deployment.app().await_words(DRIFTED, FOUND_WITHIN)?;
    deployment.stores().rows("VACUUM (ANALYZE)")?;
    deployment.stores().rows("CHECKPOINT")?;
    let one = taken();
    let others = (1..SOME).map(|_| deployment.start_another());
    let others = others.collect::<Result<Vec<_>, _>>()?;
    let some = taken();
    drop(others);
    Ok(Idle { one, some })
}

/// What is taken from now on, in parts of a core.
fn taken() -> Cpu {
    thread::sleep(SETTLES);
    let (before, start) = (Cpu::now(), Instant::now());
    thread::sleep(LOOKED_AT);
    let Cpu { service, redis, postgres } = Cpu::now().since(before);
    let share = |seconds: f64| seconds / start.elapsed().as_secs_f64();
    Cpu { service: share(service), redis: share(redis), postgres: share(postgres) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_take_is_what_one_does_and_as_much_for_each_other_as_was_measured() {
        let cpu = |service, redis, postgres| Cpu { service, redis, postgres };
        let idle = Idle { one: cpu(0.01, 0.001, 0.01), some: cpu(0.1, 0.01, 0.019) };

        // 0.011, and 49 times (0.029 - 0.011) / 9.
        assert!((idle.stores_for_many() - 0.109).abs() < 1e-9, "{}", idle.stores_for_many());
        assert!(idle.list().contains("Postgres 1.00 (1), 1.90 (10), 5.90 (50)"), "{}", idle.list());
    }
}
