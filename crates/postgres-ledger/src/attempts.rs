//! Recording checkout attempts, by the batch.

mod grants;
mod refusals;

use std::sync::Arc;

use async_trait::async_trait;
use batcher::{Call, Permit};
use domain::{
    StoreError,
    history::Uncounted,
    ports::{Attempt, AttemptPermit, Operation, Outcome, Recorded},
};

use crate::{
    attempts::{grants::RecordGrants, refusals::RecordRefusals},
    not_accepted,
    session::{Session, SessionError, halves},
};

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] =
    &[grants::RECORD_NEW_GRANTS, grants::RECORD_MISSING_GRANTS, refusals::RECORD_REFUSALS];

/// The reply to a caller's attempt.
pub(crate) type RecordReply = Result<Recorded, StoreError>;

/// A permit of the queue of attempts.
pub(crate) struct QueuePermit(pub(crate) Permit<Attempt, RecordReply>);

#[async_trait]
impl AttemptPermit for QueuePermit {
    async fn record(self: Box<Self>, attempt: Attempt) -> RecordReply {
        self.0.submit(attempt).await.map_err(not_accepted(Operation::Record))?
    }
}

/// Writes batches of attempts. The grants and the refusals of a batch go side by side, each as
/// one transaction: neither needs the other, and a refusal pays for no index and no lock.
pub(crate) struct RecordAttempts {
    grants: RecordGrants,
    refusals: RecordRefusals,
    uncounted: Arc<Uncounted>,
}

impl RecordAttempts {
    /// A writer on connections of its own.
    pub(crate) fn on(session: impl Fn() -> Session, uncounted: &Arc<Uncounted>) -> Self {
        Self {
            grants: RecordGrants(session()),
            refusals: RecordRefusals(session()),
            uncounted: Arc::clone(uncounted),
        }
    }
}

#[async_trait]
impl Call<Attempt, RecordReply> for RecordAttempts {
    const NAME: &'static str = "record";

    async fn make_ready(&mut self) {
        tokio::join!(
            self.grants.0.make_ready(grants::RECORD_NEW_GRANTS),
            self.refusals.0.make_ready(refusals::RECORD_REFUSALS),
        );
    }

    async fn call(&mut self, batch: Vec<Attempt>) -> Vec<RecordReply> {
        let is_granted = |attempt: &Attempt| matches!(attempt.outcome, Outcome::Granted(_));
        let (granted, refused) = batch.iter().partition(|attempt| is_granted(attempt));
        let (granted, refused) = tokio::join!(
            in_parts(&mut self.grants, granted),
            in_parts(&mut self.refusals, refused)
        );
        let (mut granted, mut refused) = (granted.into_iter(), refused.into_iter());
        let replies: Vec<RecordReply> = batch
            .iter()
            .filter_map(|attempt| if is_granted(attempt) { granted.next() } else { refused.next() })
            .collect();
        self.uncounted.add(batch.iter().map(|attempt| attempt.sale).zip(&replies));
        replies
    }
}

/// One statement for attempts of one kind.
trait Statement: Send {
    /// Writes the attempts in one transaction, and returns, in order, what became of each.
    fn record(
        &mut self,
        attempts: &[&Attempt],
    ) -> impl Future<Output = Result<Vec<RecordReply>, SessionError>> + Send;
}

/// Records a batch, or if it has a bad row, smaller and smaller parts of it.
async fn in_parts(statement: &mut impl Statement, batch: Vec<&Attempt>) -> Vec<RecordReply> {
    let mut replies = Vec::with_capacity(batch.len());
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match statement.record(&part).await {
            Ok(recorded) => replies.extend(recorded),
            Err(SessionError::Poison(error)) if part.len() > 1 => {
                tracing::warn!(%error, attempts = part.len(), "halving a batch with a bad row");
                let [first, second] = halves(part);
                parts.extend([second, first]);
            }
            Err(error) => {
                error.log("attempts were not recorded", part.len());
                replies.extend(part.iter().map(|_| Err(error.shared(Operation::Record))));
            }
        }
    }
    replies
}
