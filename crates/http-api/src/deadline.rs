//! How long a request may take.

use std::time::Duration;

use domain::{Failure, StoreError, answer::Doing};

/// How long a request may wait for the stores. They have limits of their own; this one bounds
/// what those add up to when queues are long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the stores, but not for ever.
pub(crate) async fn in_time<T>(
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
        Ok(done) => done,
        Err(elapsed) => Err(StoreError::new(Doing::step("the request"), Failure::Unknown, elapsed)),
    }
}
