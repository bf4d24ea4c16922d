//! By what name the operators' listener may be asked. A page of anybody can have its own name lead to
//! this machine, and then asks as if it was ours; it cannot choose what a browser says in `Host`.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use actix_web::{
    dev::RequestHead,
    http::header::{HOST, HeaderMap, HeaderName, ORIGIN},
};

/// The most names.
const HOSTS_MAX: usize = 64;

const LOCALHOST: &str = "localhost";

/// By what names the operators' listener may be asked, whatever the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// By `localhost` and the address that it listens at; if that is every address of the machine, by any
    /// address: no name of somebody else is one.
    Of(IpAddr),
    /// By these, in lower case.
    Named(Vec<String>),
}

/// Why a text does not name hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// It is no host.
    #[error(
        "{0:?} is no host, such as admin.shop.example, 10.0.0.7 or [fd00::7]: without scheme, port or path"
    )]
    Host(String),
    /// There are too many.
    #[error("has more than {HOSTS_MAX} hosts")]
    TooMany,
    /// There are none.
    #[error("names no host")]
    None,
}

impl Hosts {
    /// The host that a request asks by, with its port, if it may be asked by that.
    pub(super) fn host_of<'r>(&self, head: &'r RequestHead) -> Option<&'r str> {
        asked_by(head).filter(|host| self.allow(host))
    }

    /// A host that may be asked by and that leads to this address, with its port, such as `localhost:8081`: a
    /// local one if there is one, for that surely does; else the first that was named.
    pub(super) fn leading_to(&self, address: SocketAddr) -> String {
        let (ip, port) = (address.ip(), address.port());
        let at = |host: &str| format!("{host}:{port}");
        let local = ip.is_unspecified().then(|| at(LOCALHOST));
        let local = local.into_iter().chain([address.to_string()]);
        let local = local.chain(ip.is_loopback().then(|| at(LOCALHOST)));
        let named = if let Self::Named(names) = self { names.first() } else { None };
        let mut allowed = local.chain(named.map(|name| at(name))).filter(|host| self.allow(host));
        allowed.next().unwrap_or_else(|| address.to_string())
    }

    fn allow(&self, host: &str) -> bool {
        let name = without_port(host);
        match self {
            Self::Named(names) => names.iter().any(|it| it.eq_ignore_ascii_case(name)),
            Self::Of(_) if name.eq_ignore_ascii_case(LOCALHOST) => true,
            Self::Of(own) => {
                let asked = address(name);
                asked.is_some_and(|asked| own.is_unspecified() || asked == own.to_canonical())
            }
        }
    }
}

