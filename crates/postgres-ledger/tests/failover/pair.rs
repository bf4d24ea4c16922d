//! A server and its standby, and a ledger on them that is written to.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use batcher::Limits;
use credentials::Access;
use dev_servers::PostgresServer;
use domain::{
    Code, NewSale, Origin, Sale, StoreError, Terms, Window,
    ports::{
        Attempt, Clock, CodeRecord, Grant, LedgerStore, Outcome, RaiseReply, Recorded, SaleRegister,
    },
};
use postgres_ledger::{Connections, Durability, PostgresLedger};
use store_contract::{
    fixtures::{HOUR, WallClock, all_at_once, nth_user, until},
    grant,
};
use tokio::task::block_in_place;

pub(crate) const DATABASE: &str = "ledger";

/// Two servers, of which the second is the standby of the first, and a sale on them at epoch 1.
pub(crate) struct Pair {
    pub(crate) first: PostgresServer,
    pub(crate) second: PostgresServer,
    pub(crate) sale: Sale,
}

impl Pair {
    pub(crate) async fn start() -> Self {
        let first = PostgresServer::start().unwrap();
        first.create_database(DATABASE).unwrap();
        let sale = make_sale(&ledger(&first.url(DATABASE), Durability::Single)).await;
        let second = first.start_standby().unwrap();
        first.wait_for_standbys(true).unwrap();
        let is_heard = || block_in_place(|| first.confirming()).unwrap() == 1;
        until(&WallClock, async || is_heard().then_some(())).await;
        Self { first, second, sale }
    }

    /// The same with another standby of the first, none of which is waited for; and a ledger that knows
    /// all three, of which each has the one attempt that was recorded.
    pub(crate) async fn start_with_third() -> (Self, PostgresServer, Arc<PostgresLedger>) {
        let pair = Self::start().await;
        block_in_place(|| pair.first.wait_for_standbys(false)).unwrap();
        let third = block_in_place(|| pair.first.start_standby()).unwrap();
        let url = PostgresServer::url_of_all(&[&pair.first, &pair.second, &third], DATABASE);
        let ledger = ledger(&url, Durability::Single);
        record(&ledger, &pair.sale, 1).await.1.unwrap();
        for standby in [&pair.second, &third] {
            until(&WallClock, async || (attempts(standby) == "1").then_some(())).await;
        }
        (pair, third, ledger)
    }

    /// The ledger as a process sees it that knows both.
    pub(crate) fn ledger(&self) -> Arc<PostgresLedger> {
        let url = PostgresServer::url_of_all(&[&self.first, &self.second], DATABASE);
        ledger(&url, Durability::Standby)
    }

    /// The same, of one that waits for no standby from now on.
    pub(crate) fn ledger_of_one(&self) -> Arc<PostgresLedger> {
        block_in_place(|| self.first.wait_for_standbys(false)).unwrap();
        let url = PostgresServer::url_of_all(&[&self.first, &self.second], DATABASE);
        ledger(&url, Durability::Single)
    }

    /// Takes the standby away, with what was sent to it and not read yet.
    pub(crate) fn cut_off(&self) {
        block_in_place(|| self.second.kill()).unwrap();
    }

    /// The ledger once the standby has taken the place of the first, which is no more.
    pub(crate) fn after_promotion(&self) -> PostgresLedger {
        block_in_place(|| {
            self.first.kill().unwrap();
            self.second.start_again().unwrap();
            self.second.promote().unwrap();
            self.second.wait_for_standbys(false).unwrap();
        });
        Arc::into_inner(ledger(&self.second.url(DATABASE), Durability::Single)).unwrap()
    }

    /// Waits until commits wait for the standby.
    pub(crate) async fn until_somebody_waits(&self) {
        let waits = || block_in_place(|| self.first.waits().unwrap()) > 0;
        until(&WallClock, async || waits().then_some(())).await;
    }
}

pub(crate) fn ledger(url: &str, durability: Durability) -> Arc<PostgresLedger> {
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits = Limits::patient(max(4_096), max(256));
    let connections = Connections::for_threads(16);
    Arc::new(
        PostgresLedger::new(Access::to_database(url), durability, connections, limits).unwrap(),
    )
}

/// How many attempts a server has.
pub(crate) fn attempts(server: &PostgresServer) -> String {
    let count = "SELECT count(*) FROM checkout_attempts";
    block_in_place(|| server.psql(DATABASE, count)).unwrap().trim().to_owned()
}

/// A sale that is open for an hour more.
pub(crate) async fn make_sale(ledger: &PostgresLedger) -> Sale {
    ledger.migrate().await.unwrap();
    open_sale(ledger, -60_000).await
}

/// A sale that opens in so many milliseconds, for an hour.
pub(crate) async fn open_sale(ledger: &PostgresLedger, in_ms: i64) -> Sale {
    let starts_at = ledger.now().await.unwrap() + in_ms;
    let window = Window::new(starts_at, starts_at + HOUR).unwrap();
    let terms = Terms::new(1_000_000, 5, HOUR).unwrap();
    let sale =
        ledger.schedule(NewSale::unnamed(window, terms, Origin::Timetable)).await.unwrap().unwrap();
    let RaiseReply::Raised(snapshot) = ledger.raise_epoch(sale.id, None).await.unwrap() else {
        panic!("the first epoch is raised");
    };
    snapshot.sale
}

pub(crate) async fn record(
    ledger: &PostgresLedger,
    sale: &Sale,
    number: u32,
) -> (Grant, Result<Recorded, StoreError>) {
    let grant = grant(sale, number, 0);
    let outcome = Outcome::Granted(grant);
    let attempt = Attempt { sale: sale.id, user: nth_user(number), outcome };
    (grant, ledger.permit().unwrap().record(attempt).await)
}

/// Records grants, eight at a time, until `stop` is over and what was begun before is answered;
/// returns the codes of those that were recorded.
pub(crate) async fn record_until<S: Future>(
    ledger: &Arc<PostgresLedger>,
    sale: &Sale,
    stop: S,
) -> (Vec<Code>, S::Output) {
    let is_over = Arc::new(AtomicBool::new(false));
    let writers = (0..8).map(|writer| {
        let (ledger, sale, is_over) = (Arc::clone(ledger), *sale, Arc::clone(&is_over));
        async move {
            let mut answered = Vec::new();
            let mut number = 100 + writer;
            while !is_over.load(Ordering::Relaxed) {
                let (grant, reply) = record(&ledger, &sale, number).await;
                match reply {
                    Ok(Recorded::Hold { .. }) => answered.push(grant.code),
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => WallClock.wait(20).await,
                }
                number += 8;
            }
            answered
        }
    });
    let stop = async {
        let stopped = stop.await;
        is_over.store(true, Ordering::Relaxed);
        stopped
    };
    let (answered, stopped) = tokio::join!(all_at_once(writers), stop);
    (answered.into_iter().flatten().collect(), stopped)
}

/// The codes that the ledger does not have on hold.
pub(crate) async fn lost(ledger: &PostgresLedger, codes: &[Code]) -> usize {
    let mut lost = 0;
    for &code in codes {
        let found = LedgerStore::find(ledger, code).await.unwrap();
        lost += usize::from(!matches!(found, CodeRecord::Held { .. }));
    }
    lost
}

/// Records until the ledger says this.
pub(crate) async fn says_within(ledger: &PostgresLedger, sale: &Sale, words: &str) {
    let mut number = 100;
    until(&WallClock, async || {
        number += 1;
        let (_, refused) = record(ledger, sale, number).await;
        format!("{:?}", refused.unwrap_err()).contains(words).then_some(())
    })
    .await;
}
