//! Reading all that the server has of a sale, for an audit.
//!
//! No function of the library does it: plain commands in a transaction are of one moment just as
//! well, and the server neither builds Lua tables of the whole sale nor joins them to one string.
//! Nothing else is served meanwhile, so it must be short, and a function takes several times as
//! long: `docs/decisions/03`.

use std::{fmt::Display, str::FromStr};

use async_trait::async_trait;
use deadpool_redis::redis::{self, Cmd, Pipeline, Value};
use domain::{
    Code, Epoch, SaleId, Slot, StoreError, UserId,
    audit::live::{LiveHold, LiveSnapshot},
    ports::{AuditedLive, Operation},
};

use crate::{
    RedisStores,
    keys::SaleKeys,
    line::{LineError, Routed, fcall, is_for_want_of_library},
    reply::{Reply, unknown},
};

/// How long the snapshot of a sale may take: as long as a load.
const SNAPSHOT_MS_MAX: u64 = 10_000;

#[async_trait]
impl AuditedLive for RedisStores {
    async fn ping(&self) -> Result<(), StoreError> {
        let mut line = self.line_to_look();
        let slot = line.keys_of_no_sale().slot();
        line.call(&Routed { slot, command: redis::cmd("PING") })
            .await
            .map(drop)
            .map_err(|error| error.during(Operation::Ping))
    }

    /// Changes nothing, also not where the function library is missing.
    async fn snapshot(&self, sale: SaleId) -> Result<Option<LiveSnapshot>, StoreError> {
        let mut line = self.line_to_look();
        let look = async {
            let served = fcall("flashsale_v4_due", &SaleKeys::of(sale)).with(0);
            let Routed { slot, command } = line.signed(served).await?;
            let questions = questions(sale, command);
            read(sale, &line.transact(slot, &questions, SNAPSHOT_MS_MAX).await?)
        };
        look.await.map_err(|error: LineError| error.during(Operation::LiveSnapshot))
    }
}

/// What is asked, in one transaction. What cannot be answered, such as for a key of another
/// type, keeps nothing else from being answered.
///
/// `served` asks for no code, only whether this server process has loaded the sale.
fn questions(sale: SaleId, served: Cmd) -> Pipeline {
    let keys = SaleKeys::of(sale);
    let [terms, total, free, holds, codes, users] = keys.names();
    let mut questions = redis::pipe();
    questions.atomic().ignore_errors();
    questions.add_command(served);
    questions.cmd("HMGET").arg(terms).arg(&["epoch", "stock", "per_user_limit"]);
    questions.cmd("GET").arg(total);
    questions.cmd("LRANGE").arg(free).arg(0).arg(-1);
    questions.cmd("ZRANGE").arg(holds).arg(0).arg(-1);
    questions.cmd("HGETALL").arg(codes);
    questions.cmd("HGETALL").arg(users);
    questions.cmd("INFO").arg("memory");
    for key in keys.names() {
        questions.cmd("PTTL").arg(key);
    }
    questions
}

