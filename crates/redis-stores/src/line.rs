//! Connections that are borrowed once and kept, and the function library behind them.

mod error;
mod routed;
mod together;

use std::{sync::Arc, time::Duration};

use deadpool_redis::redis::{self, Arg, Cmd, Pipeline, RedisError, RedisResult, Value};
use telemetry::{Watch, store_call_ended};

use crate::{
    keys::{HashSlot, SaleKeys},
    owner::Owner,
    refusal::{is_for_want_of_a_right, may_be_elsewhere, remedy},
    reply::carried_out,
    server::{ConnectError, Object, Purpose, Redirection, Server, Servers},
};

pub(crate) use self::{
    error::LineError,
    routed::{Routed, fcall},
    together::Replied,
};

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

/// How often a call follows when it is sent elsewhere: by a node that no longer has the slot, and by one that
/// is giving it away.
const REDIRECTIONS_MAX: usize = 3;

/// Connections kept between calls, one to each server that was called. Borrowing one costs a round trip and
/// lets nothing coalesce, so each batcher keeps its own.
pub(crate) struct Line {
    servers: Arc<Servers>,
    purpose: Purpose,
    owner: Owner,
    connections: Vec<(Arc<Server>, Object)>,
    /// How often it had changed which servers have something when connections were let go that have nothing.
    changes: u64,
    is_eager: bool,
    /// Whether the last call was refused, which is logged once.
    is_refused: bool,
}

impl Line {
    /// A line that connects when it is needed.
    pub(crate) fn new(servers: Arc<Servers>, purpose: Purpose, owner: Owner) -> Self {
        let connections = Vec::with_capacity(1);
        Self {
            servers,
            purpose,
            owner,
            connections,
            changes: 0,
            is_eager: false,
            is_refused: false,
        }
    }

    /// A line of the crowd that connects when it is made ready.
    pub(crate) fn eager(servers: Arc<Servers>, purpose: Purpose, owner: Owner) -> Self {
        Self { is_eager: true, ..Self::new(servers, purpose, owner) }
    }

    /// Connects, if this line is eager, to each server that is there.
    pub(crate) async fn make_ready(&mut self) {
        if !self.is_eager {
            return;
        }
        for (slot, server) in self.servers.all().await.unwrap_or_default() {
            if let Ok(connection) = connect(&server, self.purpose, slot).await {
                self.connections.push((server, connection));
            }
        }
    }

    /// The keys of a sale that there never is, on a server that is there if one is: what is asked of it is said to
    /// be so of all.
    pub(crate) fn keys_of_no_sale(&self) -> SaleKeys {
        SaleKeys::of_no_sale_where(|slot| self.servers.is_there(slot))
    }

    /// The call of a function with its last argument: whose sales these are.
    pub(crate) async fn signed(&self, mut call: Routed) -> Result<Routed, LineError> {
        let ledger = self.owner.id().await.map_err(LineError::Ownerless)?;
        call.command.arg(ledger.to_string());
        Ok(call)
    }

    /// Signs the call of a function, and sends it.
    pub(crate) async fn invoke(&mut self, call: Routed) -> Result<Value, LineError> {
        let call = self.signed(call).await?;
        self.call(&call).await
    }

    /// Sends a command. A server that lacks the library gets it first.
    pub(crate) async fn call(&mut self, call: &Routed) -> Result<Value, LineError> {
        self.call_within(call, REPLY_MS_MAX).await
    }

    /// [`call`](Self::call) with another limit for the reply.
    pub(crate) async fn call_within(
        &mut self,
        call: &Routed,
        reply_ms_max: u64,
    ) -> Result<Value, LineError> {
        let server = self.servers.of(call.slot).await.map_err(LineError::Unreachable)?;
        let mut to = Redirection { server, is_asking: false };
        for _ in 0..REDIRECTIONS_MAX {
            let reply = self.call_at(&to, call, reply_ms_max).await;
            match self.sent_elsewhere(&to.server, call.slot, reply.as_ref().err()) {
                None => return reply,
                Some(elsewhere) => to = elsewhere,
            }
        }
        self.call_at(&to, call, reply_ms_max).await
    }

    async fn call_at(
        &mut self,
        to: &Redirection,
        call: &Routed,
        reply_ms_max: u64,
    ) -> Result<Value, LineError> {
        let Redirection { server, is_asking } = to;
        let mut connection = self.connection(server, call.slot, reply_ms_max).await?;
        let (command, began) = (&call.command, Watch::start());
        let mut reply = send(&mut connection, command, *is_asking).await;
        if reply.as_ref().is_err_and(lacks_library) {
            if let Err(error) = server.probe(self.purpose).load_library(&mut connection).await {
                store_call_ended("redis", name_of(command), began, false);
                drop(Object::take(connection));
                return Err(error);
            }
            reply = send(&mut connection, command, *is_asking).await;
        }
        store_call_ended("redis", name_of(command), began, reply.is_ok());
        self.keep_or_drop(server, connection, reply)
    }

    /// Where a node of a cluster sent whoever got this error from it. It has done nothing.
    fn sent_elsewhere(
        &self,
        from: &Server,
        slot: HashSlot,
        error: Option<&LineError>,
    ) -> Option<Redirection> {
        match error {
            Some(LineError::Refused { source: Some(error), .. }) if self.is_elsewhere(error) => {
                let (address, _) = error.redirect_node()?;
                self.servers.follow(from, slot, address, error.code() == Some("ASK"))
            }
            _ => None,
        }
    }

