//! Carrying verdicts out, by the batch.

use std::time::Duration;

use async_trait::async_trait;
use batcher::Call;
use deadpool_redis::redis::{self, Value};
use domain::{Code, SaleId, ports::Verdict};

use crate::{
    code_store::{at_once, by_sale},
    keys::{CodeArg, SaleKeys},
    line::{Line, LineError, REPLY_MS_MAX, fcall, is_for_want_of_library},
    reply::{Reply, unknown},
};

/// How long verdicts that nobody waits for may gather.
const SETTLE_PAUSE: Duration = Duration::from_millis(5);

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
    let mut command = fcall("flashsale_v3_settle", &SaleKeys::of(sale));
    for &(code, verdict) in verdicts {
        let (word, left_ms) = match verdict {
            Verdict::Sold { .. } => ("sold", 0),
            Verdict::Free => ("free", 0),
            Verdict::Held { left_ms, .. } => ("held", left_ms),
            Verdict::Only { .. } => ("only", 0),
        };
        command.arg(CodeArg(code)).arg(word).arg(left_ms);
        match verdict.unit() {
            Some(unit) => command.arg(unit.get()),
            None => command.arg("-"),
        };
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
