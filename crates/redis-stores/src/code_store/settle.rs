//! Carrying verdicts out, by the batch.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use batcher::Call;
use deadpool_redis::redis::Value;
use domain::{Code, SaleId, ports::Verdict};

use crate::{
    code_store::{by_sale, picked},
    keys::{CodeArg, SaleKeys},
    line::{Line, LineError, Replied, Routed, fcall},
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
        let of_sales = by_sale(batch.iter().map(|(code, _)| code.sale()));
        let commands =
            of_sales.iter().map(|(sale, indexes)| settle_command(*sale, picked(&batch, indexes)));
        let replied = self.0.invoke_each(commands.collect()).await;
        for (replied, (sale, _)) in replied.into_iter().zip(of_sales) {
            if let Err(error) = read_replied(replied) {
                tracing::debug!(%sale, %error, "left verdicts to the sweep");
            }
        }
        // Nobody waits for these, so the next ones may gather into a larger batch.
        tokio::time::sleep(SETTLE_PAUSE).await;
        vec![(); batch.len()]
    }
}

/// Carries out verdicts on codes of one sale.
pub(crate) async fn settle(
    line: &mut Line,
    sale: SaleId,
    verdicts: &[(Code, Verdict)],
) -> Result<(), LineError> {
    let command = settle_command(sale, verdicts.iter().copied());
    read_settled(&line.invoke(command).await?)
}

pub(crate) fn settle_command(
    sale: SaleId,
    verdicts: impl Iterator<Item = (Code, Verdict)>,
) -> Routed {
    let mut call = fcall("flashsale_v4_settle", &SaleKeys::of(sale));
    let command = &mut call.command;
    for (code, verdict) in verdicts {
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
    call
}

pub(crate) fn read_replied(replied: Replied) -> Result<(), Arc<LineError>> {
    Ok(read_settled(&replied?)?)
}

pub(crate) fn read_settled(value: &Value) -> Result<(), LineError> {
    match Reply::read(value)?.only()? {
        // A sale that is not served has nothing to settle: it will be loaded as decided.
        "settled" | "not_loaded" => Ok(()),
        "other_ledger" => Err(LineError::OtherLedger),
        word => Err(unknown(word)),
    }
}
