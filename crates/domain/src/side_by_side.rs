//! Waiting for several things at once, with nothing but what the language has.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use crate::ports::Clock;

/// What is waited for beside others.
pub(crate) type Waited<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Waits for all of a few, and returns what each brought, in their order. Each is looked at again
/// whenever one of them goes on, so they must be few.
pub(crate) async fn all<T: Send>(waited: Vec<Waited<'_, T>>) -> Vec<T> {
    let mut waited: Vec<_> = waited.into_iter().map(|one| (Some(one), None)).collect();
    poll_fn(|context| {
        let mut are_done = true;
        for (one, brought) in &mut waited {
            if let Some(future) = one {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => (*one, *brought) = (None, Some(value)),
                    Poll::Pending => are_done = false,
                }
            }
        }
        if are_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    waited.into_iter().filter_map(|(_, brought)| brought).collect()
}

/// Waits until either is done, and drops the other.
pub(crate) async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => other.as_mut().poll(context),
    })
    .await;
}

/// What `work` brings, or `None` if it takes longer than `ms` milliseconds; it is dropped then.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    ms: u64,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (mut work, mut late) = (pin!(work), clock.wait(ms));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(brought) => Poll::Ready(Some(brought)),
        Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}