    /// Whether a node of a cluster says who has the slot. Of one server that is a refusal.
    fn is_elsewhere(&self, error: &RedisError) -> bool {
        self.servers.are_a_cluster() && error.redirect_node().is_some()
    }

    /// Sends commands on keys of this slot as one transaction, and returns their replies. Gives the server
    /// nothing that it lacks.
    pub(crate) async fn transact(
        &mut self,
        slot: HashSlot,
        commands: &Pipeline,
        reply_ms_max: u64,
    ) -> Result<Vec<Value>, LineError> {
        let server = self.servers.of(slot).await.map_err(LineError::Unreachable)?;
        let mut connection = self.connection(&server, slot, reply_ms_max).await?;
        let began = Watch::start();
        let replies = commands.query_async::<Vec<Value>>(&mut **connection).await;
        let replies = replies.and_then(|all| all.into_iter().map(carried_out).collect());
        store_call_ended("redis", "pipeline", began, replies.is_ok());
        self.keep_or_drop(&server, connection, replies)
    }

    /// Sends commands on keys of this slot that have nothing else to do with each other, and returns their
    /// replies: one that is refused is among them. Gives the server nothing that it lacks.
    pub(crate) async fn ask_all(
        &mut self,
        slot: HashSlot,
        commands: &mut Pipeline,
        reply_ms_max: u64,
    ) -> Result<Vec<Value>, LineError> {
        let server = self.servers.of(slot).await.map_err(LineError::Unreachable)?;
        let mut connection = self.connection(&server, slot, reply_ms_max).await?;
        let began = Watch::start();
        let replies: RedisResult<Vec<Value>> =
            commands.ignore_errors().query_async(&mut **connection).await;
        store_call_ended("redis", "processes", began, replies.is_ok());
        if let Ok([Value::ServerError(error), ..]) = replies.as_deref() {
            // It has the slot no more; the next time another is asked.
            let error = LineError::of(error.clone().into());
            let _ = self.sent_elsewhere(&server, slot, Some(&error));
        }
        self.keep_or_drop(&server, connection, replies)
    }

    async fn connection(
        &mut self,
        server: &Arc<Server>,
        slot: HashSlot,
        reply_ms_max: u64,
    ) -> Result<Object, LineError> {
        let mut connection = match self.take(server) {
            Some(connection) => connection,
            None => connect(server, self.purpose, slot).await?,
        };
        connection.set_response_timeout(Duration::from_millis(reply_ms_max));
        Ok(connection)
    }

    /// The connection to a server that is kept, if one is.
    fn take(&mut self, server: &Arc<Server>) -> Option<Object> {
        let changes = self.servers.changes();
        if self.changes != changes {
            // Those that lost their place are called no more.
            self.connections.retain(|(server, _)| self.servers.have(server));
            self.changes = changes;
        }
        let at = self.connections.iter().position(|(known, _)| Arc::ptr_eq(known, server))?;
        Some(self.connections.swap_remove(at).1)
    }

    fn keep_or_drop<T>(
        &mut self,
        server: &Arc<Server>,
        connection: Object,
        reply: RedisResult<T>,
    ) -> Result<T, LineError> {
        match reply {
            Ok(value) => {
                if std::mem::take(&mut self.is_refused) {
                    tracing::info!("Redis refuses no more");
                }
                self.keep(server, connection);
                Ok(value)
            }
            Err(error) if self.is_elsewhere(&error) => {
                self.keep(server, connection);
                Err(LineError::of(error))
            }
            // Whatever is still under way there, the next caller shall not meet it; and a server that turned
            // read-only is not the one to talk to any more.
            Err(error) => {
                drop(Object::take(connection));
                Err(self.note(server, error))
            }
        }
    }

    fn keep(&mut self, server: &Arc<Server>, connection: Object) {
        self.connections.push((Arc::clone(server), connection));
    }

    /// What an error means that came instead of a reply. A refusal is logged, once.
    fn note(&mut self, server: &Server, error: RedisError) -> LineError {
        if is_for_want_of_a_right(&error) {
            server.probe(self.purpose).doubt();
        }
        if error.is_timeout() {
            server.missed();
        } else if may_be_elsewhere(&error) {
            server.doubted();
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

/// A connection to a server that can do what is needed.
async fn connect(server: &Server, purpose: Purpose, slot: HashSlot) -> Result<Object, LineError> {
    let probe = server.probe(purpose);
    probe.check()?;
    server.is_there().map_err(LineError::Unreachable)?;
    let got = server.pool(purpose).get().await;
    let mut connection = got.map_err(|error| no_connection(server.not_connected(error)))?;
    match probe.look(&mut connection, server.slot_of(slot)).await {
        Ok(()) => Ok(connection),
        Err(error) => {
            // A look that was not answered may still be under way there.
            drop(Object::take(connection));
            if error.is_lost() {
                server.missed();
            }
            Err(error)
        }
    }
}

/// Sends a command to a server that has its slot, or to one that is about to.
async fn send(connection: &mut Object, command: &Cmd, is_asking: bool) -> RedisResult<Value> {
    let reply = if is_asking {
        let mut both = redis::pipe();
        // Each by itself: an error of a whole pipeline does not say what it is.
        both.ignore_errors().cmd("ASKING").ignore().add_command(command.clone());
        let (reply,): (Value,) = both.query_async(&mut ***connection).await?;
        reply.extract_error()?
    } else {
        command.query_async(&mut ***connection).await?
    };
    carried_out(reply)
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
fn no_connection(error: ConnectError) -> LineError {
    match error {
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
