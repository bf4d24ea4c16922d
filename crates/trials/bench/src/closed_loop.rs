//! Buyers who take a code and redeem it at once, until everything is sold.

use std::{
    future::Future,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    connection::{Answer, Connection},
    deployment::Deployment,
    error::{BenchError, during},
    figures::{Latencies, Run},
    processes::Cpu,
};

/// Users who may ask.
const USERS: u64 = 1_000_000;

/// How long a buyer waits who is told that the service is busy.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Refusals for being busy that are too many to be passing.
const BUSY_MAX: u64 = 10_000;

/// A sale that was sold out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoldOut {
    /// From the first request to the answer to the last purchase.
    pub(crate) took: Duration,
    /// Its rate is that of purchases, its CPU time is for a purchase with its checkout, its
    /// latencies are of both kinds of requests.
    pub(crate) run: Run,
}

/// What the buyers of a sale know together.
struct Sale {
    url: String,
    id: u64,
    receipts: AtomicU64,
    busy: AtomicU64,
    last_receipt: Mutex<Instant>,
}

/// Sells every unit of the deployment's sale, and makes sure in the ledger that it did.
pub(crate) fn sell_out(deployment: &Deployment, connections: u32) -> Result<SoldOut, BenchError> {
    let sale = Arc::new(Sale {
        url: deployment.url().to_owned(),
        id: deployment.sale(),
        receipts: AtomicU64::new(0),
        busy: AtomicU64::new(0),
        last_receipt: Mutex::new(Instant::now()),
    });
    let before = Cpu::now();
    let ((start, latencies), memory_mib) = deployment.with_memory(|| {
        on_one_thread(buy_all(Arc::clone(&sale), connections))?.map_err(during("buy"))
    })?;
    let after = Cpu::now();

    let receipts = sale.receipts.load(Ordering::Relaxed);
    let busy = sale.busy.load(Ordering::Relaxed);
    let (stock, sold) = (deployment.stock()?, deployment.sold()?);
    if receipts != stock || sold != stock {
        return Err(BenchError::Wrong(format!(
            "of {stock} units {sold} are sold in the ledger and {receipts} by receipts; \
             {busy} requests were answered with 503"
        )));
    }
    let last = *sale.last_receipt.lock().unwrap_or_else(PoisonError::into_inner);
    let took = last.duration_since(start);
    let purchases = u32::try_from(receipts).map_or(f64::INFINITY, f64::from);
    let answers = latencies.count() as u64;
    let [p50_ms, p99_ms] = latencies.quantiles_ms([0.5, 0.99]);
    let run = Run {
        answers,
        refusals: busy,
        per_second: purchases / took.as_secs_f64(),
        p50_ms,
        p99_ms,
        cpu: Cpu::per_request(before, after, purchases),
        memory_mib: Some(memory_mib),
    };
    Ok(SoldOut { took, run })
}

/// Runs a load on this thread alone: the other core belongs to what is measured.
pub(crate) fn on_one_thread<F: Future>(load: F) -> Result<F::Output, BenchError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(during("start a runtime for the load"))?.block_on(load))
}

/// The target of a checkout of some user.
pub(crate) fn checkout_of_somebody(sale: u64) -> io::Result<String> {
    let user = getrandom::u64().map_err(io::Error::other)? % USERS;
    Ok(format!("/checkout?id={sale}&user_id=user-{user}"))
}

async fn buy_all(sale: Arc<Sale>, connections: u32) -> io::Result<(Instant, Latencies)> {
    let mut buyers = Vec::new();
    for _ in 0..connections {
        buyers.push(Connection::open(&sale.url).await?);
    }
    let start = Instant::now();
    let mut buying = JoinSet::new();
    for buyer in buyers {
        buying.spawn(buy(Arc::clone(&sale), buyer));
    }
    let mut all = Latencies::default();
    while let Some(bought) = buying.join_next().await {
        all.extend([bought.map_err(io::Error::other)??]);
    }
    Ok((start, all))
}

/// Buys until nothing is left. Whoever holds the last units redeems them, so nobody waits.
async fn buy(sale: Arc<Sale>, mut connection: Connection) -> io::Result<Latencies> {
    let mut latencies = Latencies::default();
    loop {
        let target = checkout_of_somebody(sale.id)?;
        let asked = Instant::now();
        let answer = connection.post(&target).await?;
        latencies.note(asked.elapsed());
        let code = match answer.status {
            200 => answer.field("code").ok_or_else(|| unexpected(&answer))?.to_owned(),
            409 if answer.is_problem("sold-out") => return Ok(latencies),
            409 if answer.is_problem("user-limit-reached") => continue,
            503 => {
                sale.wait_while_busy(&answer).await?;
                continue;
            }
            _ => return Err(unexpected(&answer)),
        };
        let target = format!("/purchase?code={code}");
        loop {
            let asked = Instant::now();
            let answer = connection.post(&target).await?;
            latencies.note(asked.elapsed());
            match answer.status {
                200 => break,
                503 => sale.wait_while_busy(&answer).await?,
                _ => return Err(unexpected(&answer)),
            }
        }
        sale.note_receipt();
    }
}

impl Sale {
    fn note_receipt(&self) {
        self.receipts.fetch_add(1, Ordering::Relaxed);
        *self.last_receipt.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn wait_while_busy(&self, answer: &Answer<'_>) -> io::Result<()> {
        if self.busy.fetch_add(1, Ordering::Relaxed) >= BUSY_MAX {
            return Err(unexpected(answer));
        }
        sleep(BUSY_PAUSE).await;
        Ok(())
    }
}

/// An answer that stops the load.
pub(crate) fn unexpected(answer: &Answer) -> io::Error {
    io::Error::other(format!("unexpected answer {}: {}", answer.status, answer.body))
}
