//! The servers that `DATABASE_URL` names, the one of them that is the ledger, and connections to it.
//!
//! With a synchronous standby an answer is given when both servers have it. Two things could make it
//! less than that, and both are met here. What a server holds after a crash can be read before the
//! standby has it: so a connection begins with a [barrier](barrier), a write of its own that is
//! waited for, and what could be read before it is where it is. And a commit whose wait was
//! cancelled succeeds with a warning: so an answer that came [with a warning](Connection::is_trusted)
//! is none, and no connection is trusted any more that could have seen what it wrote. Neither is one
//! after an answer that did not come: its wait may be cancelled later, when nobody hears the warning.
//!
//! What is left: another process may read, on a connection it had before, a row whose wait an
//! operator cancelled; and a server whose `synchronous_standby_names` is emptied lets all go that
//! wait, without a warning, and answers without one until [it is seen](watch). Nobody should do
//! either while a standby is away.

mod barrier;
mod connection;
mod error;
mod hosts;
mod identity;
mod known;
mod pool;
mod pooler;
mod race;
mod source;
#[cfg(test)]
mod tests;
mod tls;
mod told;
mod url;
mod watch;
mod witness;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use deadpool_postgres::ClientWrapper;
use telemetry::Event;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{
    barrier::Kept,
    error::HostError,
    hosts::{Host, LookUp},
    identity::Identity,
    known::{Known, Standing, Trust},
    race::Patience,
    told::Told,
};
pub(crate) use self::{
    connection::{Connection, Credit},
    error::{ConnectError, LOST, WARNED, of_pool, shown},
    pool::{Object, Pool, PoolError, Use, pool},
    source::Source,
};

pub use self::{barrier::Durability, source::SourceError, tls::TlsSettingError, url::UrlError};
pub(crate) use self::{
    watch::watch,
    witness::{Answer, By, STOP_SELLING_SQL, Then, Witness, listed},
};

/// How long it may take to look whether a server has what was answered.
const LOOK_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// How often it is said that a server has no connection left.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// What is said of a server whose commits whatever takes its log may confirm.
const CONFIRMED_BY_ANYBODY: &str = "synchronous_standby_names has * on the server, so whatever takes its \
     log may confirm an answer in place of a standby: a backup that streams it, or a subscription. Name \
     the standbys: 'ANY 1 (a, b, c)', the cluster_name of each";

/// What is said of a server that lets the role not know which timeline it writes.
const PAST_NOT_TOLD: &str = "the server does not tell its timeline, so one that was the ledger before \
     another was promoted cannot be told from that: grant the role EXECUTE on pg_walfile_name(pg_lsn) \
     and pg_current_wal_lsn(), and fence a lost server before another is promoted";

/// The servers, as all connections of a process know them.
pub(crate) struct Servers {
    source: Arc<Source>,
    durability: Durability,
    /// A permit for each connection that may be open.
    permits: Arc<Semaphore>,
    look_up: LookUp,
    known: Mutex<Known>,
    witness: Witness,
    /// Held by who looks back: of those who would at a time, one does.
    looking_back: tokio::sync::Mutex<()>,
    /// When it was last said that a server has no connection left.
    warned_at: Mutex<Option<Instant>>,
    /// What was said of why nothing is sold.
    told: Told,
    unusable: CancellationToken,
}

/// A server that takes writes, before it is known whether it is of use.
struct Candidate {
    host: Arc<Host>,
    identity: Identity,
    /// The trust that a connection has which was begun by now.
    trust: Trust,
    /// What it is to the server that was the ledger until now.
    standing: Standing,
}

/// What a connection is under whose server was taken for the ledger.
struct Accepted {
    trust: CancellationToken,
    /// How often the ledger had moved until then.
    moves: u64,
    /// How often it was not certain until then that it has what it had.
    doubts: u64,
    /// Whether no server was known before.
    is_first: bool,
}

impl Servers {
    /// The servers of a source, which are not asked yet. No more connections than these are open at a
    /// time, on any of them.
    pub(crate) fn of(source: Source, durability: Durability, connections_max: usize) -> Self {
        Self {
            source: Arc::new(source),
            durability,
            permits: Arc::new(Semaphore::new(connections_max)),
            look_up: hosts::by_the_system(),
            known: Mutex::default(),
            witness: Witness::default(),
            looking_back: tokio::sync::Mutex::default(),
            warned_at: Mutex::default(),
            told: Told::default(),
            unusable: CancellationToken::new(),
        }
    }

    /// Has the connections distrusted that were made under this trust, and all of its time: they may
    /// see what was not confirmed, or lead to a server that is not the ledger any more.
    pub(crate) fn distrust(&self, trust: &CancellationToken) {
        let mut known = self.known();
        if trust.is_cancelled() {
            return;
        }
        trust.cancel();
        known.trust = known.new_trust();
    }

    /// What a server is to the ledger that takes writes, unless it is of the past. Changes nothing: it
    /// may be gone before anybody has used it.
    fn judge(&self, host: &Arc<Host>, identity: &Identity) -> Result<Candidate, ConnectError> {
        let mut known = self.known();
        let standing = known.standing(host, identity)?;
        let trust = match &known.candidate {
            _ if standing == Standing::Same => known.trust.clone(),
            Some((before, trust)) if before.started == identity.started => trust.clone(),
            _ => {
                let trust = known.new_trust();
                known.candidate = Some((identity.clone(), trust.clone()));
                trust
            }
        };
        Ok(Candidate { host: Arc::clone(host), identity: identity.clone(), trust, standing })
    }

