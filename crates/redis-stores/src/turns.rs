//! `Turns` on Redis: in the memory of the server, beside what it remembers of each sale.

use async_trait::async_trait;
use batcher::Call;
use deadpool_redis::redis::Value;
use domain::{
    StoreError,
    ports::{Operation, TurnAsked, Turns},
};

use crate::{
    RedisStores,
    keys::SaleKeys,
    line::{Line, LineError, Replied, fcall},
    not_accepted,
    reply::{Reply, unknown},
    shared,
};

#[async_trait]
impl Turns for RedisStores {
    async fn take(&self, asked: TurnAsked) -> Result<bool, StoreError> {
        self.turns.submit(asked).await.map_err(not_accepted(Operation::TakeTurn))?
    }
}

/// The reply to a caller who asks for a turn.
pub(crate) type TurnReply = Result<bool, StoreError>;

/// Asks for turns: the upkeep asks for those of all sales that are at hand together.
pub(crate) struct TakeTurns(pub(crate) Line);

#[async_trait]
impl Call<TurnAsked, TurnReply> for TakeTurns {
    const NAME: &'static str = "turn";

    async fn call(&mut self, batch: Vec<TurnAsked>) -> Vec<TurnReply> {
        let command = |asked: &TurnAsked| {
            let TurnAsked { sale, duty, by, for_ms, has_failed } = *asked;
            let call = fcall("flashsale_v4_turn", &SaleKeys::of(sale));
            let call = call.with(duty.name()).with(by.to_string()).with(for_ms);
            call.with(if has_failed { "failed" } else { "well" })
        };
        let replied = self.0.invoke_each(batch.iter().map(command).collect()).await;
        let read = |replied: Replied| {
            let turn = replied.and_then(|value| Ok(read_turn(&value)?));
            turn.map_err(|error| shared(&error, Operation::TakeTurn)())
        };
        replied.into_iter().map(read).collect()
    }
}

pub(crate) fn read_turn(value: &Value) -> Result<bool, LineError> {
    match Reply::read(value)?.only()? {
        "yours" => Ok(true),
        "others" => Ok(false),
        word => Err(unknown(word)),
    }
}
