//! `CodeStore` on Redis: holds, by the batch.

pub(crate) mod place;
pub(crate) mod settle;

use async_trait::async_trait;
use batcher::Call;
use deadpool_redis::redis::{self, Value};
use domain::{
    Code, SaleId, StoreError, Unit,
    ports::{CodeStore, HoldRequest, Operation, PlaceReply, Verdict},
};

use crate::{
    RedisStores,
    keys::{CodeArg, SaleKeys},
    line::{Line, LineError, REPLY_MS_MAX, fcall},
    not_accepted,
    reply::{Reply, unknown},
    shared,
};

use self::settle::settle;

/// The most verdicts of one call.
const VERDICTS_MAX: usize = 1_000;

#[async_trait]
impl CodeStore for RedisStores {
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        self.place.submit(request).await.map_err(not_accepted(Operation::PlaceHold))?
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        self.find.submit(code).await.map_err(not_accepted(Operation::FindUnit))?
    }

    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError> {
        let command = fcall("flashsale_v3_due", &SaleKeys::of(sale)).arg(limit).to_owned();
        let value =
            self.line().invoke(command).await.map_err(|error| error.during(Operation::Due))?;
        read_due(&value).map_err(|error| error.during(Operation::Due))
    }

    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError> {
        // Whoever gives a hold back waits for it, and many do at a time.
        if let &[verdict] = verdicts
            && verdict.0.sale() == sale
        {
            let settled = self.give_back.submit(verdict).await;
            return settled.map_err(not_accepted(Operation::Settle))?;
        }
        let mut line = self.line();
        for verdicts in verdicts.chunks(VERDICTS_MAX) {
            settle(&mut line, sale, verdicts)
                .await
                .map_err(|error| error.during(Operation::Settle))?;
        }
        Ok(())
    }

    fn settle_soon(&self, code: Code, verdict: Verdict) {
        if let Err(error) = self.settle.submit_unanswered((code, verdict)) {
            tracing::debug!(?code, %error, "left a verdict to the sweep");
        }
    }
}

/// Looks codes up by the batch. Needs no function: whatever is there is only a hint.
pub(crate) struct FindUnits(pub(crate) Line);

#[async_trait]
impl Call<Code, Result<Option<Unit>, StoreError>> for FindUnits {
    const NAME: &'static str = "find_unit";

    async fn make_ready(&mut self) {
        self.0.make_ready().await;
    }

    async fn call(&mut self, batch: Vec<Code>) -> Vec<Result<Option<Unit>, StoreError>> {
        let mut units: Vec<Result<Option<Unit>, StoreError>> = Vec::new();
        units.resize_with(batch.len(), || Ok(None));
        let of_sales: Vec<_> = by_sale(batch.iter().map(|code| code.sale()))
            .into_iter()
            .map(|(sale, indexes)| {
                let codes: Vec<_> = indexes.iter().map(|&index| batch[index]).collect();
                (sale, indexes, codes)
            })
            .collect();
        // Made-up codes are of as many sales as there are codes: one way there and back for all.
        let questions = at_once(of_sales.iter().map(|(sale, _, codes)| find_command(*sale, codes)));
        let replies = self.0.transact(&questions, REPLY_MS_MAX).await;
        for (place, (_, indexes, codes)) in of_sales.iter().enumerate() {
            let read = replies
                .as_ref()
                .map(|replies| read_units(replies.get(place).unwrap_or(&Value::Nil), codes));
            let found = match &read {
                Ok(Ok(found)) => Ok(found),
                Ok(Err(error)) => Err(error),
                Err(error) => Err(*error),
            };
            for (nth, &index) in indexes.iter().enumerate() {
                units[index] = match found {
                    Ok(found) => Ok(found[nth]),
                    Err(error) => Err(shared(error, Operation::FindUnit)()),
                };
            }
        }
        units
    }
}

/// Commands that are sent together, each answered by itself, also with an error.
fn at_once(commands: impl Iterator<Item = redis::Cmd>) -> redis::Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors();
    commands.for_each(|command| {
        pipeline.add_command(command);
    });
    pipeline
}

fn find_command(sale: SaleId, codes: &[Code]) -> redis::Cmd {
    let mut command = redis::cmd("HMGET");
    command.arg(SaleKeys::codes(sale));
    for &code in codes {
        command.arg(CodeArg(code));
    }
    command
}

pub(crate) fn read_units(value: &Value, codes: &[Code]) -> Result<Vec<Option<Unit>>, LineError> {
    match value {
        Value::Array(found) if found.len() == codes.len() => {
            Ok(found.iter().map(read_unit).collect())
        }
        other => Err(LineError::Unreadable(format!("{other:?} for {} codes", codes.len()))),
    }
}

/// The unit of `unit slot user`; whatever else is there finds no unit.
fn read_unit(value: &Value) -> Option<Unit> {
    let Value::BulkString(bytes) = value else { return None };
    std::str::from_utf8(bytes).ok()?.split(' ').next()?.parse().ok()
}

pub(crate) fn read_due(value: &Value) -> Result<Option<Vec<Code>>, LineError> {
    let mut reply = Reply::read(value)?;
    match reply.word()? {
        "not_loaded" => return reply.end().map(|()| None),
        "other_ledger" => return Err(LineError::OtherLedger),
        "served" => {}
        word => return Err(unknown(word)),
    }
    let codes = reply.rest().map(|word| word.parse().map_err(|_| unknown(word)));
    codes.collect::<Result<_, _>>().map(Some)
}

/// The indexes of each sale in a batch, which mostly has one sale.
pub(crate) fn by_sale(sales: impl Iterator<Item = SaleId>) -> Vec<(SaleId, Vec<usize>)> {
    let mut groups: Vec<(SaleId, Vec<usize>)> = Vec::with_capacity(1);
    for (index, sale) in sales.enumerate() {
        match groups.iter_mut().find(|(known, _)| *known == sale) {
            Some((_, indexes)) => indexes.push(index),
            None => groups.push((sale, vec![index])),
        }
    }
    groups
}
