//! How long a request may expect to wait, in one queue and in two.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;
use batcher::{BatchError, Batcher, Call, Limits, Wait};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet, yield_now},
    time::{advance, sleep},
};

use crate::{Echo, Stand};

impl Stand {
    /// Sends a request that is in the queue, or on its way, when this returns; its answer.
    async fn sent(&self, request: u32) -> JoinHandle<Result<(u32, usize), BatchError>> {
        let permit = self.batcher.permit();
        let answer = tokio::spawn(async move { permit?.submit(request).await });
        yield_now().await;
        answer
    }
}

/// A batcher of one request a batch that is to keep nobody waiting for longer than a second.
fn impatient_stand() -> Stand {
    impatient_stand_behind(None)
}

fn impatient_stand_behind(before: Option<Wait>) -> Stand {
    let (sender, started) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let one = NonZeroUsize::MIN;
    let limits = Limits {
        wait_max: Duration::from_secs(1),
        ..Limits::patient(NonZeroUsize::new(8).unwrap(), one)
    };
    let echo = Echo { gate: Arc::clone(&gate), started: sender };
    Stand { batcher: Batcher::spawn_behind(before, limits, [echo]), gate, started }
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_full_when_whoever_came_next_would_wait_too_long() {
    let mut stand = impatient_stand();
    let first = tokio::spawn(stand.batcher.permit().unwrap().submit(1));
    assert_eq!(stand.started.recv().await, Some(1));
    advance(Duration::from_millis(400)).await;

    let second = stand.sent(2).await;
    let third = stand.batcher.permit().unwrap();
    let fourth = stand.batcher.permit();

    // The call takes 0.4 s already: behind two batches the wait were 1.2 s. Whoever has a permit and
    // waits for something else comes first all the same.
    assert_eq!(fourth.err(), Some(BatchError::Full));
    drop(third);
    let third = stand.batcher.permit().unwrap();
    stand.gate.add_permits(3);
    assert_eq!(second.await.unwrap(), Ok((2, 1)), "what was let in is answered");
    assert_eq!(first.await.unwrap(), Ok((1, 1)));
    assert_eq!(third.submit(3).await, Ok((3, 1)));
}

#[tokio::test(start_paused = true)]
async fn two_queues_in_a_row_are_full_when_whoever_came_next_would_wait_too_long_in_both() {
    let mut first = impatient_stand();
    let mut second = impatient_stand_behind(Some(first.batcher.wait()));
    let on_their_way = [first.sent(1).await, second.sent(2).await];
    assert_eq!((first.started.recv().await, second.started.recv().await), (Some(1), Some(1)));

    // Each of the two calls takes 0.3 s already, so each wait is 0.6 s behind a batch.
    advance(Duration::from_millis(300)).await;
    let waits_in_the_first = first.sent(3).await;
    // One whole batch in the first: 0.6 s, and 0.3 s here. One in each: 1.2 s.
    let waits_in_the_second = second.sent(4).await;
    let in_both = second.batcher.permit();

    assert_eq!(in_both.err(), Some(BatchError::Full));
    assert!(first.batcher.permit().is_ok(), "the first is not behind the second");
    first.gate.add_permits(2);
    assert_eq!(waits_in_the_first.await.unwrap(), Ok((3, 1)));
    assert!(second.batcher.permit().is_ok(), "the first is quick again");
    second.gate.add_permits(2);
    assert_eq!(waits_in_the_second.await.unwrap(), Ok((4, 1)));
    for answer in on_their_way {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_the_call_that_is_on_its_way_is_waited_for() {
    let mut stand = impatient_stand();
    for number in 0..20 {
        let call = stand.sent(number).await;
        assert_eq!(stand.started.recv().await, Some(1));
        advance(Duration::from_millis(400)).await;
        stand.gate.add_permits(1);
        assert_eq!(call.await.unwrap(), Ok((number, 1)));
    }

    let on_its_way = stand.sent(20).await;
    assert_eq!(stand.started.recv().await, Some(1));
    let next = stand.sent(21).await;
    let too_late = stand.batcher.permit();
    advance(Duration::from_millis(300)).await;
    let in_time = stand.batcher.permit();

    // A call takes 0.4 s: its rest, one before and one's own are 1.2 s, and later 0.9 s.
    assert_eq!(too_late.err(), Some(BatchError::Full));
    assert!(in_time.is_ok());
    stand.gate.add_permits(2);
    assert_eq!((on_its_way.await.unwrap(), next.await.unwrap()), (Ok((20, 1)), Ok((21, 1))));
}

/// Of batches of four, each of which takes a tenth of a second a request.
struct Slow;

#[async_trait]
impl Call<u32, u32> for Slow {
    const NAME: &'static str = "slow";

    async fn call(&mut self, batch: Vec<u32>) -> Vec<u32> {
        sleep(Duration::from_millis(100) * u32::try_from(batch.len()).unwrap()).await;
        batch
    }
}

/// How many of a crowd are let in that comes at once.
fn let_in(batcher: &Batcher<u32, u32>) -> (usize, JoinSet<Result<u32, BatchError>>) {
    let mut crowd = JoinSet::new();
    for number in 0..100 {
        if let Ok(permit) = batcher.permit() {
            crowd.spawn(permit.submit(number));
        }
    }
    (crowd.len(), crowd)
}

#[tokio::test(start_paused = true)]
async fn the_next_crowd_is_reckoned_by_the_whole_batches_of_the_last_and_not_by_small_ones_since() {
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits =
        Limits { wait_max: Duration::from_millis(850), ..Limits::patient(max(100), max(4)) };
    let batcher = Batcher::spawn(limits, [Slow]);
    let alone = async || {
        for number in 0..20 {
            assert_eq!(batcher.submit(number).await, Ok(number));
        }
    };

    alone().await;
    let (unknown, crowd) = let_in(&batcher);
    crowd.join_all().await;
    alone().await;
    let (known, crowd) = let_in(&batcher);
    crowd.join_all().await;
    advance(Duration::from_secs(60)).await;
    alone().await;
    let (forgotten, _crowd) = let_in(&batcher);

    // A call of one takes 0.1 s: eight batches fit. A call of four takes 0.4 s: one fits.
    assert_eq!((unknown, known, forgotten), (32, 8, 32));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_was_slow_is_found_to_be_quick_again() {
    let mut stand = impatient_stand();
    let slow = tokio::spawn(stand.batcher.permit().unwrap().submit(1));
    assert_eq!(stand.started.recv().await, Some(1));
    advance(Duration::from_secs(60)).await;
    let second = stand.sent(2).await;
    assert_eq!(stand.batcher.permit().err(), Some(BatchError::Full));

    stand.gate.add_permits(24);
    assert_eq!(slow.await.unwrap(), Ok((1, 1)));
    assert_eq!(second.await.unwrap(), Ok((2, 1)));
    for number in 3..25 {
        // One batch may always wait, and it is quick.
        assert_eq!(stand.batcher.submit(number).await, Ok((number, 1)));
    }

    let mut queued = Vec::new();
    for number in 25..33 {
        queued.push(stand.sent(number).await);
    }
    stand.gate.add_permits(8);
    for (number, answer) in (25..33).zip(queued) {
        assert_eq!(answer.await.unwrap(), Ok((number, 1)), "the whole queue is open again");
    }
}
