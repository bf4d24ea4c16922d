//! `AnsweredCodes` on SQLite.

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Code, StoreError,
    ports::{Answered, AnsweredCodes, Operation},
};

use crate::{SqliteLedger, not_accepted, worker::Worker};

/// The reply to a caller who asks whether a code was answered.
pub(crate) type AnsweredReply = Result<Answered, StoreError>;

#[async_trait]
impl AnsweredCodes for SqliteLedger {
    /// A code of a sale that goes on is in the guard, or has left it for the disk in the transaction
    /// that filed it, and both are looked at in one.
    async fn answered(&self, code: Code) -> AnsweredReply {
        let way = if self.is_filed(code.sale()) { &self.answered_filed } else { &self.answered };
        way.submit(code).await.map_err(not_accepted(Operation::Answered))?
    }
}

/// Looks up batches of codes.
pub(crate) struct LookUpAnswered(pub(crate) Worker);

#[async_trait]
impl Call<Code, AnsweredReply> for LookUpAnswered {
    const NAME: &'static str = "answered";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<AnsweredReply> {
        self.0.batch(Operation::Answered, batch, |tables, batch| tables.answered(batch)).await
    }
}

/// Looks up batches of codes whose sales are closed, past the guard.
pub(crate) struct LookUpFiledAnswer(pub(crate) Worker);

#[async_trait]
impl Call<Code, AnsweredReply> for LookUpFiledAnswer {
    const NAME: &'static str = "answered_archived";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<AnsweredReply> {
        self.0.batch(Operation::Answered, batch, |tables, batch| tables.filed_answers(batch)).await
    }
}