/// The host that a request asks by: the one of its target, if that names one, whatever `Host` says (RFC 9112, 3.2.2);
/// else what `Host` says, once.
fn asked_by(head: &RequestHead) -> Option<&str> {
    if let Some(authority) = head.uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = head.headers.get_all(HOST);
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

impl FromStr for Hosts {
    type Err = HostsError;

    /// Reads hosts, with commas between them.
    fn from_str(text: &str) -> Result<Self, HostsError> {
        let names = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        let names = names.map(|name| {
            let is_host = address(name).is_some() || is_name(name);
            let wrong = || HostsError::Host(name.chars().take(64).collect());
            if is_host { Ok(name.to_ascii_lowercase()) } else { Err(wrong()) }
        });
        let names: Vec<_> = names.collect::<Result<_, _>>()?;
        match names.len() {
            0 => Err(HostsError::None),
            1..=HOSTS_MAX => Ok(Self::Named(names)),
            _ => Err(HostsError::TooMany),
        }
    }
}

/// What a browser says of a page that asks, and what it says of one that is of whom it asks.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SAME_ORIGIN: &str = "same-origin";

/// Whether a request comes of a page of this very host, as a browser says it: in `Origin`, and if it says
/// that, too, in `Sec-Fetch-Site`. Who comes over TLS did so by a proxy, and here nobody knows of that.
pub(super) fn is_of_page_of(host: &str, headers: &HeaderMap) -> bool {
    if headers.get_all(FETCH_SITE).any(|site| site != SAME_ORIGIN) {
        return false;
    }
    let mut origins = headers.get_all(ORIGIN);
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let origin = origin.to_str().unwrap_or_default();
    let of = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    of == Some(host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // What is behind the last colon within brackets is no port.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The address that a host is, IPv6 in brackets.
fn address(host: &str) -> Option<IpAddr> {
    let in_brackets = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4),
    };
    address.map(|it| it.to_canonical())
}

fn is_name(host: &str) -> bool {
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    host.len() <= 253
        && host.split('.').all(|label| !label.is_empty() && label.bytes().all(in_label))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(address: &str) -> Hosts {
        Hosts::Of(address.parse().unwrap())
    }

    #[test]
    fn whoever_names_no_hosts_is_asked_by_the_address_itself_and_localhost() {
        let own = of("127.0.0.1");
        for good in ["127.0.0.1", "127.0.0.1:8081", "localhost", "localhost:9", "LocalHost:8081"] {
            assert!(own.allow(good), "{good}");
        }
        for bad in [
            "",
            ":8081",
            "evil.example",
            "evil.example:8081",
            "127.0.0.2",
            "[::1]",
            "localhost.",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:8081:8081",
            "127.1",
            "user@127.0.0.1",
            "localhost:80a",
            "localhost/",
        ] {
            assert!(!own.allow(bad), "{bad}");
        }
        assert!(of("::1").allow("[::1]:8081") && !of("::1").allow("127.0.0.1"));
    }

    #[test]
    fn a_listener_of_every_address_is_asked_by_any_of_them_and_by_no_other_name() {
        for any in [of("0.0.0.0"), of("::")] {
            for good in ["10.0.0.7:8081", "127.0.0.1", "[fd00::7]:8081", "localhost:8081"] {
                assert!(any.allow(good), "{good}");
            }
            for bad in ["evil.example", "10.0.0.7.evil.example", "fd00::7", "0x7f000001"] {
                assert!(!any.allow(bad), "{bad}");
            }
        }
    }

    #[test]
    fn hosts_that_are_named_are_the_only_ones() {
        let named: Hosts = "Admin.shop.example, 10.0.0.7,[fd00::7]".parse().unwrap();
        for good in ["admin.shop.example", "ADMIN.shop.example:443", "10.0.0.7:8081", "[fd00::7]"] {
            assert!(named.allow(good), "{good}");
        }
        for bad in ["localhost", "shop.example", "x.admin.shop.example", "10.0.0.8"] {
            assert!(!named.allow(bad), "{bad}");
        }
        for wrong in [
            "https://admin.example",
            "admin.example:8081",
            "admin.example/",
            "*.example",
            "a b",
            "fd00::7",
            "[fd00::7",
            "a..b",
            "ü.example",
            ".",
        ] {
            let error = wrong.parse::<Hosts>();
            assert_eq!(error, Err(HostsError::Host(wrong.to_owned())), "{wrong}");
        }
        assert_eq!(" , ".parse::<Hosts>(), Err(HostsError::None));
        let many = |count| vec!["a.example"; count].join(",").parse::<Hosts>();
        assert!(many(HOSTS_MAX).is_ok());
        assert_eq!(many(HOSTS_MAX + 1), Err(HostsError::TooMany));
    }

    #[test]
    fn the_link_of_the_start_has_a_host_that_may_be_asked_by() {
        let (own, all) = ("127.0.0.1:8081", "0.0.0.0:8081");
        for (hosts, address, link) in [
            (of("127.0.0.1"), own, own),
            (of("::1"), "[::1]:8081", "[::1]:8081"),
            (of("0.0.0.0"), all, "localhost:8081"),
            (of("10.0.0.7"), "10.0.0.7:8081", "10.0.0.7:8081"),
            ("admin.example, b.example".parse().unwrap(), own, "admin.example:8081"),
            ("admin.example,localhost".parse().unwrap(), own, "localhost:8081"),
            ("admin.example,127.0.0.1".parse().unwrap(), own, own),
            ("admin.example".parse().unwrap(), all, "admin.example:8081"),
            ("admin.example,localhost".parse().unwrap(), all, "localhost:8081"),
        ] {
            assert_eq!(hosts.leading_to(address.parse().unwrap()), link);
            assert!(hosts.allow(link), "{link}");
        }
    }

    #[test]
    fn a_page_is_of_a_host_if_its_origin_is_exactly_that() {
        let is = |origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            is_of_page_of("localhost:8081", &headers)
        };
        assert!(is(&["http://localhost:8081"]) && is(&["https://localhost:8081"]));
        for bad in [
            &[][..],
            &["null"],
            &[""],
            &["localhost:8081"],
            &["http://localhost"],
            &["http://localhost:8080"],
            &["http://127.0.0.1:8081"],
            &["http://localhost:8081.evil.example"],
            &["http://localhost:8081/"],
            &["ftp://localhost:8081"],
            &["http://localhost:8081", "http://localhost:8081"],
        ] {
            assert!(!is(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_browser_that_says_of_itself_that_another_site_asks_is_believed() {
        let is = |sites: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static("http://localhost:8081"));
            for site in sites {
                headers.append(FETCH_SITE, HeaderValue::from_static(site));
            }
            is_of_page_of("localhost:8081", &headers)
        };

        assert!(is(&[]) && is(&["same-origin"]));
        for bad in [&["cross-site"][..], &["same-site"], &["none"], &["same-origin", "cross-site"]]
        {
            assert!(!is(bad), "{bad:?}");
        }
    }
}
