//! Where operators listen, and who they are.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::Args;
use credentials::NamedFile;
use http_api::Hosts;

use super::{access::a_path, parse::parse_address};

/// The settings, as errors have them.
const TOKENS_FILE: &str = "ADMIN_TOKENS_FILE";
const HOSTS: &str = "ADMIN_HOSTS";

/// Where operators listen, and who they are.
#[derive(Args, Clone)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(super) struct OperatorSettings {
    /// Where whoever runs the service listens: /metrics and /health, without any password, so for
    /// nobody else to reach, and /admin for operators; `off` for nowhere, and nothing is counted
    /// [default: 127.0.0.1:8081, or a free port if that is taken]
    #[arg(long, env, global = true, value_name = "ADDRESS")]
    admin_addr: Option<AdminAddr>,

    /// Who operates: a line `name role sha256-of-token` each, with `viewer` or `operator` for a role, as
    /// `flashsale tokens make` prints it. Read again when it changes. Without it nobody does, but on
    /// DATA_DIR, where whoever can read admin.token may
    #[arg(long, env, global = true, value_name = "FILE", value_parser = a_path())]
    admin_tokens_file: Option<PathBuf>,

    /// By which hosts, with commas between them, operators may ask, such as admin.shop.example [default:
    /// localhost, and the address that is listened at]
    #[arg(long, env, global = true, value_name = "HOSTS")]
    admin_hosts: Option<SomeHosts>,
}

/// Where whoever runs the service listens.
#[derive(Clone, Copy)]
pub(crate) enum AdminAddr {
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl FromStr for AdminAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        parse_address(text).map(Self::At).map_err(|error| format!("{error}, or `off`"))
    }
}

/// Hosts, or nothing, which is none said.
#[derive(Clone)]
struct SomeHosts(Option<Hosts>);

impl FromStr for SomeHosts {
    type Err = http_api::HostsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|hosts| Self(Some(hosts))) }
    }
}

/// Who operates, and by which hosts they ask.
pub(crate) struct LetIn {
    /// The file that says who; `None` if no setting does.
    pub(crate) file: Option<NamedFile>,
    pub(crate) hosts: Hosts,
}

/// Settings that cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("{set} is set, but ADMIN_ADDR is off: it would change nothing")]
pub(crate) struct NowhereError {
    set: &'static str,
}

/// Operators and buyers would be heard at one port.
#[derive(Debug, thiserror::Error)]
#[error(
    "ADMIN_ADDR={of_operators} is where buyers are heard (HTTP_ADDR={of_buyers}): operators need a port \
     of their own, which buyers do not reach, such as ADMIN_ADDR=127.0.0.1:{}; or `off`",
    another_port(*of_buyers)
)]
pub(crate) struct SharedAddress {
    of_operators: SocketAddr,
    of_buyers: SocketAddr,
}

/// Whether only one can listen at both. Port 0 is any that is free.
fn are_one(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |all: IpAddr, one: IpAddr| match all {
        IpAddr::V4(ip) => ip.is_unspecified() && one.is_ipv4(),
        // Whoever listens at all of IPv6 does so at all of IPv4, too.
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    let [a, b] = [one, other].map(|it| it.ip().to_canonical());
    let is_one_host = a == b || covers(a, b) || covers(b, a);
    one.port() == other.port() && one.port() != 0 && is_one_host
}

fn another_port(than: SocketAddr) -> u16 {
    than.port().checked_add(1).unwrap_or(8_081)
}

impl OperatorSettings {
    /// Where operators listen, if that is said: elsewhere than buyers do.
    pub(super) fn address_beside(
        &self,
        of_buyers: SocketAddr,
    ) -> Result<Option<AdminAddr>, SharedAddress> {
        match self.admin_addr {
            Some(AdminAddr::At(of_operators)) if are_one(of_operators, of_buyers) => {
                Err(SharedAddress { of_operators, of_buyers })
            }
            address => Ok(address),
        }
    }

    /// Who is let in; `None` if there is nowhere to. What is empty was not said.
    pub(super) fn let_in(&self) -> Result<Option<LetIn>, NowhereError> {
        let file = self.admin_tokens_file.clone().filter(|path| !path.as_os_str().is_empty());
        let file = file.map(|path| NamedFile { setting: TOKENS_FILE, path });
        let hosts = self.admin_hosts.clone().and_then(|some| some.0);
        let own = match self.admin_addr {
            Some(AdminAddr::Off) if file.is_some() => {
                return Err(NowhereError { set: TOKENS_FILE });
            }
            Some(AdminAddr::Off) if hosts.is_some() => return Err(NowhereError { set: HOSTS }),
            Some(AdminAddr::Off) => return Ok(None),
            Some(AdminAddr::At(address)) => address.ip(),
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        Ok(Some(LetIn { file, hosts: hosts.unwrap_or(Hosts::Of(own)) }))
    }
}