pub(crate) fn read(sale: SaleId, replies: &[Value]) -> Result<Option<LiveSnapshot>, LineError> {
    let [served, terms, total, free, holds, codes, users, memory, lifetimes @ ..] = replies else {
        return Err(LineError::Unreadable(format!("{} replies", replies.len())));
    };
    let mut reader = Reader::default();
    match served {
        Value::ServerError(error) if is_for_want_of_library(error.details()) => return Ok(None),
        Value::ServerError(error) => {
            reader.reject("the function that serves it", error.details().unwrap_or(error.code()));
        }
        served => match Reply::read(served)?.word()? {
            "not_loaded" => return Ok(None),
            "other_ledger" => return Err(LineError::OtherLedger),
            "served" => {}
            word => return Err(unknown(word)),
        },
    }
    let terms = reader.texts("its terms", terms);
    let term = |index: usize| terms.get(index).map(String::as_str).unwrap_or_default();
    let epoch = reader.parse("its epoch", term(0));
    let stock = reader.parse("its stock", term(1));
    let per_user_limit = reader.parse("its limit", term(2));
    let sold = reader.text("the counter of sold units", total);
    let sold = reader.parse("the counter of sold units", &sold);
    let free = reader.texts("the free units", free);
    let free = free.iter().filter_map(|unit| reader.parse("a free unit", unit)).collect();
    let due = reader.texts("the codes by their time", holds);
    let due = due.iter().filter_map(|code| reader.code(code)).collect();
    let holds = reader.texts("the codes", codes);
    let holds = holds.as_chunks().0.iter().filter_map(|hold| reader.hold(hold)).collect();
    let users = reader.texts("the users", users);
    let users = users.as_chunks().0.iter().filter_map(|user| reader.user(user)).collect();
    reader.policy(memory);
    reader.lifetimes(lifetimes);
    Ok(Some(LiveSnapshot {
        sale,
        epoch: Epoch(epoch.unwrap_or_default()),
        stock: stock.unwrap_or_default(),
        per_user_limit: per_user_limit.unwrap_or_default(),
        sold: sold.unwrap_or_default(),
        free,
        holds,
        due,
        users,
        unreadable: reader.unreadable,
    }))
}

/// Reads replies, and keeps what no version of this service writes.
#[derive(Default)]
struct Reader {
    unreadable: Vec<String>,
}

impl Reader {
    fn reject(&mut self, what: &str, why: impl Display) {
        self.unreadable.push(format!("{what}: {why}"));
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, what: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.reject(&format!("{what} is {text:?}"), error)).ok()
    }

    /// Whatever is in the place of a code may be one, so it is not shown.
    fn code(&mut self, text: &str) -> Option<Code> {
        text.parse().map_err(|error| self.reject("a code", error)).ok()
    }

    /// A code and its `unit slot user`.
    fn hold(&mut self, [code, what]: &[String; 2]) -> Option<LiveHold> {
        let code = self.code(code)?;
        let mut words = what.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (unit, slot, user) = (word().parse(), word().parse().map(Slot), word().parse());
        let (Ok(unit), Ok(slot), Ok(user)) = (unit, slot, user) else {
            self.reject(&format!("{code:?}"), format!("{what:?} is no unit, slot and user"));
            return None;
        };
        Some(LiveHold { code, unit, slot, user })
    }

    fn user(&mut self, [user, marks]: &[String; 2]) -> Option<(UserId, String)> {
        Some((self.parse("a user", user)?, marks.clone()))
    }

    /// Keys that would vanish by themselves.
    fn lifetimes(&mut self, lifetimes: &[Value]) {
        for _ in lifetimes.iter().filter(|life| matches!(life, Value::Int(0..))) {
            self.reject("a key", "expires by itself");
        }
    }

    /// A server that would drop keys to make room.
    fn policy(&mut self, memory: &Value) {
        let memory = self.text("the server's memory", memory);
        let policy = memory.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
        if policy != Some("noeviction") {
            self.reject("maxmemory-policy", policy.unwrap_or("unknown"));
        }
    }

    fn texts(&mut self, what: &str, value: &Value) -> Vec<String> {
        match value {
            Value::Array(values) => values.iter().map(|value| self.text(what, value)).collect(),
            other => {
                self.text(what, other);
                Vec::new()
            }
        }
    }

    fn text(&mut self, what: &str, value: &Value) -> String {
        let text = match value {
            Value::BulkString(bytes) => {
                std::str::from_utf8(bytes).map_err(|error| error.to_string())
            }
            Value::Nil => Err("missing".to_owned()),
            Value::ServerError(error) => Err(error.details().unwrap_or(error.code()).to_owned()),
            _ => Err("neither a text nor texts".to_owned()),
        };
        text.map(str::to_owned).map_err(|error| self.reject(what, error)).unwrap_or_default()
    }
}
