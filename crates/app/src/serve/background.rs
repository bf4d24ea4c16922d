//! What runs beside the server of buyers.

use std::{future::pending, io, time::Duration};

use tokio::{
    task::{JoinError, JoinHandle},
    time::timeout,
};

use super::ServeError;

/// The names of the tasks, as errors have them.
pub(super) const BUYERS: &str = "a thread that answers buyers";
pub(super) const OPERATORS: &str = "the listener for operators";
pub(super) const UPKEEP: &str = "the upkeep";
pub(super) const MINUTES: &str = "what is written down of how sales go";
pub(super) const LIVE_SOCKET: &str = "the socket of the live store";
pub(super) const TOKEN_KEYS: &str = "the keys of buyers' tokens";
pub(super) const OPERATOR_TOKENS: &str = "the tokens of operators";
pub(super) const BEATS: &str = "what is told the other processes";
pub(super) const SYSTEMD: &str = "what systemd is told";

/// How long is waited until systemd was told that the process ends.
const TELL_LIMIT: Duration = Duration::from_millis(200);

/// What runs beside the server until it is told to stop.
pub(super) struct Background {
    pub(super) upkeep: JoinHandle<Result<(), ServeError>>,
    pub(super) minutes: JoinHandle<()>,
    /// Of a service whose buyers have tokens.
    pub(super) token_keys: Option<JoinHandle<()>>,
    /// Of a service whose operators have tokens.
    pub(super) operator_tokens: Option<JoinHandle<()>>,
    /// Of a service that is watched.
    pub(super) beats: Option<JoinHandle<()>>,
    /// Of a service in a directory. The directory is given back when it is done.
    pub(super) live_socket: Option<JoinHandle<()>>,
    /// Of a service that systemd started, or somebody else who is told how it does.
    pub(super) systemd: Option<JoinHandle<()>>,
    /// Where somebody who runs the service may listen.
    pub(super) operators: Option<JoinHandle<io::Result<()>>>,
}

impl Background {
    /// Waits until one ends that nobody told to.
    pub(super) async fn broke(&mut self) -> ServeError {
        tokio::select! {
            ended = end_of(&mut self.operators) => match ended {
                Ok(Ok(())) => ServeError::TaskEnded(OPERATORS),
                Ok(Err(error)) => ServeError::Http(error),
                Err(error) => ServeError::TaskBroke(OPERATORS, error),
            },
            upkeep = &mut self.upkeep => match upkeep {
                Ok(Ok(())) => ServeError::TaskEnded(UPKEEP),
                Ok(Err(error)) => error,
                Err(error) => ServeError::TaskBroke(UPKEEP, error),
            },
            ended = &mut self.minutes => broken(MINUTES, ended),
            ended = end_of(&mut self.token_keys) => broken(TOKEN_KEYS, ended),
            ended = end_of(&mut self.operator_tokens) => broken(OPERATOR_TOKENS, ended),
            ended = end_of(&mut self.beats) => broken(BEATS, ended),
            ended = end_of(&mut self.systemd) => broken(SYSTEMD, ended),
            ended = end_of(&mut self.live_socket) => broken(LIVE_SOCKET, ended),
        }
    }

    /// Waits until all ended that were told to.
    pub(super) async fn ended(self) -> Result<(), ServeError> {
        self.upkeep.await.map_err(|error| ServeError::TaskBroke(UPKEEP, error))??;
        self.minutes.await.map_err(|error| ServeError::TaskBroke(MINUTES, error))?;
        if let Some(token_keys) = self.token_keys {
            token_keys.await.map_err(|error| ServeError::TaskBroke(TOKEN_KEYS, error))?;
        }
        if let Some(tokens) = self.operator_tokens {
            tokens.await.map_err(|error| ServeError::TaskBroke(OPERATOR_TOKENS, error))?;
        }
        if let Some(beats) = self.beats {
            beats.await.map_err(|error| ServeError::TaskBroke(BEATS, error))?;
        }
        if let Some(live_socket) = self.live_socket {
            live_socket.await.map_err(|error| ServeError::TaskBroke(LIVE_SOCKET, error))?;
        }
        if let Some(operators) = self.operators {
            let ended = operators.await.map_err(|error| ServeError::TaskBroke(OPERATORS, error))?;
            ended.map_err(ServeError::Http)?;
        }
        if let Some(systemd) = self.systemd {
            // One that does not listen is not waited for.
            let _ = timeout(TELL_LIMIT, systemd).await;
        }
        Ok(())
    }
}

/// The end of a task, if there is one.
async fn end_of<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}

/// That a task ended which nobody told to.
fn broken(task: &'static str, ended: Result<(), JoinError>) -> ServeError {
    match ended {
        Ok(()) => ServeError::TaskEnded(task),
        Err(error) => ServeError::TaskBroke(task, error),
    }
}
