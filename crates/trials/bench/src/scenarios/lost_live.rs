//! rebuild and recovery: Redis is emptied while buyers keep asking, and how long it takes until one
//! of them has an answer of the business.
//!
//! Rebuild has a million live holds to load, recovery ten thousand sold units and a crowd of readers.
//! A directory has nothing that could be emptied while it serves.

use std::{fs, thread, time::Duration};

use tokio::{
    io,
    runtime::Builder,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    Bench,
    connection::Connection,
    deployment::Deployment,
    error::{BenchError, during},
    figures::Load,
    processes::Cpu,
    stores::Stores,
    wrk,
};
use dev_servers::Stack;

/// Units that are on hold when it is to be quick with many: as many as a sale may have.
const HELD: u32 = 1_000_000;

/// Units that are sold when it is to be quick with a crowd, and how many read meanwhile.
const SOLD: u32 = 10_000;
const READERS: u32 = 1_000;

/// Seconds that the readers read, and how long they do before Redis is emptied.
const READ_S: u32 = 8;
const SETTLES: Duration = Duration::from_secs(2);

/// Buyers who keep asking; how long each waits for an answer before they hang up, and before they
/// ask again.
const BUYERS: u32 = 16;
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// After so long nobody waits for an answer any more.
const GIVES_UP: Duration = Duration::from_secs(60);

/// What was measured.
pub(crate) struct Lost {
    /// Seconds from the loss to the first answer of the business.
    pub(crate) took_s: f64,
    /// For people.
    pub(crate) list: String,
}

/// A million units are on hold.
pub(crate) fn rebuild(bench: &Bench) -> Result<Lost, BenchError> {
    let stores = Stores::make(&bench.databases, Stack::Servers)?;
    let deployment = Deployment::start_on(stores, HELD)?;
    eprintln!("putting a million units on hold ...");
    deployment.stores().rows(include_str!("../../sql/live_holds.sql"))?;
    // A server would have done so long ago, and must not begin while it is measured.
    deployment.stores().rows("VACUUM (ANALYZE)")?;
    deployment.stores().rows("CHECKPOINT")?;
    lose(&deployment, "rebuild of a million live holds")
}

/// Ten thousand units are sold, and a thousand readers read.
pub(crate) fn recovery(bench: &Bench) -> Result<Lost, BenchError> {
    let stores = Stores::make(&bench.databases, Stack::Servers)?;
    let deployment = Deployment::start_on(stores, SOLD)?;
    deployment.stores().rows(include_str!("../../sql/old_grants.sql"))?;
    let one = format!("/sales/{}", deployment.sale());
    let load = Load { connections: READERS / 2, seconds: READ_S };
    thread::scope(|scope| {
        let url = deployment.url();
        let readers = ["/sales/current", &one].map(|target| {
            scope.spawn(move || wrk::run("read.lua", url, load, &[("TARGET", target)]))
        });
        thread::sleep(SETTLES);
        let lost = lose(&deployment, "recovery of 10,000 sold units under 1,000 readers");
        for reader in readers {
            let run =
                reader.join().map_err(|_| BenchError::Wrong("a reader broke".to_owned()))??;
            if run.answers == 0 {
                return Err(BenchError::Wrong("nobody read anything".to_owned()));
            }
        }
        lost
    })
}

/// Empties Redis, and asks until there is an answer.
fn lose(deployment: &Deployment, what: &str) -> Result<Lost, BenchError> {
    let redis = deployment.stores().redis();
    let redis = redis.ok_or_else(|| BenchError::Wrong("there is no Redis to empty".to_owned()))?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(during("start a runtime for the buyers"))?;
    let before = Cpu::now();
    let start = Instant::now();
    redis.flush_all()?;
    let answered = runtime.block_on(async {
        let answered = timeout(GIVES_UP, first_answer(deployment.url(), deployment.sale()));
        answered.await.ok().flatten()
    });
    let took_s = start.elapsed().as_secs_f64();
    let Cpu { service, redis, postgres } = Cpu::now().since(before);
    let Some(answer) = answered else {
        return Err(BenchError::Wrong(format!("{what}: no answer in {took_s:.1} s")));
    };
    let busy = fs::read_to_string("/proc/loadavg").map_err(during("read the load average"))?;
    let busy = busy.split_whitespace().next().unwrap_or_default();
    let list = format!(
        "{what}: the first answer, {answer}, after {took_s:.2} s; CPU s: service {service:.1}, Redis \
         {redis:.1}, Postgres {postgres:.1}; load average {busy}"
    );
    Ok(Lost { took_s, list })
}

/// The first answer of the business that one of the buyers gets.
async fn first_answer(url: &str, sale: u64) -> Option<u16> {
    let mut buyers: JoinSet<_> =
        (0..BUYERS).map(|buyer| keep_asking(url.to_owned(), sale, buyer)).collect();
    buyers.join_next().await?.ok()
}

async fn keep_asking(url: String, sale: u64, buyer: u32) -> u16 {
    let target = format!("/checkout?user_id=buyer-{buyer}&id={sale}");
    let ask = async || -> io::Result<u16> {
        Ok(Connection::open(&url).await?.post(&target).await?.status)
    };
    loop {
        if let Ok(Ok(status)) = timeout(PATIENCE, ask()).await
            && status < 500
        {
            return status;
        }
        sleep(PAUSE).await;
    }
}
