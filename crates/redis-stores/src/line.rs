//! A connection that is borrowed once and kept, and the function library behind it.

mod together;

use std::{borrow::Cow, sync::Arc, time::Duration};

use deadpool_redis::redis::{self, Arg, Cmd, Pipeline, RedisError, Value};
use domain::{Failure, StoreError, answer::Doing};
use telemetry::{Watch, store_call_ended};

use crate::{
    keys::SaleKeys,
    owner::Owner,
    probe::Probe,
    refusal::{half_way, is_answer, is_for_want_of_a_right, remedy},
    reply::carried_out,
    server::{ConnectError, Object, Pool, PoolError, of_pool},
};

pub(crate) use together::Replied;

/// The function library, one file a function.
pub(crate) const LIBRARY: &str = concat!(
    include_str!("lua/library.lua"),
    include_str!("lua/load.lua"),
    include_str!("lua/place_holds.lua"),
    include_str!("lua/settle.lua"),
    include_str!("lua/due.lua"),
    include_str!("lua/status.lua"),
    include_str!("lua/forget.lua"),
    include_str!("lua/turn.lua"),
);

/// How long one reply may take. A grant that comes later is an orphan the sweep returns.
pub(crate) const REPLY_MS_MAX: u64 = 500;

/// How lines come by connections: from a pool, whose server is probed.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) pool: Pool,
    pub(crate) probe: Arc<Probe>,
}

/// A connection kept between calls. Borrowing one costs a round trip and lets nothing
/// coalesce, so each batcher keeps its own.
pub(crate) struct Line {
    pool: Pool,
    probe: Arc<Probe>,
    owner: Owner,
    connection: Option<Object>,
    is_eager: bool,
    /// Whether the last call was refused, which is logged once.
    is_refused: bool,
}

/// Why a call brought no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// No connection could be had; nothing was sent.
    #[error("Redis cannot be reached")]
    Unreachable(#[source] ConnectError),
    /// Redis refused the call; nothing was done.
    #[error("Redis refuses: {remedy}")]
    Refused {
        /// What an operator can do about it.
        remedy: Cow<'static, str>,
        /// What the server said, if it was asked just now.
        source: Option<RedisError>,
    },
    /// Redis reported a failure that may have come half-way.
    #[error("Redis reports a failure: {0}")]
    Failed(Cow<'static, str>, #[source] RedisError),
    /// The reply got lost.
    #[error("Redis gave no answer")]
    Lost(#[source] RedisError),
    /// It is not known whose sales these are; nothing was sent.
    #[error("the ledger has not said who it is")]
    Ownerless(#[source] StoreError),
    /// The sale that is there is another ledger's; nothing was done.
    #[error(
        "the sale in Redis is that of another ledger, which uses the same database of the same \
         server: REDIS_URL must name one for each ledger, such as redis://host:6379/1. If the other \
         ledger is no more, FLUSHDB makes room"
    )]
    OtherLedger,
    /// The sale is being loaded.
    #[error("the sale is being loaded by another process")]
    Loading,
    /// What a load had brought was lost before its end; the sale is not served.
    #[error("the load was cut short; the next begins anew")]
    CutShort,
    /// A newer version of the function library serves the sale; nothing was done.
    #[error("a newer version of this service serves the sale; this process must be replaced")]
    Superseded,
    /// The reply is not one this version knows.
    #[error("Redis gave an answer of an unknown form: {0}")]
    Unreadable(String),
}

impl LineError {
    /// Names the port method this error ended.
    pub(crate) fn during(self, doing: impl Into<Doing>) -> StoreError {
        let remedy = self.remedy();
        StoreError::new(doing, self.failure(), self).with_remedy(remedy)
    }

    /// What an error of the driver means that came instead of a reply.
    pub(crate) fn of(error: RedisError) -> Self {
        match remedy(&error) {
            Some(remedy) => Self::Refused { remedy, source: Some(error) },
            None if is_answer(&error) => Self::Failed(half_way(&error), error),
            None => Self::Lost(error),
        }
    }

    /// What an operator can do about it, if that is known.
    pub(crate) fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Refused { remedy, .. } => Some(remedy.clone()),
            Self::Failed(what, _) => Some(what.clone()),
            Self::Unreachable(error) => error.remedy().map(Into::into),
            Self::OtherLedger | Self::Superseded => Some(self.to_string().into()),
            Self::Ownerless(_) => {
                Some("nothing is asked of it before the ledger has said whose the sales are".into())
            }
            _ => None,
        }
    }

    /// What is known of the work that was asked for.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Unreachable(_)
            | Self::Refused { .. }
            | Self::Ownerless(_)
            | Self::OtherLedger
            | Self::CutShort
            | Self::Superseded => Failure::NotDone,
            Self::Loading => Failure::Rebuilding,
            Self::Failed(..) | Self::Lost(_) | Self::Unreadable(_) => Failure::Unknown,
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Failed(..))
    }
}

