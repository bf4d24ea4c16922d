//! Shoppers who take a unit and buy it, one after the other, while the servers change.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    client::Client,
    error::ChaosError,
    failover::stand::until,
    history::{Answer, Ask, Asked, History, Sent},
};

/// Shoppers of one process.
const SHOPPERS: usize = 16;

/// How long a shopper goes on asking for a receipt when all is over.
const PERSISTS: Duration = Duration::from_secs(20);

/// Before a shopper asks again who got no answer.
const ASK_AGAIN: Duration = Duration::from_millis(30);

/// Shoppers, each of whom knows one process: what another process may still read on a connection it
/// had before is not promised.
pub(crate) struct Crowd {
    pub(crate) history: Arc<History>,
    is_over: Arc<AtomicBool>,
    shoppers: JoinSet<()>,
}

struct Shopper {
    name: String,
    client: Client,
    service: usize,
    sale: i64,
    history: Arc<History>,
    is_over: Arc<AtomicBool>,
}

impl Crowd {
    /// Has shoppers buy of a sale from these processes. `named` tells them from those of other crowds.
    pub(crate) fn of(named: &str, client: &Client, services: Range<usize>, sale: i64) -> Self {
        let (history, is_over) = (Arc::<History>::default(), Arc::<AtomicBool>::default());
        let mut shoppers = JoinSet::new();
        for service in services {
            for number in 0..SHOPPERS {
                let shopper = Shopper {
                    name: format!("{named}-{service}-{number}"),
                    client: client.clone(),
                    service,
                    sale,
                    history: history.clone(),
                    is_over: is_over.clone(),
                };
                shoppers.spawn(shopper.shop());
            }
        }
        Self { history, is_over, shoppers }
    }

    /// Waits until somebody is granted a unit after `from_ms`; says when, in ms since `since_ms`.
    pub(crate) async fn until_granted_after(
        &self,
        from_ms: i64,
        since_ms: i64,
    ) -> Result<i64, ChaosError> {
        self.until_granted(since_ms, |asked| asked.answered_ms >= from_ms).await
    }

    /// Waits until somebody is granted a unit who asked for it after `from_ms`.
    pub(crate) async fn until_asker_granted_after(&self, from_ms: i64) -> Result<(), ChaosError> {
        self.until_granted(from_ms, |asked| asked.sent_ms >= from_ms).await.map(drop)
    }

    async fn until_granted(
        &self,
        since_ms: i64,
        is_meant: impl Fn(&Asked) -> bool,
    ) -> Result<i64, ChaosError> {
        until("a unit to be granted", async || {
            let lines = self.history.lines();
            let granted = lines.iter().filter(|asked| matches!(asked.answer, Answer::Granted(_)));
            let granted = granted.filter(|asked| is_meant(asked)).map(|asked| asked.answered_ms);
            Ok(granted.min().map(|granted_ms| granted_ms - since_ms))
        })
        .await
    }

    /// Nobody begins anything new any more; what was begun is asked for until it is known.
    pub(crate) async fn go_home(self) -> Vec<Asked> {
        self.is_over.store(true, Ordering::Relaxed);
        self.shoppers.join_all().await;
        self.history.lines()
    }
}

impl Shopper {
    async fn shop(self) {
        let mut turn = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            turn += 1;
            let user = format!("{}-{turn}", self.name);
            match self.ask(&user, Ask::Checkout).await {
                Answer::Granted(hold) => self.buy(&user, Ask::Purchase(hold.code)).await,
                _ => sleep(ASK_AGAIN).await,
            }
        }
    }

    /// Asks for the receipt until it is there, or until it is known that there is none.
    async fn buy(&self, user: &str, purchase: Ask) {
        let mut over_since = None;
        while self.ask(user, purchase).await.is_unknown() {
            if self.is_over.load(Ordering::Relaxed)
                && over_since.get_or_insert_with(Instant::now).elapsed() > PERSISTS
            {
                return;
            }
            sleep(ASK_AGAIN).await;
        }
    }

    async fn ask(&self, user: &str, what: Ask) -> Answer {
        let sent = Sent::now();
        let answer = self.client.ask(self.service, self.sale, user, what).await;
        self.history.note(Asked {
            user: user.to_owned(),
            what,
            service: self.service,
            sent_ms: sent.sent_ms(),
            answered_ms: sent.answered_ms(),
            answer: answer.clone(),
        });
        answer
    }
}
