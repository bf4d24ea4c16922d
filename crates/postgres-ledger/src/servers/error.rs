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
    /// The standby did not confirm the barrier.
    #[error("no synchronous standby confirms what is written, so nothing is")]
    NotConfirmed,
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
    #[error(
        "Postgres has no connection left for this process: let it have more (max_connections, or the \
         CONNECTION LIMIT of the role or the database), or the processes fewer \
         (DATABASE_CONNECTIONS)"
    )]
    Full(#[source] tokio_postgres::Error),
    /// As many connections are open as may be.
    #[error("all connections of DATABASE_CONNECTIONS are in use")]
    NoPlace,
    /// The server said nothing for too long.
    #[error("Postgres was silent")]
    Silent,
}

/// Why one host is not the ledger.
#[derive(Debug)]
pub(crate) enum HostError {
    /// It takes no writes.
    Standby,
    /// It said nothing for too long.
    Silent,
    /// It cannot be reached, or refuses.
    Driver(tokio_postgres::Error),
    /// The same, and it can be said what to do.
    Explained {
        /// What is the matter, and what to do.
        what: String,
        /// What the driver says.
        source: tokio_postgres::Error,
    },
}

impl HostError {
    /// What an error of connecting means.
    pub(super) fn of(error: tokio_postgres::Error, key: &Key) -> Self {
        match explained(&error, key) {
            Some(what) => Self::Explained { what, source: error },
            None => Self::Driver(error),
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
    /// Says of a server that has no connection left what can be done about it.
    pub(super) fn if_full(self) -> Self {
        match self {
            Self::Driver(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => {
                Self::Full(error)
            }
            other => other,
        }
    }

    /// What an operator can do about it, if that is known, without a name of a server.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::NotDurable { .. } | Self::Pooler | Self::Full(_) => Some(self.to_string()),
            _ => None,
        }
    }

    /// What a server said, if one said why.
    pub(crate) fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Driver(error) | Self::Explained { source: error, .. } | Self::Full(error) => {
                error.as_db_error()
            }
            Self::NoneWritable(hosts) => hosts.iter().find_map(|(_, error)| match error {
                HostError::Driver(error) | HostError::Explained { source: error, .. } => {
                    error.as_db_error()
                }
                HostError::Standby | HostError::Silent => None,
            }),
            _ => None,
        }
    }
}

fn listed(hosts: &[(String, HostError)]) -> String {
    let hosts = hosts.iter().map(|(name, error)| match error {
        HostError::Standby => format!("{name} is a standby"),
        HostError::Silent => format!("{name} is silent"),
        HostError::Explained { what, .. } => format!("{name}: {what}"),
        HostError::Driver(error) => match (error.as_db_error(), std::error::Error::source(error)) {
            (Some(said), _) => format!("{name}: {} ({})", said.message(), said.code().code()),
            (None, Some(cause)) => format!("{name}: {cause}"),
            (None, None) => format!("{name}: {error}"),
        },
    });
    hosts.collect::<Vec<_>>().join("; ")
}