/// `FCALL name` on the keys of a sale, arguments to follow; then it is to be
/// [signed](Line::signed).
pub(crate) fn fcall(name: &'static str, keys: &SaleKeys) -> Cmd {
    let mut command = redis::cmd("FCALL");
    command.arg(name).arg(SaleKeys::COUNT).arg(keys);
    command
}

impl Line {
    /// A line that connects when it is needed.
    pub(crate) fn new(Way { pool, probe }: Way, owner: Owner) -> Self {
        Self { pool, probe, owner, connection: None, is_eager: false, is_refused: false }
    }

    /// A line that connects when it is made ready.
    pub(crate) fn eager(way: Way, owner: Owner) -> Self {
        Self { is_eager: true, ..Self::new(way, owner) }
    }

    /// Connects, if this line is eager and the server is there.
    pub(crate) async fn make_ready(&mut self) {
        if self.is_eager {
            self.connection = self.connect().await.ok();
        }
    }

    /// The call of a function with its last argument: whose sales these are.
    pub(crate) async fn signed(&self, mut command: Cmd) -> Result<Cmd, LineError> {
        let ledger = self.owner.id().await.map_err(LineError::Ownerless)?;
        command.arg(ledger.to_string());
        Ok(command)
    }

    /// Signs the call of a function, and sends it.
    pub(crate) async fn invoke(&mut self, command: Cmd) -> Result<Value, LineError> {
        let command = self.signed(command).await?;
        self.call(&command).await
    }

    /// Sends a command. A server that lacks the library gets it first.
    pub(crate) async fn call(&mut self, command: &Cmd) -> Result<Value, LineError> {
        self.call_within(command, REPLY_MS_MAX).await
    }

    /// [`call`](Self::call) with another limit for the reply.
    pub(crate) async fn call_within(
        &mut self,
        command: &Cmd,
        reply_ms_max: u64,
    ) -> Result<Value, LineError> {
        let mut connection = self.connection(reply_ms_max).await?;
        let began = Watch::start();
        let mut reply = command.query_async(&mut **connection).await.and_then(carried_out);
        if reply.as_ref().is_err_and(lacks_library) {
            if let Err(error) = self.probe.load_library(&mut connection).await {
                store_call_ended("redis", name_of(command), began, false);
                drop(Object::take(connection));
                return Err(error);
            }
            reply = command.query_async(&mut **connection).await.and_then(carried_out);
        }
        store_call_ended("redis", name_of(command), began, reply.is_ok());
        self.keep_or_drop(connection, reply)
    }

    /// Sends commands as one transaction, and returns their replies. Gives the server nothing
    /// that it lacks.
    pub(crate) async fn transact(
        &mut self,
        commands: &Pipeline,
        reply_ms_max: u64,
    ) -> Result<Vec<Value>, LineError> {
        let mut connection = self.connection(reply_ms_max).await?;
        let began = Watch::start();
        let replies = commands.query_async::<Vec<Value>>(&mut **connection).await;
        let replies = replies.and_then(|all| all.into_iter().map(carried_out).collect());
        store_call_ended("redis", "pipeline", began, replies.is_ok());
        self.keep_or_drop(connection, replies)
    }

    /// Sends commands that have nothing to do with each other, and returns their replies: one that is refused
    /// is among them. Gives the server nothing that it lacks.
    pub(crate) async fn ask_all(
        &mut self,
        commands: &mut Pipeline,
        reply_ms_max: u64,
    ) -> Result<Vec<Value>, LineError> {
        let mut connection = self.connection(reply_ms_max).await?;
        let began = Watch::start();
        let replies = commands.ignore_errors().query_async(&mut **connection).await;
        store_call_ended("redis", "processes", began, replies.is_ok());
        self.keep_or_drop(connection, replies)
    }

