//! What becomes of work when the disk fails, or a part of it cannot be done.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
};

use domain::{
    CheckoutRefusal, Failure, NewSale, Origin, SaleId, Terms, UnixMillis, Window,
    ports::{Attempt, Grant, Granted, Outcome, RaiseReply, Recorded},
};
use store_contract::{fixtures::user, grant};

use super::*;
use crate::DataDir;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn writer(database: Database) -> Worker {
    Worker::spawn("writer", Kind::Writer, database, Arc::new(|| NOW))
}

/// A ledger whose commits fail as long as `failures` says so, as they do when the log cannot be
/// flushed: what was written is undone, and nobody knows what the disk has.
fn failing_ledger(failures: &Arc<AtomicU32>) -> Database {
    let mut database = Database::in_memory().unwrap();
    let left = Arc::clone(failures);
    let fails = move || {
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    };
    database.connection_mut().commit_hook(Some(fails)).unwrap();
    database
}

fn refusal() -> Attempt {
    let sale = SaleId::try_from(1).unwrap();
    let outcome = Outcome::Refused(CheckoutRefusal::UnknownSale);
    Attempt { sale, user: user("ann"), outcome }
}

async fn records(worker: &Worker) -> usize {
    let count = |tables: &Tables<'_>| tables.count_attempts();
    worker.run(count).await.unwrap()
}

#[tokio::test]
async fn a_commit_that_got_lost_is_made_again_and_the_work_is_done_once() {
    let failures = Arc::new(AtomicU32::new(0));
    let worker = writer(failing_ledger(&failures));
    let window = Window::new(NOW, NOW + 1_000).unwrap();
    let terms = Terms::new(5, 1, 100).unwrap();
    let sale = worker
        .run(move |tables| {
            tables.schedule(NewSale::unnamed(window, terms, Origin::Timetable), None)
        })
        .await
        .unwrap()
        .unwrap();
    let raised = worker.run(move |tables| tables.raise_epoch(sale.id, None)).await.unwrap();
    let RaiseReply::Raised(snapshot) = raised else { panic!("{raised:?}") };
    let granted = Outcome::Granted(grant(&snapshot.sale, 1, 0));
    let attempts = [Attempt { sale: sale.id, user: user("ann"), outcome: granted }, refusal()];

    failures.store(3, Ordering::SeqCst);
    let recorded = worker.run(move |tables| tables.record(&attempts)).await.unwrap();

    let Grant { unit, slot, .. } = grant(&snapshot.sale, 1, 0);
    let held = Recorded::Hold(Granted { unit, slot, expires_at: NOW + 100 });
    assert_eq!(recorded, [held, Recorded::Refusal]);
    assert_eq!(failures.load(Ordering::SeqCst), 0);
    assert_eq!(records(&worker).await, 2);
    let tally = worker.run(move |tables| tables.tally(sale.id)).await.unwrap().unwrap();
    assert_eq!((tally.held, tally.sold), (1, 0));
}

#[tokio::test]
async fn a_commit_that_stays_lost_is_called_unknown_and_the_next_goes_well() {
    let failures = Arc::new(AtomicU32::new(u32::MAX));
    let worker = writer(failing_ledger(&failures));

    let lost = worker.run(|tables| tables.record(&[refusal()])).await.unwrap_err();
    failures.store(0, Ordering::SeqCst);
    worker.run(|tables| tables.record(&[refusal()])).await.unwrap();

    assert!(matches!(lost, SqliteError::Lost(_)), "{lost:?}");
    assert_eq!(lost.failure(), Failure::Unknown);
    assert_eq!(records(&worker).await, 1);
}

