//! Which of the hosts is the ledger: all are asked at once.
//!
//! The driver would ask one after the other, and one that accepts a connection and then says nothing
//! would be waited for; and of the addresses of a name it would take the first that accepts one,
//! whatever is there.

use std::{collections::BTreeSet, io, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, error::Severity};

use super::{
    Servers,
    connection::{Line, Permit, open},
    error::{ConnectError, HostError},
    hosts::Host,
    identity::Identity,
    source::{Entry, Key},
};

const PROBE_SQL: &str = include_str!("../sql/connect/probe.sql");
const PROBE_PLAIN_SQL: &str = include_str!("../sql/connect/probe_plain.sql");
const PROBE_SYSTEM_SQL: &str = include_str!("../sql/connect/probe_system.sql");
const PROBE_TIMELINE_SQL: &str = include_str!("../sql/connect/probe_timeline.sql");

/// How long a host has, from the first packet to what it is, once its name is found; and as long to
/// find that.
const HOST_TIMEOUT: Duration = Duration::from_secs(1);

/// The same, if there is no other host that could be faster.
const ONLY_HOST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the others have once the ledger has said that it takes writes, or one that was promoted
/// since: another one may have been promoted after it. The one before the ledger is no reason not to
/// wait for that.
const OTHERS_TIMEOUT: Duration = Duration::from_millis(100);

/// How long the others are waited for once the ledger has said that it takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// For a moment: whoever wants a connection shall not wait for a host that is gone.
    Brief,
    /// As long as each may take: one that is far away may have been promoted.
    Whole,
}

/// The host that is the ledger, and a connection to it.
pub(super) struct Winner {
    pub(super) host: Arc<Host>,
    pub(super) key: Key,
    pub(super) identity: Identity,
    pub(super) line: Line,
    /// What the hosts said that take no writes, or did not say.
    pub(super) others: Vec<(String, HostError)>,
}

/// What is heard in a race.
enum Heard {
    /// Which addresses a host has.
    Addresses(Arc<Host>, io::Result<Vec<Arc<Host>>>),
    /// What one of them is.
    Answer(Arc<Host>, Box<Result<(Identity, Line), HostError>>),
}

/// Asks all hosts, and takes of those that take writes the one that was promoted last.
pub(super) async fn race(
    servers: &Servers,
    permit: &Permit,
    patience: Patience,
) -> Result<Winner, ConnectError> {
    let entry = servers.source.entry().await?;
    let found = ask_all(servers, entry, permit, patience).await;
    telemetry::ledger_race_ended(found.is_ok());
    found
}

async fn ask_all(
    servers: &Servers,
    Entry { hosts, key }: Entry,
    permit: &Permit,
    patience: Patience,
) -> Result<Winner, ConnectError> {
    let patience_with_host = |is_only| if is_only { ONLY_HOST_TIMEOUT } else { HOST_TIMEOUT };
    let limit = Instant::now() + patience_with_host(hosts.len() == 1);
    let to_find = hosts.iter().map(|host| find(Arc::clone(host), servers, limit));
    let mut asked = to_find.collect::<FuturesUnordered<_>>();
    let mut writable = Vec::new();
    let mut failures = Vec::new();
    let mut asked_of = BTreeSet::new();
    let mut deadline = limit + OTHERS_TIMEOUT;
    let mut is_settled = false;
    while let Ok(Some(heard)) = timeout_at(deadline, asked.next()).await {
        match heard {
            Heard::Addresses(_, Ok(found)) => {
                let is_only = hosts.len() == 1 && found.len() == 1;
                // What it took to find the name is not the host's.
                let limit = Instant::now() + patience_with_host(is_only);
                if !is_settled {
                    deadline = deadline.max(limit + OTHERS_TIMEOUT);
                }
                for host in found {
                    asked_of.insert(host.name.clone());
                    asked.push(ask(host, &key, Arc::clone(permit), limit));
                }
            }
            Heard::Addresses(host, Err(error)) => {
                failures.push((host.name.clone(), HostError::NotFound(error)));
            }
            Heard::Answer(host, answer) => {
                asked_of.remove(&host.name);
                match *answer {
                    Ok((identity, line)) => {
                        let settles = servers.known().settles(&host, &identity);
                        if settles && patience == Patience::Brief {
                            is_settled = true;
                            deadline = deadline.min(Instant::now() + OTHERS_TIMEOUT);
                        }
                        let (key, others) = (key.clone(), Vec::new());
                        writable.push(Winner { host, key, identity, line, others });
                    }
                    Err(error) => failures.push((host.name.clone(), error)),
                }
            }
        }
    }
    if writable.is_empty() {
        return Err(ConnectError::of_all(failures));
    }
    let (host, system) = {
        let known = servers.known();
        (known.host.clone(), known.system.clone())
    };
    if writable.iter().any(|winner| !winner.identity.is_foreign(system.as_deref())) {
        writable.retain(|winner| !winner.identity.is_foreign(system.as_deref()));
    }
    let winner = best(writable, host.as_deref())?;
    failures.extend(asked_of.into_iter().map(|name| (name, HostError::Silent)));
    Ok(Winner { others: failures, ..winner })
}

