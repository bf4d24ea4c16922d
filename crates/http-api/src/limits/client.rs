//! Which address a request is of: the peer's, or behind a proxy that is trusted, the one it names.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many proxies may be between a client and this process. What is further is made up.
const HOPS_MAX: usize = 16;

/// The proxies whose word is believed on whom they ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

/// Why a text names no proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no address or network, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8")]
pub struct ProxiesError(String);

impl FromStr for Proxies {
    type Err = ProxiesError;

    /// Reads addresses and networks, with commas between them.
    fn from_str(text: &str) -> Result<Self, ProxiesError> {
        let one = |part: &str| {
            let net = part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            net.ok().and_then(canonical).ok_or_else(|| ProxiesError(format!("{part:?}")))
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(one).collect::<Result<_, _>>().map(Self)
    }
}

impl Proxies {
    /// Whether there is an address family all of which is trusted: then clients are, too, and each is
    /// whoever it says.
    #[must_use]
    pub fn are_everybody(&self) -> bool {
        IpNet::aggregate(&self.0).iter().any(|net| net.prefix_len() == 0)
    }

    /// The client of a request that came from `peer`: the last of those it was forwarded for that is no
    /// proxy of ours. What is further left was written by somebody whom nobody knows.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trust(client) {
            return client;
        }
        let fields: Vec<_> = headers.get_all(FORWARDED_FOR).collect();
        // Each by itself: what a client wrote to the left must not hide what our proxy wrote after it.
        let named = fields
            .iter()
            .rev()
            .flat_map(|field| field.as_bytes().rsplit(|&byte| byte == b',').map(address));
        for named in named.take(HOPS_MAX) {
            // A proxy that writes something else has not said for whom it asks: it is the client.
            let Some(address) = named else { break };
            client = address;
            if !self.trust(client) {
                break;
            }
        }
        client
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// A network as addresses are compared with it: one of IPv4 is not written as one of IPv6.
fn canonical(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(mapped) = net else { return Some(net) };
    let Some(address) = mapped.network().to_ipv4_mapped() else { return Some(net) };
    let prefix = mapped.prefix_len().checked_sub(128 - 32)?;
    IpNet::new(address.into(), prefix).ok()
}

/// An address as proxies write it, some with the port, IPv6 in brackets.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(bytes).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|it: SocketAddr| it.ip()));
    address.ok().map(|it: IpAddr| it.to_canonical())
}

/// What counts as one client: an IPv4 address, or of IPv6 the network of one customer, who may choose
/// the rest of it as they like.
pub(super) fn block_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
