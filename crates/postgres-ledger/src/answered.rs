//! What was granted under codes that somebody may have been answered, by the batch.

use std::collections::HashMap;

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Code, StoreError,
    ports::{Answered, AnsweredCodes, Operation},
};

use crate::{
    PostgresLedger, not_accepted, rows,
    servers::{Answer, By},
    session::{Session, SessionError},
};

const READ_GRANTS: &str = include_str!("sql/read_grants.sql");

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[READ_GRANTS];

/// The reply to a caller who asks whether a code was answered.
pub(crate) type AnsweredReply = Result<Answered, StoreError>;

#[async_trait]
impl AnsweredCodes for PostgresLedger {
    async fn answered(&self, code: Code) -> AnsweredReply {
        self.answered.submit(code).await.map_err(not_accepted(Operation::Answered))?
    }
}

/// Looks batches of codes up. It has a way of its own: made-up codes, which are looked up at the
/// till, keep nobody from asking again.
pub(crate) struct LookUpAnswered(pub(crate) Session);

#[async_trait]
impl Call<Code, AnsweredReply> for LookUpAnswered {
    const NAME: &'static str = "answered";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<AnsweredReply> {
        let codes: Vec<_> = batch.iter().map(|&code| rows::uuid(code)).collect();
        let found = self.read(&codes).await;
        let granted = found.iter().flatten().filter(|(_, it)| matches!(it, Answered::Granted(_)));
        let granted = granted.map(|(&code, _)| Answer { code, is_sold: false }).collect::<Vec<_>>();
        self.0.saw(By::Finding, granted.into_iter());
        let reply_to = |code| match &found {
            Ok(records) => Ok(records.get(code).copied().unwrap_or(Answered::NotYet)),
            Err(error) => Err(error.shared(Operation::Answered)),
        };
        batch.iter().map(reply_to).collect()
    }
}

impl LookUpAnswered {
    async fn read(
        &mut self,
        codes: &Vec<uuid::Uuid>,
    ) -> Result<HashMap<Code, Answered>, SessionError> {
        let rows = self.0.look_up(READ_GRANTS, &[codes]).await?;
        rows.iter().map(|row| Ok((rows::code(row)?, rows::answered(row)?))).collect()
    }
}
