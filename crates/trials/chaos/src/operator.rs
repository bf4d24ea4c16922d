//! The operator of a programme, who changes its sales while faults go on: at random, one order after the
//! other, each given again until it is answered.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::time::sleep;
use uuid::{Builder, Uuid};

use crate::{
    deployment::Deployment,
    error::ChaosError,
    history::{Answer, Ask, Asked, History, Sent, now_ms},
    lane::until,
    orders::{Order, Told, What},
    programme::Part,
    timetable::{FAULTS_FROM_MS, HEALED_BY_MS, HOLD_MS, LASTS_MS},
};

/// Between two orders, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 100..700;

/// Between two tries of one.
const TRY_AGAIN_MS: std::ops::Range<u64> = 50..300;

/// How long a command may take, in milliseconds; and one whose shell is closed, which is soon.
const COMMAND_MS: u64 = 3_000;
const CLOSED_SOON_MS: std::ops::Range<u64> = 0..150;

/// How many of the last requests of a sale are looked through for a hold to give back.
const LOOKED_AT: usize = 50;

/// A sale, as its operator sees it.
pub(crate) struct Steered {
    pub(crate) part: Part,
    pub(crate) sale: i64,
    /// What its buyers were told.
    pub(crate) history: Arc<History>,
    pub(crate) orders: Vec<Order>,
}

/// An operator.
pub(crate) struct Operator {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) rng: Rng,
    /// When the programme opened, ms since the Unix epoch.
    pub(crate) opens_ms: i64,
    /// Whether the sale of the timetable is left alone, and only the others are changed.
    pub(crate) spares_timetable: bool,
}

impl Operator {
    /// Puts a sale on. It is an error if that is not done in time: no fault is about.
    pub(crate) async fn schedule(&mut self, part: Part) -> Result<(i64, Order), ChaosError> {
        let after = |ms: u32| self.opens_ms + i64::from(ms);
        let (starts_ms, ends_ms) = (after(part.opens_after_ms()), after(part.ends_after_ms()));
        let terms = [
            ("SALE_STOCK", part.stock().to_string()),
            ("SALE_PER_USER_LIMIT", part.per_user_limit().to_string()),
            ("HOLD_TTL", format!("{HOLD_MS}ms")),
        ];
        let what = What::Schedule { starts_ms, ends_ms };
        let order = self.give(0, what, &terms, after(FAULTS_FROM_MS)).await?;
        match order.told {
            Told::Done { sale, .. } => Ok((sale, order)),
            told => {
                Err(ChaosError::Failed { what: "putting a sale on", said: format!("{told:?}") })
            }
        }
    }

    /// Changes these sales until all faults are healed, and lets all of them go on in the end.
    pub(crate) async fn steer(
        mut self,
        mut sales: Vec<Steered>,
    ) -> Result<Vec<Steered>, ChaosError> {
        let given_up_ms = self.opens_ms + i64::from(LASTS_MS);
        until(self.opens_ms + i64::from(FAULTS_FROM_MS)).await;
        while now_ms() < self.opens_ms + i64::from(HEALED_BY_MS) {
            let at = self.rng.usize(0..sales.len());
            let chosen = self.choose(&sales[at]);
            if let (Some(what), Some(steered)) = (chosen, sales.get_mut(at)) {
                let order = self.give(steered.sale, what, &[], given_up_ms).await?;
                if let (What::Cancel(code), Told::Done { .. }) = (what, &order.told) {
                    self.redeem(steered, code).await?;
                }
                steered.orders.push(order);
            }
            sleep(Duration::from_millis(self.rng.u64(PAUSE_MS))).await;
        }
        for steered in sales.iter_mut().filter(|steered| steered.is_paused()) {
            steered.orders.push(self.give(steered.sale, What::Resume, &[], given_up_ms).await?);
        }
        Ok(sales)
    }

    /// Something to do with a sale.
    fn choose(&mut self, steered: &Steered) -> Option<What> {
        let Steered { part, .. } = *steered;
        let is_left_alone = part == Part::Timetable && self.spares_timetable;
        if is_left_alone || steered.is_over() || !self.has_begun(part) {
            return None;
        }
        if steered.is_paused() && self.rng.u8(..) < 160 {
            return Some(What::Resume);
        }
        Some(match self.rng.u32(0..100) {
            0..25 => What::Pause,
            25..50 => What::Stock(self.rng.u32(part.stocks())),
            50..60 => What::Limit(self.rng.u16(part.per_user_limit()..=part.per_user_limit() + 2)),
            60..75 => What::EndAt(self.opens_ms + i64::from(self.rng.u32(part.ends_ms()))),
            // Most are wanted to be there when all has healed, to be sold out.
            75..80 if part == Part::Short => What::End,
            80..90 => What::Release(self.any_hold(&steered.history)?),
            _ => What::Cancel(self.any_purchase(steered)?),
        })
    }

    /// A code that somebody was given of late.
    fn any_hold(&mut self, history: &History) -> Option<Uuid> {
        let lines = history.lines();
        let last = &lines[lines.len().saturating_sub(LOOKED_AT)..];
        let holds: Vec<_> = last.iter().filter_map(|asked| asked.answer.hold()).collect();
        self.rng.choice(holds).map(|hold| hold.code)
    }

