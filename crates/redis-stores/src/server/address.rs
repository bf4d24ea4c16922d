//! What a URL says.

use credentials::Access;
use deadpool_redis::redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
};

use super::{error::SourceError, node::Node};

/// Where the servers are, and as whom one gets in.
pub(super) struct Address {
    pub(super) form: Form,
    /// Each host that is named, as one would get into it; the server itself, where there is one.
    pub(super) hosts: Vec<ConnectionInfo>,
    /// The number of the database that the sales are in.
    pub(super) database: i64,
    pub(super) is_tls: bool,
}

/// What the hosts of a URL are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// The one server.
    Server,
    /// Sentinels, who say which server is the primary of this name.
    Sentinels(String),
    /// Some nodes of a cluster, who say which of all serves what.
    Cluster,
}

/// The port of a sentinel that is named without one.
const SENTINEL_PORT: u16 = 26_379;

impl Address {
    /// What the URL says at the moment.
    pub(super) fn read(access: &Access) -> Result<Self, SourceError> {
        let setting = access.url.setting();
        let url = access.url.read()?;
        let address = Self::of(&url).ok_or(SourceError::Url { setting })?;
        access.one_password(address.settings().password().is_some())?;
        if let Some(file) = &access.sentinel_password
            && !matches!(address.form, Form::Sentinels(_))
        {
            return Err(SourceError::NoSentinels { url: setting, setting: file.setting });
        }
        let certificates = &access.certificates;
        let of_tls = certificates.ca.as_ref().or(certificates.own.as_ref().map(|own| &own.cert));
        match of_tls {
            Some(file) if !address.is_tls => {
                Err(SourceError::Plain { url: setting, setting: file.setting })
            }
            _ => Ok(address),
        }
    }

    /// The same, of hosts that are what they were when it was read first.
    pub(super) fn of_form(access: &Access, form: &Form) -> Result<Self, SourceError> {
        let address = Self::read(access)?;
        if address.form == *form {
            Ok(address)
        } else {
            Err(SourceError::OtherForm { setting: access.url.setting() })
        }
    }

    /// The library reads the URL of one server, and of TLS only where it makes the TLS: so it is given that
    /// of each host, in plain text.
    fn of(url: &str) -> Option<Self> {
        // A part of it that would be left out, `#insecure` among them, which believes everybody.
        if url.contains('#') {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let (store, form) = scheme.split_once('+').unwrap_or((scheme, ""));
        let (plain, is_tls) = match store {
            "rediss" => ("redis", true),
            "valkeys" => ("valkey", true),
            other => (other, false),
        };
        if form.is_empty() {
            let info = format!("{plain}://{rest}").into_connection_info().ok()?;
            let database = info.redis_settings().db();
            return Some(Self { form: Form::Server, hosts: vec![info], database, is_tls });
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (form, database) = match form {
            "sentinel" => {
                let (name, database) = path.split_once('/').unwrap_or((path, "0"));
                (Form::Sentinels((!name.is_empty()).then(|| name.to_owned())?), database)
            }
            // The nodes of a cluster have one database.
            "cluster" if matches!(path, "" | "0") => (Form::Cluster, "0"),
            _ => return None,
        };
        let (user, hosts) = match authority.rsplit_once('@') {
            // Several users, or one with what must be written as %XX.
            Some((user, _)) if user.contains(['@', ',']) => return None,
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let info = |host: &str| {
            let host = match &form {
                Form::Sentinels(_) if has_no_port(host) => format!("{host}:{SENTINEL_PORT}"),
                _ => host.to_owned(),
            };
            format!("{plain}://{user}{host}").into_connection_info().ok()
        };
        let hosts = hosts.split(',').map(info).collect::<Option<_>>()?;
        Some(Self { form, hosts, database: database.parse().ok()?, is_tls })
    }

    /// As whom one gets into the servers.
    pub(super) fn settings(&self) -> &RedisConnectionInfo {
        self.hosts[0].redis_settings()
    }

    /// The hosts that are named, each as one of several servers.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let node = |info: &ConnectionInfo| match info.addr() {
            ConnectionAddr::Tcp(host, port) => Node::At { host: host.clone(), port: *port },
            _ => Node::OfUrl,
        };
        self.hosts.iter().map(node).collect()
    }

    /// The first of the hosts that is another machine than this one, with its port.
    pub(super) fn far(&self) -> Option<String> {
        let is_far = |info: &&ConnectionInfo| match info.addr() {
            ConnectionAddr::Tcp(host, _) => !credentials::is_here(host),
            _ => false,
        };
        self.hosts.iter().find(is_far).map(|info| info.addr().to_string())
    }
}

/// Whether no port is written after a host, which may be an address in brackets.
fn has_no_port(host: &str) -> bool {
    host.rsplit_once(':').is_none_or(|(_, port)| port.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use credentials::{NamedFile, REDIS};

    use super::*;

    fn read(url: &str) -> Result<Address, String> {
        Address::read(&Access::to_redis(url)).map_err(|error| format!("{error} {error:?}"))
    }

    /// Each host and port.
    fn written(address: &Address) -> Vec<String> {
        address.hosts.iter().map(|info| info.addr().to_string()).collect()
    }

    #[test]
    fn a_url_says_where_as_whom_and_whether_under_tls() {
        for (url, is_tls) in [
            ("redis://shop:p%40ss@db.example:7000/2", false),
            ("rediss://shop:p%40ss@db.example:7000/2", true),
            ("valkeys://shop:p%40ss@db.example:7000/2", true),
        ] {
            let address = read(url).unwrap();
            assert_eq!(written(&address), ["db.example:7000"]);
            assert_eq!((&address.form, address.is_tls), (&Form::Server, is_tls));
            let settings = address.settings();
            assert_eq!((settings.username(), address.database), (Some("shop"), 2));
            assert_eq!(settings.password(), Some("p@ss"));
        }
        assert_eq!(read("unix:///run/redis.sock").unwrap().far(), None);
        let far = read("redis+cluster://localhost,[::1],db.example:7000,other").unwrap().far();
        assert_eq!(far.as_deref(), Some("db.example:7000"));
    }

    #[test]
    fn sentinels_and_nodes_are_named_one_after_the_other() {
        for (url, form, hosts, database) in [
            (
                "rediss+sentinel://shop:p%40ss@a,[::1],c:7000/prime/2",
                Form::Sentinels("prime".to_owned()),
                ["a:26379", "::1:26379", "c:7000"],
                2,
            ),
            (
                "valkeys+cluster://shop:p%40ss@a,[::1]:7001,c:7000",
                Form::Cluster,
                ["a:6379", "::1:7001", "c:7000"],
                0,
            ),
        ] {
            let address = read(url).unwrap();
            assert_eq!(
                (written(&address), &address.form),
                (hosts.map(str::to_owned).into(), &form)
            );
            assert_eq!((address.database, address.is_tls), (database, true));
            for host in &address.hosts {
                let settings = host.redis_settings();
                assert_eq!(
                    (settings.username(), settings.password()),
                    (Some("shop"), Some("p@ss"))
                );
            }
        }
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
            "redis+sentinel://u:geheim@a,b/",
            "redis+sentinel://u:geheim@a,b/prime/geheim",
            "redis+cluster://u:geheim@a,b/1",
            "redis+cluster://u:geheim@a,,b",
            "redis+cluster://u:geheim@a,u:geheim@b",
            "redis+cluster://",
            "redis+other://u:geheim@h",
            "redis+cluster+sentinel://u:geheim@h/prime",
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
