//! Which of the hosts is the ledger: all are asked at once.
//!
//! The driver would ask one after the other, and one that accepts a connection and then says nothing
//! would be waited for.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, error::SqlState};

use super::{
    Servers,
    connection::{Line, Place, open},
    error::{ConnectError, HostError},
    hosts::Host,
    source::{Entry, Key},
};

const PROBE_SQL: &str = include_str!("../sql/connect/probe.sql");
const PROBE_PLAIN_SQL: &str = include_str!("../sql/connect/probe_plain.sql");

/// How long a host has, from the first packet to what it is.
const HOST_TIMEOUT: Duration = Duration::from_secs(1);

/// The same, if there is no other host that could be faster.
const ONLY_HOST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the others have once one has said that it takes writes: it may be the one that was the
/// ledger before.
const OTHERS_TIMEOUT: Duration = Duration::from_millis(100);

/// The host that is the ledger, and a connection to it.
pub(super) struct Winner {
    pub(super) host: Arc<Host>,
    pub(super) key: Key,
    pub(super) identity: Identity,
    pub(super) line: Line,
}

impl Winner {
    /// The last that was promoted comes first; of those that cannot be told apart, the one that was
    /// the ledger before, so that two names of one server do not take turns.
    fn rank(&self, known: Option<&str>) -> (Option<u32>, bool) {
        (self.identity.timeline, known == Some(&self.host.name))
    }
}

/// Which server it is, as far as the role may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) system: Option<String>,
    pub(super) timeline: Option<u32>,
}

/// Asks all hosts, and takes of those that take writes the one that was promoted last.
pub(super) async fn race(servers: &Servers, place: &Place) -> Result<Winner, ConnectError> {
    let entry = servers.source.entry().await?;
    let found = ask_all(servers, entry, place).await;
    telemetry::ledger_race_ended(found.is_ok());
    found
}

async fn ask_all(
    servers: &Servers,
    Entry { hosts, key }: Entry,
    place: &Place,
) -> Result<Winner, ConnectError> {
    let known = servers.known().host.clone();
    let limit = if hosts.len() == 1 { ONLY_HOST_TIMEOUT } else { HOST_TIMEOUT };
    let mut asked = hosts
        .iter()
        .map(async |host| {
            let found = timeout(limit, ask(host, &key, Arc::clone(place)))
                .await
                .unwrap_or(Err(HostError::Silent));
            (host, found)
        })
        .collect::<FuturesUnordered<_>>();
    let mut best: Option<Winner> = None;
    let mut failures = Vec::new();
    let mut deadline = Instant::now() + limit + OTHERS_TIMEOUT;
    while let Ok(Some((host, found))) = timeout_at(deadline, asked.next()).await {
        match found {
            Ok((identity, line)) => {
                if best.is_none() {
                    deadline = Instant::now() + OTHERS_TIMEOUT;
                }
                let host = Arc::clone(host);
                let winner = Winner { host, key: key.clone(), identity, line };
                let known = known.as_deref();
                if best.as_ref().is_none_or(|best| best.rank(known) < winner.rank(known)) {
                    best = Some(winner);
                }
            }
            Err(error) => failures.push((host.name.clone(), error)),
        }
    }
    match (best, failures.pop()) {
        (Some(winner), _) => Ok(winner),
        // What the only host says needs no list.
        (None, Some((_, HostError::Driver(error)))) if hosts.len() == 1 => {
            Err(ConnectError::Driver(error))
        }
        (None, Some((host, HostError::Explained { what, source }))) if hosts.len() == 1 => {
            Err(ConnectError::Explained { host, what, source })
        }
        (None, last) => Err(ConnectError::NoneWritable(failures.into_iter().chain(last).collect())),
    }
}

async fn ask(host: &Host, key: &Key, place: Place) -> Result<(Identity, Line), HostError> {
    let line = open(&host.config, key, place).await?;
    let mut found = line.client.simple_query(PROBE_SQL).await;
    if let Err(error) = &found
        && error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
    {
        found = line.client.simple_query(PROBE_PLAIN_SQL).await;
    }
    let found = found.map_err(HostError::Driver)?;
    let Some(row) = last_row(&found) else { return Err(HostError::Silent) };
    if row.get("is_standby") != Some("f") {
        return Err(HostError::Standby);
    }
    let timeline = row.get("timeline").and_then(|timeline| timeline.parse().ok());
    let system = row.get("system").map(ToOwned::to_owned);
    Ok((Identity { system, timeline }, line))
}

/// The row that a question brought.
pub(super) fn last_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}
