//! `CodeStore` on Redis: holds, by the batch.

use std::time::Duration;

use async_trait::async_trait;
use batcher::Call;
use deadpool_redis::redis::{self, Value};
use domain::{
    CheckoutRefusal, Code, Epoch, SaleId, Slot, StoreError, Unit, UnixMillis,
    answer::Retry,
    ports::{CodeStore, Grant, HoldRequest, Operation, PlaceReply, Verdict},
};

use crate::{
    RedisStores,
    keys::{CodeArg, SaleKeys},
    line::{Line, LineError, REPLY_MS_MAX, fcall, is_for_want_of_library},
    not_accepted,
    reply::{Reply, unknown},
    shared,
};

/// How long verdicts that nobody waits for may gather.
const SETTLE_PAUSE: Duration = Duration::from_millis(5);

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
        let command = fcall("flashsale_v2_due", &SaleKeys::of(sale)).arg(limit).to_owned();
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
        for (sale, indexes) in by_sale(batch.iter().map(|request| request.code.sale())) {
            let requests: Vec<_> = indexes.iter().map(|&index| &batch[index]).collect();
            match self.place(sale, &requests).await {
                Ok(answers) => {
                    for (&index, answer) in indexes.iter().zip(answers) {
                        replies[index] = Some(Ok(answer));
                    }
                }
                Err(error) => {
                    let error_for = shared(&error, Operation::PlaceHold);
                    for index in indexes {
                        replies[index] = Some(Err(error_for()));
                    }
                }
            }
        }
        replies.into_iter().flatten().collect()
    }
}

impl PlaceHolds {
    /// Asks for units of one sale. When the reply gets lost it asks again: the same codes get
    /// the same units.
    async fn place(
        &mut self,
        sale: SaleId,
        requests: &[&HoldRequest],
    ) -> Result<Vec<PlaceReply>, LineError> {
        let command = self.0.signed(place_command(&SaleKeys::of(sale), requests)).await?;
        let value = match self.0.call(&command).await {
            // Why the second call fails says nothing of what the first one did.
            Err(lost) if lost.is_lost() => self.0.call(&command).await.map_err(|_| lost),
            decided => decided,
        };
        read_placed(&value?, requests)
    }
}

fn place_command(keys: &SaleKeys, requests: &[&HoldRequest]) -> redis::Cmd {
    let mut command = fcall("flashsale_v2_place_holds", keys);
    for request in requests {
        command.arg(CodeArg(request.code));
    }
    for request in requests {
        command.arg(request.user.as_str());
    }
    command
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

/// Carries out verdicts nobody waits for.
pub(crate) struct Settle(pub(crate) Line);

#[async_trait]
impl Call<(Code, Verdict), ()> for Settle {
    const NAME: &'static str = "settle";

    async fn make_ready(&mut self) {
        self.0.make_ready().await;
    }

    async fn call(&mut self, batch: Vec<(Code, Verdict)>) -> Vec<()> {
        let of_sales: Vec<_> = by_sale(batch.iter().map(|(code, _)| code.sale()))
            .into_iter()
            .map(|(sale, indexes)| {
                (sale, indexes.into_iter().map(|index| batch[index]).collect::<Vec<_>>())
            })
            .collect();
        match of_sales.as_slice() {
            [(sale, verdicts)] => self.settle(*sale, verdicts).await,
            of_sales => self.settle_all(of_sales).await,
        }
        // Nobody waits for these, so the next ones may gather into a larger batch.
        tokio::time::sleep(SETTLE_PAUSE).await;
        vec![(); batch.len()]
    }
}

impl Settle {
    async fn settle(&mut self, sale: SaleId, verdicts: &[(Code, Verdict)]) {
        if let Err(error) = settle(&mut self.0, sale, verdicts).await {
            tracing::debug!(%sale, %error, "left verdicts to the sweep");
        }
    }

    /// Settles the codes of several sales, by one way there and back.
    async fn settle_all(&mut self, of_sales: &[(SaleId, Vec<(Code, Verdict)>)]) {
        let mut commands = Vec::with_capacity(of_sales.len());
        for (sale, verdicts) in of_sales {
            match self.0.signed(settle_command(*sale, verdicts)).await {
                Ok(command) => commands.push(command),
                Err(error) => return tracing::debug!(%error, "left verdicts to the sweep"),
            }
        }
        let replies = self.0.transact(&at_once(commands.into_iter()), REPLY_MS_MAX).await;
        for (place, (sale, verdicts)) in of_sales.iter().enumerate() {
            let reply = replies.as_ref().map(|replies| replies.get(place).unwrap_or(&Value::Nil));
            match reply {
                // One by one: the first call brings the library along.
                Ok(Value::ServerError(error)) if is_for_want_of_library(error.details()) => {
                    self.settle(*sale, verdicts).await;
                }
                Ok(reply) => {
                    if let Err(error) = read_settled(reply) {
                        tracing::debug!(%sale, %error, "left verdicts to the sweep");
                    }
                }
                Err(error) => tracing::debug!(%sale, %error, "left verdicts to the sweep"),
            }
        }
    }
}

pub(crate) async fn settle(
    line: &mut Line,
    sale: SaleId,
    verdicts: &[(Code, Verdict)],
) -> Result<(), LineError> {
    let command = settle_command(sale, verdicts);
    read_settled(&line.invoke(command).await?)
}

fn settle_command(sale: SaleId, verdicts: &[(Code, Verdict)]) -> redis::Cmd {
    let mut command = fcall("flashsale_v2_settle", &SaleKeys::of(sale));
    for &(code, verdict) in verdicts {
        let (word, left_ms) = match verdict {
            Verdict::Sold => ("sold", 0),
            Verdict::Free => ("free", 0),
            Verdict::Held { left_ms } => ("held", left_ms),
        };
        command.arg(CodeArg(code)).arg(word).arg(left_ms);
    }
    command
}

pub(crate) fn read_settled(value: &Value) -> Result<(), LineError> {
    match Reply::read(value)?.only()? {
        // A sale that is not served has nothing to settle: it will be loaded as decided.
        "settled" | "not_loaded" => Ok(()),
        "other_ledger" => Err(LineError::OtherLedger),
        word => Err(unknown(word)),
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
