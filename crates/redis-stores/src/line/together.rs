//! Several calls by one way there and back: those of a batch that is of several sales.

use std::sync::Arc;

use deadpool_redis::redis::{self, ErrorKind, Pipeline, RedisResult, Value};
use futures_util::future::join_all;
use telemetry::{Watch, store_call_ended};

use super::{Line, LineError, REPLY_MS_MAX, Routed, connect, lacks_library, name_of};
use crate::{
    reply::carried_out,
    server::{Object, Purpose, Server},
};

/// What one of the calls was answered. What failed for all is said to each.
pub(crate) type Replied = Result<Value, Arc<LineError>>;

impl Line {
    /// Signs the calls of functions, and sends them by one way there and back: each has a reply of its own.
    /// Where a server lacks the library all are sent to it again, so each must be one that may come twice.
    pub(crate) async fn invoke_each(&mut self, calls: Vec<Routed>) -> Vec<Replied> {
        match self.signed_each(calls).await {
            Ok(calls) => self.call_each(&calls).await,
            Err(every) => every,
        }
    }

    /// [`invoke_each`](Self::invoke_each), once more if a reply gets lost.
    pub(crate) async fn invoke_each_again_if_lost(&mut self, calls: Vec<Routed>) -> Vec<Replied> {
        let calls = match self.signed_each(calls).await {
            Ok(calls) => calls,
            Err(every) => return every,
        };
        let replies = self.call_each(&calls).await;
        if !replies.iter().any(|reply| reply.as_ref().is_err_and(|error| error.is_lost())) {
            return replies;
        }
        let again = self.call_each(&calls).await;
        // Why the second call fails says nothing of what the first one did.
        let either =
            |(first, second): (Replied, Replied)| first.or_else(|lost| second.map_err(|_| lost));
        replies.into_iter().zip(again).map(either).collect()
    }

    async fn signed_each(&self, mut calls: Vec<Routed>) -> Result<Vec<Routed>, Vec<Replied>> {
        match self.owner.id().await {
            Ok(ledger) => {
                let ledger = ledger.to_string();
                for call in &mut calls {
                    call.command.arg(&ledger);
                }
                Ok(calls)
            }
            Err(error) => Err(failed(calls.len(), LineError::Ownerless(error))),
        }
    }

    /// Sends calls by one way there and back to each server: each has a reply of its own.
    pub(crate) async fn call_each(&mut self, calls: &[Routed]) -> Vec<Replied> {
        if let [call] = calls {
            return vec![self.call(call).await.map_err(Arc::new)];
        }
        let mut replies: Vec<Option<Replied>> = Vec::new();
        replies.resize_with(calls.len(), || None);
        let mut visits: Vec<Visit> = Vec::with_capacity(1);
        for (index, call) in calls.iter().enumerate() {
            let server = match self.servers.of(call.slot).await {
                Ok(server) => server,
                Err(error) => {
                    replies[index] = Some(Err(LineError::Unreachable(error).into()));
                    continue;
                }
            };
            let known = visits.iter().position(|visit| Arc::ptr_eq(&visit.server, &server));
            let at = known.unwrap_or_else(|| {
                let (connection, purpose) = (self.take(&server), self.purpose);
                visits.push(Visit { server, purpose, connection, indexes: Vec::new() });
                visits.len() - 1
            });
            visits[at].indexes.push(index);
        }
        // A server that is slow keeps the others no longer than its own calls may take.
        let visited = join_all(visits.into_iter().map(|visit| visit.make(calls))).await;
        for (server, indexes, answers) in visited {
            for (index, answer) in indexes.iter().zip(self.read(&server, answers, indexes.len())) {
                let call = &calls[*index];
                let error = answer.as_ref().err().map(AsRef::as_ref);
                replies[*index] = Some(match self.sent_elsewhere(&server, call.slot, error) {
                    Some(_) => self.call(call).await.map_err(Arc::new),
                    None => answer,
                });
            }
        }
        replies.into_iter().flatten().collect()
    }

