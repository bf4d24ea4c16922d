//! `Processes` on Redis: a sorted set, whose members are what each process said last, scored by when.
//!
//! Nothing that is served depends on it, so it is no part of the function library, and a server that
//! allows too little is no worse for it. It is asked once a second by each process, once there and back.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use deadpool_redis::redis::{self, Value};
use domain::{
    LedgerId, StoreError, UnixMillis,
    ports::{Operation, Processes},
    processes::{Figures, PROCESSES_MAX, Process, ProcessId, REFUSED_MAX, SEEN_MS, Times},
};

use crate::{
    RedisStores,
    keys::HashSlot,
    line::{Line, LineError, REPLY_MS_MAX},
    reply::unknown,
};

/// What each member begins with: how it is written. Whoever writes it otherwise begins otherwise.
const FORM: &str = "1";

/// How long the set stays when nobody says anything more, in milliseconds.
const KEPT_MS: i64 = 60_000;

/// How many members are taken out that nobody says any more, a second.
const OLD_MAX: usize = 16;

/// How many members are remembered that were said here.
const SAID_MAX: usize = 128;

/// The longest member that is read.
const MEMBER_BYTES_MAX: usize = 8_192;

/// The members that are to be taken out with what is said next.
#[derive(Default)]
pub(crate) struct Left(Mutex<Gone>);

#[derive(Default)]
struct Gone {
    /// What was said here, whether it came there or not, and by which process.
    said: Vec<(ProcessId, String)>,
    /// What was found that was too old.
    old: Vec<String>,
}

impl Left {
    fn locked(&self) -> MutexGuard<'_, Gone> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be taken out by this process.
    fn before(&self, own: ProcessId) -> Vec<String> {
        let gone = self.locked();
        let said = gone.said.iter().filter(|(by, _)| *by == own).map(|(_, member)| member);
        said.chain(&gone.old).cloned().collect()
    }

    /// This is said now. If it is long until it can be taken out again, it is old by then.
    fn note(&self, own: ProcessId, member: String) {
        let mut gone = self.locked();
        if gone.said.len() == SAID_MAX {
            gone.said.remove(0);
        }
        gone.said.push((own, member));
    }

    /// So much was taken out, and this found.
    fn after(&self, taken_out: &[String], old: Vec<String>) {
        let mut gone = self.locked();
        gone.said.retain(|(_, member)| !taken_out.contains(member));
        gone.old = old;
    }
}

#[async_trait]
impl Processes for RedisStores {
    async fn leave(&self, own: &Process) -> Result<(), StoreError> {
        let said = self.say(own, false).await;
        said.map(drop).map_err(|error| error.during(Operation::LeaveFigures))
    }

    async fn exchange(&self, own: &Process) -> Result<Vec<Process>, StoreError> {
        let said = self.say(own, true).await;
        said.map_err(|error| error.during(Operation::ExchangeFigures))
    }
}

impl RedisStores {
    async fn say(&self, own: &Process, listens: bool) -> Result<Vec<Process>, LineError> {
        let ledger = self.owner.id().await.map_err(LineError::Ownerless)?;
        let key = key_of(ledger);
        let (member, oldest) = (written(own), own.seen_at.0 - SEEN_MS + 1);
        let gone = self.left.before(own.id);
        let gone: Vec<_> = gone.into_iter().filter(|it| *it != member).collect();
        let mut questions = redis::pipe();
        questions.cmd("ZADD").arg(&key).arg(own.seen_at.0).arg(&member);
        questions.cmd("ZRANGE").arg(&key).arg("-inf").arg(format!("({oldest}")).arg("BYSCORE");
        questions.arg("LIMIT").arg(0).arg(OLD_MAX);
        // A right that a server's user may not have: then the set stays when all are gone, and no longer
        // than it is.
        questions.cmd("PEXPIRE").arg(&key).arg(KEPT_MS);
        if !gone.is_empty() {
            questions.cmd("ZREM").arg(&key).arg(&gone);
        }
        if listens {
            questions.cmd("ZRANGE").arg(&key).arg("+inf").arg(oldest).arg("BYSCORE").arg("REV");
            questions.arg("LIMIT").arg(0).arg(PROCESSES_MAX);
        }
        // Whatever becomes of the call, the member may be there.
        self.left.note(own.id, member);
        let replies = self
            .line_to_tell()
            .ask_all(HashSlot::of_tag(&key), &mut questions, REPLY_MS_MAX)
            .await?;
        if let Some(Value::ServerError(error)) = replies.first() {
            return Err(LineError::of(error.clone().into()));
        }
        let old = texts(replies.get(1))?;
        self.left.after(&gone, old);
        let found = if listens { texts(replies.last())? } else { Vec::new() };
        Ok(found.iter().filter_map(|member| read(member)).collect())
    }