/// The last that was promoted; of the names of one server the one that it was known by, so that they
/// do not take turns. There are some.
fn best(mut writable: Vec<Winner>, known: Option<&Host>) -> Result<Winner, ConnectError> {
    let rank = |winner: &Winner| {
        let is_known = known.is_some_and(|known| known.is_same(&winner.host));
        (winner.identity.timeline, is_known)
    };
    writable.sort_by_key(rank);
    let last = writable.last().map(|winner| winner.identity.clone()).ok_or(ConnectError::Silent)?;
    if writable.iter().any(|winner| winner.identity.rivals(&last)) {
        let servers = writable.iter().filter(|winner| winner.identity.timeline == last.timeline);
        let servers = servers.map(|winner| winner.host.name.clone()).collect();
        return Err(ConnectError::Torn { servers });
    }
    writable.pop().ok_or(ConnectError::Silent)
}

fn find(host: Arc<Host>, servers: &Servers, limit: Instant) -> BoxFuture<'_, Heard> {
    async move {
        let found = timeout_at(limit, host.each_address(&servers.look_up)).await;
        let silent =
            || Err(io::Error::new(io::ErrorKind::TimedOut, "its name was not found in time"));
        Heard::Addresses(host, found.unwrap_or_else(|_| silent()))
    }
    .boxed()
}

fn ask(host: Arc<Host>, key: &Key, permit: Permit, limit: Instant) -> BoxFuture<'_, Heard> {
    async move {
        let answer = timeout_at(limit, probe(&host, key, permit)).await;
        Heard::Answer(host, Box::new(answer.unwrap_or(Err(HostError::Silent))))
    }
    .boxed()
}

async fn probe(host: &Host, key: &Key, permit: Permit) -> Result<(Identity, Line), HostError> {
    let line = open(&host.config, key, permit).await?;
    let mut found = line.client.simple_query(PROBE_SQL).await;
    let is_restricted = found.as_ref().is_err_and(is_ordinary);
    if is_restricted {
        found = line.client.simple_query(PROBE_PLAIN_SQL).await;
    }
    let found = found?;
    let Some(row) = last_row(&found) else { return Err(HostError::Silent) };
    if row.get("is_standby") != Some("f") {
        return Err(HostError::Standby);
    }
    let mut identity = Identity::of(row);
    if is_restricted {
        identity.system = fact(&line, PROBE_SYSTEM_SQL, "system").await?;
        let timeline = fact(&line, PROBE_TIMELINE_SQL, "timeline").await?;
        identity.timeline = timeline.and_then(|timeline| timeline.parse().ok());
    }
    Ok((identity, line))
}

/// What one question brings, if it may be asked.
async fn fact(
    line: &Line,
    sql: &'static str,
    column: &str,
) -> Result<Option<String>, tokio_postgres::Error> {
    match line.client.simple_query(sql).await {
        Err(error) if is_ordinary(&error) => Ok(None),
        found => Ok(last_row(&found?).and_then(|row| row.get(column)).map(ToOwned::to_owned)),
    }
}

/// Whether the server goes on and only does not do what it was asked: for want of a right, or as
/// managed ones do that lack the function.
fn is_ordinary(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| said.parsed_severity() == Some(Severity::Error))
}

/// The row that a question brought.
pub(super) fn last_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
