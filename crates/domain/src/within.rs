//! Waiting, but not for ever.

use std::pin::pin;

use futures_util::future::{Either, select};

use crate::ports::Clock;

/// What `work` brings, or `None` if it takes longer than `ms` milliseconds; it is dropped then.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    ms: u64,
    work: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(work), clock.wait(ms)).await {
        Either::Left((brought, _)) => Some(brought),
        Either::Right(_) => None,
    }
}
