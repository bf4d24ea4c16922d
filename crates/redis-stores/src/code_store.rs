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
    line::{Line, LineError, Replied, Routed, fcall},
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
        self.due.submit((sale, limit)).await.map_err(not_accepted(Operation::Due))?
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
        // Made-up codes are of as many sales as there are codes: one way there and back for all.
        let of_sales = by_sale(batch.iter().map(|code| code.sale()));
        let commands: Vec<_> = of_sales
            .iter()
            .map(|(sale, indexes)| find_command(*sale, picked(&batch, indexes)))
            .collect();
        for (replied, (_, indexes)) in self.0.call_each(&commands).await.into_iter().zip(of_sales) {
            match replied.and_then(|found| Ok(read_units(&found, indexes.len())?)) {
                Ok(found) => {
                    for (index, unit) in indexes.into_iter().zip(found) {
                        units[index] = Ok(unit);
                    }
                }
                Err(error) => {
                    let error_for = shared(&error, Operation::FindUnit);
                    for index in indexes {
                        units[index] = Err(error_for());
                    }
                }
            }
        }
        units
    }
}

fn find_command(sale: SaleId, codes: impl Iterator<Item = Code>) -> Routed {
    let keys = SaleKeys::of(sale);
    let mut command = redis::cmd("HMGET");
    command.arg(keys.codes());
    for code in codes {
        command.arg(CodeArg(code));
    }
    Routed { slot: keys.slot(), command }
}

/// What was found of so many codes.
pub(crate) fn read_units(value: &Value, codes: usize) -> Result<Vec<Option<Unit>>, LineError> {
    match value {
        Value::Array(found) if found.len() == codes => Ok(found.iter().map(read_unit).collect()),
        other => Err(LineError::Unreadable(format!("{other:?} for {codes} codes"))),
    }
}

/// The unit of `unit slot user`; whatever else is there finds no unit.
fn read_unit(value: &Value) -> Option<Unit> {
    let Value::BulkString(bytes) = value else { return None };
    std::str::from_utf8(bytes).ok()?.split(' ').next()?.parse().ok()
}

/// The reply to a caller who asks which holds are due.
pub(crate) type DueReply = Result<Option<Vec<Code>>, StoreError>;

/// Asks which holds are due: the upkeep asks for all sales that are at hand together.
pub(crate) struct FindDue(pub(crate) Line);

#[async_trait]
impl Call<(SaleId, usize), DueReply> for FindDue {
    const NAME: &'static str = "due";

    async fn call(&mut self, batch: Vec<(SaleId, usize)>) -> Vec<DueReply> {
        let command = |&(sale, limit): &(SaleId, usize)| {
            fcall("flashsale_v4_due", &SaleKeys::of(sale)).with(limit)
        };
        let replied = self.0.invoke_each(batch.iter().map(command).collect()).await;
        let read = |replied: Replied| {
            let due = replied.and_then(|value| Ok(read_due(&value)?));
            due.map_err(|error| shared(&error, Operation::Due)())
        };
        replied.into_iter().map(read).collect()
    }
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

/// Those of a batch that have these indexes.
pub(crate) fn picked<T: Copy>(batch: &[T], indexes: &[usize]) -> impl Iterator<Item = T> {
    indexes.iter().map(|&index| batch[index])
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
