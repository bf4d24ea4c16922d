//! The listener for whoever runs the service: `/metrics` and `/health`.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
};

use actix_server::Server;

use crate::{compose::Shared, config::AdminAddr, peers};

/// Where it is if nobody says so: for this machine alone.
const DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8_081));

/// Connections at a time. Few ask, and none for long.
const CONNECTIONS_MAX: usize = 64;

/// How long what was asked here has to end after a stop, in seconds.
const STOP_S_MAX: u64 = 1;

/// Listens where `address` says, or at the usual place, or if that is taken wherever there is
/// room: several processes of one machine need no settings for it. `None` if it is switched off.
pub(crate) fn listen(address: Option<AdminAddr>) -> Result<Option<TcpListener>, ListenError> {
    let at = |address| peers::listen(address).map_err(|source| ListenError { address, source });
    match address {
        Some(AdminAddr::Off) => Ok(None),
        Some(AdminAddr::At(address)) => at(address).map(Some),
        None => match at(DEFAULT) {
            Err(taken) if taken.source.kind() == io::ErrorKind::AddrInUse => {
                at(SocketAddr::new(DEFAULT.ip(), 0)).map(Some)
            }
            listening => listening.map(Some),
        },
    }
}

/// Why there is no such listener.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}; ADMIN_ADDR says where to, and may be `off`")]
pub(crate) struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// A server for whoever asks there; runs when it is awaited.
pub(crate) fn serve(listener: TcpListener, shared: Shared) -> io::Result<Server> {
    let limits = peers::Limits {
        listener: "operators",
        workers: 1,
        connections_max: CONNECTIONS_MAX,
        stop_s_max: STOP_S_MAX,
    };
    peers::serve(listener, limits, http_api::operator_routes, move || shared.operator_api())
}
