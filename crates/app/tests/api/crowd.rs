//! A crowd of buyers that writes down every answer it gets, and what must be true of them
//! afterwards.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::task::{JoinSet, block_in_place};

use crate::stack::{Answer, Stack};

/// Where the service can be reached now; processes come and go.
pub(crate) type Urls = Arc<RwLock<Vec<String>>>;

/// Who comes to buy.
#[derive(Clone)]
pub(crate) struct Crowd {
    pub(crate) sale: i64,
    pub(crate) users: u64,
    pub(crate) connections: u64,
    /// Of a hundred holds, how many are never redeemed.
    pub(crate) abandoned_percent: u64,
}

/// Every answer the crowd got.
#[derive(Default)]
pub(crate) struct Log {
    /// Codes of holds that were granted, with unit and user.
    pub(crate) codes: Mutex<HashMap<String, (u64, String)>>,
    /// Codes whose receipt somebody saw, with the unit.
    pub(crate) receipts: Mutex<HashMap<String, u64>>,
    /// Answers to checkouts, by the name of the problem or `ok`.
    pub(crate) checkouts: Mutex<BTreeMap<String, u64>>,
    /// Answers to purchases, likewise.
    pub(crate) purchases: Mutex<BTreeMap<String, u64>>,
    /// Answers that broke a rule of the API, such as a 503 without `Retry-After`.
    pub(crate) breaches: Mutex<Vec<String>>,
    pub(crate) sold: AtomicU64,
}

impl Crowd {
    /// Buys until the sale has nothing left, now or later, or until `stop`.
    pub(crate) async fn buy(&self, urls: &Urls, log: &Arc<Log>, stop: &Arc<AtomicBool>) {
        let mut buyers = JoinSet::new();
        for connection in 0..self.connections {
            let buyer = Buyer {
                crowd: self.clone(),
                urls: Arc::clone(urls),
                log: Arc::clone(log),
                stop: Arc::clone(stop),
                http: reqwest::Client::builder()
                    .timeout(Duration::from_secs(20))
                    .pool_max_idle_per_host(1)
                    .build()
                    .unwrap(),
                connection,
                turn: connection,
            };
            buyers.spawn(buyer.buy());
        }
        buyers.join_all().await;
    }
}

/// One connection, on which one user after another comes by.
struct Buyer {
    crowd: Crowd,
    urls: Urls,
    log: Arc<Log>,
    stop: Arc<AtomicBool>,
    http: reqwest::Client,
    connection: u64,
    turn: u64,
}

