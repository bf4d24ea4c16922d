//! What a ledger on Postgres does when the server fails it. Each test has its own server.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use batcher::Limits;
use credentials::Access;
use dev_servers::PostgresServer;
use domain::{
    CheckoutRefusal, Code, Epoch, Failure, NewSale, Origin, Receipt, Sale, StoreError, Terms,
    Window,
    ports::{
        Attempt, Clock, CodeRecord, Grant, LedgerStore, Outcome, RaiseReply, Recorded, SaleRegister,
    },
};
use postgres_ledger::{Connections, Durability, PostgresLedger};
use store_contract::{
    fixtures::{HOUR, WallClock, all_at_once, new_code, nth_user, until},
    grant, record, redemption,
};

const DATABASE: &str = "ledger";

/// Nobody waits longer than this for a server that is gone.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_in_the_ledger_once_whenever_the_server_dies() {
    let (server, ledger, sale) = a_ledger().await;
    let answered = Arc::new(AtomicUsize::new(0));
    let writers = (0..16).map(|writer| {
        let (ledger, answered) = (ledger.clone(), Arc::clone(&answered));
        async move {
            let mut history = Vec::new();
            while answered.load(Ordering::Relaxed) < 3_000 {
                let round = u32::try_from(history.len()).unwrap();
                let number = round * 16 + writer + 1;
                let outcome = if round % 3 == 0 {
                    Outcome::Refused(CheckoutRefusal::SoldOut { retry: None })
                } else {
                    Outcome::Granted(grant(&sale, number, 0))
                };
                let attempt = Attempt { sale: sale.id, user: nth_user(number), outcome };
                let reply = ledger.permit().unwrap().record(attempt.clone()).await;
                if reply.is_err() {
                    WallClock.wait(10).await;
                }
                answered.fetch_add(usize::from(reply.is_ok()), Ordering::Relaxed);
                history.push((attempt, reply));
            }
            history
        }
    });
    let disturb = async {
        let fault = |after: usize, end: fn(&PostgresServer)| {
            let (server, answered) = (&server, &answered);
            async move {
                let count = || answered.load(Ordering::Relaxed);
                until(&WallClock, async || (count() >= after).then_some(())).await;
                tokio::task::block_in_place(|| {
                    end(server);
                    server.start_again().unwrap();
                });
            }
        };
        fault(300, |server| server.kill().unwrap()).await;
        fault(1_000, |server| server.stop_immediate().unwrap()).await;
        fault(1_700, |server| server.stop().unwrap()).await;
        fault(2_400, |server| server.kill().unwrap()).await;
    };

    let (histories, ()) = tokio::join!(all_at_once(writers), disturb);

    let recorded = records(&server);
    let mut failures: BTreeMap<String, u32> = BTreeMap::new();
    for (attempt, reply) in histories.into_iter().flatten() {
        let count = recorded.get(attempt.user.as_str()).copied().unwrap_or(0);
        match &reply {
            Ok(Recorded::Hold { .. } | Recorded::Refusal) => assert_eq!(count, 1, "{attempt:?}"),
            Ok(other) => panic!("{attempt:?} is {other:?}"),
            Err(error) => {
                let most = usize::from(error.failure() == Failure::Unknown);
                assert!(count <= most, "{attempt:?}: {error:?}, but {count} records");
                *failures.entry(format!("{:?}", error.failure())).or_insert(0) += 1;
            }
        }
    }
    assert!(recorded.values().all(|&count| count == 1), "something is there twice");
    let held = ledger.tally(sale.id).await.unwrap().unwrap().held;
    assert!(held >= 1_000, "{held} holds, {failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_sold_once_whenever_the_server_dies() {
    const CODES: u32 = 300;
    let (server, ledger, sale) = a_ledger().await;
    let mut grants = Vec::new();
    for number in 1..=CODES {
        let grant = grant(&sale, number, 0);
        let outcome = Outcome::Granted(grant);
        let attempt = Attempt { sale: sale.id, user: nth_user(number), outcome };
        grants.push((grant, attempt));
    }
    let holds = grants.iter().cloned().map(|(_, attempt)| {
        let permit = ledger.permit().unwrap();
        async move { permit.record(attempt).await.unwrap() }
    });
    all_at_once(holds).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let buyers = grants.chunks(20).map(|grants| {
        let (ledger, answered, grants) = (ledger.clone(), Arc::clone(&answered), grants.to_vec());
        async move {
            let mut receipts = Vec::new();
            for (grant, _) in grants {
                receipts.push(buy(&ledger, grant).await);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            receipts
        }
    });
    let disturb = async {
        for after in [40, 150] {
            let count = || answered.load(Ordering::Relaxed);
            until(&WallClock, async || (count() >= after).then_some(())).await;
            tokio::task::block_in_place(|| {
                server.kill().unwrap();
                server.start_again().unwrap();
            });
        }
    };

    let (receipts, ()) = tokio::join!(all_at_once(buyers), disturb);

    for receipt in receipts.into_iter().flatten() {
        let found = LedgerStore::find(&*ledger, receipt.code).await.unwrap();
        assert_eq!(found, CodeRecord::Sold(receipt));
    }
    let tally = ledger.tally(sale.id).await.unwrap().unwrap();
    assert_eq!((tally.held, tally.sold), (0, CODES));
    let purchases = server.psql(DATABASE, "SELECT count(*) FROM purchases").unwrap();
    assert_eq!(purchases.trim(), CODES.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_reported_soon_and_used_again_when_it_is_back() {
    let (server, ledger, sale) = a_ledger().await;
    let held = grant(&sale, 1, 0);
    record(&*ledger, &sale, "ann", held).await.unwrap();
    assert_eq!(every_failure(&ledger, &sale, held.code).await, [None; 6]);

    tokio::task::block_in_place(|| server.kill()).unwrap();
    // First on connections that break, then with none to be had.
    for _ in 0..2 {
        for failure in every_failure(&ledger, &sale, held.code).await {
            assert!(matches!(failure, Some(Failure::NotDone | Failure::Unknown)), "{failure:?}");
        }
    }
    let late = record(&*ledger, &sale, "ann", grant(&sale, 2, 1)).await;
    assert_eq!(late.unwrap_err().failure(), Failure::NotDone);
    tokio::task::block_in_place(|| server.start_again()).unwrap();

    let found = until(&WallClock, async || LedgerStore::find(&*ledger, held.code).await.ok()).await;
    assert!(matches!(found, CodeRecord::Held { .. }), "{found:?}");
    let next =
        until(&WallClock, async || record(&*ledger, &sale, "ann", grant(&sale, 3, 2)).await.ok());
    assert!(matches!(next.await, Recorded::Hold { .. }));
    assert_eq!(ledger.tally(sale.id).await.unwrap().unwrap().held, 2);
}

/// A ledger on a server of its own, and a sale at epoch 1.
async fn a_ledger() -> (PostgresServer, Arc<PostgresLedger>, Sale) {
    let server = PostgresServer::start().unwrap();
    server.create_database(DATABASE).unwrap();
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits = Limits::patient(max(4_096), max(256));
    let ledger = Arc::new(
        PostgresLedger::new(
            Access::to_database(server.url(DATABASE)),
            Durability::Single,
            Connections::for_threads(16),
            limits,
        )
        .unwrap(),
    );
    ledger.migrate().await.unwrap();
    let starts_at = ledger.now().await.unwrap();
    let window = Window::new(starts_at, starts_at + HOUR).unwrap();
    let terms = Terms::new(1_000_000, 5, HOUR).unwrap();
    let sale =
        ledger.schedule(NewSale::unnamed(window, terms, Origin::Timetable)).await.unwrap().unwrap();
    let RaiseReply::Raised(snapshot) = ledger.raise_epoch(sale.id, None).await.unwrap() else {
        panic!("the first epoch is raised");
    };
    assert_eq!(snapshot.sale.epoch, Epoch(1));
    (server, ledger, snapshot.sale)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_keeps_nobody_waiting_for_ever() {
    let (server, ledger, sale) = a_ledger().await;

    tokio::task::block_in_place(|| server.pause().unwrap());
    let all = async {
        let raise = ledger.raise_epoch(sale.id, None);
        let (raised, closed, tally) =
            tokio::join!(raise, ledger.close(sale.id), ledger.tally(sale.id));
        [raised.err(), closed.err(), tally.err()]
    };
    let errors = tokio::time::timeout(SOON, all).await;
    tokio::task::block_in_place(|| server.resume().unwrap());

    let [raised, closed, tally] = errors.expect("all have given up");
    // The first had a connection, the others could not get one.
    assert_eq!(raised.expect("there was no answer").failure(), Failure::Unknown);
    assert!(closed.is_some() && tally.is_some());
    until(&WallClock, async || ledger.tally(sale.id).await.ok()).await;
}

/// How many records each user has, and that each has a code of its own.
fn records(server: &PostgresServer) -> BTreeMap<String, usize> {
    let query = "SELECT user_id, code FROM checkout_attempts";
    let rows = server.psql(DATABASE, query).unwrap();
    let mut codes = BTreeSet::new();
    let mut counts = BTreeMap::new();
    for (user, code) in rows.lines().map(|row| row.split_once('|').unwrap()) {
        assert!(code.is_empty() || codes.insert(code), "code {code} twice");
        *counts.entry(user.to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Redeems a code as a client does: again and again, until there is an answer.
async fn buy(ledger: &PostgresLedger, grant: Grant) -> Receipt {
    for _ in 0..1_000 {
        match ledger.redeem(redemption(grant)).await {
            Ok(CodeRecord::SoldNow(receipt) | CodeRecord::Sold(receipt)) => return receipt,
            Ok(other) => panic!("{other:?}"),
            Err(_) => WallClock.wait(10).await,
        }
    }
    panic!("no answer");
}

/// Asks everything that changes nothing here, all at once, and returns what failed.
async fn every_failure(ledger: &PostgresLedger, sale: &Sale, code: Code) -> [Option<Failure>; 6] {
    let (codes, unknown) = ([code], new_code(sale.id));
    let all = async {
        tokio::join!(
            LedgerStore::find(ledger, code),
            ledger.release(unknown),
            ledger.judge(sale.id, &codes),
            ledger.now(),
            SaleRegister::find(ledger, sale.id),
            ledger.tally(sale.id),
        )
    };
    let (found, released, judged, now, listed, tally) =
        tokio::time::timeout(SOON, all).await.unwrap();
    let errors = [found.err(), released.err(), judged.err(), now.err(), listed.err(), tally.err()];
    errors.map(|error| error.as_ref().map(StoreError::failure))
}
