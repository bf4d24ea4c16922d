//! What a batcher promises its callers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod waits;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;
use batcher::{BatchError, Batcher, Call, Limits};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::advance,
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
