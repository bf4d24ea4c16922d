//! What the errors of a connection mean: for the work that was asked for, and for the connection.

use domain::{Failure, StoreError, answer::Doing};
use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

use crate::{
    servers::{ConnectError, shown},
    session::wrong_connection,
};

/// Why a statement brought no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// No connection could be had; nothing was sent.
    #[error("Postgres cannot be reached")]
    Unreachable(#[source] ConnectError),
    /// The statement was refused for what it says; nothing was done.
    #[error("Postgres refuses what the statement says")]
    Poison(#[source] Said),
    /// Another transaction was in the way; nothing was done.
    #[error("Postgres could not get a lock")]
    Contended(#[source] Said),
    /// The server could not do it, such as for want of room; nothing was done.
    #[error("Postgres could not do it")]
    Refused(#[source] Said),
    /// The role may not do it; nothing was done. What the server says names the object.
    #[error("the role of DATABASE_URL lacks a right; docs/rights.md lists all that are needed")]
    NotAllowed(#[source] Said),
    /// This connection cannot do it, and will not be able to, but another one may; nothing was
    /// done.
    #[error("Postgres says no to this connection, {why}")]
    WrongConnection {
        /// What is the matter with it.
        why: &'static str,
        /// What the server says.
        source: Said,
    },
    /// The connection broke or the server went down. The work may be done.
    #[error("Postgres gave no answer")]
    Lost(#[source] Said),
    /// No reply came in time. The work may be done, or be done later.
    #[error("Postgres gave no answer in time")]
    TimedOut,
    /// The server says that it did it, but perhaps no standby has it, or the server is not the ledger
    /// any more.
    #[error("Postgres did it, but it is not certain that the standby has it{}", warned(.warning.as_deref()))]
    Unconfirmed {
        /// What the server warned of, if it did.
        warning: Option<String>,
    },
    /// What came of a statement that was carried out cannot be read back.
    #[error("Postgres did it, but cannot be asked what came of it")]
    Unseen(#[source] Box<SessionError>),
    /// A row is not of the form the statement promises.
    #[error("Postgres gave an unreadable answer: {0}")]
    Unreadable(String),
}

/// The driver's error, without the details: they quote rows, and a row has a code and a user, which
/// belong in no log.
#[derive(Debug)]
pub(crate) struct Said(Error);

impl Said {
    pub(crate) fn code(&self) -> Option<&SqlState> {
        self.0.code()
    }

    /// What the server said, if it was the server that said it.
    pub(crate) fn db_error(&self) -> Option<&DbError> {
        self.0.as_db_error()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_db_error() {
            Some(error) => write!(f, "{} ({})", shown(error.message()), error.code().code()),
            None => self.0.fmt(f),
        }
    }
}

impl std::error::Error for Said {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // That of an error of the server is the same error again, details and all.
        self.0.as_db_error().is_none().then(|| std::error::Error::source(&self.0)).flatten()
    }
}

impl SessionError {
    /// What is known of the work that was asked for.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Unreachable(_)
            | Self::Poison(_)
            | Self::Contended(_)
            | Self::Refused(_)
            | Self::NotAllowed(_)
            | Self::WrongConnection { .. } => Failure::NotDone,
            Self::Lost(_)
            | Self::TimedOut
            | Self::Unconfirmed { .. }
            | Self::Unseen(_)
            | Self::Unreadable(_) => Failure::Unknown,
        }
    }

    /// Whether it is of a session that is not the one it was: a pooler may have come in between.
    pub(crate) fn is_of_another_session(&self) -> bool {
        matches!(self, Self::WrongConnection { source, .. }
            if source.code().is_some_and(wrong_connection::is_of_another_session))
    }

    /// What the server warned of, if that is why it is not believed.
    pub(crate) fn warning(&self) -> Option<String> {
        match self {
            Self::Unconfirmed { warning } => warning.clone(),
            Self::Unreachable(ConnectError::Warned { warning, .. }) => Some(warning.clone()),
            _ => None,
        }
    }

    /// Whether a row met one that is there already.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Poison(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    pub(crate) fn during(self, doing: impl Into<Doing>) -> StoreError {
        let remedy = self.remedy();
        StoreError::new(doing, self.failure(), self).with_remedy(remedy)
    }

    /// One error for each of many callers: an error cannot be cloned, its text can.
    pub(crate) fn shared(&self, doing: impl Into<Doing>) -> StoreError {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        StoreError::new(doing, self.failure(), text).with_remedy(self.remedy())
    }

    /// Logs what became of a batch. That a server is down is the scheduler's to say, once.
    pub(crate) fn log(&self, what: &'static str, requests: usize) {
        let error = self as &dyn std::error::Error;
        if matches!(self, Self::Unreachable(_)) {
            tracing::debug!(error, requests, "{what}");
        } else {
            tracing::warn!(error, requests, "{what}");
        }
    }

    /// Whether the connection it came from is of no use to the next statement: something may still
    /// be under way there, or it is the wrong one.
    pub(crate) fn condemns_connection(&self) -> bool {
        matches!(self, Self::WrongConnection { .. }) || self.failure() == Failure::Unknown
    }

    /// Whether other connections may see what this one wrote although no standby has it: its wait was
    /// cancelled, its session was ended in mid-wait, or nobody is left who hears that either happens.
    pub(crate) const fn may_be_seen_unconfirmed(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Unconfirmed { .. } | Self::TimedOut)
    }

    /// The driver's error, with what it means for the work.
    pub(crate) fn of(error: Error) -> Self {
        let meaning = error.as_db_error().map(meaning);
        let said = Said(error);
        match meaning {
            None | Some(Meaning::Lost) => Self::Lost(said),
            Some(Meaning::Poison) => Self::Poison(said),
            Some(Meaning::Contended) => Self::Contended(said),
            Some(Meaning::Refused) => Self::Refused(said),
            Some(Meaning::NotAllowed) => Self::NotAllowed(said),
            Some(Meaning::WrongConnection(why)) => Self::WrongConnection { why, source: said },
        }
    }
}

fn warned(of: Option<&str>) -> String {
    of.map(|of| format!("; it warns: {of}")).unwrap_or_default()
}

enum Meaning {
    Lost,
    Poison,
    Contended,
    Refused,
    NotAllowed,
    WrongConnection(&'static str),
}

/// What the server's own error says of the work. A server that goes down in mid-commit, or
/// whose disk fails, may have committed all the same; an ordinary error has undone everything.
fn meaning(error: &DbError) -> Meaning {
    // Not by the word, which is in the language of the server.
    let ordinary = error.parsed_severity() == Some(Severity::Error);
    if ordinary && let Some(why) = wrong_connection::why(error.code(), error.routine()) {
        return Meaning::WrongConnection(why);
    }
    let class = &error.code().code()[..2];
    match class {
        _ if *error.code() == SqlState::QUERY_CANCELED => Meaning::Refused,
        "08" | "57" | "58" | "XX" => Meaning::Lost,
        _ if !ordinary => Meaning::Lost,
        "22" | "23" | "P0" => Meaning::Poison,
        _ if *error.code() == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => Meaning::Lost,
        "40" | "55" => Meaning::Contended,
        _ if *error.code() == SqlState::INSUFFICIENT_PRIVILEGE => Meaning::NotAllowed,
        _ => Meaning::Refused,
    }
}