    /// What a server answered to so many calls; the connection is kept if nothing is amiss.
    fn read(&mut self, server: &Arc<Server>, answers: Answers, calls: usize) -> Vec<Replied> {
        let (connection, answers) = match answers {
            Ok((connection, Ok(answers))) => (connection, answers),
            Ok((connection, Err(error))) => {
                let lost = self.keep_or_drop(server, connection, Err::<(), _>(error));
                return lost.err().map(|error| failed(calls, error)).unwrap_or_default();
            }
            Err(error) => return failed(calls, error),
        };
        let is_sound = |answer: &RedisResult<Value>| match answer {
            Ok(_) => true,
            Err(error) => self.is_elsewhere(error),
        };
        if answers.iter().all(is_sound) {
            self.keep(server, connection);
        } else {
            drop(Object::take(connection));
        }
        let read = |answer: RedisResult<Value>| {
            answer.map_err(|error| {
                let is_elsewhere = self.is_elsewhere(&error);
                let what =
                    if is_elsewhere { LineError::of(error) } else { self.note(server, error) };
                Arc::new(what)
            })
        };
        answers.into_iter().map(read).collect()
    }
}

/// What a server answered: why there is no connection to it; or that, with the answers, or how they got lost.
type Answers = Result<(Object, RedisResult<Vec<RedisResult<Value>>>), LineError>;

/// The calls of a batch that are for one server.
struct Visit {
    server: Arc<Server>,
    purpose: Purpose,
    connection: Option<Object>,
    indexes: Vec<usize>,
}

impl Visit {
    /// Makes the calls, by one way there and back.
    async fn make(self, calls: &[Routed]) -> (Arc<Server>, Vec<usize>, Answers) {
        let Self { server, purpose, connection, indexes } = self;
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for &index in &indexes {
            pipeline.add_command(calls[index].command.clone());
        }
        let first = &calls[indexes[0]];
        let asked = ask_each(&server, purpose, connection, (first, &pipeline)).await;
        (server, indexes, asked)
    }
}

async fn ask_each(
    server: &Server,
    purpose: Purpose,
    connection: Option<Object>,
    (first, pipeline): (&Routed, &Pipeline),
) -> Answers {
    let mut connection = match connection {
        Some(connection) => connection,
        None => connect(server, purpose, first.slot).await?,
    };
    connection.set_response_timeout(std::time::Duration::from_millis(REPLY_MS_MAX));
    let began = Watch::start();
    let mut answers = send_each(&mut connection, pipeline).await;
    if answers.as_ref().is_ok_and(|each| each.iter().any(is_of_missing_library)) {
        if let Err(error) = server.probe(purpose).load_library(&mut connection).await {
            store_call_ended("redis", name_of(&first.command), began, false);
            drop(Object::take(connection));
            return Err(error);
        }
        answers = send_each(&mut connection, pipeline).await;
    }
    let is_whole = answers.as_ref().is_ok_and(|each| each.iter().all(Result::is_ok));
    store_call_ended("redis", name_of(&first.command), began, is_whole);
    Ok((connection, answers))
}

/// Sends commands together; each is answered by itself, also with an error.
async fn send_each(
    connection: &mut Object,
    pipeline: &Pipeline,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let replies: Vec<Value> = pipeline.query_async(&mut ***connection).await?;
    if replies.len() != pipeline.len() {
        let what = "there are not as many replies as commands";
        return Err((ErrorKind::UnexpectedReturnType, what).into());
    }
    Ok(replies.into_iter().map(|reply| reply.extract_error().and_then(carried_out)).collect())
}

/// The same failure for each of so many commands.
fn failed(calls: usize, error: LineError) -> Vec<Replied> {
    let error = Arc::new(error);
    (0..calls).map(|_| Err(Arc::clone(&error))).collect()
}

fn is_of_missing_library(reply: &RedisResult<Value>) -> bool {
    reply.as_ref().is_err_and(lacks_library)
}
