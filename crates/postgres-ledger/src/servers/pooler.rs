//! Whether a connection has a session of its own on the server.
//!
//! A pooler in transaction mode gives a client's transactions to whatever server connection is free:
//! a statement that one process prepared would be run for another, and settings reach some
//! connections only. Between two statements each connection's [barrier](super::barrier) sees that if
//! the pooler is busy. If it is idle it hands out the same server connection again and again; but
//! then to two clients as well.

use std::{sync::atomic::Ordering, time::Duration};

use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;

use super::{
    ConnectError, Servers,
    connection::{Line, Permit, open},
    error::HostError,
    hosts::Host,
    race::last_row,
    source::Key,
};

const BACKEND_SQL: &str = "SELECT pg_backend_pid() AS backend";

/// How long the look may take. A pooler in session mode may have no second connection to give.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// What came of a look that found no pooler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// There is none, or it cannot be told.
    AsFarAsCanBe,
    /// Another connection is about to find out.
    ElsewhereNow,
}

/// Fails if two connections to a host are in one session: asked by the first connections of a process,
/// one at a time, until it is known, and never again. Where no second connection can be had it is not
/// known yet.
pub(super) async fn exclude(
    servers: &Servers,
    host: &Host,
    key: &Key,
    first: &Line,
) -> Result<Looked, ConnectError> {
    if host.has_sessions.load(Ordering::Relaxed) {
        return Ok(Looked::AsFarAsCanBe);
    }
    let Ok(_look) = host.looks.try_acquire() else { return Ok(Looked::ElsewhereNow) };
    let permit = servers.permits.clone().try_acquire_owned();
    let Ok(permit) = permit else { return Ok(Looked::AsFarAsCanBe) };
    match timeout(LOOK_TIMEOUT, is_shared(host, key, first, permit.into())).await {
        Ok(Ok(true)) => return Err(ConnectError::Pooler),
        Ok(Ok(false)) => host.has_sessions.store(true, Ordering::Relaxed),
        Ok(Err(_)) | Err(_) => {}
    }
    Ok(Looked::AsFarAsCanBe)
}

/// Whether a second connection finds itself in the session of the first, while the first is there,
/// or the first in another one than a moment ago.
async fn is_shared(
    host: &Host,
    key: &Key,
    first: &Line,
    permit: Permit,
) -> Result<bool, HostError> {
    let second = open(&host.config, key, permit).await?;
    let before = backend(&first.client).await?;
    let other = backend(&second.client).await?;
    let after = backend(&first.client).await?;
    Ok(before != after || other == after)
}

async fn backend(client: &ClientWrapper) -> Result<Option<String>, HostError> {
    let found = client.simple_query(BACKEND_SQL).await?;
    Ok(last_row(&found).and_then(|row| row.get("backend")).map(str::to_owned))
}