impl Buyer {
    async fn buy(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            self.turn += self.crowd.connections;
            let user = format!("user-{}", self.turn % self.crowd.users);
            let path = format!("/checkout?user_id={user}&id={}", self.crowd.sale);
            let Some(answer) = self.post(&path).await else { continue };
            count(&self.log.checkouts, answer.name());
            match answer.name() {
                "ok" => {
                    let (code, unit) = (answer.code().to_owned(), answer.unit());
                    self.log.codes.lock().unwrap().insert(code.clone(), (unit, user));
                    // Spread evenly, and the same in every run.
                    let abandoned = mix(self.turn) % 100 < self.crowd.abandoned_percent;
                    if !abandoned {
                        self.redeem(&code, unit).await;
                    }
                }
                "sold-out" if answer.body.get("retry_at").is_none() => return,
                "sold-out" => self.come_back(&answer).await,
                "user-limit-reached" | "unavailable" | "overloaded" => {}
                other => self.breach(format!("a checkout was answered {other}: {}", answer.text)),
            }
        }
    }

    /// Redeems a code, asking again until the answer is certain.
    async fn redeem(&self, code: &str, unit: u64) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(answer) = self.post(&format!("/purchase?code={code}")).await else { continue };
            count(&self.log.purchases, answer.name());
            let receipt = match answer.name() {
                "ok" => &answer.body,
                "code-already-used" => &answer.body["purchase"],
                "code-expired" => return,
                "unavailable" | "overloaded" => continue,
                other => {
                    self.breach(format!("{code} of unit {unit} was answered {other}"));
                    return;
                }
            };
            if receipt["code"] != code || receipt["unit"] != unit {
                self.breach(format!("{code} of unit {unit} got the receipt {receipt}"));
            }
            self.log.receipts.lock().unwrap().insert(code.to_owned(), unit);
            self.log.sold.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }

    /// Posts to one of the processes; `None` if it is gone or going, after a moment to breathe.
    async fn post(&self, path: &str) -> Option<Answer> {
        let url = {
            let urls = self.urls.read().unwrap();
            let index = usize::try_from(self.connection).unwrap() % urls.len().max(1);
            urls.get(index).cloned()
        };
        let answer = match url {
            Some(url) => Answer::read(self.http.post(format!("{url}{path}"))).await.ok(),
            None => None,
        };
        match &answer {
            Some(answer) if answer.status == 503 => {
                if answer.header("retry-after").is_none() {
                    self.breach(format!("503 without Retry-After: {}", answer.text));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Some(answer) if answer.status >= 500 => {
                self.breach(format!("{path}: {} {}", answer.status, answer.text));
            }
            Some(_) => {}
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        answer
    }

    /// Waits as `Retry-After` says, though not that long: a test has less time than a buyer.
    async fn come_back(&self, answer: &Answer) {
        if answer.header("retry-after").is_none() {
            self.breach(format!("retry_at without Retry-After: {}", answer.text));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    fn breach(&self, what: String) {
        self.log.breaches.lock().unwrap().push(what);
    }
}

/// Holds the ledger against the answers that the crowd got.
///
/// `crashed` says that answers may have been lost on their way: then the ledger may have more
/// attempts than the crowd has answers, but never fewer.
pub(crate) fn audit(stack: &Stack, sale: i64, log: &Log, crashed: bool) {
    assert_eq!(*log.breaches.lock().unwrap(), Vec::<String>::new());
    let ledger: HashMap<String, (u64, String, String)> = stack
        .sql(&format!(
            "SELECT code, unit, user_id, state FROM checkout_attempts \
             WHERE sale_id = {sale} AND outcome = 'granted'"
        ))
        .lines()
        .map(|line| {
            let columns: Vec<_> = line.split('|').collect();
            let hold = (columns[1].parse().unwrap(), columns[2].into(), columns[3].into());
            (columns[0].to_owned(), hold)
        })
        .collect();
    for (code, (unit, user)) in &*log.codes.lock().unwrap() {
        let (recorded, owner, _) = ledger.get(code).expect("a code somebody saw is in the ledger");
        assert_eq!((recorded, owner), (unit, user), "code {code}");
    }
    for (code, unit) in &*log.receipts.lock().unwrap() {
        let (recorded, _, state) =
            ledger.get(code).expect("a receipt somebody saw is in the ledger");
        assert_eq!((recorded, state.as_str()), (unit, "sold"), "code {code}");
    }
    for (name, outcome) in [
        ("ok", "granted"),
        ("sold-out", "sold_out"),
        ("user-limit-reached", "user_limit"),
        ("sale-not-open", "not_open"),
        ("sale-ended", "ended"),
    ] {
        let answered = log.checkouts.lock().unwrap().get(name).copied().unwrap_or_default();
        let recorded = stack.count(&format!(
            "SELECT count(*) FROM checkout_attempts \
             WHERE sale_id = {sale} AND outcome = '{outcome}'"
        ));
        if crashed {
            assert!(recorded >= answered, "{outcome}: {recorded} recorded, {answered} answered");
        } else {
            assert_eq!(recorded, answered, "{outcome}: recorded and answered");
        }
    }
}

/// Checks that exactly the stock was sold, every unit once, that no user is above the limit, and
/// that the service's own audit finds nothing.
pub(crate) fn audit_sold_out(stack: &Stack, sale: i64, units: u64, limit: u64) {
    let sold = stack.sql(&format!(
        "SELECT count(*), count(DISTINCT unit), min(unit), max(unit) \
         FROM purchases WHERE sale_id = {sale}"
    ));
    assert_eq!(sold.trim(), format!("{units}|{units}|1|{units}"), "purchases, units, first, last");
    let most = stack.count(&format!(
        "SELECT max(bought) FROM \
         (SELECT count(*) AS bought FROM purchases WHERE sale_id = {sale} GROUP BY user_id) AS users"
    ));
    assert!(most <= limit, "a user bought {most} of {limit}");
    assert_holds(&stack.audit());
}

/// What an audit said, and what it ended with.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) code: Option<i32>,
    pub(crate) document: Value,
}

impl Stack {
    /// Makes an audit.
    pub(crate) fn audit(&self) -> Audit {
        self.audit_of(&[])
    }

    /// Makes an audit of what these flags say.
    pub(crate) fn audit_of(&self, flags: &[&str]) -> Audit {
        let mut command = self.command();
        command.args(["audit", "--json"]).args(flags);
        let output = block_in_place(|| command.output().unwrap());
        let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {output:?}");
        });
        Audit { code: output.status.code(), document }
    }
}

/// Every invariant was checked and holds.
pub(crate) fn assert_holds(audit: &Audit) {
    assert_eq!((audit.code, &audit.document["ok"]), (Some(0), &Value::Bool(true)), "{audit:#?}");
    for checked in audit.document["invariants"].as_array().unwrap() {
        // What was not looked at is a live store that is not there, or the audit is not ok.
        assert_ne!(checked["holds"], false, "{audit:#?}");
    }
}

fn count(tally: &Mutex<BTreeMap<String, u64>>, name: &str) {
    *tally.lock().unwrap().entry(name.to_owned()).or_default() += 1;
}

/// Scatters a number (the finaliser of `SplitMix64`).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}