    /// A connection to a server that can do what is needed.
    async fn connect(&self) -> Result<Object, LineError> {
        self.probe.check()?;
        let mut connection = self.pool.get().await.map_err(no_connection)?;
        match self.probe.look(&mut connection).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                // A look that was not answered may still be under way there.
                drop(Object::take(connection));
                Err(error)
            }
        }
    }

    async fn connection(&mut self, reply_ms_max: u64) -> Result<Object, LineError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.set_response_timeout(Duration::from_millis(reply_ms_max));
        Ok(connection)
    }

    fn keep_or_drop<T>(
        &mut self,
        connection: Object,
        reply: Result<T, RedisError>,
    ) -> Result<T, LineError> {
        match reply {
            Ok(value) => {
                self.keep(connection);
                Ok(value)
            }
            Err(error) => Err(self.drop_for(connection, error)),
        }
    }

    fn keep(&mut self, connection: Object) {
        if std::mem::take(&mut self.is_refused) {
            tracing::info!("Redis refuses no more");
        }
        self.connection = Some(connection);
    }

    /// Whatever is still under way there, the next caller shall not meet it; and a server that turned
    /// read-only is not the one to talk to any more.
    fn drop_for(&mut self, connection: Object, error: RedisError) -> LineError {
        drop(Object::take(connection));
        self.note(error)
    }

    /// What an error means that came instead of a reply. A refusal is logged, once.
    fn note(&mut self, error: RedisError) -> LineError {
        if is_for_want_of_a_right(&error) {
            self.probe.doubt();
        }
        let error = LineError::of(error);
        if let LineError::Refused { remedy, source: Some(source) } = &error
            && !std::mem::replace(&mut self.is_refused, true)
        {
            tracing::warn!(error = %source, "Redis refuses: {remedy}");
        }
        error
    }
}

/// What a command calls: the name of its function, or its own.
fn name_of(command: &Cmd) -> &str {
    let word = |nth| match command.args_iter().nth(nth) {
        Some(Arg::Simple(word)) => std::str::from_utf8(word).ok(),
        _ => None,
    };
    let name = word(0).filter(|name| *name != "FCALL").or_else(|| word(1));
    name.unwrap_or("other")
}

fn lacks_library(error: &RedisError) -> bool {
    is_for_want_of_library(error.detail())
}

/// Whether the server said so because it lacks the library.
pub(crate) fn is_for_want_of_library(detail: Option<&str>) -> bool {
    detail.is_some_and(|detail| detail.contains("Function not found"))
}

/// A server that refuses whoever comes is not out of reach.
fn no_connection(error: PoolError) -> LineError {
    match of_pool(error) {
        ConnectError::Server { host, what, source } => match remedy(&source) {
            Some(remedy) => LineError::Refused { remedy, source: Some(source) },
            None => LineError::Unreachable(ConnectError::Server { host, what, source }),
        },
        error => LineError::Unreachable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version of the library, and what it is, by [`fingerprint`]. A server that has a
    /// library of this name is never given another, so two versions must not share one.
    const KNOWN: (u32, u64) = (4, 0xe0ad_5a80_2b35_5409);

    #[test]
    fn a_changed_library_has_a_new_name() {
        let (version, known) = KNOWN;
        let name = format!("flashsale_v{version}");

        let functions = LIBRARY.matches("redis.register_function").count();
        assert!(LIBRARY.starts_with(&format!("#!lua name={name}\n")));
        assert!(LIBRARY.contains(&format!("local LIBRARY_VERSION = {version}\n")));
        assert_eq!(LIBRARY.matches(&format!("'{name}_")).count(), functions);
        assert_eq!(
            fingerprint(LIBRARY),
            known,
            "the library changed: if {name} was ever released, call this one flashsale_v{}, in \
             lua/ and where its functions are called; then note its version and fingerprint here",
            version + 1
        );
    }

    /// FNV-1a: the same in every release of Rust.
    fn fingerprint(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}