    /// A line on the connections of the upkeep. What a server must be able to do is looked at by those who
    /// need it.
    fn line_to_tell(&self) -> Line {
        self.line_to_look()
    }
}

/// The set of the processes that serve from this ledger.
fn key_of(ledger: LedgerId) -> String {
    format!("sale:processes:{ledger}")
}

/// The members that a server replied.
fn texts(reply: Option<&Value>) -> Result<Vec<String>, LineError> {
    let text = |member: &Value| match member {
        Value::BulkString(bytes) if bytes.len() <= MEMBER_BYTES_MAX => {
            String::from_utf8(bytes.clone()).ok()
        }
        _ => None,
    };
    match reply {
        Some(Value::Array(members)) => Ok(members.iter().filter_map(text).collect()),
        // Whoever may not ask is told so.
        Some(Value::ServerError(error)) => Err(LineError::of(error.clone().into())),
        _ => Err(unknown("no members")),
    }
}

/// A process as a member: words with blanks between them.
fn written(process: &Process) -> String {
    let Process { id, address, seen_at, did } = process;
    let Figures { span_ms, checkouts, purchases, viewers, .. } = did;
    let mut member = format!(
        "{FORM} {id} {} {address} {span_ms} {checkouts} {purchases} {viewers} {} {}",
        seen_at.0,
        joined(&did.checkout_times),
        joined(&did.purchase_times),
    );
    for (name, count) in did.refused.iter().take(REFUSED_MAX) {
        // A string takes all that is written.
        let _ = write!(member, " {name}={count}");
    }
    member
}

fn joined(times: &Times) -> String {
    times.0.map(|count| count.to_string()).join(",")
}

/// Reads what this version writes; nothing else is a process to it.
fn read(member: &str) -> Option<Process> {
    let mut words = member.split(' ');
    if words.next()? != FORM {
        return None;
    }
    let id = words.next()?.parse().ok()?;
    let seen_at = UnixMillis(words.next()?.parse().ok()?);
    let address = words.next()?.to_owned();
    let mut number = || words.next()?.parse().ok();
    let (span_ms, checkouts, purchases, viewers) = (number()?, number()?, number()?, number()?);
    let mut times = || {
        let mut counts = words.next()?.split(',').map(|count| count.parse::<u64>().ok());
        let mut times = Times::default();
        for count in &mut times.0 {
            *count = counts.next()??;
        }
        counts.next().is_none().then_some(times)
    };
    let (checkout_times, purchase_times) = (times()?, times()?);
    let refused = words.take(REFUSED_MAX).map(|word| {
        let (name, count) = word.split_once('=')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    let refused = refused.collect::<Option<BTreeMap<_, _>>>()?;
    let did =
        Figures { span_ms, checkouts, purchases, refused, checkout_times, purchase_times, viewers };
    Some(Process { id, address, seen_at, did })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Process {
        let mut checkout_times = Times::default();
        checkout_times.0[13] = u64::MAX;
        let did = Figures {
            span_ms: 1_001,
            checkouts: 2,
            purchases: 3,
            refused: BTreeMap::from([("sold-out".to_owned(), 4), ("paused".to_owned(), 5)]),
            checkout_times,
            purchase_times: Times::default(),
            viewers: 6,
        };
        let address = "10.0.0.7:8080".to_owned();
        Process { id: ProcessId(7), address, seen_at: UnixMillis(-1), did }
    }

    #[test]
    fn a_member_is_read_as_it_was_written() {
        let quiet = Process { did: Figures::default(), ..process() };
        for process in [process(), quiet] {
            assert_eq!(read(&written(&process)), Some(process));
        }
    }

    #[test]
    fn what_is_no_member_of_this_version_is_nobody() {
        let good = written(&process());
        for wrong in [
            "",
            "1",
            "hello",
            &good.replacen('1', "2", 1),
            &good.replace("=4", ""),
            &good.replace("=4", "=x"),
            &good.replace(" 0,", " "),
            &good.replace(" 0,", " 0,0,"),
            &good.replace("1001", "-1001"),
        ] {
            assert_ne!(wrong, good);
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
