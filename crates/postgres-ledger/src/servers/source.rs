//! Where the servers are and how one gets in, as settings and files say it at the moment.

use std::sync::{Arc, Mutex, PoisonError};

use credentials::{Access, DATABASE, FileError};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    hosts::{self, Host},
    tls::{Tls, TlsSettingError},
    url::{self, SslMode, UrlError},
};
use crate::{
    CONNECT_TIMEOUT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_RETRIES, TCP_USER_TIMEOUT,
};

/// Why it cannot be said where the servers are.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL is none.
    #[error("{setting} is wrong: {what}")]
    Url {
        /// What it is the value of.
        setting: &'static str,
        /// What is wrong.
        what: UrlError,
    },
    /// The settings do not go together.
    #[error(transparent)]
    Tls(#[from] TlsSettingError),
    /// A file is of no use.
    #[error(transparent)]
    File(#[from] FileError),
    /// Two settings say what the password is.
    #[error("there is a password in {url} and one in {file}: leave one of them out")]
    TwoPasswords {
        /// The setting of the URL.
        url: &'static str,
        /// That of the file.
        file: &'static str,
    },
    /// The process is ending.
    #[error("the process ends")]
    Ending,
}

/// Where the servers are, and how one gets in.
pub(crate) struct Source {
    access: Access,
    last: Mutex<Option<(String, Arc<Settled>)>>,
}

/// What a URL says.
struct Settled {
    hosts: Arc<[Arc<Host>]>,
    tls: Tls,
}

/// What it takes to connect now.
pub(super) struct Entry {
    pub(super) hosts: Arc<[Arc<Host>]>,
    pub(super) key: Key,
}

/// What it takes to connect to any of the hosts.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) password: Option<String>,
    pub(super) connector: MakeRustlsConnect,
    pub(super) mode: SslMode,
    pub(super) shows_certificate: bool,
}

impl Source {
    /// Finds out whether the settings can be right, as far as that can be seen from here.
    pub(crate) fn new(access: Access) -> Result<Self, SourceError> {
        let source = Self { access, last: Mutex::default() };
        let settled = source.settled()?;
        warn_of_plain_text(&settled);
        Ok(source)
    }

    /// What it takes to connect now.
    pub(super) async fn entry(self: &Arc<Self>) -> Result<Entry, SourceError> {
        let source = Arc::clone(self);
        credentials::reading(move || source.read()).await.unwrap_or(Err(SourceError::Ending))
    }

    /// Whether there was more than one host when it was last read where they are.
    pub(super) fn has_several(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_some_and(|(_, settled)| settled.hosts.len() > 1)
    }

    fn read(&self) -> Result<Entry, SourceError> {
        let settled = self.settled()?;
        let key = Key {
            password: self.access.password()?,
            connector: settled.tls.connector()?,
            mode: settled.tls.mode,
            shows_certificate: settled.tls.certificates.own.is_some(),
        };
        Ok(Entry { hosts: Arc::clone(&settled.hosts), key })
    }

    /// What the URL says. As long as it says the same, the hosts are the same.
    fn settled(&self) -> Result<Arc<Settled>, SourceError> {
        let text = self.access.url.read()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, settled)) = &*last
            && *before == text
        {
            return Ok(Arc::clone(settled));
        }
        let before = last.as_ref().map(|(_, settled)| Arc::clone(&settled.hosts));
        let settled = Arc::new(self.settle(&text, &before.unwrap_or_default())?);
        *last = Some((text.into_owned(), Arc::clone(&settled)));
        Ok(settled)
    }

    fn settle(&self, text: &str, before: &[Arc<Host>]) -> Result<Settled, SourceError> {
        let setting = self.access.url.setting();
        let read = url::read(text).map_err(|what| SourceError::Url { setting, what })?;
        let tls = Tls::of(read.tls, &self.access)?;
        if read.config.get_password().is_some() && self.access.password.is_some() {
            return Err(SourceError::TwoPasswords { url: setting, file: DATABASE.password_file });
        }
        let hosts = hosts::each(&tuned(read.config, &tls), before);
        Ok(Settled { hosts, tls })
    }
}

/// A configuration with what a URL does not say, or shall not.
fn tuned(mut config: Config, tls: &Tls) -> Config {
    if config.get_application_name().is_none() {
        config.application_name("flashsale");
    }
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_USER_TIMEOUT);
    config.keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
    config.keepalives_retries(KEEPALIVE_RETRIES);
    config.ssl_mode(tls.mode_of_driver());
    config
}

/// Says which hosts are, or may be, spoken to in plain text.
fn warn_of_plain_text(settled: &Settled) {
    let away = settled.hosts.iter().filter(|host| !credentials::is_here(&host.address));
    let away = away.map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ");
    if away.is_empty() {
        return;
    }
    match settled.tls.mode {
        SslMode::Disable => tracing::warn!(
            hosts = away,
            "what is said to Postgres crosses the network in plain text: sslmode=verify-full in \
             DATABASE_URL, and DATABASE_CA_FILE, protect it"
        ),
        SslMode::Prefer => tracing::warn!(
            hosts = away,
            "what is said to Postgres crosses the network in plain text if whoever answers offers no \
             TLS: sslmode=verify-full in DATABASE_URL, and DATABASE_CA_FILE, protect it"
        ),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {}
    }
}
