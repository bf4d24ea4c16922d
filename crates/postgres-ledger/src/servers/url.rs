//! What a URL says of TLS, taken out of it: the driver knows less of that than libpq.

mod error;
mod options;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use tokio_postgres::Config;

pub use self::error::UrlError;
use self::{
    error::unreadable,
    options::{has_two_users, out_of_url, out_of_words, without_scheme},
};

/// A URL, read.
pub(super) struct Read {
    pub(super) config: Config,
    pub(super) tls: TlsOptions,
}

/// What it says of TLS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TlsOptions {
    pub(super) mode: Option<SslMode>,
    pub(super) root_cert: Option<String>,
    pub(super) cert: Option<String>,
    pub(super) key: Option<String>,
}

/// Whether there is to be TLS, and how much it is to be worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    const ALL: [Self; 5] =
        [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Reads a URL, or the words that libpq takes in the place of one.
pub(super) fn read(text: &str) -> Result<Read, UrlError> {
    if has_two_users(text) {
        return Err(UrlError::Unreadable(None));
    }
    let mut tls = TlsOptions::default();
    let (rest, options) = match without_scheme(text) {
        Some(at) => out_of_url(text, at),
        None => out_of_words(text),
    };
    for (name, value) in options {
        // As libpq does: what is said last is meant, and what is empty was not said.
        let value = (!value.is_empty()).then_some(value);
        match name {
            // Which of the servers takes writes is found out in any case.
            "target_session_attrs" => match value.as_deref() {
                None | Some("any" | "read-write" | "primary") => {}
                Some("read-only" | "standby" | "prefer-standby") => return Err(UrlError::Target),
                Some(_) => return Err(UrlError::Unreadable(Some("target_session_attrs"))),
            },
            "sslmode" => {
                let known = |value: &String| SslMode::ALL.into_iter().find(|it| it.name() == value);
                tls.mode = value.map(|value| known(&value).ok_or(UrlError::Mode)).transpose()?;
            }
            "sslrootcert" => tls.root_cert = value,
            "sslcert" => tls.cert = value,
            _ => tls.key = value,
        }
    }
    let config = Config::from_str(&rest).map_err(|error| unreadable(&error))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(UrlError::NoHost);
    }
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    let ports = config.get_ports().len();
    if ports > 1 && ports != hosts {
        return Err(UrlError::Ports { ports, hosts });
    }
    Ok(Read { config, tls })
}
