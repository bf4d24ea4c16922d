//! The servers that `DATABASE_URL` names, the one of them that is the ledger, and connections to it.
//!
//! With a synchronous standby an answer is given when both servers have it. Two things could make it
//! less than that, and both are met here. What a server holds after a crash can be read before the
//! standby has it: so a connection begins with a [barrier](barrier), a write of its own that is
//! waited for, and what could be read before it is where it is. And a commit whose wait was
//! cancelled succeeds with a warning: so an answer that came [with a warning](Connection::is_trusted)
//! is none, and no connection is trusted any more that could have seen what it wrote.
//!
//! What is left: another process may read, on a connection it had before, a row whose wait an
//! operator cancelled. Nobody should cancel or terminate sessions that wait for a standby.

mod barrier;
mod connection;
mod error;
mod hosts;
mod pool;
mod race;
mod source;
mod tls;
mod url;
mod witness;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    connection::Connection,
    error::ConnectError,
    pool::{Object, Pool, PoolError, pool},
    source::Source,
};
use self::{hosts::Host, race::Identity};

pub(crate) use self::witness::{Answer, Witness};
pub use self::{barrier::Durability, source::SourceError, tls::TlsSettingError, url::UrlError};

/// How long it may take to look whether a promoted server has what was answered.
const LOOK_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The servers, as all connections of a process know them.
pub(crate) struct Servers {
    source: Arc<Source>,
    durability: Durability,
    known: Mutex<Known>,
    witness: Witness,
}

/// What is known of the server that is the ledger.
#[derive(Default)]
struct Known {
    /// Which cluster it is: a standby is of the same, a restored copy need not be.
    system: Option<String>,
    /// The highest timeline that was met.
    timeline: u32,
    /// Which of the hosts it is.
    host: Option<String>,
    /// Whether it has been promoted since it was looked whether it has all answers.
    may_have_lost: bool,
    /// Cancelled when no connection that was made until now is to be trusted any more.
    trust: CancellationToken,
}

impl Servers {
    /// The servers of a source, which are not asked yet.
    pub(crate) fn of(source: Source, durability: Durability) -> Self {
        Self {
            source: Arc::new(source),
            durability,
            known: Mutex::default(),
            witness: Witness::default(),
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
        known.trust = CancellationToken::new();
    }

    /// Takes a server that takes writes for the ledger, unless it is of the past. Returns the trust under
    /// which its connection is.
    fn accept(&self, host: &Host, identity: &Identity) -> Result<CancellationToken, ConnectError> {
        let mut known = self.known();
        if let (Some(before), Some(now)) = (&known.system, &identity.system)
            && before != now
        {
            let (before, now) = (before.clone(), now.clone());
            return Err(ConnectError::OtherCluster { before, now });
        }
        let timeline = identity.timeline.unwrap_or(known.timeline);
        if timeline < known.timeline {
            return Err(ConnectError::Past { timeline, known: known.timeline });
        }
        // Two names on one timeline are of one server. Where no timeline is told, another name is all
        // there is to go by.
        let is_other = match identity.timeline {
            Some(timeline) => timeline > known.timeline,
            None => known.host.as_deref() != Some(&host.name),
        };
        if is_other && known.host.is_some() {
            let server = &host.name;
            tracing::warn!(server, timeline, "the ledger is on a server that was promoted");
            known.may_have_lost = true;
            known.trust.cancel();
            known.trust = CancellationToken::new();
        }
        known.host = Some(host.name.clone());
        known.timeline = timeline;
        known.system = known.system.take().or_else(|| identity.system.clone());
        Ok(known.trust.clone())
    }

    /// What was answered last.
    pub(crate) const fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Looks on the first connections after a promotion whether the ledger has what was answered.
    async fn look_back(&self, client: &ClientWrapper) -> Result<(), ConnectError> {
        if self.known().may_have_lost {
            let looked = timeout(LOOK_BACK_TIMEOUT, self.witness.look_back(client));
            let has_all = looked.await.map_err(|_| ConnectError::Silent)??;
            self.known().may_have_lost = false;
            if !has_all {
                return Err(ConnectError::AnswersLost);
            }
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use credentials::Access;

    use super::*;

    fn servers() -> Servers {
        let source = Source::new(Access::to_database("host=a user=x")).unwrap();
        Servers::of(source, Durability::Single)
    }

    fn host(nth: usize) -> Arc<Host> {
        let config = "host=a,b user=x".parse().unwrap();
        Arc::clone(&hosts::each(&config, &[])[nth])
    }

    fn on(timeline: Option<u32>) -> Identity {
        Identity { system: Some("7".to_owned()), timeline }
    }

    #[test]
    fn two_names_of_one_server_are_one_ledger() {
        let servers = servers();
        let trust = servers.accept(&host(0), &on(Some(3))).unwrap();

        servers.accept(&host(1), &on(Some(3))).unwrap();

        assert!(!trust.is_cancelled());
    }

    #[test]
    fn a_promotion_ends_the_trust_in_all_connections_that_were_made_before() {
        for promoted in [on(Some(4)), on(None)] {
            let servers = servers();
            let trust =
                servers.accept(&host(0), &on(promoted.timeline.map(|timeline| timeline - 1)));

            let after = servers.accept(&host(1), &promoted).unwrap();

            assert!(trust.unwrap().is_cancelled() && !after.is_cancelled());
            assert!(servers.known().may_have_lost);
        }
    }

    #[test]
    fn a_server_of_the_past_is_refused_and_changes_nothing() {
        let servers = servers();
        let trust = servers.accept(&host(1), &on(Some(4))).unwrap();

        let past = servers.accept(&host(0), &on(Some(3)));
        let other =
            servers.accept(&host(0), &Identity { system: Some("8".to_owned()), ..on(Some(9)) });

        assert!(matches!(past, Err(ConnectError::Past { timeline: 3, known: 4 })));
        assert!(matches!(other, Err(ConnectError::OtherCluster { .. })));
        assert!(!trust.is_cancelled());
    }

    #[test]
    fn who_distrusts_what_nobody_trusts_any_more_changes_nothing() {
        let servers = servers();
        let before = servers.accept(&host(0), &on(Some(1))).unwrap();

        servers.distrust(&before);
        let after = servers.accept(&host(0), &on(Some(1))).unwrap();
        servers.distrust(&before);

        assert!(before.is_cancelled() && !after.is_cancelled());
    }
}
