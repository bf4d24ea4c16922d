//! Why no connection came about.

use credentials::{AccessError, FileError, REDIS};
use deadpool_redis::redis::RedisError;

use super::PoolError;

/// Why it cannot be said where the server is, or how one gets in.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL is none. Nothing of it is quoted: it may have a password anywhere.
    #[error(
        "{setting} is wrong: it must be redis://[user:password@]host[:port][/database], or rediss:// \
         for TLS, and whatever is no letter or digit in a user or password written as %XX"
    )]
    Url {
        /// What it is the value of.
        setting: &'static str,
    },
    /// There is to be no TLS.
    #[error(
        "{setting} is set, but {url} does not begin with rediss://, so there is to be no TLS: change \
         one of them"
    )]
    Plain {
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

    /// What an operator can do about it, if that is known, without a name of a server.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::Source(_) => Some(
                "what REDIS_URL and its files say is of no use, and the log says what is wrong with it"
                    .to_owned(),
            ),
            Self::Server { source, .. } => credentials::remedy(source, &REDIS),
            _ => None,
        }
    }
}

fn after(what: Option<&str>) -> String {
    what.map(|what| format!(": {what}")).unwrap_or_default()
}
