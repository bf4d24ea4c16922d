//! Why no connection came about.

use credentials::DATABASE;
use tokio_postgres::error::{DbError, SqlState};

use super::{
    pool::PoolError,
    source::{Key, SourceError},
    url::SslMode,
};

/// Why no connection came about. Nothing was sent that matters.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// No server said that it takes writes.
    #[error("no server of DATABASE_URL takes writes: {}", listed(.0))]
    NoneWritable(Vec<(String, HostError)>),
    /// The driver could not do what every connection begins with.
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
    /// The only server is not to be had, or could not do what every connection begins with.
    #[error("{host}{why}")]
    Host {
        /// Which one it is.
        host: String,
        /// What is the matter. No source: it says all there is to say.
        why: HostError,
    },
    /// It is not known where the servers are, or how to get in.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The server was the ledger until another one was promoted, and does not know it.
    #[error(
        "{server} is on timeline {timeline}, and one on timeline {known} has taken its place: it must \
         not be written any more; {}", of_others(.others)
    )]
    Past {
        /// Which one it is.
        server: String,
        /// Where it is.
        timeline: u32,
        /// Where the ledger is.
        known: u32,
        /// What the other servers say.
        others: Vec<(String, HostError)>,
    },
    /// The server is none of the ledger's.
    #[error(
        "the server is of another cluster ({now}) than the ledger this process serves from \
         ({before}); if the ledger was moved there on purpose, start the process anew"
    )]
    OtherCluster {
        /// The cluster of the ledger.
        before: String,
        /// That of the server.
        now: String,
    },
    /// Two servers of one standing take writes, and it cannot be told which of them is the ledger.
    #[error(
        "two servers of DATABASE_URL take writes, and neither was promoted after the other: {}; stop \
         all of them but the ledger",
        .servers.join(", ")
    )]
    Torn {
        /// Which ones they are.
        servers: Vec<String>,
    },
    /// The server is of a version whose commits may not wait for a standby just after a start.
    #[error(
        "{server} has only just started, and before 15.13, 16.9 and 17.5 Postgres may answer then \
         without waiting for a standby; it is used 3 s after its start"
    )]
    JustStarted {
        /// Which one it is.
        server: String,
    },
    /// The standby did not confirm the barrier.
    #[error("{server}: no synchronous standby confirms what is written, so nothing is")]
    NotConfirmed {
        /// Which one it is.
        server: String,
    },
    /// The server confirmed the barrier with a warning.
    #[error("{server} warns of what is written: {warning}; {WARNED}")]
    Warned {
        /// Which one it is.
        server: String,
        /// What it says.
        warning: String,
    },
    /// The server keeps less than it was said to.
    #[error("LEDGER_DURABILITY={demanded}, but {lacks}")]
    NotDurable {
        /// What was said.
        demanded: &'static str,
        /// What is missing.
        lacks: &'static str,
    },
    /// The ledger lacks what was answered, and was to go on. Nothing is recorded meanwhile.
    #[error("the ledger has lost answers that were given")]
    AnswersLost,
    /// While it came about, all connections of its time lost their trust.
    #[error("the ledger moved, or an answer got lost, while the connection came about")]
    Outlived,
    /// Statements of one session go to different ones.
    #[error(
        "a pooler in transaction mode is between this process and Postgres; use session mode, or \
         connect to Postgres itself"
    )]
    Pooler,
    /// As many connections are open as may be.
    #[error("all connections of DATABASE_CONNECTIONS are in use")]
    NoPermit,
    /// As many are in use as this part of the process may have.
    #[error("its connections are all in use, and none came free in time")]
    NoneFree,
    /// The process is ending.
    #[error("there are no connections any more")]
    Ending,
    /// The server said nothing for too long.
    #[error("Postgres was silent")]
    Silent,
    /// The same, while a connection came about.
    #[error("{server} was silent while a new connection was {step}")]
    Stuck {
        /// Which one it is.
        server: String,
        /// What was done to it.
        step: &'static str,
    },
}

/// What a server means that has no connection left, and what can be done.
const FULL: &str = "Postgres has no connection left for this process: let it have more \
     (max_connections, or the CONNECTION LIMIT of the role or the database), or the processes fewer \
     (DATABASE_CONNECTIONS)";

/// What every answer with a warning counts for, and why.
pub(crate) const WARNED: &str = "an answer with a warning is not given, for a commit whose wait for a \
     standby was cancelled is told with one";

/// What an operator can do once answers are lost, wherever that is said.
pub(crate) const LOST: &str = "the ledger has lost answers that were given, and nothing is sold: look with \
     `flashsale audit`, then resume what is paused for it with `flashsale sales resume`";

/// Why one host is not the ledger. What it says follows the name of the host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// It takes no writes.
    #[error(" is a standby")]
    Standby,
    /// It said nothing for too long.
    #[error(" is silent")]
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
    pub(super) fn of(error: tokio_postgres::Error, key: &Key, is_here: bool) -> Self {
        if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
            return Self::Full(error);
        }
        match explained(&error, key, is_here) {
            Some(what) => Self::Explained { what, error },
            None => Self::Driver(error),
        }
    }

    /// What the driver says, if it said something.
    const fn driver(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Self::Driver(error) | Self::Full(error) | Self::Explained { error, .. } => Some(error),
            Self::Standby | Self::Silent | Self::NotFound(_) => None,
        }
    }
}

/// The part of the server that finds that a role is not there, or may not log in.
const FINDS_THE_ROLE: &str = "InitializeSessionUserId";

