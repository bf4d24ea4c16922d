//! What a URL says.

use credentials::Access;
use deadpool_redis::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use super::error::SourceError;

/// Where the server is, and as whom one gets in.
pub(super) struct Address {
    pub(super) info: ConnectionInfo,
    pub(super) is_tls: bool,
}

impl Address {
    /// What the URL says at the moment.
    pub(super) fn read(access: &Access) -> Result<Self, SourceError> {
        let setting = access.url.setting();
        let url = access.url.read()?;
        let address = Self::of(&url).ok_or(SourceError::Url { setting })?;
        access.one_password(address.info.redis_settings().password().is_some())?;
        let certificates = &access.certificates;
        let of_tls = certificates.ca.as_ref().or(certificates.own.as_ref().map(|own| &own.cert));
        match of_tls {
            Some(file) if !address.is_tls => {
                Err(SourceError::Plain { url: setting, setting: file.setting })
            }
            _ => Ok(address),
        }
    }

    /// The library reads a URL of TLS only where it makes the TLS.
    fn of(url: &str) -> Option<Self> {
        // A part of it that would be left out, `#insecure` among them, which believes everybody.
        if url.contains('#') {
            return None;
        }
        let schemes = [("rediss://", "redis://"), ("valkeys://", "valkey://")];
        let under_tls = schemes
            .into_iter()
            .find_map(|(scheme, plain)| Some(format!("{plain}{}", url.strip_prefix(scheme)?)));
        let is_tls = under_tls.is_some();
        let info = under_tls.as_deref().unwrap_or(url).into_connection_info().ok()?;
        Some(Self { info, is_tls })
    }

    /// Its host; empty where it is a socket of this machine.
    pub(super) fn host(&self) -> &str {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, _) => host,
            _ => "",
        }
    }

    /// What it is called in an error.
    pub(super) fn name(&self) -> String {
        self.info.addr().to_string()
    }
}

#[cfg(test)]
mod tests {
    use credentials::{NamedFile, REDIS};

    use super::*;

    fn read(url: &str) -> Result<Address, String> {
        Address::read(&Access::to_redis(url)).map_err(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn a_url_says_where_as_whom_and_whether_under_tls() {
        for (url, is_tls) in [
            ("redis://shop:p%40ss@db.example:7000/2", false),
            ("rediss://shop:p%40ss@db.example:7000/2", true),
            ("valkeys://shop:p%40ss@db.example:7000/2", true),
        ] {
            let address = read(url).unwrap();
            assert_eq!((address.name().as_str(), address.is_tls), ("db.example:7000", is_tls));
            let settings = address.info.redis_settings();
            assert_eq!((settings.username(), settings.db()), (Some("shop"), 2));
            assert_eq!(settings.password(), Some("p@ss"));
        }
        assert_eq!(read("unix:///run/redis.sock").unwrap().host(), "");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_never_quoted() {
        for url in [
            "redis://u:geheim@h:port",
            "redis://u:gehe/im@h",
            "redis://u:geheim@h/x",
            "redis://h?protocol=geheim",
            "rediss://u:geheim@h/#insecure",
            "redis://u:geheim@h/2#x",
            "rediss+sentinel://u:geheim@h",
            "geheim",
        ] {
            let error = read(url).err().unwrap_or_else(|| panic!("{url} is none"));
            assert!(error.contains("REDIS_URL"), "{error}");
            assert!(!error.contains("gehe"), "{error}");
        }
    }

    #[test]
    fn settings_that_do_not_go_together_are_named_both() {
        let file = |setting| NamedFile { setting, path: "/file".into() };
        let mut plain = Access::to_redis("redis://h");
        plain.certificates.ca = Some(file(REDIS.ca_file));
        let mut twice = Access::to_redis("rediss://:geheim@h");
        twice.password = Some(file(REDIS.password_file));

        for (access, other) in [(plain, REDIS.ca_file), (twice, REDIS.password_file)] {
            let error = Address::read(&access).err().unwrap().to_string();
            assert!(error.contains("REDIS_URL") && error.contains(other), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
