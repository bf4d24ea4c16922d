//! The operator, who cancels purchases while their sale is on: some at random, some twice.

use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::{
    client::Client,
    deployment::Deployment,
    error::{ChaosError, during},
    history::{Answer, Ask, Asked, History, now_ms},
};

/// Between two orders, in milliseconds.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 500..=1_500;

/// How often an order is given whose answer got lost.
const TRIES_MAX: u32 = 3;

/// A purchase that the operator wanted cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancelled {
    pub(crate) code: Uuid,
    /// When it was ordered first.
    pub(crate) ordered_ms: i64,
    /// When they were told that it is done; `None` if they never heard.
    pub(crate) done_ms: Option<i64>,
}

/// What the operator was told.
enum Told {
    Done,
    /// Something stands in the way, for ever.
    Refused,
    Nothing,
}

/// Who cancels purchases of a sale.
pub(crate) struct Cancelling<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) client: Client,
    pub(crate) sale: i64,
    pub(crate) history: &'a History,
}

impl Cancelling<'_> {
    /// Cancels purchases of which a buyer has heard, until that moment.
    pub(crate) async fn until(
        &self,
        rng: &mut Rng,
        moment_ms: i64,
    ) -> Result<Vec<Cancelled>, ChaosError> {
        let mut all: Vec<Cancelled> = Vec::new();
        while now_ms() < moment_ms {
            sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
            let bought = self.bought();
            let again = all.iter().map(|it| it.code).collect::<Vec<_>>();
            let pool = bought.iter().map(|(code, _)| *code).filter(|it| !again.contains(it));
            let pool: Vec<_> = if rng.u8(..) < 48 { again.clone() } else { pool.collect() };
            let Some(code) = rng.choice(pool) else { continue };
            let ordered_ms = now_ms();
            let done = self.cancel(rng, code).await?;
            let done_ms = done.then(now_ms);
            match all.iter_mut().find(|it| it.code == code) {
                // Whoever is refused now may have been heard before.
                Some(known) => known.done_ms = known.done_ms.or(done_ms),
                None => all.push(Cancelled { code, ordered_ms, done_ms }),
            }
            if let (true, Some((_, user))) = (done, bought.iter().find(|(it, _)| *it == code)) {
                self.redeem(rng, user, code).await;
            }
        }
        Ok(all)
    }

    /// The codes that were redeemed, as far as their buyers know, and whose they are.
    fn bought(&self) -> Vec<(Uuid, String)> {
        let lines = self.history.lines().into_iter();
        let bought = lines.filter(|asked| matches!(asked.answer, Answer::Bought { .. }));
        bought.filter_map(|asked| Some((asked.what.code()?, asked.user))).collect()
    }

    /// Gives the order, again under its name where its answer got lost. Says whether it is done.
    async fn cancel(&self, rng: &mut Rng, code: Uuid) -> Result<bool, ChaosError> {
        let id = Uuid::from_u128(rng.u128(1..));
        for _ in 0..TRIES_MAX {
            match self.order(code, id).await? {
                Told::Done => return Ok(true),
                Told::Refused => return Ok(false),
                Told::Nothing => sleep(Duration::from_millis(rng.u64(50..=300))).await,
            }
        }
        Ok(false)
    }

    /// Runs `flashsale purchases cancel`.
    async fn order(&self, code: Uuid, id: Uuid) -> Result<Told, ChaosError> {
        // Nobody orders while the schema changes.
        let _turn = self.deployment.audit_turn.lock().await;
        let (code, id) = (code.to_string(), id.to_string());
        let reason = "the buyer sent it back";
        let service = self.deployment.stores.program_for_audit(&self.deployment.processes.build());
        let mut order = service.env("RUST_LOG", "error").command([
            "purchases",
            "cancel",
            &code,
            "--reason",
            reason,
            "--as",
            "operator",
            "--id",
            &id,
            "--json",
        ]);
        let output = block_in_place(|| order.output()).map_err(during("cancel a purchase"))?;
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let action = &said["action"];
        Ok(if action["after"]["state"] == "cancelled" {
            Told::Done
        } else if action["refused"].is_object() {
            Told::Refused
        } else {
            Told::Nothing
        })
    }

    /// The buyer tries the code once more, which is good for nothing any more.
    async fn redeem(&self, rng: &mut Rng, user: &str, code: Uuid) {
        let what = if rng.bool() { Ask::Purchase(code) } else { Ask::PurchaseAgain(code) };
        let service = rng.usize(0..self.client.len());
        let (sent, sent_ms) = (Instant::now(), now_ms());
        let answer = self.client.ask(service, self.sale, user, what).await;
        let took_ms = i64::try_from(sent.elapsed().as_millis()).unwrap_or(i64::MAX);
        // Whether they hear in the end is for those to ask who asked first.
        if !answer.is_unknown() {
            let (user, answered_ms) = (user.to_owned(), sent_ms.saturating_add(took_ms));
            self.history.note(Asked { user, what, service, sent_ms, answered_ms, answer });
        }
    }
}
