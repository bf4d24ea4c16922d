//! Light load: a few buyers who take what the sale of the moment has, all day long.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    closed_loop::{checkout_of_somebody, on_one_thread, unexpected},
    connection::Connection,
    error::{BenchError, during},
};

/// One hold in so many is left to expire.
const LEFT_ONE_IN: u64 = 10;

/// How long a buyer waits who could not buy.
const PAUSE: Duration = Duration::from_millis(5);

/// What the buyers did.
#[derive(Default)]
pub(crate) struct Bought {
    codes: AtomicU64,
    pub(crate) purchases: AtomicU64,
    /// Holds nobody redeemed.
    pub(crate) left: AtomicU64,
    /// Refused checkouts.
    pub(crate) refusals: AtomicU64,
    /// Requests the service was too busy for.
    pub(crate) busy: AtomicU64,
}

/// Buys on these many connections until told to stop.
pub(crate) fn buy(
    url: &str,
    connections: u32,
    stop: &Arc<AtomicBool>,
) -> Result<Arc<Bought>, BenchError> {
    let bought = Arc::new(Bought::default());
    let all = async {
        let mut buyers = JoinSet::new();
        for _ in 0..connections {
            let buyer = Connection::open(url).await?;
            buyers.spawn(buy_on(buyer, Arc::clone(&bought), Arc::clone(stop)));
        }
        while let Some(done) = buyers.join_next().await {
            done.map_err(io::Error::other)??;
        }
        Ok(())
    };
    on_one_thread(all)?.map_err(during("buy all day"))?;
    Ok(bought)
}

async fn buy_on(
    mut connection: Connection,
    bought: Arc<Bought>,
    stop: Arc<AtomicBool>,
) -> io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        if !buy_one(&mut connection, &bought).await? {
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Asks for a unit of the sale that is on, and redeems most codes. False if there was nothing.
async fn buy_one(connection: &mut Connection, bought: &Bought) -> io::Result<bool> {
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed) + 1;
    let current = connection.get("/sales/current").await?;
    let sale = match (current.status, current.field("state"), current.field("id")) {
        (200, Some("open"), Some(id)) => id.parse().map_err(|_| unexpected(&current))?,
        (200 | 404 | 503, ..) => return Ok(false),
        _ => return Err(unexpected(&current)),
    };
    let answer = connection.post(&checkout_of_somebody(sale)?).await?;
    let code = match answer.status {
        200 => answer.field("code").ok_or_else(|| unexpected(&answer))?.to_owned(),
        409 => {
            count(&bought.refusals);
            return Ok(false);
        }
        503 => {
            count(&bought.busy);
            return Ok(false);
        }
        _ => return Err(unexpected(&answer)),
    };
    if count(&bought.codes).is_multiple_of(LEFT_ONE_IN) {
        count(&bought.left);
        return Ok(true);
    }
    let answer = connection.post(&format!("/purchase?code={code}")).await?;
    match answer.status {
        200 => count(&bought.purchases),
        // Held up for longer than the hold lasts.
        410 => count(&bought.left),
        503 => count(&bought.busy),
        _ => return Err(unexpected(&answer)),
    };
    Ok(true)
}
