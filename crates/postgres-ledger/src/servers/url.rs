//! What a URL says of TLS, taken out of it: the driver knows less of that than libpq.

use std::{borrow::Cow, str::FromStr};

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;

/// What libpq knows besides, so that naming it gives nothing away: a part of a password that was not
/// quoted would be taken for the name of an option, too.
const OF_LIBPQ: [&str; 21] = [
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "min_protocol_version",
    "max_protocol_version",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "scram_client_key",
    "scram_server_key",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcompression",
    "sslcrl",
    "sslpassword",
    "sslsni",
];

/// Why it is none. Nothing of it is quoted: it may have a password anywhere.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The driver cannot read it.
    #[error(
        "it must be as libpq has it, such as postgres://user@host:5432/database, and whatever is no \
         letter or digit in a user or password written as %XX{}", said_of(*.0)
    )]
    Unreadable(Option<&'static str>),
    /// The driver does not know an option.
    #[error("it has the option {0}, which this driver does not know")]
    Unknown(&'static str),
    /// It says in no known way whether there is to be TLS.
    #[error("its sslmode must be disable, prefer, require, verify-ca or verify-full")]
    Mode,
    /// It names no host.
    #[error("it names no host")]
    NoHost,
    /// Which port is whose cannot be told.
    #[error("it names {ports} ports for {hosts} hosts: there must be one for all, or one for each")]
    Ports {
        /// How many ports it names.
        ports: usize,
        /// How many hosts.
        hosts: usize,
    },
    /// A server is asked for that the ledger cannot be on.
    #[error(
        "its target_session_attrs asks for a server that takes no writes, and the ledger is written: \
         leave it out, or say read-write"
    )]
    Target,
}

fn said_of(option: Option<&'static str>) -> String {
    option.map(|option| format!("; its {option} is wrong")).unwrap_or_default()
}

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

type Found = Vec<(&'static str, String)>;

/// The name of an option that is ours to read.
fn ours(name: &str) -> Option<&'static str> {
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"]
        .into_iter()
        .find(|it| *it == name)
}

fn without_scheme(text: &str) -> Option<usize> {
    let scheme = ["postgres://", "postgresql://"].into_iter().find(|it| text.starts_with(it))?;
    Some(scheme.len())
}

/// Where all up to the first `@` of a URL ends: the driver takes it for a user and a password, whatever
/// is in it.
fn after_user(text: &str, at: usize) -> usize {
    text[at..].find('@').map_or(at, |found| at + found + 1)
}

/// Whether a second `@` stands before the options: then the end of a password would be taken for a host
/// or a database, whose names are no secret.
fn has_two_users(text: &str) -> bool {
    without_scheme(text).is_some_and(|at| {
        let rest = &text[after_user(text, at)..];
        rest.split('?').next().is_some_and(|place| place.contains('@'))
    })
}

/// A URL without its options that are ours, and those.
fn out_of_url(text: &str, at: usize) -> (Cow<'_, str>, Found) {
    let after_user = after_user(text, at);
    let Some(begin) = text[after_user..].find('?').map(|found| after_user + found) else {
        return (text.into(), Found::new());
    };
    let (mut found, mut kept) = (Found::new(), Vec::new());
    for option in text[begin + 1..].split('&') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let name = percent_decode_str(name).decode_utf8_lossy();
        match ours(&name) {
            Some(name) => found.push((name, percent_decode_str(value).decode_utf8_lossy().into())),
            None => kept.push(option),
        }
    }
    if found.is_empty() {
        return (text.into(), found);
    }
    let mark = if kept.is_empty() { "" } else { "?" };
    (format!("{}{mark}{}", &text[..begin], kept.join("&")).into(), found)
}

/// The same of `name=value` with spaces between; a value may be quoted, and `\` makes the next
/// character one of the value. What is not so is left to the driver to complain of.
fn out_of_words(text: &str) -> (Cow<'_, str>, Found) {
    let (mut found, mut kept) = (Found::new(), String::new());
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, value, after)) = word(rest) else { break };
        if let Some(name) = ours(name) {
            found.push((name, value));
        } else {
            kept.push_str(&rest[..rest.len() - after.len()]);
            kept.push(' ');
        }
        rest = after.trim_start();
    }
    kept.push_str(rest);
    if found.is_empty() { (text.into(), found) } else { (kept.into(), found) }
}

/// The first word: its name, its value, and what comes after it.
fn word(text: &str) -> Option<(&str, String, &str)> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim_start();
    let quoted = value.strip_prefix('\'');
    let mut characters = quoted.unwrap_or(value).chars();
    let mut read = String::new();
    loop {
        let rest = characters.as_str();
        match characters.next() {
            Some('\\') => read.extend(characters.next()),
            Some('\'') if quoted.is_some() => {
                return Some((name.trim(), read, characters.as_str()));
            }
            Some(it) if quoted.is_none() && it.is_whitespace() => {
                return Some((name.trim(), read, rest));
            }
            Some(it) => read.push(it),
            None => return quoted.is_none().then_some((name.trim(), read, "")),
        }
    }
}

