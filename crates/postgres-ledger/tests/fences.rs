//! A rebuild and a record that meet: one waits for the other, and then sees what it did.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;
mod gate;

use std::sync::Arc;

use dev_servers::{Condition, Proxy};
use domain::{
    Epoch, Failure, NewSale, Origin, Sale, SaleId, Terms, Window,
    operator::{Acted, Action, ActionId, Beside, Order, Refused, RequestName},
    ports::{
        ActReply, Attempt, CodeRecord, LedgerStore, Operator, Outcome, RaiseReply, Recorded,
        SaleRegister, Verdict,
    },
};
use postgres_ledger::PostgresLedger;
use store_contract::{
    fixtures::{HOUR, MINUTE, WallClock, until, user},
    grant,
    operator::order,
    record, redemption,
};

use crate::{
    database::{SERVER, fresh_database, ledger_at, ledger_in},
    gate::{Gate, WAITING, client},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_waits_for_the_record_in_flight_and_has_it_in_its_snapshot() {
    let (database, ledger, sale) = a_sale().await;
    let recorder = client(&database).await;
    let code = grant(&sale, 1, 0).code;
    recorder
        .batch_execute(&format!(
            "BEGIN; SELECT epoch FROM sales FOR KEY SHARE; \
             INSERT INTO checkout_attempts \
             (sale_id, user_id, outcome, code, unit, slot, epoch, state, expires_at) \
             VALUES ({}, 'ann', 'granted', '{code}', 1, 0, 0, 'held', now())",
            sale.id
        ))
        .await
        .unwrap();

    let raise = tokio::spawn(async move { ledger.raise_epoch(sale.id, None).await.unwrap() });
    until_somebody_waits(&database).await;
    recorder.batch_execute("COMMIT").await.unwrap();

    let RaiseReply::Raised(snapshot) = raise.await.unwrap() else { panic!("it is raised") };
    assert_eq!(snapshot.sale.epoch, Epoch(1));
    assert_eq!(snapshot.live.iter().map(|unit| unit.code).collect::<Vec<_>>(), [code]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_outlasts_a_record_that_takes_longer_than_one_try() {
    let (database, ledger, sale) = a_sale().await;
    let recorder = client(&database).await;
    recorder.batch_execute("BEGIN; SELECT epoch FROM sales FOR KEY SHARE").await.unwrap();

    let raise = tokio::spawn(async move { ledger.raise_epoch(sale.id, None).await.unwrap() });
    let watcher = client(&database).await;
    let waits_since = async || {
        let query = format!("SELECT xact_start::text {WAITING}");
        let row = watcher.query_opt(&query, &[]).await.unwrap();
        row.map(|row| row.get::<_, String>(0))
    };
    let first = until(&WallClock, waits_since).await;
    until(&WallClock, async || waits_since().await.filter(|next| *next != first)).await;
    recorder.batch_execute("COMMIT").await.unwrap();

    assert!(matches!(raise.await.unwrap(), RaiseReply::Raised(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_waits_for_the_new_epoch_in_flight_and_is_refused() {
    let (database, ledger, sale) = a_sale().await;
    let rebuilder = client(&database).await;
    rebuilder
        .batch_execute(
            "BEGIN; SELECT epoch FROM sales FOR UPDATE; UPDATE sales SET epoch = epoch + 1",
        )
        .await
        .unwrap();

    let record = tokio::spawn(async move {
        let outcome = Outcome::Granted(grant(&sale, 1, 0));
        let attempt = Attempt { sale: sale.id, user: user("ann"), outcome };
        ledger.permit().unwrap().record(attempt).await.unwrap()
    });
    until_somebody_waits(&database).await;
    rebuilder.batch_execute("COMMIT").await.unwrap();

    assert_eq!(record.await.unwrap(), Recorded::Stale);
}

/// It raises no epoch, so what it locks is all that keeps the grant out.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_waits_for_a_stop_in_flight_and_is_refused() {
    for stop in [Action::PauseSale as fn(SaleId) -> Action, Action::EndSale] {
        let (database, ledger, sale) = a_sale().await;
        // It has done all but its commit.
        let gate = Gate::at(&database, BEFORE_COMMIT).await;
        let stop = order(stop(sale.id));
        let stopping = tokio::spawn({
            let (ledger, blind) =
                (Arc::clone(&ledger), Beside { is_blind: true, ..Beside::default() });
            async move { ledger.act(&stop, &blind).await.unwrap() }
        });
        gate.until_waiting(1).await;

        let record = tokio::spawn(async move {
            let outcome = Outcome::Granted(grant(&sale, 1, 0));
            let attempt = Attempt { sale: sale.id, user: user("ann"), outcome };
            ledger.permit().unwrap().record(attempt).await.unwrap()
        });
        gate.until_waiting(2).await;
        gate.open().await;

        let ActReply::Now { record: stopped, snapshot: None } = stopping.await.unwrap() else {
            panic!("it stops, and raises nothing")
        };
        assert_eq!(stopped.epoch(), Some(sale.epoch), "{stopped:?}");
        assert_eq!(record.await.unwrap(), Recorded::Stale, "{stopped:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_whose_first_record_may_still_come_is_not_called_stale() {
    let (database, ledger, sale) = a_sale().await;
    let attempt =
        |name, grant| Attempt { sale: sale.id, user: user(name), outcome: Outcome::Granted(grant) };
    let of_ann = ledger.permit().unwrap().record(attempt("ann", grant(&sale, 1, 0))).await;
    assert!(matches!(of_ann.unwrap(), Recorded::Hold { .. }));
    let rebuilder = client(&database).await;
    rebuilder.batch_execute("BEGIN; SELECT epoch FROM sales FOR UPDATE").await.unwrap();

    let of_bob = attempt("bob", grant(&sale, 1, 0));
    let record = tokio::spawn(async move { ledger.permit().unwrap().record(of_bob).await });
    until_somebody_waits(&database).await;
    rebuilder.query(&format!("SELECT pg_terminate_backend(pid) {WAITING}"), &[]).await.unwrap();
    rebuilder.batch_execute("COMMIT").await.unwrap();

    assert_eq!(record.await.unwrap().unwrap_err().failure(), Failure::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_waits_for_the_record_in_flight_and_lets_it_stand() {
    let (database, ledger, sale) = a_sale().await;
    let recorder = client(&database).await;
    let code = grant(&sale, 1, 0).code;
    recorder
        .batch_execute(&format!(
            "BEGIN; INSERT INTO checkout_attempts \
             (sale_id, user_id, outcome, code, unit, slot, epoch, state, expires_at) \
             VALUES ({}, 'ann', 'granted', '{code}', 1, 0, 0, 'held', now() + '1 hour')",
            sale.id
        ))
        .await
        .unwrap();

    let judge = tokio::spawn(async move { ledger.judge(sale.id, &[code]).await.unwrap() });
    until_somebody_waits(&database).await;
    recorder.batch_execute("COMMIT").await.unwrap();

    let verdicts = judge.await.unwrap();
    assert!(matches!(verdicts[..], [(_, Verdict::Held { .. })]), "{verdicts:?}");
}

/// It was asked for once, and is not called a repetition of itself. Asked for twice, it is.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_outcome_got_lost_on_the_way_is_no_repetition() {
    let (database, _, sale) = a_sale().await;
    let network = Proxy::to(SERVER.port()).await.unwrap();
    let port = |port: u16| format!(":{port}/");
    let url = SERVER.url(&database).replace(&port(SERVER.port()), &port(network.port()));
    let ledger = Arc::new(ledger_at(url));
    let gate = Gate::at(&database, BEFORE_COMMIT).await;
    let (by, request_id) = ("ann".parse().unwrap(), RequestName::of("r-1"));
    let (id, action) = (ActionId::drawn(7), Action::PauseSale(sale.id));
    let order = Order { id, by, why: None, request_id, action, if_at: Some(0) };

    let acting = tokio::spawn({
        let (ledger, order) = (Arc::clone(&ledger), order.clone());
        async move { ledger.act(&order, &Beside::default()).await.unwrap() }
    });
    until_somebody_waits(&database).await;
    network.set_condition(Condition::AnswersBlocked);
    gate.open().await;
    let rows = "SELECT count(*) FROM operator_actions";
    let is_done = async || SERVER.psql(&database, rows).unwrap().trim() == "1";
    until(&WallClock, async || is_done().await.then_some(())).await;
    network.cut();
    network.set_condition(Condition::Good);

    let ActReply::Now { record, .. } = acting.await.unwrap() else { panic!("it is a repetition") };
    assert_eq!(record.order, order);
    let again = ledger.act(&order, &Beside::default()).await.unwrap();
    assert_eq!(again, ActReply::Before(record));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_cancelled_while_a_process_serves_that_would_not_know_what_it_sees() {
    let (database, ledger, sale) = a_sale().await;
    let grant = grant(&sale, 1, 0);
    record(&*ledger, &sale, "ann", grant).await.unwrap();
    ledger.redeem(redemption(grant)).await.unwrap();
    let code = grant.code;
    let cancel = async |number| {
        let order = Order {
            id: ActionId::drawn(number),
            by: "ann".parse().unwrap(),
            why: Some("it came back".parse().unwrap()),
            request_id: None,
            action: Action::CancelPurchase(code),
            if_at: None,
        };
        match ledger.act(&order, &Beside::default()).await.unwrap() {
            ActReply::Now { record, .. } => record.outcome,
            before @ ActReply::Before(_) => panic!("{before:?}"),
        }
    };
    // As the versions before this one do; and, beside it, as this one does.
    let older = client(&database).await;
    let lock = format!("SELECT pg_advisory_lock_shared({SERVING})");
    older.batch_execute(&lock).await.unwrap();
    let newer = client(&database).await;
    let both = format!("SELECT pg_advisory_lock_shared({AWARE}); {lock}");
    newer.batch_execute(&both).await.unwrap();

    assert_eq!(cancel(1).await, Acted::Refused(Refused::NotYetPossible));
    assert!(matches!(LedgerStore::find(&*ledger, code).await.unwrap(), CodeRecord::Sold(_)));

    older.batch_execute("SELECT pg_advisory_unlock_all()").await.unwrap();
    assert!(matches!(cancel(2).await, Acted::Done(_)));
    assert!(matches!(LedgerStore::find(&*ledger, code).await.unwrap(), CodeRecord::Cancelled(_)));
}

/// The lock that each process shares which serves from a ledger, and the one that each of those
/// shares which knows what a cancelled purchase is.
const SERVING: i64 = 0x666c_6173_6865_7376;
const AWARE: i64 = 0x666c_6173_6865_7263;

/// Where the commit of a row of the trail waits.
const BEFORE_COMMIT: &str = "CONSTRAINT TRIGGER gate AFTER INSERT ON operator_actions DEFERRABLE \
                             INITIALLY DEFERRED FOR EACH ROW";

/// A sale in a database of its own, at epoch 0.
async fn a_sale() -> (String, Arc<PostgresLedger>, Sale) {
    let database = fresh_database().await;
    let ledger = Arc::new(ledger_in(&database));
    let starts_at = ledger.now().await.unwrap();
    let window = Window::new(starts_at, starts_at + HOUR).unwrap();
    let terms = Terms::new(5, 5, MINUTE).unwrap();
    let sale =
        ledger.schedule(NewSale::unnamed(window, terms, Origin::Timetable)).await.unwrap().unwrap();
    (database, ledger, sale)
}

/// Returns when a session of this database waits for a lock.
async fn until_somebody_waits(database: &str) {
    let watcher = client(database).await;
    let query = format!("SELECT {WAITING}");
    until(&WallClock, async || watcher.query_opt(&query, &[]).await.unwrap().map(drop)).await;
}