/// What an operator can do about an error of connecting, if it is known.
fn explained(error: &tokio_postgres::Error, key: &Key, is_here: bool) -> Option<String> {
    if let Some(what) = credentials::refusal(error, &DATABASE) {
        return Some(what);
    }
    if let Some(said) = error.as_db_error() {
        let remedy = match *said.code() {
            SqlState::INVALID_PASSWORD => {
                "the password in DATABASE_URL or DATABASE_PASSWORD_FILE is not the role's"
                    .to_owned()
            }
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => not_let_in(said, key, is_here),
            _ => return None,
        };
        return Some(format!("{} ({}); {remedy}", shown(said.message()), said.code().code()));
    }
    match std::error::Error::source(error)?.to_string().as_str() {
        "server does not support TLS" => Some(format!(
            "it offers no TLS, which {} demands: switch it on there (ssl = on), or say sslmode=disable \
             and name no certificates if nobody else is on the network between",
            key.asked_by
        )),
        "password missing" => Some(
            "it asks for a password, and there is none in DATABASE_URL, nor a DATABASE_PASSWORD_FILE"
                .to_owned(),
        ),
        _ => None,
    }
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

impl ConnectError {
    /// What it means that none of these hosts is the ledger. What the only one says needs no list.
    pub(super) fn of_all(mut hosts: Vec<(String, HostError)>) -> Self {
        match (hosts.pop(), hosts.is_empty()) {
            (Some((host, why)), true) if why.driver().is_some() => Self::Host { host, why },
            (last, _) => Self::NoneWritable(hosts.into_iter().chain(last).collect()),
        }
    }

    /// The same, with the server it came from, and what the other ones said.
    pub(super) fn at(self, server: &str, others: Vec<(String, HostError)>) -> Self {
        match self {
            Self::Driver(error) => Self::Host { host: server.to_owned(), why: error.into() },
            Self::Past { server, timeline, known, .. } => {
                Self::Past { server, timeline, known, others }
            }
            error => error,
        }
    }

    /// Whether a server has no connection left for this process.
    pub(super) fn is_full(&self) -> bool {
        let is_full = |why: &HostError| matches!(why, HostError::Full(_));
        match self {
            Self::Host { why, .. } => is_full(why),
            Self::NoneWritable(hosts) | Self::Past { others: hosts, .. } => {
                hosts.iter().any(|(_, why)| is_full(why))
            }
            _ => false,
        }
    }

    /// What an operator can do about it, if that is known, without a name of a server.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::NotDurable { .. } | Self::Pooler => Some(self.to_string()),
            Self::AnswersLost => Some(LOST.to_owned()),
            Self::NotConfirmed { .. } => Some(
                "no synchronous standby confirms what is written: bring one back; cancel no session \
                 that waits, and leave synchronous_standby_names as it is"
                    .to_owned(),
            ),
            Self::Warned { warning, .. } => Some(format!("it warns: {warning}; {WARNED}")),
            Self::Past { .. } => {
                let full = if self.is_full() { format!("; {FULL}") } else { String::new() };
                Some(format!(
                    "only a server takes writes that was the ledger before another one was promoted: \
                     bring that one back, and fence this one{full}"
                ))
            }
            Self::OtherCluster { .. } => Some(
                "what answers is of another cluster than the ledger: DATABASE_URL must lead to the \
                 ledger; if it was moved on purpose, start the process anew"
                    .to_owned(),
            ),
            _ if self.is_full() => Some(FULL.to_owned()),
            _ => None,
        }
    }

    /// What a server said, if one said why.
    pub(crate) fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Driver(error) => error.as_db_error(),
            Self::Host { why, .. } => why.driver()?.as_db_error(),
            Self::NoneWritable(hosts) => {
                hosts.iter().find_map(|(_, error)| error.driver()?.as_db_error())
            }
            _ => None,
        }
    }
}

/// Why a pool gave no connection, without the pool's own words around it.
pub(crate) fn of_pool(error: PoolError) -> ConnectError {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(_) => ConnectError::NoneFree,
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            ConnectError::Ending
        }
    }
}

fn of_others(hosts: &[(String, HostError)]) -> String {
    if hosts.is_empty() { "no other one answered".to_owned() } else { listed(hosts) }
}

fn listed(hosts: &[(String, HostError)]) -> String {
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

    #[test]
    fn what_keeps_the_ledger_from_being_written_is_told_with_what_to_do_and_no_name_of_a_server() {
        let others = vec![("secret-b:2".to_owned(), HostError::Silent)];
        let server = || "secret-a:1".to_owned();
        let past = ConnectError::Past { server: server(), timeline: 1, known: 2, others };
        let said = past.to_string();
        assert!(said.contains("secret-a:1 is on timeline 1"), "{said}");
        assert!(said.contains("secret-b:2 is silent"), "{said}");
        let (before, now) = ("7".to_owned(), "8".to_owned());
        for (error, word) in [
            (past, "fence"),
            (ConnectError::AnswersLost, "flashsale sales resume"),
            (ConnectError::NotConfirmed { server: server() }, "bring one back"),
            (ConnectError::Warned { server: server(), warning: "late".into() }, "it warns: late"),
            (ConnectError::OtherCluster { before, now }, "DATABASE_URL"),
        ] {
            let remedy = error.remedy().unwrap();
            assert!(remedy.contains(word) && !remedy.contains("secret"), "{remedy}");
        }
    }
}