/// What the driver has against it, as far as it is certain to be no secret.
fn unreadable(error: &tokio_postgres::Error) -> UrlError {
    const OF_DRIVER: [&str; 12] = [
        "host",
        "hostaddr",
        "port",
        "connect_timeout",
        "tcp_user_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_retries",
        "target_session_attrs",
        "channel_binding",
        "sslnegotiation",
    ];
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let named = |names: &[&'static str], what: &str| {
        names.iter().copied().find(|name| said == format!("{what} `{name}`"))
    };
    match named(&OF_LIBPQ, "unknown option") {
        Some(option) => UrlError::Unknown(option),
        None => UrlError::Unreadable(named(&OF_DRIVER, "invalid value for option")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tls(text: &str) -> TlsOptions {
        read(text).map_err(|error| error.to_string()).unwrap().tls
    }

    #[test]
    fn what_is_said_of_tls_is_taken_out_and_all_else_is_left_as_it_was() {
        let plain = "postgres://shop:p%40ss@a:1,b:2/ledger?application_name=x&connect_timeout=3";
        for with in [
            "postgres://shop:p%40ss@a:1,b:2/ledger?sslmode=verify-full&application_name=x&\
             sslrootcert=%2Fca%20s.pem&connect_timeout=3&sslcert=/c.pem&sslkey=/k.pem",
            "host=a,b port=1,2 user=shop password=p@ss dbname=ledger application_name = x \
             sslmode=verify-full sslrootcert='/ca s.pem' connect_timeout=3 sslcert=/c.pem  sslkey=/k.pem",
        ] {
            let read = read(with).map_err(|error| error.to_string()).unwrap();

            assert_eq!(read.config, Config::from_str(plain).unwrap(), "{with}");
            assert_eq!(read.tls.mode, Some(SslMode::VerifyFull));
            assert_eq!(read.tls.root_cert.as_deref(), Some("/ca s.pem"));
            assert_eq!(read.tls.cert.as_deref(), Some("/c.pem"));
            assert_eq!(read.tls.key.as_deref(), Some("/k.pem"));
        }
        assert_eq!(read(plain).map_err(drop).unwrap().config, Config::from_str(plain).unwrap());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_url_has_more_said_of_it_than_the_names_of_known_options(
            scheme in prop::sample::select(vec!["postgres://", "postgresql://", "host=h ", ""]),
            text in "[geim@:/?=&%' \\\\,\\[\\]0-9]{0,12}(GEHEIM)?[@:/?=&%' \\\\,\\[\\]]{0,6}(GEHEIM)?",
        ) {
            if let Err(error) = read(&format!("{scheme}{text}")) {
                prop_assert!(!format!("{error} {error:?}").contains("GEHEIM"), "{}", error);
            }
        }
    }

    #[test]
    fn each_mode_of_libpq_is_known_but_allow_which_promises_nothing() {
        for mode in SslMode::ALL {
            assert_eq!(tls(&format!("postgres://a/b?sslmode={}", mode.name())).mode, Some(mode));
        }
        assert_eq!(tls("postgres://a/b").mode, None);
        assert_eq!(tls("postgres://a/b?sslmode=").mode, None);
        assert_eq!(tls("host=a password='sslmode=disable x' user=u").mode, None);
        assert_eq!(tls("postgres://u:x?sslmode=disable@a/b").mode, None);
        for wrong in ["allow", "Require", "verify_full"] {
            let url = format!("postgres://a/b?sslmode={wrong}");
            assert_eq!(read(&url).err(), Some(UrlError::Mode), "{wrong}");
        }
    }

    #[test]
    fn a_server_that_takes_writes_may_be_asked_for_and_no_other() {
        for target in ["any", "read-write", "primary", ""] {
            for url in [
                format!("postgres://a,b/d?target_session_attrs={target}"),
                format!("host=a,b target_session_attrs='{target}'"),
            ] {
                assert!(read(&url).is_ok(), "{url}");
            }
        }
        for target in ["read-only", "standby", "prefer-standby"] {
            let url = format!("postgres://a,b/d?target_session_attrs={target}");
            assert_eq!(read(&url).err(), Some(UrlError::Target), "{target}");
        }
    }

    #[test]
    fn ports_are_one_for_all_hosts_or_one_for_each() {
        for (url, is_good) in [
            ("host=a,b,c port=1", true),
            ("host=a,b,c port=1,2,3", true),
            ("postgres://a,b:2/d", true),
            ("host=a,b,c port=1,2", false),
            ("host=a port=1,2", false),
            ("hostaddr=10.0.0.1,10.0.0.2 port=1,2", true),
        ] {
            assert_eq!(read(url).is_ok(), is_good, "{url}");
        }
        let error = read("host=a,b,c port=1,2").err();
        assert_eq!(error, Some(UrlError::Ports { ports: 2, hosts: 3 }));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_never_quoted() {
        for (url, names) in [
            ("postgres://u:geheim@h:port/d", "its port is wrong"),
            ("postgres://u:geheim@h/d?gssencmode=disable", "the option gssencmode"),
            ("postgres://u:ge@heim?x=1@h/d", "%XX"),
            ("postgres://u:ge@heim@h/d", "%XX"),
            ("postgres://u:ge@he/im@h/d", "%XX"),
            ("host=h password=ge heim=x", "%XX"),
            ("host=h password=ge heim", "%XX"),
            ("host=h password='geheim", "%XX"),
            ("postgres://u:geheim@h/d?geheim", "%XX"),
            ("mysql://u:geheim@h/d", "%XX"),
            ("user=u password=geheim", "no host"),
            ("geheim", "%XX"),
        ] {
            let error = read(url).err().unwrap_or_else(|| panic!("{url} is none"));
            let said = format!("{error} {error:?}");
            assert!(said.contains(names), "{url}: {said}");
            assert!(!said.contains("geheim") && !said.contains("heim"), "{url}: {said}");
        }
    }
}
