//! The listener for whoever runs the service: `/metrics` and `/health`, and `/admin` for operators.

use std::{
    io::{self, IsTerminal, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
};

use actix_server::Server;
use http_api::{Operators, TokenSource};

use crate::{
    compose::Shared, config::AdminAddr, log, operator_tokens::OperatorTokens, peers, signs::Signs,
};

/// Where it is if nobody says so: for this machine alone.
pub(crate) const USUAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8_081));

/// Connections at a time. Few ask, and none for long, but 64 who may watch.
const CONNECTIONS_MAX: usize = 128;

/// How long what was asked here has to end after a stop, in seconds.
const STOP_S_MAX: u64 = 1;

/// Listens where `address` says, or at the `usual` place, or if that is taken wherever there is
/// room: several processes of one machine need no settings for it. `None` if it is switched off.
pub(crate) fn listen(
    address: Option<AdminAddr>,
    usual: SocketAddr,
) -> Result<Option<TcpListener>, ListenError> {
    let at = |address| peers::listen(address).map_err(|source| ListenError { address, source });
    match address {
        Some(AdminAddr::Off) => Ok(None),
        Some(AdminAddr::At(address)) => at(address).map(Some),
        None => match at(usual) {
            Err(taken) if taken.source.kind() == io::ErrorKind::AddrInUse => {
                at(SocketAddr::new(usual.ip(), 0)).map(Some)
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
pub(crate) fn serve(
    listener: TcpListener,
    shared: Shared,
    signs: Option<Signs>,
) -> io::Result<Server> {
    let limits = peers::Limits {
        listener: "operators",
        workers: 1,
        connections_max: CONNECTIONS_MAX,
        stop_s_max: STOP_S_MAX,
    };
    let routes = match shared.operator_tokens {
        Some(_) => http_api::operator_routes,
        None => http_api::metrics_routes,
    };
    peers::serve(listener, limits, routes, move || {
        if let Some(signs) = &signs {
            signs.of_this_thread("the thread that answers operators");
        }
        shared.operator_api()
    })
}

/// Says what there is at this address, and for whom.
pub(crate) fn tell(address: SocketAddr, tokens: Option<&OperatorTokens>) {
    tracing::info!("metrics at http://{address}/metrics (ADMIN_ADDR)");
    match tokens {
        None => tracing::info!(
            "nobody operates: without ADMIN_TOKENS_FILE there are the metrics and the health, and no \
             /admin"
        ),
        Some(tokens) => {
            let (path, count) = (tokens.path().display(), tokens.operators.count());
            let page = format!("http://{}", tokens.operators.link_to(address));
            match tokens.source {
                TokenSource::List => {
                    tracing::info!(tokens = count, "operators at {page}, by their tokens ({path})");
                }
                TokenSource::Own => tracing::info!("operators at {page}, by the token in {path}"),
            }
            if tokens.source == TokenSource::Own {
                invite(address, &tokens.operators);
            }
        }
    }
}

/// Gives whoever started the process at a terminal a link to sign in by. It is in no log and goes down no
/// pipe: what reads those is not whoever sits there.
fn invite(address: SocketAddr, operators: &Operators) {
    let mut terminal: Box<dyn Write> = if io::stderr().is_terminal() {
        Box::new(io::stderr())
    } else if io::stdout().is_terminal() {
        Box::new(io::stdout())
    } else {
        return;
    };
    let Some(ticket) = operators.invite() else { return };
    log::flush();
    // Who does not see it has the token in the directory.
    let _ = writeln!(
        terminal,
        "\nSign in within five minutes, once: http://{}/admin/enter?ticket={ticket}\n",
        operators.link_to(address)
    );
}
