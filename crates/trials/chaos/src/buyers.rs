//! The buyers of one sale. Together they want several times the stock.
//!
//! A tenth of them buy while faults are about: they redeem, give back, let holds lapse, come
//! late, and ask again whatever got lost. The rest comes when all has healed and takes what is
//! left, so a sale that sells everything it can ends sold out, if it lasts so long.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use futures_util::future::{join, join_all};
use tokio::time::sleep;

use crate::{
    client::Client,
    history::{Answer, Ask, Asked, Granted, History, Sent, now_ms},
    timetable::{HEALED_BY_MS, HOLD_MS, WISHES},
};

/// Of the buyers one in so many comes while faults are about, and of these again one in so many stands at
/// the door when the sale opens.
const EARLY_ONE_IN: u32 = 3;
const FIRST_ONE_IN: u32 = 3;

/// How long after its sale a buyer goes on asking for what got lost, in milliseconds.
const PERSISTS_MS: i64 = 30_000;

/// Everybody who wants something of a sale.
pub(crate) struct Buyers {
    pub(crate) client: Client,
    pub(crate) sale: i64,
    /// How many they are.
    pub(crate) count: u32,
    /// When faults begin to come, and when the sale ends at the latest, ms since the Unix epoch.
    pub(crate) opens_ms: i64,
    pub(crate) ends_ms: i64,
    /// Whether they name their requests, as half of them do where the service knows keys.
    pub(crate) have_keys: bool,
    pub(crate) history: Arc<History>,
}

struct Buyer<'a> {
    all: &'a Buyers,
    name: String,
    rng: Rng,
    /// How many keys they have used.
    keys: u32,
}

/// What a buyer does with a unit on hold.
enum Plan {
    Buy { after_ms: u64 },
    GiveBack,
    Forget,
    ComeLate,
}

impl Buyers {
    /// Buys until the sale is over and nobody waits for an answer any more.
    pub(crate) async fn buy(&self, rng: &mut Rng) {
        let early = self.count / EARLY_ONE_IN;
        let first = early / FIRST_ONE_IN;
        let buyers = (0..self.count).map(|number| {
            let mut rng = rng.fork();
            let healed = u64::from(HEALED_BY_MS);
            let arrives_ms = if number < first {
                rng.u64(0..100)
            } else if number < early {
                rng.u64(100..healed - 1_000)
            } else {
                rng.u64(healed..healed + 2_000)
            };
            let mut buyer = Buyer { all: self, name: format!("buyer-{number}"), rng, keys: 0 };
            async move {
                sleep(Duration::from_millis(arrives_ms)).await;
                buyer.buy().await;
            }
        });
        join_all(buyers).await;
    }
}

impl Buyer<'_> {
    async fn buy(&mut self) {
        for _ in 0..WISHES {
            let what = self.way_to_ask();
            let Some(hold) = self.get_hold(what).await else { return };
            match self.plan() {
                Plan::Buy { after_ms } => {
                    self.pause(after_ms..=after_ms).await;
                    self.redeem(hold).await;
                    if self.rng.u8(..) < 32 {
                        self.redeem(hold).await;
                    }
                }
                Plan::GiveBack => {
                    self.settle(Ask::Release(hold.code)).await;
                    self.redeem(hold).await;
                }
                Plan::Forget => {}
                Plan::ComeLate => {
                    self.lapse(hold).await;
                    self.redeem(hold).await;
                }
            }
            if what != Ask::Checkout && self.rng.u8(..) < 96 {
                // Whatever became of the hold, the key leads to it.
                self.settle(what).await;
            }
            if !self.is_calm() {
                self.pause(200..=2_500).await;
            }
        }
    }

    /// Half of the units are asked for with a key, each with its own.
    fn way_to_ask(&mut self) -> Ask {
        if self.rng.bool() || !self.all.have_keys {
            return Ask::Checkout;
        }
        self.keys += 1;
        Ask::Keyed(self.keys)
    }

    /// Asks for a unit until there is one; `None` if the sale ends before.
    async fn get_hold(&mut self, what: Ask) -> Option<Granted> {
        while now_ms() < self.all.ends_ms + PERSISTS_MS {
            let is_hasty = what != Ask::Checkout && self.rng.u8(..) < 32;
            let answer = if is_hasty { self.ask_twice(what).await } else { self.ask(what).await };
            match answer {
                Answer::Granted(hold) | Answer::GrantedBefore(hold) => {
                    if what != Ask::Checkout && self.rng.u8(..) < 64 {
                        self.settle(what).await;
                    }
                    return Some(hold);
                }
                Answer::Refused("ended" | "unknown_sale") | Answer::Wrong(_) => return None,
                Answer::Refused("sold_out" | "user_limit") => self.pause(500..=1_500).await,
                _ => self.pause(50..=300).await,
            }
        }
        None
    }

    /// Redeems a code until it is known what became of it; half of the buyers say that they may be
    /// repeating themselves.
    async fn redeem(&mut self, hold: Granted) {
        let says_so = self.rng.bool() && self.all.have_keys;
        let again = if says_so { Ask::PurchaseAgain } else { Ask::Purchase };
        self.settle(again(hold.code)).await;
    }

    /// Asks until the answer is known. The same answer again is part of the promise.
    async fn settle(&mut self, what: Ask) {
        while now_ms() < self.all.ends_ms + PERSISTS_MS {
            if !self.ask(what).await.is_unknown() {
                return;
            }
            self.pause(50..=300).await;
        }
    }

    fn plan(&mut self) -> Plan {
        if self.is_calm() {
            return Plan::Buy { after_ms: 0 };
        }
        match self.rng.u32(0..100) {
            0..72 => Plan::Buy { after_ms: self.rng.u64(0..u64::from(HOLD_MS) * 4 / 5) },
            72..82 => Plan::GiveBack,
            82..92 => Plan::Forget,
            _ => Plan::ComeLate,
        }
    }

    /// Whether it is late in the sale: units that lapse now may find no other buyer.
    fn is_calm(&self) -> bool {
        now_ms() > self.all.opens_ms + i64::from(HEALED_BY_MS - HOLD_MS)
    }

    async fn lapse(&mut self, hold: Granted) {
        let left_ms = u64::try_from(hold.expires_ms - now_ms()).unwrap_or(0);
        self.pause(left_ms..=left_ms + 2_000).await;
    }

    async fn pause(&mut self, ms: std::ops::RangeInclusive<u64>) {
        sleep(Duration::from_millis(self.rng.u64(ms))).await;
    }

    async fn ask(&mut self, what: Ask) -> Answer {
        let service = self.any_service();
        self.ask_at(service, what).await
    }

    /// Presses the button twice. The hold, if either answer has one.
    async fn ask_twice(&mut self, what: Ask) -> Answer {
        let (one, other) = (self.any_service(), self.any_service());
        let (one, other) = join(self.ask_at(one, what), self.ask_at(other, what)).await;
        if one.is_unknown() != other.is_unknown() {
            self.settle(what).await;
        }
        if one.hold().is_some() { one } else { other }
    }

    fn any_service(&mut self) -> usize {
        self.rng.usize(0..self.all.client.len())
    }

    async fn ask_at(&self, service: usize, what: Ask) -> Answer {
        let sent = Sent::now();
        let answer = self.all.client.ask(service, self.all.sale, &self.name, what).await;
        self.all.history.note(Asked {
            user: self.name.clone(),
            what,
            service,
            sent_ms: sent.sent_ms(),
            answered_ms: sent.answered_ms(),
            answer: answer.clone(),
        });
        answer
    }
}