    /// A code that somebody redeemed; now and then one whose purchase is cancelled already.
    fn any_purchase(&mut self, steered: &Steered) -> Option<Uuid> {
        if self.rng.u8(..) < 48 {
            let cancelled = steered.orders.iter().filter_map(|order| match order.what {
                What::Cancel(code) => Some(code),
                _ => None,
            });
            return self.rng.choice(cancelled.collect::<Vec<_>>());
        }
        let lines = steered.history.lines();
        let bought = lines.iter().filter(|asked| matches!(asked.answer, Answer::Bought { .. }));
        self.rng.choice(bought.filter_map(|asked| asked.what.code()).collect::<Vec<_>>())
    }

    /// The buyer tries the code of a purchase that was cancelled once more; it is good for nothing any more.
    async fn redeem(&mut self, steered: &Steered, code: Uuid) -> Result<(), ChaosError> {
        let lines = steered.history.lines();
        let Some(bought) = lines.iter().find(|asked| asked.what.code() == Some(code)) else {
            return Ok(());
        };
        let (user, client) = (bought.user.clone(), self.deployment.client()?);
        let what = if self.rng.bool() { Ask::Purchase(code) } else { Ask::PurchaseAgain(code) };
        let service = self.rng.usize(0..client.len());
        let sent = Sent::now();
        let answer = client.ask(service, steered.sale, &user, what).await;
        // Whether they hear in the end is for those to ask who asked first.
        if !answer.is_unknown() {
            let (sent_ms, answered_ms) = (sent.sent_ms(), sent.answered_ms());
            steered.history.note(Asked { user, what, service, sent_ms, answered_ms, answer });
        }
        Ok(())
    }

    /// Gives an order until it is answered, or until it is too late.
    async fn give(
        &mut self,
        sale: i64,
        what: What,
        settings: &[(&'static str, String)],
        given_up_ms: i64,
    ) -> Result<Order, ChaosError> {
        let id = Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid();
        let (sent, mut tries) = (Sent::now(), 0);
        let told = loop {
            tries += 1;
            let limit_ms =
                if self.rng.u8(..) < 48 { self.rng.u64(CLOSED_SOON_MS) } else { COMMAND_MS };
            let told = self.command((id, sale, what), settings, limit_ms).await?;
            if !told.is_unknown() || now_ms() > given_up_ms {
                break told;
            }
            sleep(Duration::from_millis(self.rng.u64(TRY_AGAIN_MS))).await;
        };
        let (sent_ms, answered_ms) = (sent.sent_ms(), sent.answered_ms());
        let again = if self.rng.u8(..) < 48 && !told.is_unknown() {
            Some(self.command((id, sale, what), settings, COMMAND_MS).await?)
        } else {
            None
        };
        Ok(Order { id, what, sent_ms, answered_ms, tries, told, again })
    }

    async fn command(
        &mut self,
        order: (Uuid, i64, What),
        settings: &[(&'static str, String)],
        limit_ms: u64,
    ) -> Result<Told, ChaosError> {
        let service = self.rng.usize(0..self.deployment.processes.len());
        self.deployment.order(service, order, settings, Duration::from_millis(limit_ms)).await
    }

    fn has_begun(&self, part: Part) -> bool {
        now_ms() > self.opens_ms + i64::from(part.opens_after_ms())
    }
}

impl Steered {
    /// Whether it may be paused, as far as its operator knows.
    fn is_paused(&self) -> bool {
        let mut given = self.orders.iter().filter(|it| !matches!(it.told, Told::Refused { .. }));
        let last = given.rfind(|order| matches!(order.what, What::Pause | What::Resume));
        last.is_some_and(|last| last.what == What::Pause || !last.told.is_done())
    }

    /// Whether its operator was told that it is over.
    fn is_over(&self) -> bool {
        self.orders.iter().any(|order| match &order.told {
            Told::Done { .. } => order.what == What::End,
            Told::Refused { why, .. } => why == "sale-ended",
            Told::Unknown(_) | Told::Wrong(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steered(orders: &[(What, Told)]) -> Steered {
        let of = |(what, told): &(What, Told)| {
            let (what, told) = (*what, told.clone());
            let (id, tries, again) = (Uuid::nil(), 1, None);
            Order { id, what, sent_ms: 0, answered_ms: 0, tries, told, again }
        };
        let orders = orders.iter().map(of).collect();
        Steered { part: Part::Short, sale: 7, history: Arc::default(), orders }
    }

    fn done() -> Told {
        Told::Done { number: 1, sale: 7, in_effect: true, is_replayed: false }
    }

    fn refused(why: &str) -> Told {
        Told::Refused { number: 1, why: why.to_owned(), is_replayed: false }
    }

    #[test]
    fn a_sale_that_may_be_paused_is_let_go_on() {
        let lost = || Told::Unknown("reset".to_owned());

        assert!(!steered(&[]).is_paused());
        assert!(steered(&[(What::Pause, done()), (What::Stock(7), done())]).is_paused());
        assert!(steered(&[(What::Pause, lost())]).is_paused());
        assert!(steered(&[(What::Pause, done()), (What::Resume, lost())]).is_paused());
        assert!(steered(&[(What::Pause, done()), (What::Resume, refused("behind"))]).is_paused());
        assert!(!steered(&[(What::Pause, done()), (What::Resume, done())]).is_paused());
    }

    #[test]
    fn a_sale_that_is_over_is_left_alone() {
        assert!(steered(&[(What::End, done())]).is_over());
        assert!(steered(&[(What::Pause, refused("sale-ended"))]).is_over());
        assert!(!steered(&[(What::End, refused("sale-changed-since"))]).is_over());
        assert!(!steered(&[(What::EndAt(9), done())]).is_over());
    }
}
