//! Why no connection came about.

use std::{borrow::Cow, sync::Arc};

use credentials::{AccessError, FileError, REDIS};
use deadpool_redis::redis::{ErrorKind, RedisError};

use super::{PoolError, address::Form};
use crate::refusal;

/// Why it cannot be said where the server is, or how one gets in.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL is none. Nothing of it is quoted: it may have a password anywhere.
    #[error(
        "{setting} is wrong: it must be redis://[user:password@]host[:port][/database], or \
         redis+sentinel://[user:password@]sentinel[:port],…/name[/database], or \
         redis+cluster://[user:password@]node[:port],…; rediss for TLS; and whatever is no letter or \
         digit in a user or password is written as %XX"
    )]
    Url {
        /// What it is the value of.
        setting: &'static str,
    },
    /// There is to be no TLS.
    #[error(
        "{setting} is set, but {url} does not begin with rediss, so there is to be no TLS: change \
         one of them"
    )]
    Plain {
        /// The setting of the URL.
        url: &'static str,
        /// What would be of no use.
        setting: &'static str,
    },
    /// It was one server, and is to be several now, or the other way.
    #[error(
        "{setting} leads to something else than at the start: one server, sentinels and the name they know it \
         by, or a cluster; start the process anew for it"
    )]
    OtherForm {
        /// What it is the value of.
        setting: &'static str,
    },
    /// There are no sentinels.
    #[error(
        "{setting} is set, but {url} does not begin with redis+sentinel:// or rediss+sentinel://, so \
         there are no sentinels: change one of them"
    )]
    NoSentinels {
        /// The setting of the URL.
        url: &'static str,
        /// What would be of no use.
        setting: &'static str,
    },
    /// What they name cannot be had.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<FileError> for SourceError {
    fn from(error: FileError) -> Self {
        Self::Access(error.into())
    }
}

/// Why no connection came about. Nothing was sent that matters.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// It is not known where the server is, or how one gets in.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The server cannot be reached, or refuses.
    #[error("{host}{}", after(.what.as_deref()))]
    Server {
        /// Which one it is.
        host: String,
        /// What is the matter and what to do, if that is known.
        what: Option<String>,
        /// What the driver says.
        source: RedisError,
    },
    /// One who was asked which server has the sales cannot say it.
    #[error("{host} was asked which server has the sales, and does not say it{}", after(.what.map(str::to_owned).as_deref()))]
    Clueless {
        /// Whom was asked.
        host: String,
        /// What is the matter and what to do, if that is known.
        what: Option<&'static str>,
        /// What it said.
        source: RedisError,
    },
    /// It was asked for others, and nobody knew.
    #[error(transparent)]
    Asked(Arc<Self>),
    /// It failed somebody a moment ago.
    #[error("{host} did not answer a moment ago, and was not found to be back since")]
    Away {
        /// Which one it is.
        host: String,
    },
    /// Nobody has the sale.
    #[error("no node of the cluster has the hash slot of the sale")]
    Unserved,
    /// None came about, or came free, in time.
    #[error("no connection to it came about or came free in time")]
    NoneInTime,
    /// The process is ending.
    #[error("there are no connections any more")]
    Ending,
    /// The server says nothing.
    #[error("{host} is silent")]
    Silent {
        /// Which one it is.
        host: String,
    },
    /// The server says nothing to one who begins with TLS.
    #[error("{host} is silent; REDIS_URL says that it speaks TLS: if it does not, say redis://")]
    SilentUnderTls {
        /// Which one it is.
        host: String,
    },
}

/// Why a pool gave no connection, without the pool's own words around it.
pub(crate) fn of_pool(error: PoolError) -> ConnectError {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(_) => ConnectError::NoneInTime,
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            ConnectError::Ending
        }
    }
}

impl ConnectError {
    /// What an error of connecting means.
    pub(super) fn of(host: String, is_tls: bool, source: RedisError) -> Self {
        let mut what = credentials::refusal(&source, &REDIS);
        let is_ended = source.is_connection_dropped() && !source.is_connection_refusal();
        if what.is_none() && !is_tls && is_ended {
            let hint = "it ended the connection: if it speaks TLS alone, REDIS_URL must begin with \
                        rediss://";
            what = Some(hint.to_owned());
        }
        Self::Server { host, what, source }
    }

    /// What it means that one cannot say which server has the sales.
    pub(super) fn of_asked(host: String, form: &Form, source: RedisError) -> Self {
        let says = |words| source.detail().is_some_and(|detail| detail.contains(words));
        let may_not = matches!(source.code(), Some("NOAUTH" | "WRONGPASS"))
            || source.kind() == ErrorKind::AuthenticationFailed;
        let what = match form {
            Form::Sentinels(_) if may_not => Some(
                "a sentinel wants another password: REDIS_SENTINEL_PASSWORD_FILE names its file",
            ),
            Form::Sentinels(_) if says("No such master") => Some(
                "it is a sentinel, and knows of no primary of the name that REDIS_URL has after the \
                 hosts",
            ),
            Form::Sentinels(_) if says("unknown command") => {
                Some("it is no sentinel: REDIS_URL must name those, mostly with port 26379")
            }
            Form::Cluster if says("unknown command") => Some(
                "it is no node of a cluster; if it is a sentinel, REDIS_URL must begin with \
                 redis+sentinel://",
            ),
            Form::Cluster if says("cluster support disabled") => {
                Some("it is no node of a cluster: REDIS_URL must begin with redis:// or rediss://")
            }
            _ if source.code() == Some("NOPERM") => Some(
                "its user may not ask for it: +cluster|info and +cluster|slots in a cluster, \
                 +sentinel|master and +sentinel|get-master-addr-by-name of a sentinel; docs/rights.md lists all that are needed",
            ),
            _ => None,
        };
        Self::Clueless { host, what, source }
    }

    /// The same, if it is a sentinel that one does not get into.
    pub(super) fn of_sentinel(self, form: &Form) -> Self {
        match self {
            Self::Server { host, source, .. } if refusal::remedy(&source).is_some() => {
                Self::of_asked(host, form, source)
            }
            error => error,
        }
    }

    /// Whether it is the server that fails, and not what is said of it or to it.
    pub(super) fn is_of_server(&self) -> bool {
        match self {
            Self::Server { source, .. } => refusal::remedy(source).is_none(),
            Self::Silent { .. } | Self::SilentUnderTls { .. } => true,
            _ => false,
        }
    }

    /// What an operator can do about it, if that is known, without a name of a server.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::Clueless { what, .. } => what.map(str::to_owned),
            Self::Asked(error) => error.remedy(),
            Self::Unserved => Some(
                "its cluster has lost the hash slot of the sale: see CLUSTER INFO and CLUSTER SHARDS"
                    .to_owned(),
            ),
            Self::Source(_) => Some(
                "what REDIS_URL and its files say is of no use, and the log says what is wrong with it"
                    .to_owned(),
            ),
            Self::Server { source, .. } => credentials::remedy(source, &REDIS)
                .or_else(|| refusal::remedy(source).map(Cow::into_owned)),
            Self::Away { .. } => Some(
                "one of its servers did not answer a moment ago, and is looked for; the log says which"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn after(what: Option<&str>) -> String {
    what.map(|what| format!(": {what}")).unwrap_or_default()
}
