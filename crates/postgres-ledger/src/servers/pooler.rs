//! Whether a connection has a session of its own on the server.
//!
//! A pooler in transaction mode gives a client's transactions to whatever server connection is free:
//! a statement that one process prepared would be run for another, and settings reach some
//! connections only. Between two statements each connection's [barrier](super::barrier) sees that if
//! the pooler is busy. If it is idle it hands out the same server connection again and again; but
//! then to two clients as well.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;

use super::{
    ConnectError, Servers,
    connection::{Line, Place, open},
    error::HostError,
    hosts::Host,
    race::last_row,
    source::Key,
};

const BACKEND_SQL: &str = "SELECT pg_backend_pid() AS backend";

/// How long the look may take. A pooler in session mode may have no second connection to give.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// Fails if two connections to a host are in one session: asked by the first connections of a process
/// until it is known, and never again. Where no second connection can be had it is not known yet.
pub(super) async fn exclude(
    servers: &Servers,
    host: &Host,
    key: &Key,
    first: &Line,
) -> Result<(), ConnectError> {
    let looked = host.has_sessions.get_or_try_init(async || {
        let Ok(place) = servers.places.clone().try_acquire_owned() else { return Err(None) };
        match timeout(LOOK_TIMEOUT, is_shared(host, key, first, place.into())).await {
            Ok(Ok(false)) => Ok(()),
            Ok(Ok(true)) => Err(Some(ConnectError::Pooler)),
            Ok(Err(_)) | Err(_) => Err(None),
        }
    });
    match looked.await {
        Err(Some(error)) => Err(error),
        Err(None) | Ok(()) => Ok(()),
    }
}

/// Whether a second connection finds itself in the session of the first, while the first is there,
/// or the first in another one than a moment ago.
async fn is_shared(host: &Host, key: &Key, first: &Line, place: Place) -> Result<bool, HostError> {
    let second = open(&host.config, key, place).await?;
    let before = backend(&first.client).await?;
    let other = backend(&second.client).await?;
    let after = backend(&first.client).await?;
    Ok(before != after || other == after)
}

async fn backend(client: &ClientWrapper) -> Result<Option<String>, HostError> {
    let found = client.simple_query(BACKEND_SQL).await.map_err(HostError::Driver)?;
    Ok(last_row(&found).and_then(|row| row.get("backend")).map(str::to_owned))
}
