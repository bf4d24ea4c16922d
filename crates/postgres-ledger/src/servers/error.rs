//! Why no connection came about.

use credentials::DATABASE;
use tokio_postgres::error::{DbError, SqlState};

use super::{
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
    /// The only server is not to be had, and it can be said what to do.
    #[error("{host}: {what}")]
    Explained {
        /// Which one it is.
        host: String,
        /// What is the matter, and what to do.
        what: String,
        /// What the driver says.
        source: tokio_postgres::Error,
    },
    /// It is not known where the servers are, or how to get in.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The server was the ledger until another one was promoted, and does not know it.
    #[error(
        "the server is on timeline {timeline}, and one on timeline {known} has taken its place: it \
         must not be written any more"
    )]
    Past {
        /// Where it is.
        timeline: u32,
        /// Where the ledger is.
        known: u32,
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
    /// The server has no connection left for this process.
    #[error("{}", FULL)]
    Full(#[source] tokio_postgres::Error),
    /// As many connections are open as may be.
    #[error("all connections of DATABASE_CONNECTIONS are in use")]
    NoPermit,
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
    NotFound(#[source] std::io::Error),
    /// It cannot be reached, or refuses.
    #[error(": {}", said(.0))]
    Driver(#[from] tokio_postgres::Error),
    /// It has no connection left for this process.
    #[error(": {}", FULL)]
    Full(#[source] tokio_postgres::Error),
    /// It cannot be reached, or refuses, and it can be said what to do.
    #[error(": {what}")]
    Explained {
        /// What is the matter, and what to do.
        what: String,
        /// What the driver says.
        source: tokio_postgres::Error,
    },
}

/// What the driver says in few words.
fn said(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(cause)) => cause.to_string(),
        (None, None) => error.to_string(),
    }
}

impl HostError {
    /// What an error of connecting means.
    pub(super) fn of(error: tokio_postgres::Error, key: &Key) -> Self {
        if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
            return Self::Full(error);
        }
        match explained(&error, key) {
            Some(what) => Self::Explained { what, source: error },
            None => Self::Driver(error),
        }
    }

    /// What the driver says, if it said something.
    const fn driver(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Self::Driver(error) | Self::Full(error) | Self::Explained { source: error, .. } => {
                Some(error)
            }
            Self::Standby | Self::Silent | Self::NotFound(_) => None,
        }
    }
}

/// What an operator can do about an error of connecting, if it is known.
fn explained(error: &tokio_postgres::Error, key: &Key) -> Option<String> {
    if let Some(what) = credentials::refusal(error, &DATABASE) {
        return Some(what);
    }
    let mode = key.mode.name();
    if let Some(said) = error.as_db_error() {
        let (message, code) = (said.message(), said.code());
        let remedy = match (code, key.mode, key.shows_certificate) {
            (&SqlState::INVALID_PASSWORD, ..) => {
                "the password in DATABASE_URL or DATABASE_PASSWORD_FILE is not the role's"
                    .to_owned()
            }
            (&SqlState::INVALID_AUTHORIZATION_SPECIFICATION, SslMode::Disable, _) => format!(
                "this connection is in plain text, by sslmode={mode} in DATABASE_URL: if the server \
                 demands TLS, say sslmode=verify-full"
            ),
            (&SqlState::INVALID_AUTHORIZATION_SPECIFICATION, _, false) => {
                "no certificate is shown to it: if it demands one, DATABASE_CERT_FILE and \
                 DATABASE_KEY_FILE name ours"
                    .to_owned()
            }
            _ => return None,
        };
        return Some(format!("{message} ({}); {remedy}", code.code()));
    }
    match std::error::Error::source(error)?.to_string().as_str() {
        "server does not support TLS" => Some(format!(
            "it offers no TLS, which sslmode={mode} in DATABASE_URL demands: switch it on there (ssl = \
             on), or say sslmode=disable if nobody else is on the network between"
        )),
        "password missing" => Some(
            "it asks for a password, and there is none in DATABASE_URL, nor a DATABASE_PASSWORD_FILE"
                .to_owned(),
        ),
        _ => None,
    }
}

impl ConnectError {
    /// What it means that none of these hosts is the ledger. What the only one says needs no list.
    pub(super) fn of_all(mut hosts: Vec<(String, HostError)>) -> Self {
        match (hosts.pop(), hosts.is_empty()) {
            (Some((_, HostError::Driver(error))), true) => Self::Driver(error),
            (Some((_, HostError::Full(error))), true) => Self::Full(error),
            (Some((host, HostError::Explained { what, source })), true) => {
                Self::Explained { host, what, source }
            }
            (last, _) => Self::NoneWritable(hosts.into_iter().chain(last).collect()),
        }
    }

    /// What an operator can do about it, if that is known, without a name of a server.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::NotDurable { .. } | Self::Pooler | Self::Full(_) => Some(self.to_string()),
            Self::NoneWritable(hosts) => hosts
                .iter()
                .any(|(_, error)| matches!(error, HostError::Full(_)))
                .then(|| FULL.to_owned()),
            _ => None,
        }
    }

    /// What a server said, if one said why.
    pub(crate) fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Driver(error) | Self::Explained { source: error, .. } | Self::Full(error) => {
                error.as_db_error()
            }
            Self::NoneWritable(hosts) => {
                hosts.iter().find_map(|(_, error)| error.driver()?.as_db_error())
            }
            _ => None,
        }
    }
}

fn listed(hosts: &[(String, HostError)]) -> String {
    let hosts = hosts.iter().map(|(name, error)| format!("{name}{error}"));
    hosts.collect::<Vec<_>>().join("; ")
}
