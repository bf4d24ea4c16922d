//! What a batcher promises its callers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;
use batcher::{BatchError, Batcher, Call, Limits, Wait};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::{JoinHandle, JoinSet, yield_now},
    time::{advance, sleep},
};

/// Replies with each request and the size of its batch, once the gate lets it.
struct Echo {
    gate: Arc<Semaphore>,
    started: mpsc::UnboundedSender<usize>,
}

#[async_trait]
impl Call<u32, (u32, usize)> for Echo {
    const NAME: &'static str = "echo";

    async fn call(&mut self, batch: Vec<u32>) -> Vec<(u32, usize)> {
        let size = batch.len();
        self.started.send(size).unwrap();
        self.gate.acquire().await.unwrap().forget();
        batch.into_iter().map(|request| (request, size)).collect()
    }
}

struct Stand {
    batcher: Batcher<u32, (u32, usize)>,
    gate: Arc<Semaphore>,
    started: mpsc::UnboundedReceiver<usize>,
}

fn stand(workers: usize, queue_max: usize, batch_max: usize) -> Stand {
    let gate = Arc::new(Semaphore::new(0));
    let (sender, started) = mpsc::unbounded_channel();
    let calls = (0..workers).map(|_| Echo { gate: Arc::clone(&gate), started: sender.clone() });
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits = Limits::patient(max(queue_max), max(batch_max));
    Stand { batcher: Batcher::spawn(limits, calls.collect::<Vec<_>>()), gate, started }
}

#[tokio::test]
async fn a_lone_request_is_sent_at_once() {
    let stand = stand(1, 8, 8);
    stand.gate.add_permits(1);

    assert_eq!(stand.batcher.submit(7).await, Ok((7, 1)));
}

#[tokio::test]
async fn a_request_that_is_just_being_made_goes_with_the_one_before() {
    let stand = stand(1, 8, 8);
    stand.gate.add_permits(2);
    let (sent, is_sent) = oneshot::channel();
    let second = stand.batcher.clone();
    let second = tokio::spawn(async move {
        is_sent.await.unwrap();
        second.submit(2).await
    });

    // The second caller wakes up right after the worker, when the first request is in the queue.
    let (first, _) = tokio::join!(stand.batcher.submit(1), async { sent.send(()) });

    assert_eq!((first, second.await.unwrap()), (Ok((1, 2)), Ok((2, 2))));
}

#[tokio::test]
async fn requests_gather_while_a_batch_is_on_its_way() {
    let mut stand = stand(1, 100, 8);
    let mut callers = JoinSet::new();
    let first = stand.batcher.clone();
    callers.spawn(async move { first.submit(0).await });
    assert_eq!(stand.started.recv().await, Some(1));
    let permits: Vec<_> = (0..20).map(|_| stand.batcher.permit().unwrap()).collect();
    for (permit, request) in permits.into_iter().zip(1..) {
        callers.spawn(permit.submit(request));
    }

    stand.gate.add_permits(4);
    let mut replies: Vec<_> = callers.join_all().await.into_iter().map(Result::unwrap).collect();

    replies.sort_unstable();
    let requests: Vec<_> = replies.iter().map(|reply| reply.0).collect();
    assert_eq!(requests, (0..=20).collect::<Vec<_>>());
    stand.started.close();
    let mut sizes = Vec::new();
    while let Some(size) = stand.started.recv().await {
        sizes.push(size);
    }
    assert_eq!(sizes.iter().sum::<usize>(), 20);
    assert!(sizes.len() >= 3 && sizes.iter().all(|&size| size <= 8), "{sizes:?}");
}

#[tokio::test]
async fn two_workers_have_two_batches_on_their_way() {
    let mut stand = stand(2, 8, 8);
    let mut callers = JoinSet::new();
    for request in 0..2 {
        let batcher = stand.batcher.clone();
        callers.spawn(async move { batcher.submit(request).await });
        assert_eq!(stand.started.recv().await, Some(1));
    }

    stand.gate.add_permits(2);

    assert_eq!(callers.join_all().await.len(), 2);
}

#[tokio::test]
async fn a_full_queue_is_found_before_anything_is_asked() {
    let mut stand = stand(1, 2, 1);
    let on_its_way = tokio::spawn(stand.batcher.permit().unwrap().submit(1));
    assert_eq!(stand.started.recv().await, Some(1));

    let permits = [stand.batcher.permit().unwrap(), stand.batcher.permit().unwrap()];

    assert_eq!(stand.batcher.submit(9).await, Err(BatchError::Full));
    drop(permits);
    stand.gate.add_permits(2);
    assert_eq!(on_its_way.await.unwrap(), Ok((1, 1)));
    assert_eq!(stand.batcher.submit(2).await, Ok((2, 1)));
}

#[tokio::test]
async fn what_was_accepted_is_answered_after_the_last_handle_is_gone() {
    let mut stand = stand(1, 8, 8);
    let first = tokio::spawn(stand.batcher.permit().unwrap().submit(1));
    assert_eq!(stand.started.recv().await, Some(1));
    let second = tokio::spawn(stand.batcher.permit().unwrap().submit(2));
    stand.batcher.submit_unanswered(3).unwrap();

    drop(stand.batcher);
    stand.gate.add_permits(2);

    assert_eq!(first.await.unwrap(), Ok((1, 1)));
    assert_eq!(second.await.unwrap().unwrap().0, 2);
}

#[tokio::test]
async fn a_caller_who_leaves_in_time_takes_their_request_back() {
    let mut stand = stand(1, 8, 8);
    let first = tokio::spawn(stand.batcher.permit().unwrap().submit(1));
    assert_eq!(stand.started.recv().await, Some(1));
    let impatient = tokio::spawn(stand.batcher.permit().unwrap().submit(2));
    let patient = tokio::spawn(stand.batcher.permit().unwrap().submit(3));
    tokio::task::yield_now().await;

    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    stand.gate.add_permits(2);

    assert_eq!(first.await.unwrap(), Ok((1, 1)));
    assert_eq!(patient.await.unwrap(), Ok((3, 1)), "the second batch has one request");
}

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

struct Broken;

#[async_trait]
impl Call<u32, u32> for Broken {
    const NAME: &'static str = "broken";

    async fn call(&mut self, _: Vec<u32>) -> Vec<u32> {
        panic!("this call breaks");
    }
}

#[tokio::test]
async fn callers_of_a_broken_worker_get_an_error() {
    let one = NonZeroUsize::MIN;
    let batcher = Batcher::spawn(Limits::patient(one, one), [Broken]);

    assert_eq!(batcher.submit(1).await, Err(BatchError::Stopped));
    assert_eq!(batcher.permit().err(), Some(BatchError::Stopped), "nor is anybody let in");
}

#[tokio::test(start_paused = true)]
async fn a_queue_whose_worker_broke_is_not_called_full() {
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits = Limits { wait_max: Duration::from_secs(1), ..Limits::patient(max(8), max(1)) };
    let batcher = Batcher::spawn(limits, [Broken]);
    let permits = [batcher.permit().unwrap(), batcher.permit().unwrap()];

    let [breaks, waits] = permits;
    assert_eq!(breaks.submit(1).await, Err(BatchError::Stopped));
    advance(Duration::from_secs(60)).await;

    assert_eq!(batcher.permit().err(), Some(BatchError::Stopped));
    drop(waits);
}
