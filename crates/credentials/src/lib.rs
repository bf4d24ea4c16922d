//! What a store is shown by this process, and asked to show: URLs, passwords and certificates.
//!
//! Whatever is in a file is read again for each new connection, so a password or a certificate can
//! be changed while the process runs. Nothing here is cached, and no secret is in a `Debug` or an
//! error: an error names the setting and the file, and what to do about it.

mod certificates;
mod error;
mod file;
mod reading;
mod refusal;

pub use certificates::{Certificates, OwnCertificate, Verify};
pub use error::{AccessError, HalfCertificate};
pub use file::{FileError, NamedFile};
pub use reading::Reader;
pub use refusal::{refusal, remedy};

use std::{borrow::Cow, path::PathBuf};

/// What the settings of one store are called, as errors have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What says where the store is.
    pub url: &'static str,
    /// The file that says so.
    pub url_file: &'static str,
    /// The file of the password.
    pub password_file: &'static str,
    /// The file of the password of the sentinels, if the store may have such.
    pub sentinel_password_file: Option<&'static str>,
    /// The file of the authorities that are believed.
    pub ca_file: &'static str,
    /// The file of our certificate.
    pub cert_file: &'static str,
    /// The file of its key.
    pub key_file: &'static str,
    /// What makes a server's certificate good for the host by whatever name it has, if there is such a
    /// thing.
    pub any_name: &'static str,
    /// Which file is that of the authorities, if one is named and it is known.
    pub ca_path: Option<PathBuf>,
}

/// The settings of the ledger on Postgres.
pub static DATABASE: Names = Names {
    url: "DATABASE_URL",
    url_file: "DATABASE_URL_FILE",
    password_file: "DATABASE_PASSWORD_FILE",
    sentinel_password_file: None,
    ca_file: "DATABASE_CA_FILE",
    cert_file: "DATABASE_CERT_FILE",
    key_file: "DATABASE_KEY_FILE",
    any_name: ", or say sslmode=verify-ca, by which any name is good",
    ca_path: None,
};

/// The settings of the live store on Redis.
pub static REDIS: Names = Names {
    url: "REDIS_URL",
    url_file: "REDIS_URL_FILE",
    password_file: "REDIS_PASSWORD_FILE",
    sentinel_password_file: Some("REDIS_SENTINEL_PASSWORD_FILE"),
    ca_file: "REDIS_CA_FILE",
    cert_file: "REDIS_CERT_FILE",
    key_file: "REDIS_KEY_FILE",
    any_name: "",
    ca_path: None,
};

impl Names {
    /// The same, but for the settings that name what is used: `ca_setting` is that of the authorities,
    /// also where it names none of their files.
    #[must_use]
    pub fn of_used(&self, certificates: &Certificates, ca_setting: Option<&'static str>) -> Self {
        let ca = certificates.ca.as_ref();
        let own = certificates.own.as_ref();
        let ca_file = ca.map(|file| file.setting).or(ca_setting);
        Self {
            ca_file: ca_file.unwrap_or(self.ca_file),
            cert_file: own.map_or(self.cert_file, |own| own.cert.setting),
            key_file: own.map_or(self.key_file, |own| own.key.setting),
            ca_path: ca.map(|file| file.path.clone()),
            ..self.clone()
        }
    }
}

/// How a process gets into a store.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where the store is, and as whom.
    pub url: Secret,
    /// The password, if it is not in the URL.
    pub password: Option<NamedFile>,
    /// The password of the sentinels, where some say which server is the store's, and want one.
    pub sentinel_password: Option<NamedFile>,
    /// What is believed and shown under TLS.
    pub certificates: Certificates,
}

/// A text that may have a password in it.
#[derive(Clone)]
pub enum Secret {
    /// The text itself.
    Given {
        /// The setting it is the value of.
        setting: &'static str,
        /// What it is.
        text: String,
    },
    /// What is in a file.
    In(NamedFile),
}

impl Access {
    /// Access to a database of Postgres by a URL alone.
    #[must_use]
    pub fn to_database(url: impl Into<String>) -> Self {
        Self::by_url(&DATABASE, url.into())
    }

    /// Access to a Redis by a URL alone.
    #[must_use]
    pub fn to_redis(url: impl Into<String>) -> Self {
        Self::by_url(&REDIS, url.into())
    }

    fn by_url(names: &Names, url: String) -> Self {
        Self {
            url: Secret::Given { setting: names.url, text: url },
            password: None,
            sentinel_password: None,
            certificates: Certificates::default(),
        }
    }

    /// The password of the file, if there is one.
    pub fn password(&self) -> Result<Option<String>, FileError> {
        self.password.as_ref().map(NamedFile::read_secret).transpose()
    }

    /// Fails if there is a password in the URL and one in a file.
    pub fn one_password(&self, is_in_url: bool) -> Result<(), AccessError> {
        match &self.password {
            Some(file) if is_in_url => {
                let url = self.url.setting();
                Err(AccessError::TwoPasswords { url, file: file.setting })
            }
            _ => Ok(()),
        }
    }
}

impl Secret {
    /// The text.
    pub fn read(&self) -> Result<Cow<'_, str>, FileError> {
        match self {
            Self::Given { text, .. } => Ok(Cow::Borrowed(text)),
            Self::In(file) => file.read_secret().map(Cow::Owned),
        }
    }

    /// The setting that says it.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        match self {
            Self::Given { setting, .. } => setting,
            Self::In(file) => file.setting,
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=_", self.setting())
    }
}

/// Whether this host is the machine itself, so that what is said to it leaves no cable.
#[must_use]
pub fn is_here(host: &str) -> bool {
    host.is_empty()
        || host.starts_with('/')
        || host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_no_debug() {
        let access = Access::to_database("postgres://shop:pa55word@db/ledger");

        let shown = format!("{access:?} {:?}", access.url);

        assert!(shown.contains("DATABASE_URL") && !shown.contains("pa55word"), "{shown}");
    }

    #[test]
    fn a_host_is_here_if_nothing_said_to_it_leaves_the_machine() {
        for here in
            ["localhost", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "/run/pg", ""]
        {
            assert!(is_here(here), "{here}");
        }
        for there in ["db", "localhost.example", "10.0.0.1", "0.0.0.0", "::", "2001:db8::1"] {
            assert!(!is_here(there), "{there}");
        }
    }
}
