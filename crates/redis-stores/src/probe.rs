//! What a server must be able to do, looked at once a process, before anything is asked of it: so
//! what is missing is known by its name, and not by the first buyer.

use std::{
    borrow::Cow,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_redis::redis::{self, Cmd, RedisResult, Value, aio::MultiplexedConnection};
use tokio::{sync, time::Instant};

use crate::{
    keys::{HashSlot, SaleKeys},
    line::{LIBRARY, LineError, fcall},
    refusal::{is_not_to_be_had, is_of_slots, may_pass},
    reply::carried_out,
};

/// How long a server that refused the function library, or cannot run it, is not asked again: the
/// library is too long to be sent with each call. Not for long, if the server may soon do it.
const REMEMBERED: Duration = Duration::from_secs(5);
const REMEMBERED_IF_IT_MAY_PASS: Duration = Duration::from_millis(250);

/// How often it is looked again because a function met a right that was there.
const DOUBTED_EVERY: Duration = Duration::from_secs(60);

/// The oldest major version that has functions.
const OLDEST_VERSION: u32 = 7;

/// What is known of the server.
#[derive(Default)]
pub(crate) struct Probe {
    /// Whether it was found to be able to do all that is needed.
    is_able: AtomicBool,
    /// Taken by whoever looks.
    turn: sync::Mutex<()>,
    refused: Mutex<Option<Refused>>,
    /// Whether nothing is looked at, whatever is refused.
    is_waived: bool,
    /// When it was last doubted that the server can do all that is needed.
    doubted_at: Mutex<Option<Instant>>,
}

/// What a server said no to.
struct Refused {
    until: Instant,
    remedy: Cow<'static, str>,
}

impl Probe {
    /// What whoever changes nothing goes by: whatever the server lacks, it is told when it is asked.
    pub(crate) fn waived() -> Self {
        Self { is_able: true.into(), is_waived: true, ..Self::default() }
    }

    /// Fails if the server has refused a moment ago.
    pub(crate) fn check(&self) -> Result<(), LineError> {
        match &*self.refused() {
            Some(refused) if Instant::now() < refused.until => {
                Err(LineError::Refused { remedy: refused.remedy.clone(), source: None })
            }
            _ => Ok(()),
        }
    }

    /// Has the next who connects look again: a function met a right that was there, and the server does
    /// not always say which. Once in a while, for the look may find nothing.
    pub(crate) fn doubt(&self) {
        let mut doubted_at = self.doubted_at.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_waived && doubted_at.is_none_or(|at| at.elapsed() >= DOUBTED_EVERY) {
            *doubted_at = Some(Instant::now());
            self.is_able.store(false, Ordering::Relaxed);
        }
    }

    /// Looks through a connection at what the server can do, which has this slot, or all, unless that is known.
    pub(crate) async fn look(
        &self,
        connection: &mut MultiplexedConnection,
        slot: Option<HashSlot>,
    ) -> Result<(), LineError> {
        if self.is_able.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        if self.is_able.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check()?;
        let looked = async {
            version(connection).await?;
            // To find some of a slot takes a while, in which the time of a load goes by.
            let keys =
                slot.map_or_else(|| SaleKeys::of_no_sale_where(|_| true), SaleKeys::of_no_sale);
            rights(connection, &keys).await?;
            self.load_library(connection).await?;
            run_function(connection, &keys).await
        };
        looked.await.map_err(|error| self.remember(error))?;
        *self.refused() = None;
        self.is_able.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Loads the library. Never replaces one: that would forget which sales are loaded. A change
    /// to the library takes a new name, so versions live side by side.
    pub(crate) async fn load_library(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), LineError> {
        self.check()?;
        let loaded: RedisResult<Value> =
            redis::cmd("FUNCTION").arg("LOAD").arg(LIBRARY).query_async(connection).await;
        match loaded.and_then(carried_out) {
            Ok(_) => {
                tracing::info!("loaded the function library into Redis");
                Ok(())
            }
            // Another process was faster.
            Err(error) if error.to_string().contains("already exists") => Ok(()),
            Err(error) => Err(self.remember(LineError::of(error))),
        }
    }

    /// Keeps a refusal, and says it, unless it was said the last time.
    fn remember(&self, error: LineError) -> LineError {
        if let LineError::Refused { remedy, source } = &error {
            let may_pass = source.as_ref().is_some_and(may_pass);
            let time = if may_pass { REMEMBERED_IF_IT_MAY_PASS } else { REMEMBERED };
            let refused = Refused { until: Instant::now() + time, remedy: remedy.clone() };
            let before = self.refused().replace(refused);
            if before.is_none_or(|before| before.remedy != *remedy) {
                tracing::error!("Redis refuses: {remedy}");
            }
        }
        error
    }

    fn refused(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails if the server is too old, and warns if it may drop keys. One that does not say is taken as it
/// is.
async fn version(connection: &mut MultiplexedConnection) -> Result<(), LineError> {
    let mut questions = redis::pipe();
    questions.ignore_errors();
    for section in ["server", "memory"] {
        questions.cmd("INFO").arg(section);
    }
    let told: Vec<Value> = questions.query_async(connection).await.map_err(LineError::of)?;
    if let Some(policy) = figure(&told, "maxmemory_policy:")
        && policy != "noeviction"
    {
        tracing::warn!(
            policy,
            "Redis may drop keys to make room: sales would lose holds and users' limits, and be \
             loaded anew each time; set its maxmemory-policy to noeviction"
        );
    }
    match figure(&told, "redis_version:").and_then(too_old) {
        Some(remedy) => Err(LineError::Refused { remedy: remedy.into(), source: None }),
        None => Ok(()),
    }
}

/// What is wrong with a version that has no functions.
fn too_old(version: &str) -> Option<String> {
    let major = version.split('.').next()?.parse::<u32>().ok()?;
    (major < OLDEST_VERSION)
        .then(|| format!("it is Redis {version}, which has no functions: 7.0 or newer is needed"))
}

/// What comes after a word in one of these texts.
fn figure<'t>(texts: &'t [Value], word: &str) -> Option<&'t str> {
    texts.iter().find_map(|text| match text {
        Value::BulkString(bytes) => {
            std::str::from_utf8(bytes).ok()?.lines().find_map(|line| line.strip_prefix(word))
        }
        Value::VerbatimString { text, .. } => text.lines().find_map(|line| line.strip_prefix(word)),
        _ => None,
    })
}

/// Asks for a sale that there never is, of nobody's ledger.
async fn run_function(
    connection: &mut MultiplexedConnection,
    keys: &SaleKeys,
) -> Result<(), LineError> {
    let status = fcall("flashsale_v4_status", keys).with("nobody");
    let told = status.command.query_async::<Value>(connection).await;
    if told.as_ref().is_err_and(is_of_slots) {
        // Of a slot that it has not got, or is about to have: whoever calls it finds out.
        return Ok(());
    }
    told.and_then(carried_out).map(drop).map_err(|error| match LineError::of(error) {
        // It is one that changes nothing.
        LineError::Failed(why, source) => LineError::Refused { remedy: why, source: Some(source) },
        error => error,
    })
}

/// Fails if the user lacks a right that a function needs, whichever they are.
///
/// A transaction is filled with commands, of which each is refused or accepted there and then, and is
/// given up in the end by one that no server knows: nothing is carried out. A user who may not begin
/// one finds out later. Whatever else goes wrong, the connection may be in a transaction from then on,
/// and is not used any more.
async fn rights(connection: &mut MultiplexedConnection, keys: &SaleKeys) -> Result<(), LineError> {
    match redis::cmd("MULTI").query_async::<()>(connection).await {
        Ok(()) => {}
        Err(error) if is_not_to_be_had(&error) => return Ok(()),
        Err(error) => return Err(LineError::of(error)),
    }
    let commands = commands(keys);
    let mut questions = redis::pipe();
    questions.ignore_errors();
    for command in &commands {
        questions.add_command(command.clone());
    }
    questions.cmd("GIVE_UP_THIS_TRANSACTION");
    questions.cmd("EXEC");
    let replies: Vec<Value> = questions.query_async(connection).await.map_err(LineError::of)?;
    let is_given_up =
        |reply: &Value| matches!(reply, Value::ServerError(error) if error.code() == "EXECABORT");
    if !replies.last().is_some_and(is_given_up) {
        discard(connection).await?;
    }
    let lacking = commands.iter().zip(&replies).filter_map(|(command, reply)| match reply {
        Value::ServerError(error) if error.code() == "NOPERM" => Some(right_to(command)),
        _ => None,
    });
    let lacking = lacking.collect::<Vec<_>>();
    if lacking.is_empty() {
        return Ok(());
    }
    let remedy = format!(
        "its user lacks a right: {}, on keys ~sale:*; docs/rights.md lists all that are needed",
        lacking.join(" ")
    );
    Err(LineError::Refused { remedy: remedy.into(), source: None })
}

/// Ends the transaction where it can be begun, and not be carried out.
async fn discard(connection: &mut MultiplexedConnection) -> Result<(), LineError> {
    let discarded = redis::cmd("DISCARD").query_async::<()>(connection).await;
    discarded.map_err(|error| {
        if !is_not_to_be_had(&error) {
            return LineError::of(error);
        }
        let remedy = "a transaction can be begun there and not be ended: it must have EXEC, or DISCARD, \
                      where it has MULTI";
        LineError::Refused { remedy: remedy.into(), source: Some(error) }
    })
}

/// The commands that the functions run, and that are run beside them, on a key of no
/// sale.
fn commands(keys: &SaleKeys) -> Vec<Cmd> {
    let [key, ..] = keys.names();
    [
        "HMGET KEY a",
        "HGET KEY a",
        "HSET KEY a b",
        "HDEL KEY a",
        "HLEN KEY",
        "GET KEY",
        "SET KEY a",
        "INCRBY KEY 1",
        "LLEN KEY",
        "LPOP KEY",
        "RPUSH KEY a",
        "ZADD KEY 1 a",
        "ZRANGE KEY 0 1",
        "ZREM KEY a",
        "UNLINK KEY",
        "TIME",
    ]
    .into_iter()
    .map(|words| {
        let mut command = Cmd::new();
        for word in words.split(' ') {
            command.arg(if word == "KEY" { key.as_str() } else { word });
        }
        command
    })
    .collect()
}

/// The right to a command, as `ACL SETUSER` takes it.
fn right_to(command: &Cmd) -> String {
    match command.args_iter().next() {
        Some(redis::Arg::Simple(name)) => {
            format!("+{}", String::from_utf8_lossy(name).to_ascii_lowercase())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_functions_is_too_old_and_one_of_an_unknown_version_is_tried() {
        assert!(too_old("6.2.5").unwrap().contains("6.2.5"));
        for version in ["7.0.15", "8.2.3", "10.0.0", "unstable"] {
            assert_eq!(too_old(version), None);
        }
    }
}
