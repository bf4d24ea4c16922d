//! Why one host is not the ledger, and what an operator can do about it.

use tokio_postgres::error::{DbError, SqlState};

use crate::{
    servers::{source::Key, url::SslMode},
    session::remedy_of,
};

/// What a server means that has no connection left, and what can be done.
pub(super) const FULL: &str = "Postgres has no connection left for this process: let it have more \
     (max_connections, or the CONNECTION LIMIT of the role or the database), or the processes fewer \
     (DATABASE_CONNECTIONS)";

/// Why one host is not the ledger. What it says follows the name of the host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// It takes no writes.
    #[error(" is a standby")]
    Standby,
    /// It said nothing for too long, as a server of another kind does that waits for more.
    #[error(" is silent, or does not speak Postgres")]
    Silent,
    /// Its name leads nowhere.
    #[error(": {0}")]
    NotFound(std::io::Error),
    /// It cannot be reached, or refuses.
    #[error(": {}", said(.0))]
    Driver(tokio_postgres::Error),
    /// It has no connection left for this process.
    #[error(": {} ({})", FULL, said(.0))]
    Full(tokio_postgres::Error),
    /// It cannot be reached, or refuses, and it can be said what to do.
    #[error(": {what}")]
    Explained {
        /// What is the matter, and what to do.
        what: String,
        /// What to do, without a name of anything.
        remedy: String,
        /// What the driver says, which is in it.
        error: tokio_postgres::Error,
    },
}

/// What the driver says in few words.
fn said(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => format!("{} ({})", shown(said.message()), said.code().code()),
        (None, Some(cause)) => cause.to_string(),
        (None, None) => error.to_string(),
    }
}

/// How much of a text of a server is shown, in characters.
const SHOWN_MAX: usize = 500;

/// A text of a server, for people: not all of it if it is long, and in one line.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(SHOWN_MAX) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

impl From<tokio_postgres::Error> for HostError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

impl HostError {
    /// What an error of connecting means; `is_here` if that was to a socket of this machine.
    pub(in crate::servers) fn of(error: tokio_postgres::Error, key: &Key, is_here: bool) -> Self {
        if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
            return Self::Full(error);
        }
        match explained(&error, key, is_here) {
            Some((what, remedy)) => Self::Explained { what, remedy, error },
            None => Self::Driver(error),
        }
    }

    /// What an operator can do about it, if that is known, without a name of a server.
    pub(super) fn remedy(&self) -> Option<String> {
        match self {
            Self::Explained { remedy, .. } => Some(remedy.clone()),
            Self::Full(_) => Some(FULL.to_owned()),
            Self::Driver(error) => remedy_of(error.as_db_error()?),
            Self::Standby | Self::Silent | Self::NotFound(_) => None,
        }
    }

    /// What the driver says, if it said something.
    pub(super) const fn driver(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Self::Driver(error) | Self::Full(error) | Self::Explained { error, .. } => Some(error),
            Self::Standby | Self::Silent | Self::NotFound(_) => None,
        }
    }
}

/// The part of the server that finds that a role is not there, or may not log in.
const FINDS_THE_ROLE: &str = "InitializeSessionUserId";

/// What is the matter with an error of connecting, with names, and what an operator can do, without any, if
/// it is known.
fn explained(error: &tokio_postgres::Error, key: &Key, is_here: bool) -> Option<(String, String)> {
    if let Some(what) = credentials::refusal(error, &key.names) {
        return credentials::remedy(error, &key.names).map(|remedy| (what, remedy));
    }
    if let Some(said) = error.as_db_error() {
        let remedy = match *said.code() {
            SqlState::INVALID_PASSWORD => {
                "the password in DATABASE_URL or DATABASE_PASSWORD_FILE is not the role's, or has \
                 expired (VALID UNTIL)"
                    .to_owned()
            }
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => not_let_in(said, key, is_here),
            SqlState::INVALID_CATALOG_NAME => {
                "the database that DATABASE_URL names is not there (CREATE DATABASE …)".to_owned()
            }
            SqlState::INSUFFICIENT_PRIVILEGE => {
                "the role of DATABASE_URL may not connect to the database (GRANT CONNECT ON DATABASE …)"
                    .to_owned()
            }
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => {
                "the database lets nobody connect (ALTER DATABASE … ALLOW_CONNECTIONS true)".to_owned()
            }
            SqlState::CANNOT_CONNECT_NOW => {
                "it is starting, stopping or recovering, and takes nobody yet".to_owned()
            }
            _ => return None,
        };
        let what = format!("{} ({}); {remedy}", shown(said.message()), said.code().code());
        return Some((what, remedy));
    }
    let remedy = match std::error::Error::source(error)?.to_string().as_str() {
        "server does not support TLS" => format!(
            "it offers no TLS, which {} demands: switch it on there (ssl = on), or say sslmode=disable \
             and name no certificates if nobody else is on the network between",
            key.asked_by
        ),
        "password missing" => {
            "it asks for a password, and there is none in DATABASE_URL, nor a DATABASE_PASSWORD_FILE"
                .to_owned()
        }
        _ => return None,
    };
    Some((remedy.clone(), remedy))
}

/// What can be done about a server that lets a role not in. Which of its rules that is, it says in words
/// alone, and in its own language; `no encryption` and `certificate` are of a server that speaks English.
fn not_let_in(said: &DbError, key: &Key, is_here: bool) -> String {
    let asks_for = |words| said.message().contains(words);
    if said.routine() == Some(FINDS_THE_ROLE) {
        return "the role of DATABASE_URL must be there, and may log in (ALTER ROLE … LOGIN)"
            .to_owned();
    }
    if asks_for("certificate") && !key.shows_certificate {
        return "no certificate is shown to it: DATABASE_CERT_FILE and DATABASE_KEY_FILE name ours"
            .to_owned();
    }
    let rule = "pg_hba.conf there must have a line that lets the role in from this machine";
    if key.mode == SslMode::Disable && !is_here {
        return format!(
            "{rule}; if it has one for TLS alone: this connection is in plain text, by {}, and \
             sslmode=verify-full demands TLS",
            key.asked_by
        );
    }
    rule.to_owned()
}

pub(super) fn of_others(hosts: &[(String, HostError)]) -> String {
    if hosts.is_empty() { "no other one answered".to_owned() } else { listed(hosts) }
}

pub(super) fn listed(hosts: &[(String, HostError)]) -> String {
    let hosts = hosts.iter().map(|(name, error)| format!("{name}{error}"));
    hosts.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_server_is_shown_in_one_line_that_ends() {
        assert_eq!(shown("bad\nERROR \u{1b}[31mred\u{7}"), "bad\\nERROR \\u{1b}[31mred\\u{7}");
        assert_eq!(shown(&"ä".repeat(9_000)), format!("{}…", "ä".repeat(SHOWN_MAX)));
    }
}
