//! What the service stands on, and where that is.

use std::{ffi::OsString, path::PathBuf};

use clap::ValueEnum;

/// What the service keeps what it knows in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum Stack {
    /// Redis and Postgres
    #[default]
    Servers,
    /// SQLite and the memory of the one process
    Embedded,
}

/// What else says how one gets into the servers, and whom the service lets in.
const UNSAID: [&str; 19] = [
    "DATABASE_URL_FILE",
    "DATABASE_PASSWORD_FILE",
    "DATABASE_CA_FILE",
    "DATABASE_CERT_FILE",
    "DATABASE_KEY_FILE",
    "REDIS_URL_FILE",
    "REDIS_PASSWORD_FILE",
    "REDIS_SENTINEL_PASSWORD_FILE",
    "REDIS_CA_FILE",
    "REDIS_CERT_FILE",
    "REDIS_KEY_FILE",
    "ADMIN_HOSTS",
    "ADMIN_TOKENS_FILE",
    "BUYER_JWKS_FILE",
    "BUYER_SECRET_FILE",
    "CLIENT_RATE",
    "CORS_ORIGINS",
    "TRUSTED_PROXIES",
    "USER_RATE",
];

/// Where the stores of one service are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On two servers.
    Servers {
        /// The Postgres database of the ledger.
        database_url: String,
        /// The Redis of the live store.
        redis_url: String,
    },
    /// In a directory.
    Embedded {
        /// The directory.
        data_dir: PathBuf,
    },
}

impl Stack {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Servers, Self::Embedded];

    /// What it is called on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Embedded => "embedded",
        }
    }
}

impl Place {
    /// What tells a process of the service, whatever is in the environment of whoever starts it.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        // What is empty was not said.
        let unsaid = UNSAID.map(|name| (name, OsString::new()));
        let said = match self {
            Self::Servers { database_url, redis_url } => {
                vec![("DATABASE_URL", database_url.into()), ("REDIS_URL", redis_url.into())]
            }
            Self::Embedded { data_dir } => vec![
                ("DATABASE_URL", OsString::new()),
                ("REDIS_URL", OsString::new()),
                ("DATA_DIR", data_dir.into()),
            ],
        };
        said.into_iter().chain(unsaid).collect()
    }
}
