//! Where the servers are and how one gets in, as settings and files say it at the moment.

use std::sync::{Arc, Mutex, PoisonError};

use credentials::{Access, AccessError, FileError, Names, Reader};
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
    /// What they name cannot be had.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<FileError> for SourceError {
    fn from(error: FileError) -> Self {
        Self::Access(error.into())
    }
}

/// Where the servers are, and how one gets in.
pub(crate) struct Source {
    access: Access,
    reader: Reader,
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
    /// What says that it is this mode.
    pub(super) asked_by: Arc<str>,
    pub(super) shows_certificate: bool,
    /// What the settings are called that are used.
    pub(super) names: Arc<Names>,
}

impl Source {
    /// Finds out whether the settings can be right, as far as that can be seen from here.
    pub(crate) fn new(access: Access) -> Result<Self, SourceError> {
        let source = Self { access, reader: Reader::default(), last: Mutex::default() };
        let settled = source.settled()?;
        warn_of_plain_text(&settled);
        Ok(source)
    }

    /// What it takes to connect now.
    pub(super) async fn entry(self: &Arc<Self>) -> Result<Entry, SourceError> {
        let source = Arc::clone(self);
        self.reader.read(move || source.read()).await
    }

    /// Ends the barriers that wait at any host but this one, and their connections: the ledger is there.
    pub(super) fn give_up_barriers_but_at(&self, ledger: &Host) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let hosts = last.iter().flat_map(|(_, settled)| settled.hosts.iter());
        hosts.for_each(|host| host.give_up_barriers_but_at(ledger));
    }

    fn read(&self) -> Result<Entry, SourceError> {
        let settled = self.settled()?;
        let key = Key {
            password: self.access.password()?,
            connector: settled.tls.connector()?,
            mode: settled.tls.mode,
            asked_by: Arc::clone(&settled.tls.asked_by),
            shows_certificate: settled.tls.certificates.own.is_some(),
            names: Arc::clone(&settled.tls.names),
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
        self.access.one_password(read.config.get_password().is_some())?;
        let ignored = of_no_effect(&read.config);
        if !ignored.is_empty() {
            tracing::warn!(
                "{setting} says {}, which is the service's own to say",
                ignored.join(", ")
            );
        }
        let hosts = hosts::each(&tuned(read.config, &tls), before);
        Ok(Settled { hosts, tls })
    }
}

/// What a URL says of how long a server may be silent. No answer may be late because of it, so the
/// service has limits of its own for all of that.
fn of_no_effect(config: &Config) -> Vec<&'static str> {
    let silent = Config::new();
    let said = [
        ("connect_timeout", config.get_connect_timeout().is_some()),
        ("tcp_user_timeout", config.get_tcp_user_timeout().is_some()),
        ("keepalives", !config.get_keepalives()),
        ("keepalives_idle", config.get_keepalives_idle() != silent.get_keepalives_idle()),
        ("keepalives_interval", config.get_keepalives_interval().is_some()),
        ("keepalives_retries", config.get_keepalives_retries().is_some()),
    ];
    said.into_iter().filter_map(|(name, is_said)| is_said.then_some(name)).collect()
}

/// A configuration with what a URL does not say, or shall not.
fn tuned(mut config: Config, tls: &Tls) -> Config {
    if config.get_application_name().is_none() {
        config.application_name("flashsale");
    }
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_USER_TIMEOUT);
    config.keepalives(true).keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
    config.keepalives_retries(KEEPALIVE_RETRIES);
    config.ssl_mode(tls.mode_of_driver());
    config
}

/// Says which hosts are, or may be, spoken to in plain text.
fn warn_of_plain_text(settled: &Settled) {
    let away = settled.hosts.iter().filter(|host| !is_here(host));
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

/// Whether what is said to a host stays on this machine. What it is called is no address where the URL
/// says which one is meant.
fn is_here(host: &Host) -> bool {
    match host.config.get_hostaddrs() {
        [] => credentials::is_here(&host.address),
        meant => meant.iter().all(|address| credentials::is_here(&address.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(url: &str) -> Arc<Settled> {
        Source::new(Access::to_database(url)).unwrap().settled().unwrap()
    }

    #[test]
    fn a_host_is_where_its_address_says_and_not_its_name() {
        for (url, here) in [
            ("host=localhost hostaddr=203.0.113.5 user=x", false),
            ("host=db.example hostaddr=127.0.0.1 user=x", true),
            ("host=localhost user=x", true),
            ("host=/run user=x", true),
            ("hostaddr=::1 user=x", true),
            ("hostaddr=203.0.113.5 user=x", false),
        ] {
            assert_eq!(is_here(&settled(url).hosts[0]), here, "{url}");
        }
    }

    #[test]
    fn how_long_a_server_may_be_silent_is_not_the_urls_to_say() {
        let said = "connect_timeout=60 tcp_user_timeout=60 keepalives=0 keepalives_idle=60 \
                    keepalives_interval=60 keepalives_retries=60";
        let config = format!("host=db user=x {said}").parse().unwrap();
        let names = of_no_effect(&config);
        assert_eq!(
            names,
            said.split_whitespace().map(|it| it.split('=').next().unwrap()).collect::<Vec<_>>()
        );
        assert!(of_no_effect(&"host=db user=x".parse().unwrap()).is_empty());

        let settled = settled(&format!("host=db user=x {said}"));
        let config = &settled.hosts[0].config;
        assert_eq!(config.get_connect_timeout(), Some(&CONNECT_TIMEOUT));
        assert_eq!(config.get_tcp_user_timeout(), Some(&TCP_USER_TIMEOUT));
        assert!(config.get_keepalives());
        assert_eq!(config.get_keepalives_idle(), KEEPALIVE_IDLE);
        assert_eq!(config.get_keepalives_retries(), Some(KEEPALIVE_RETRIES));
    }
}
