//! Taking units, by the batch.

use std::sync::Arc;

use async_trait::async_trait;
use batcher::Call;
use deadpool_redis::redis::Value;
use domain::{
    CheckoutRefusal, Epoch, SaleId, Slot, StoreError, UnixMillis,
    answer::Retry,
    ports::{Grant, HoldRequest, Operation, PlaceReply},
};

use crate::{
    code_store::by_sale,
    keys::{CodeArg, SaleKeys},
    line::{Line, LineError, Replied, Routed, fcall},
    reply::{Reply, unknown},
    shared,
};

/// Takes units for a batch of requests.
pub(crate) struct PlaceHolds(pub(crate) Line);

#[async_trait]
impl Call<HoldRequest, Result<PlaceReply, StoreError>> for PlaceHolds {
    const NAME: &'static str = "place_hold";

    async fn make_ready(&mut self) {
        self.0.make_ready().await;
    }

    async fn call(&mut self, batch: Vec<HoldRequest>) -> Vec<Result<PlaceReply, StoreError>> {
        let mut replies: Vec<Option<Result<PlaceReply, StoreError>>> = Vec::new();
        replies.resize_with(batch.len(), || None);
        let of_sales = by_sale(batch.iter().map(|request| request.code.sale()));
        let requests: Vec<(SaleId, Vec<&HoldRequest>)> = of_sales
            .iter()
            .map(|(sale, indexes)| (*sale, indexes.iter().map(|&index| &batch[index]).collect()))
            .collect();
        for ((_, indexes), placed) in of_sales.iter().zip(self.place(&requests).await) {
            match placed {
                Ok(answers) => {
                    for (&index, answer) in indexes.iter().zip(answers) {
                        replies[index] = Some(Ok(answer));
                    }
                }
                Err(error) => {
                    let error_for = shared(&error, Operation::PlaceHold);
                    for &index in indexes {
                        replies[index] = Some(Err(error_for()));
                    }
                }
            }
        }
        replies.into_iter().flatten().collect()
    }
}

impl PlaceHolds {
    /// Asks for units of each sale, by one way there and back for all. When a reply gets lost it asks
    /// again: the same codes get the same units.
    async fn place(
        &mut self,
        of_sales: &[(SaleId, Vec<&HoldRequest>)],
    ) -> Vec<Result<Vec<PlaceReply>, Arc<LineError>>> {
        // Whoever asks for a unit of the last sale there can be wants to know whether any could be had.
        let keys = |sale: SaleId| {
            if sale.get() == SaleId::MAX { self.0.keys_of_no_sale() } else { SaleKeys::of(sale) }
        };
        let commands =
            of_sales.iter().map(|(sale, requests)| place_command(&keys(*sale), requests));
        let commands: Vec<_> = commands.collect();
        let replied = self.0.invoke_each_again_if_lost(commands).await;
        let read = |(replied, (_, requests)): (Replied, &(SaleId, Vec<&HoldRequest>))| {
            Ok(read_placed(&replied?, requests)?)
        };
        replied.into_iter().zip(of_sales).map(read).collect()
    }
}

fn place_command(keys: &SaleKeys, requests: &[&HoldRequest]) -> Routed {
    let mut call = fcall("flashsale_v4_place_holds", keys);
    for request in requests {
        call.command.arg(CodeArg(request.code));
    }
    for request in requests {
        call.command.arg(request.user.as_str());
    }
    call
}

pub(crate) fn read_placed(
    value: &Value,
    requests: &[&HoldRequest],
) -> Result<Vec<PlaceReply>, LineError> {
    let mut reply = Reply::read(value)?;
    match reply.word()? {
        "served" => {}
        "not_loaded" => {
            reply.end()?;
            return Ok(vec![PlaceReply::NotLoaded; requests.len()]);
        }
        "other_ledger" => return Err(LineError::OtherLedger),
        word => return Err(unknown(word)),
    }
    let epoch = Epoch(reply.parse()?);
    let now = UnixMillis(reply.parse()?);
    let retry_at = match reply.word()? {
        "-" => None,
        moment => Some(UnixMillis(moment.parse().map_err(|_| unknown(moment))?)),
    };
    let terms = PlacedUnder { now, retry_at };
    let answers = requests
        .iter()
        .map(|request| match reply.word()? {
            "granted" => {
                let (unit, slot) = (reply.parse()?, Slot(reply.parse()?));
                Ok(PlaceReply::Granted(Grant { code: request.code, unit, slot, epoch }))
            }
            word => terms.refusal(word, &mut reply).map(PlaceReply::Refused),
        })
        .collect::<Result<_, _>>()?;
    reply.end()?;
    Ok(answers)
}

/// What the replies to the requests of a batch have in common.
struct PlacedUnder {
    now: UnixMillis,
    retry_at: Option<UnixMillis>,
}

impl PlacedUnder {
    fn refusal(&self, word: &str, reply: &mut Reply<'_>) -> Result<CheckoutRefusal, LineError> {
        let (first, second) = (reply.word()?, reply.word()?);
        let moment = |text: &str| text.parse().map(UnixMillis).map_err(|_| unknown(text));
        let count = |marks: &str, mark| {
            let known = marks.bytes().all(|mark| b"hb.".contains(&mark));
            let count = u16::try_from(marks.matches(mark).count());
            count.ok().filter(|_| known).ok_or_else(|| unknown(marks))
        };
        Ok(match word {
            "sold_out" => {
                let ends_at = moment(first)?;
                let retry = self.retry_at.and_then(|at| Retry::of(at, self.now, ends_at));
                CheckoutRefusal::SoldOut { retry }
            }
            "user_limit" => CheckoutRefusal::UserLimit {
                limit: second.parse().map_err(|_| unknown(second))?,
                held: count(first, 'h')?,
                bought: count(first, 'b')?,
            },
            "not_open" => CheckoutRefusal::NotOpen { starts_at: moment(first)? },
            "ended" => CheckoutRefusal::Ended { ends_at: moment(first)? },
            "paused" => CheckoutRefusal::Paused { ends_at: moment(first)? },
            word => return Err(unknown(word)),
        })
    }
}
