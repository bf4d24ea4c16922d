//! pages: checkouts while thousands have the shop window open, beside checkouts while nobody has.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use dev_servers::Stack;
use tokio::{
    time::{Instant, sleep},
    try_join,
};

use super::{grant, stream::VIEWERS};
use crate::{
    Bench,
    closed_loop::unexpected,
    connection::Connection,
    crowd::{self, Crowd},
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Run},
    processes::own_cpu_s,
};

/// How often a page asks what is on beside the sale that it shows, as `shop.js` does.
const AROUND: Duration = Duration::from_secs(60);

/// What it asks then.
const AROUND_ASKED: [&str; 3] = [
    "/sales?state=open&limit=20",
    "/sales?state=paused&limit=20",
    "/sales?state=scheduled&limit=20",
];

/// Runs of the same load, in turns.
#[derive(Default)]
pub(crate) struct Pairs {
    /// While nobody has the page open.
    pub(crate) alone: Vec<Run>,
    /// While thousands have.
    pub(crate) beside: Vec<Run>,
    /// What those were told and asked meanwhile, of the last run.
    pub(crate) crowd: String,
}

impl Pairs {
    /// What the crowd adds to the most memory that the service takes, in MiB: of the runs of the median.
    pub(crate) fn added_mib(&self) -> f64 {
        let median =
            |runs: &[Run]| crate::Spread::of(runs.iter().filter_map(|run| run.memory_mib)).median;
        median(&self.beside) - median(&self.alone)
    }
}

/// Measures as often as was asked for, each run on an empty ledger.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Pairs, BenchError> {
    let mut pairs = Pairs::default();
    for _ in 0..bench.runs {
        pairs.alone.push(grant::measure(bench, stack, load)?);
        let (run, crowd) = measure_beside(bench, stack, load)?;
        pairs.beside.push(run);
        pairs.crowd = crowd;
    }
    Ok(pairs)
}

/// One run while the pages are open, and what is to be said of them.
fn measure_beside(bench: &Bench, stack: Stack, load: Load) -> Result<(Run, String), BenchError> {
    let deployment = Deployment::start(&bench.databases, stack, grant::STOCK)?;
    let crowd = Arc::new(Crowd::default());
    let (url, sale) = (deployment.url(), deployment.sale());
    let page = |crowd: Arc<Crowd>| {
        let url = url.to_owned();
        async move { try_join!(crowd.watch(&url, sale), look_around(&crowd, &url)).map(drop) }
    };
    crowd::beside(
        &crowd,
        page,
        async || Ok(()),
        || {
            crowd.come(VIEWERS)?;
            let so_far = || {
                let told = [&crowd.events, &crowd.bytes, &crowd.asked];
                (Instant::now(), told.map(|count| count.load(Ordering::Relaxed)), own_cpu_s())
            };
            let before = so_far();
            let run = grant::run(&deployment, load)?;
            let after = so_far();
            let took_s = (after.0 - before.0).as_secs_f64();
            let per_s = |i: usize| {
                let count = after.1[i].saturating_sub(before.1[i]);
                u32::try_from(count).map_or(f64::INFINITY, f64::from) / took_s
            };
            let said = format!(
                "events/s {:.0}, MB/s {:.2}, asked/s {:.0}; their own CPU here {:.1} % of a core",
                per_s(0),
                per_s(1) / 1e6,
                per_s(2),
                (after.2 - before.2) / took_s * 100.0,
            );
            Ok((run, said))
        },
    )
}

/// Asks what else is on, now and then, on a connection that is gone until the next time. Returns only if
/// something else is answered than that.
async fn look_around(crowd: &Crowd, url: &str) -> io::Result<()> {
    // Nobody came at the same moment.
    let mut wait = AROUND.mul_f64(chance()?);
    loop {
        sleep(wait).await;
        let mut connection = Connection::open(url).await?;
        for target in AROUND_ASKED {
            let answer = connection.get(target).await?;
            if answer.status != 200 {
                return Err(unexpected(&answer));
            }
            crowd.asked.fetch_add(1, Ordering::Relaxed);
        }
        wait = AROUND.mul_f64(0.8 + 0.4 * chance()?);
    }
}

/// A number from zero to one.
fn chance() -> io::Result<f64> {
    let drawn = getrandom::u32().map_err(io::Error::other)?;
    Ok(f64::from(drawn) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_is_a_part_of_one() {
        assert!((0..100).all(|_| (0.0..=1.0).contains(&chance().unwrap())));
    }

    #[test]
    fn it_asks_what_the_page_asks() {
        let page = include_str!("../../../../http-api/src/pages/shop/shelf.js");
        let api = include_str!("../../../../http-api/src/pages/shop/api.js");

        assert!(page.contains("['open', 'paused', 'scheduled'].map(list)"));
        assert!(api.contains("sales?${query({ state, limit: 20 })}"));
    }
}
