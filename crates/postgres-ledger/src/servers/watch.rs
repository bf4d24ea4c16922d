//! Looking at what a process need not notice by itself: that another server has taken the ledger's
//! place, for the one before may go on answering whoever only reads, or be silent; and that the server
//! keeps what is written less safe than was demanded, for a setting may change while it runs.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_postgres::SimpleQueryRow;

use super::{
    Servers,
    barrier::{Durability, Kept},
    connection::{Line, Permit, open},
    error::ConnectError,
    hosts::Host,
    known::Standing,
    race::{Patience, last_row, race},
};

const DURABLE_SQL: &str = include_str!("../sql/connect/durable.sql");

/// How often it is looked which server is the ledger.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked how the ledger keeps what is written, and how long that may take.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// After how long without an answer it counts as kept less safe: nobody could say otherwise.
const UNKNOWN_FOR: Duration = Duration::from_secs(3);

/// Looks again and again, as long as the ledger lives.
pub(crate) fn watch(servers: &Arc<Servers>) {
    let whoever_is = Arc::downgrade(servers);
    tokio::spawn(async move {
        loop {
            sleep(LOOK_EVERY).await;
            let Some(servers) = whoever_is.upgrade() else { return };
            servers.look_around().await;
        }
    });
    if servers.durability == Durability::Single {
        return;
    }
    let whoever_is = Arc::downgrade(servers);
    tokio::spawn(async move {
        let mut asked =
            Asked { line: None, answered_at: Instant::now(), is_met: true, refused: None };
        loop {
            sleep(ASK_EVERY).await;
            let Some(servers) = whoever_is.upgrade() else { return };
            servers.ask_how_it_keeps(&mut asked).await;
        }
    });
}

/// How the ledger keeps what is written, as far as it was asked.
struct Asked {
    /// The connection on which it is asked, and to which server.
    line: Option<(Line, Arc<Host>, Option<String>)>,
    answered_at: Instant,
    is_met: bool,
    /// Why no connection was to be had on which to ask, if one was refused the last time.
    refused: Option<String>,
}

impl Servers {
    /// Asks all hosts, and distrusts every connection to the server that was the ledger if another
    /// one is. Whoever wants a connection then takes that for the ledger, if it is of use; one that
    /// was promoted for a moment, and that nobody has used, leaves no trace.
    ///
    /// Also while none is known: barriers at one that none of its standbys follows may have all the
    /// permits, so that nobody comes to ask the promoted one.
    pub(super) async fn look_around(&self) {
        if !self.may_move().await {
            return;
        }
        let Some(permit) = one_more() else { return };
        let is_contested = match race(self, &permit, Patience::Whole).await {
            Ok(winner) => {
                if self.known().host.is_none() {
                    self.source.give_up_barriers_but_at(&winner.host);
                }
                let found = self.judge(&winner.host, &winner.identity);
                found.is_ok_and(|found| found.standing == Standing::Other)
            }
            Err(ConnectError::Torn { .. }) => true,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "no look at the ledger");
                return;
            }
        };
        self.contest(is_contested);
    }

    /// Whether there is more than one place where the ledger can be: a name may get an address that it
    /// had not when it was connected to.
    async fn may_move(&self) -> bool {
        let Ok(entry) = self.source.entry().await else { return false };
        let [host] = &*entry.hosts else { return true };
        let addresses = timeout(ASK_TIMEOUT, host.each_address(&self.look_up)).await;
        addresses.is_ok_and(|found| found.is_ok_and(|found| found.len() > 1))
    }

    /// Asks the ledger how it keeps what is written. If that is less than was demanded, or not to be
    /// learned for a while, no connection that is there is trusted any more, and a new one is refused
    /// by its own look until it is enough.
    async fn ask_how_it_keeps(&self, asked: &mut Asked) {
        let (host, started) = {
            let known = self.known();
            let Some(host) = known.host.clone() else { return };
            (host, known.started.clone())
        };
        // One to a server of before says nothing of the ledger.
        asked.line.take_if(|(line, of, since)| {
            line.client.is_closed() || !of.is_same(&host) || *since != started
        });
        asked.refused = None;
        let kept = timeout(ASK_TIMEOUT, async {
            let line = match asked.line.take() {
                Some((line, ..)) => line,
                None => match self.beside(&host).await {
                    Ok(line) => line,
                    Err(why) => {
                        asked.refused = Some(why);
                        return None;
                    }
                },
            };
            let said = line.client.simple_query(DURABLE_SQL).await.ok()?;
            asked.line = Some((line, host, started));
            last_row(&said).map(|row| {
                telemetry::ledger_is_confirmed_by(confirming(row));
                Kept::of(row)
            })
        });
        let is_met = match kept.await.ok().flatten().map(|kept| self.durability.is_met_by(&kept)) {
            Some(met) => {
                asked.answered_at = Instant::now();
                if let Err(error) = &met
                    && asked.is_met
                {
                    let error = error as &dyn std::error::Error;
                    tracing::error!(
                        error,
                        "nothing is sold until the ledger keeps what is written"
                    );
                }
                met.is_ok()
            }
            None if asked.answered_at.elapsed() < UNKNOWN_FOR => return,
            None => {
                if asked.is_met {
                    tracing::warn!("{}", cannot_be_asked(asked.refused.as_deref()));
                }
                telemetry::ledger_is_confirmed_by(None);
                false
            }
        };
        if !is_met {
            let trust = self.known().trust.token.clone();
            self.distrust(&trust);
        } else if !asked.is_met {
            tracing::info!("the ledger keeps what is written as LEDGER_DURABILITY demands");
        }
        asked.is_met = is_met;
    }

    /// One connection more to a host, or why there is none.
    async fn beside(&self, host: &Host) -> Result<Line, String> {
        let key = self.source.entry().await.map_err(|error| error.to_string())?.key;
        let permit = one_more().ok_or_else(|| "it may not be had".to_owned())?;
        let opened = open(&host.config, &key, permit).await;
        opened.map_err(|why| format!("{}{why}", host.name))
    }
}

/// How many standbys confirm what is written, if the role may know.
fn confirming(row: &SimpleQueryRow) -> Option<i64> {
    row.get("confirming").and_then(|count| count.parse().ok())
}

/// What is said of a ledger that has not told for a while how it keeps what is written.
fn cannot_be_asked(refused: Option<&str>) -> String {
    let asked = "the ledger cannot be asked how it keeps what is written";
    match refused {
        Some(why) => format!("{asked}, on one connection more than DATABASE_CONNECTIONS: {why}"),
        None => format!("{asked}: it does not answer"),
    }
}

/// The right to one more connection: those of the pools may all lead to a server that is silent now.
fn one_more() -> Option<Permit> {
    Arc::new(Semaphore::new(1)).try_acquire_owned().ok().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_ledger_cannot_be_asked_is_what_it_says_and_not_a_guess() {
        let refused = cannot_be_asked(Some("db:5432: the password is not the role's"));
        assert!(refused.ends_with("DATABASE_CONNECTIONS: db:5432: the password is not the role's"));
        assert!(!cannot_be_asked(None).contains("room"));
    }
}
