//! Why a URL is none, without a word of it that may be a secret.

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

/// What the driver has against it, as far as it is certain to be no secret.
pub(super) fn unreadable(error: &tokio_postgres::Error) -> UrlError {
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
