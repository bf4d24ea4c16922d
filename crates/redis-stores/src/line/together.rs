//! Several calls by one way there and back: those of a batch that is of several sales.

use std::sync::Arc;

use deadpool_redis::redis::{self, Cmd, ErrorKind, Pipeline, RedisResult, Value};
use telemetry::{Watch, store_call_ended};

use super::{Line, LineError, REPLY_MS_MAX, lacks_library, name_of};
use crate::{reply::carried_out, server::Object};

/// What one of the calls was answered. What failed for all is said to each.
pub(crate) type Replied = Result<Value, Arc<LineError>>;

impl Line {
    /// Signs the calls of functions, and sends them by one way there and back: each has a reply of its own.
    /// Where the server lacks the library all are sent again, so each must be one that may come twice.
    pub(crate) async fn invoke_each(&mut self, commands: Vec<Cmd>) -> Vec<Replied> {
        match self.signed_each(commands).await {
            Ok(commands) => self.call_each(&commands).await,
            Err(every) => every,
        }
    }

    /// [`invoke_each`](Self::invoke_each), once more if a reply gets lost.
    pub(crate) async fn invoke_each_again_if_lost(&mut self, commands: Vec<Cmd>) -> Vec<Replied> {
        let commands = match self.signed_each(commands).await {
            Ok(commands) => commands,
            Err(every) => return every,
        };
        let replies = self.call_each(&commands).await;
        if !replies.iter().any(|reply| reply.as_ref().is_err_and(|error| error.is_lost())) {
            return replies;
        }
        let again = self.call_each(&commands).await;
        // Why the second call fails says nothing of what the first one did.
        let either =
            |(first, second): (Replied, Replied)| first.or_else(|lost| second.map_err(|_| lost));
        replies.into_iter().zip(again).map(either).collect()
    }

    async fn signed_each(&self, mut commands: Vec<Cmd>) -> Result<Vec<Cmd>, Vec<Replied>> {
        match self.owner.id().await {
            Ok(ledger) => {
                let ledger = ledger.to_string();
                for command in &mut commands {
                    command.arg(&ledger);
                }
                Ok(commands)
            }
            Err(error) => Err(failed(commands.len(), LineError::Ownerless(error))),
        }
    }

    /// Sends commands by one way there and back: each has a reply of its own.
    pub(crate) async fn call_each(&mut self, commands: &[Cmd]) -> Vec<Replied> {
        match commands {
            [command] => vec![self.call(command).await.map_err(Arc::new)],
            commands => match self.call_together(commands).await {
                Ok(replies) => replies,
                Err(error) => failed(commands.len(), error),
            },
        }
    }

    async fn call_together(&mut self, commands: &[Cmd]) -> Result<Vec<Replied>, LineError> {
        let Some(first) = commands.first() else { return Ok(Vec::new()) };
        let mut connection = self.connection(REPLY_MS_MAX).await?;
        let began = Watch::start();
        let pipeline = together(commands);
        let mut replies = ask_each(&mut connection, &pipeline).await;
        if replies.as_ref().is_ok_and(|each| each.iter().any(is_of_missing_library)) {
            if let Err(error) = self.probe.load_library(&mut connection).await {
                store_call_ended("redis", name_of(first), began, false);
                drop(Object::take(connection));
                return Err(error);
            }
            replies = ask_each(&mut connection, &pipeline).await;
        }
        let is_whole = replies.as_ref().is_ok_and(|each| each.iter().all(Result::is_ok));
        store_call_ended("redis", name_of(first), began, is_whole);
        let replies = match replies {
            Ok(replies) => replies,
            Err(error) => return Err(self.drop_for(connection, error)),
        };
        if is_whole {
            self.keep(connection);
        } else {
            drop(Object::take(connection));
        }
        let read = |reply: RedisResult<Value>| reply.map_err(|error| Arc::new(self.note(error)));
        Ok(replies.into_iter().map(read).collect())
    }
}

/// Commands that are sent together, each answered by itself, also with an error.
fn together(commands: &[Cmd]) -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline
}

async fn ask_each(
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
fn failed(commands: usize, error: LineError) -> Vec<Replied> {
    let error = Arc::new(error);
    (0..commands).map(|_| Err(Arc::clone(&error))).collect()
}

fn is_of_missing_library(reply: &RedisResult<Value>) -> bool {
    reply.as_ref().is_err_and(lacks_library)
}