/// Each try waits for the other, so that a number of tries is no bound.
#[tokio::test]
async fn a_commit_that_got_lost_is_given_up_in_time_while_another_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = DataDir::at(dir.path().to_owned());
    let mut database = Database::open_to_serve(&dir).unwrap();
    let rival = Database::open_existing(&dir).unwrap();
    let (lost, first_lost) = mpsc::channel();
    let hook = move || {
        let _ = lost.send(());
        true
    };
    database.connection_mut().commit_hook(Some(hook)).unwrap();
    let rival = thread::spawn(move || {
        first_lost.recv().unwrap();
        let rival = rival.connection();
        while rival.execute_batch("BEGIN IMMEDIATE").is_err() {}
        // Until the worker has given up, and its hook is gone.
        while first_lost.recv().is_ok() {}
    });
    let worker = writer(database);
    let began = Instant::now();

    let lost = worker.run(|tables| tables.record(&[refusal()])).await.unwrap_err();

    let took = began.elapsed();
    drop(worker);
    rival.join().unwrap();
    assert!(matches!(lost, SqliteError::Lost(_)), "{lost:?}");
    // A hundred tries of two seconds would be more than three minutes.
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn work_that_cannot_be_done_keeps_none_of_its_neighbours_from_it() {
    let database = Database::in_memory().unwrap();
    let worker = writer(database);
    // All sent before the first is answered, so that some go together.
    let calls = (0..20i64).map(|number| {
        let worker = worker.clone();
        tokio::spawn(async move {
            if number % 5 == 0 {
                let incomplete = "INSERT INTO sales (starts_at) VALUES (1)";
                return worker.run(|tables| tables.run(incomplete, [])).await.map(drop);
            }
            worker.run(|tables| tables.record(&[refusal()])).await.map(drop)
        })
    });

    let mut failures = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        failures.extend(call.await.unwrap().err().map(|error| error.failure()));
    }

    assert_eq!(failures, [Failure::NotDone; 4]);
    assert_eq!(records(&worker).await, 16);
}

#[tokio::test]
async fn a_disk_that_is_full_refuses_what_is_new_and_keeps_what_there_is() {
    let database = Database::in_memory().unwrap();
    database.connection().execute_batch("PRAGMA max_page_count = 30").unwrap();
    let worker = writer(database);

    let mut written = 0;
    let refused = loop {
        match worker.run(|tables| tables.record(&vec![refusal(); 50])).await {
            Ok(recorded) => written += recorded.len(),
            Err(refused) => break refused,
        }
    };
    let kept = records(&worker).await;
    worker.run(|tables| tables.run("PRAGMA max_page_count = 1000000", []).or(Ok(0))).await.unwrap();
    worker.run(|tables| tables.record(&[refusal()])).await.unwrap();

    assert_eq!(refused.failure(), Failure::NotDone, "{refused:?}");
    assert!(written > 0 && kept == written, "{kept} of {written}");
    assert_eq!(records(&worker).await, written + 1);
}

#[tokio::test]
async fn whoever_asks_a_thread_that_is_gone_is_told_so() {
    let (queue, _) = mpsc::channel();
    let worker = Worker::Thread(queue);

    let error = worker.run(|tables| Ok(tables.now())).await.unwrap_err();

    assert_eq!((error.failure(), error), (Failure::Unknown, SqliteError::Gone));
}

#[tokio::test]
async fn work_without_a_thread_is_done_when_it_is_asked_for_and_undone_while_all_is_broken_off() {
    let session = Session::new(Database::in_memory().unwrap(), Arc::new(|| NOW));
    let inline = Arc::new(Inline::new(session));
    let worker = Worker::Inline(Kind::Writer, Arc::clone(&inline));
    let asked = pin!(worker.run(|tables| tables.record(&[refusal()])));
    let done = asked.poll(&mut Context::from_waker(Waker::noop()));
    let (first, second) = (inline.break_off(), inline.break_off());
    drop(first);

    let broken = worker.run(|tables| tables.record(&[refusal()])).await.unwrap_err();
    let reader = Worker::Inline(Kind::Reader, inline);
    let seen = records(&reader).await;
    drop(second);
    worker.run(|tables| tables.record(&[refusal()])).await.unwrap();

    assert_eq!(done, Poll::Ready(Ok(vec![Recorded::Refusal])));
    assert_eq!((broken.failure(), seen), (Failure::Unknown, 1));
    assert_eq!(records(&worker).await, 2);
}
