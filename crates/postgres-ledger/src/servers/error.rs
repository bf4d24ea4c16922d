//! Why no connection came about.

mod host;

use tokio_postgres::error::DbError;

use self::host::{FULL, listed, of_others};
pub(crate) use self::host::{HostError, shown};
use super::{pool::PoolError, source::SourceError};

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

/// What every answer with a warning counts for, and why.
pub(crate) const WARNED: &str = "an answer with a warning is not given, for a commit whose wait for a \
     standby was cancelled is told with one";

/// What an operator can do once answers are lost, wherever that is said.
pub(crate) const LOST: &str = "the ledger has lost answers that were given, and nothing is sold: look with \
     `flashsale audit`, then resume what is paused for it with `flashsale sales resume`";

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

    /// The server that is there, and cannot be used as long as nobody does something about it.
    pub(super) fn unused(&self) -> Option<&str> {
        match self {
            Self::NotConfirmed { server } | Self::Past { server, .. } => Some(server),
            _ => None,
        }
    }

    /// What an operator can do about it, if that is known, without a name of a server.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::NotDurable { .. } | Self::Pooler => Some(self.to_string()),
            Self::Source(_) => Some(
                "what DATABASE_URL and its files say is of no use, and the log says what is wrong with it"
                    .to_owned(),
            ),
            Self::Torn { .. } => Some(
                "two servers take writes, and neither was promoted after the other: stop the one that \
                 has fewer answers, and keep its disk"
                    .to_owned(),
            ),
            Self::JustStarted { .. } => Some(
                "it has only just started, and before 15.13, 16.9 and 17.5 Postgres may answer then \
                 without waiting for a standby: it is used 3 s after its start"
                    .to_owned(),
            ),
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
            Self::Host { why, .. } => why.remedy(),
            Self::NoneWritable(hosts) => {
                hosts.iter().find_map(|(_, why)| why.remedy()).or_else(|| to_promote(hosts))
            }
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

/// What can be done where there are standbys, and nobody that takes writes.
fn to_promote(hosts: &[(String, HostError)]) -> Option<String> {
    let is_standby = |(_, why): &(String, HostError)| matches!(why, HostError::Standby);
    hosts.iter().any(is_standby).then(|| {
        "none of the servers takes writes: bring the lost one back, or fence it and promote the standby \
         that has received most"
            .to_owned()
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_the_ledger_from_being_written_is_told_with_what_to_do_and_no_name_of_a_server() {
        let others = vec![("secret-b:2".to_owned(), HostError::Silent)];
        let server = || "secret-a:1".to_owned();
        let past = ConnectError::Past { server: server(), timeline: 1, known: 2, others };
        let said = past.to_string();
        assert!(said.contains("secret-a:1 is on timeline 1"), "{said}");
        assert!(said.contains("secret-b:2 is silent"), "{said}");
        let (before, now) = ("7".to_owned(), "8".to_owned());
        let stands_by = || ("secret-b:2".to_owned(), HostError::Standby);
        let silent = || ("secret-c:3".to_owned(), HostError::Silent);
        for (error, word) in [
            (past, "fence"),
            (ConnectError::Torn { servers: vec![server(), server()] }, "two servers take writes"),
            (ConnectError::JustStarted { server: server() }, "3 s after its start"),
            (ConnectError::NoneWritable(vec![silent(), stands_by()]), "promote the standby"),
            (ConnectError::AnswersLost, "flashsale sales resume"),
            (ConnectError::NotConfirmed { server: server() }, "bring one back"),
            (ConnectError::Warned { server: server(), warning: "late".into() }, "it warns: late"),
            (ConnectError::OtherCluster { before, now }, "DATABASE_URL"),
        ] {
            let remedy = error.remedy().unwrap();
            assert!(remedy.contains(word) && !remedy.contains("secret"), "{remedy}");
        }
        let down = ConnectError::NoneWritable(vec![silent(), silent()]);
        assert_eq!(down.remedy(), None, "that they are down is all that is known");
    }
}
