//! What [`Processes`] promises.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    UnixMillis,
    ports::Processes,
    processes::{Figures, PROCESSES_MAX, Process, ProcessId, SEEN_MS, Times},
};

use crate::fixtures::NOW;

/// Writes one test per promise of `Processes`, on the [`Told`](crate::processes::Told) that `$told` makes.
#[macro_export]
macro_rules! processes_contract {
    ($told:path) => {
        $crate::contract! { $told, processes:
            what_a_process_leaves_is_found_by_another_as_it_was
            what_a_process_leaves_again_takes_the_place_of_what_it_left_before
            what_was_left_long_ago_is_not_found
            of_a_crowd_those_are_found_that_said_something_last
        }
    };
}

/// What two processes of the same ledger tell each other by. Nobody else does.
#[derive(Clone)]
pub struct Told {
    /// The one's.
    pub one: Arc<dyn Processes>,
    /// The other's.
    pub other: Arc<dyn Processes>,
}

fn process(id: usize, seen_at: UnixMillis) -> Process {
    let did = Figures { span_ms: 1_000, ..Figures::default() };
    let address = "10.0.0.7:8080".to_owned();
    Process { id: ProcessId(id.try_into().unwrap()), address, seen_at, did }
}

/// The processes that are found, by their numbers.
async fn found(by: &Arc<dyn Processes>, own: &Process) -> Vec<u128> {
    let mut found: Vec<_> = by.exchange(own).await.unwrap().iter().map(|it| it.id.0).collect();
    found.sort_unstable();
    found
}

/// All that is told of it.
pub async fn what_a_process_leaves_is_found_by_another_as_it_was(Told { one, other }: Told) {
    let mut busy = process(1, NOW);
    let mut checkout_times = Times::default();
    for (count, bucket) in (0..).zip(&mut checkout_times.0) {
        *bucket = count;
    }
    let refused = [("sold-out", 7), ("limit-reached", u64::MAX)];
    busy.did = Figures {
        span_ms: 1_003,
        checkouts: 4_000,
        purchases: 3_000,
        refused: refused.map(|(name, count)| (name.to_owned(), count)).into(),
        checkout_times,
        purchase_times: Times::default(),
        viewers: 5_000,
    };
    let quiet = process(2, NOW + 1);

    one.leave(&busy).await.unwrap();
    let mut known = other.exchange(&quiet).await.unwrap();

    known.retain(|it| it.id != quiet.id);
    assert_eq!(known, [busy]);
}

/// And that, again and again.
pub async fn what_a_process_leaves_again_takes_the_place_of_what_it_left_before(
    Told { one, other }: Told,
) {
    let mut last = process(1, NOW);
    for second in 0..5 {
        last.seen_at = NOW + second * 1_000;
        last.did.refused = BTreeMap::from([("paused".to_owned(), second.unsigned_abs() + 1)]);
        one.leave(&last).await.unwrap();
    }

    let mut known = other.exchange(&process(2, last.seen_at)).await.unwrap();

    known.retain(|it| it.id != ProcessId(2));
    assert_eq!(known, [last]);
}

/// To the millisecond, by the time of whoever asks.
pub async fn what_was_left_long_ago_is_not_found(Told { one, other }: Told) {
    one.leave(&process(1, NOW)).await.unwrap();
    assert_eq!(found(&other, &process(2, NOW + (SEEN_MS - 1))).await, [1, 2]);

    assert_eq!(found(&other, &process(2, NOW + SEEN_MS)).await, [2]);

    // One that comes back is there again.
    one.leave(&process(1, NOW + SEEN_MS)).await.unwrap();
    assert_eq!(found(&other, &process(2, NOW + SEEN_MS + 1)).await, [1, 2]);
}

/// As many as may be known.
pub async fn of_a_crowd_those_are_found_that_said_something_last(Told { one, other }: Told) {
    let crowd = PROCESSES_MAX + 10;
    for number in 0..crowd {
        let at = NOW + i64::try_from(number).unwrap();
        one.leave(&process(number, at)).await.unwrap();
    }

    let last = process(crowd, NOW + i64::try_from(crowd).unwrap());
    let known = found(&other, &last).await;

    let expected: Vec<_> =
        (0..=crowd).map(|it| it as u128).skip(crowd + 1 - PROCESSES_MAX).collect();
    assert_eq!(known, expected);
}