    /// Takes a server for the ledger that keeps what is written, unless another one was taken
    /// meanwhile.
    fn accept(&self, candidate: Candidate) -> Result<Accepted, ConnectError> {
        let Candidate { host, identity, trust, .. } = candidate;
        let mut known = self.known();
        let standing = known.standing(&host, &identity)?;
        let is_of_now = trust.number == known.trust.number;
        if trust.token.is_cancelled() || (standing == Standing::Same && !is_of_now) {
            return Err(ConnectError::Outlived);
        }
        let is_first = known.host.is_none();
        known.doubts += u64::from(!known.is_certainly(&host, &identity));
        if standing != Standing::Same {
            // What was answered on them and is not noted yet would not be looked for.
            known.trust.token.cancel();
            known.trust = trust.clone();
            known.candidate = None;
        }
        if standing == Standing::Other {
            let (server, timeline) = (&host.name, identity.timeline);
            tracing::warn!(server, timeline, "the ledger is on another server");
            known.moves += 1;
            telemetry::happened(Event::LedgerMoved, 1);
            if let Some(before) = &known.host {
                before.give_up_barriers();
            }
            known.is_contested = false;
        }
        if is_first || standing == Standing::Other {
            self.source.give_up_barriers_but_at(&host);
        }
        known.timeline = identity.timeline.unwrap_or(known.timeline);
        telemetry::ledger_is_on(known.timeline);
        known.system = known.system.take().or(identity.system);
        known.started = identity.started;
        known.host = Some(host);
        let (moves, doubts) = (known.moves, known.doubts);
        Ok(Accepted { trust: trust.token, moves, doubts, is_first })
    }

    /// Notes whether another server than the ledger takes writes. If so, nothing goes on where it was
    /// before it is certain which of them is the ledger.
    fn contest(&self, is_contested: bool) {
        let (trust, host) = {
            let mut known = self.known();
            known.is_contested = is_contested;
            (known.trust.token.clone(), known.host.clone())
        };
        if is_contested {
            self.distrust(&trust);
            host.inspect(|host| host.give_up_barriers());
        }
    }

    /// How long hosts are waited for: for all of them until the ledger is known, and while another
    /// server may be it.
    fn patience(&self) -> Patience {
        let known = self.known();
        if known.host.is_none() || known.is_contested { Patience::Whole } else { Patience::Brief }
    }

    /// What was answered last.
    pub(crate) const fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Tells once, and after each move, which server is the ledger and what an answer is worth.
    fn announce(&self, host: &Host, moves: u64, kept: &Kept, tells_timeline: bool) {
        let mut known = self.known();
        if known.announced.is_some_and(|announced| announced >= moves) {
            return;
        }
        known.announced = Some(moves);
        let (server, timeline) = (&host.name, known.timeline);
        let durability = self.durability.name();
        let meaning = self.durability.meaning(kept.is_flushed);
        if kept.is_flushed {
            tracing::info!(server, timeline, durability, "the ledger takes writes: {meaning}");
        } else {
            tracing::warn!(server, timeline, durability, "the ledger takes writes: {meaning}");
        }
        if self.durability == Durability::Standby && kept.is_confirmed_by_anybody() {
            tracing::warn!(server, "{CONFIRMED_BY_ANYBODY}");
        }
        if !tells_timeline {
            tracing::warn!(server, "{PAST_NOT_TOLD}");
        }
    }

    /// Warns of the servers that a process which has only just begun knows nothing of: that this one is
    /// the ledger is certain only if none of them was promoted after it.
    fn warn_of_unknown(host: &Host, others: &[(String, HostError)]) {
        let unknown = others.iter().filter(|(_, why)| !matches!(why, HostError::Standby));
        let unknown = unknown.map(|(name, why)| format!("{name}{why}")).collect::<Vec<_>>();
        if !unknown.is_empty() {
            tracing::warn!(
                server = host.name,
                unknown = unknown.join("; "),
                "this server is taken for the ledger, but not all of DATABASE_URL have said what they \
                 are: if one of them was promoted after it, stop it"
            );
        }
    }

    /// Says that a server has no connection left, once in a while: some of this process may have theirs,
    /// and nobody else would say it.
    fn warn_if_full(&self, error: &ConnectError) {
        if !error.is_full() {
            return;
        }
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned_at = Some(Instant::now());
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "a connection could not be had"
            );
        }
    }

    /// Notes that a session is not what it was: then a pooler in transaction mode may have come in
    /// between.
    pub(crate) fn ask_for_sessions_again(&self) {
        if let Some(host) = &self.known().host {
            host.has_sessions.store(false, Ordering::Relaxed);
        }
    }

    /// Ended once it is certain that these servers cannot be used this way.
    pub(crate) const fn unusable(&self) -> &CancellationToken {
        &self.unusable
    }

    /// How often the ledger has moved to another server since the process knows it.
    pub(crate) fn moves(&self) -> u64 {
        self.known().moves
    }

    /// Looks whether the ledger has what was answered, on the first connections to a server that is not
    /// certainly the one that answered, as it has run since. `doubts` is how often there was one when
    /// the connection was made: what an older server has says nothing of the one that is the ledger now.
    async fn look_back(&self, client: &ClientWrapper, doubts: u64) -> Result<(), ConnectError> {
        let looked = timeout(LOOK_BACK_TIMEOUT, async {
            let _one = self.looking_back.lock().await;
            if self.known().looked_back >= doubts {
                return Ok(true);
            }
            let has_all = self.witness.look_back(client).await?;
            let mut known = self.known();
            known.looked_back = known.looked_back.max(doubts);
            Ok::<_, ConnectError>(has_all)
        });
        if looked.await.map_err(|_| ConnectError::Silent)?? {
            Ok(())
        } else {
            Err(ConnectError::AnswersLost)
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
