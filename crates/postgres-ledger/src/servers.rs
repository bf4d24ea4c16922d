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
//! wait, without a warning. Nobody should do either while a standby is away.

mod barrier;
mod connection;
mod error;
mod hosts;
mod pool;
mod pooler;
mod race;
mod source;
mod tls;
mod url;
mod watch;
mod witness;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deadpool_postgres::ClientWrapper;
use telemetry::Event;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    connection::{Connection, Credit},
    error::ConnectError,
    pool::{Object, Pool, PoolError, Use, pool},
    source::Source,
};
use self::{hosts::Host, race::Identity};

pub use self::{barrier::Durability, source::SourceError, tls::TlsSettingError, url::UrlError};
pub(crate) use self::{
    watch::watch,
    witness::{Answer, By, STOP_SELLING_SQL, Then, Witness},
};

/// How long it may take to look whether a promoted server has what was answered.
const LOOK_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The servers, as all connections of a process know them.
pub(crate) struct Servers {
    source: Arc<Source>,
    durability: Durability,
    /// A place for each connection that may be open.
    places: Arc<Semaphore>,
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
    /// How often another server has taken its place.
    moves: u64,
    /// After how many of these it was last looked whether it has all answers.
    looked_back: u64,
    /// After how many it was last told which server it is.
    announced: Option<u64>,
    /// Cancelled when no connection that was made until now is to be trusted any more.
    trust: CancellationToken,
}

/// What a connection is under whose server was taken for the ledger.
struct Accepted {
    trust: CancellationToken,
    /// How often the ledger had moved until then.
    moves: u64,
}

impl Servers {
    /// The servers of a source, which are not asked yet. No more connections than these are open at a
    /// time, on any of them.
    pub(crate) fn of(source: Source, durability: Durability, connections_max: usize) -> Self {
        Self {
            source: Arc::new(source),
            durability,
            places: Arc::new(Semaphore::new(connections_max)),
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

    /// Takes a server that takes writes for the ledger, unless it is of the past.
    fn accept(&self, host: &Host, identity: &Identity) -> Result<Accepted, ConnectError> {
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
            known.moves += 1;
            telemetry::happened(Event::LedgerMoved, 1);
            known.trust.cancel();
            known.trust = CancellationToken::new();
        }
        known.host = Some(host.name.clone());
        known.timeline = timeline;
        known.system = known.system.take().or_else(|| identity.system.clone());
        Ok(Accepted { trust: known.trust.clone(), moves: known.moves })
    }

    /// What was answered last.
    pub(crate) const fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Tells once, and after each move, which server is the ledger and what an answer is worth.
    fn announce(&self, host: &Host, moves: u64) {
        let mut known = self.known();
        if known.announced.is_none_or(|announced| announced < moves) {
            known.announced = Some(moves);
            tracing::info!(
                server = host.name,
                timeline = known.timeline,
                durability = self.durability.name(),
                "the ledger takes writes: {}",
                self.durability.meaning()
            );
        }
    }

    /// How often the ledger has moved to another server since the process knows it.
    pub(crate) fn moves(&self) -> u64 {
        self.known().moves
    }

    /// Looks on the first connections after a promotion whether the ledger has what was answered.
    /// `moves` is how often it had moved when the connection was made: what an older server has says
    /// nothing of the one that is the ledger now.
    async fn look_back(&self, client: &ClientWrapper, moves: u64) -> Result<(), ConnectError> {
        if self.known().looked_back < moves {
            let looked = timeout(LOOK_BACK_TIMEOUT, self.witness.look_back(client));
            let has_all = looked.await.map_err(|_| ConnectError::Silent)??;
            let mut known = self.known();
            known.looked_back = known.looked_back.max(moves);
            drop(known);
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
    use std::num::NonZeroUsize;

    use credentials::Access;
    use dev_servers::PostgresServer;
    use domain::{Code, SaleId};

    use super::*;
    use crate::{Connections, PostgresLedger};

    fn servers() -> Servers {
        let source = Source::new(Access::to_database("host=a user=x")).unwrap();
        Servers::of(source, Durability::Single, 9)
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
        let trust = servers.accept(&host(0), &on(Some(3))).unwrap().trust;

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

            assert!(trust.unwrap().trust.is_cancelled() && !after.trust.is_cancelled());
            assert_eq!((after.moves, servers.moves()), (1, 1));
        }
    }

    #[test]
    fn a_server_of_the_past_is_refused_and_changes_nothing() {
        let servers = servers();
        let trust = servers.accept(&host(1), &on(Some(4))).unwrap().trust;

        let past = servers.accept(&host(0), &on(Some(3)));
        let other =
            servers.accept(&host(0), &Identity { system: Some("8".to_owned()), ..on(Some(9)) });

        assert!(matches!(past, Err(ConnectError::Past { timeline: 3, known: 4 })));
        assert!(matches!(other, Err(ConnectError::OtherCluster { .. })));
        assert!(!trust.is_cancelled());
    }

    #[tokio::test]
    async fn what_the_server_before_has_says_nothing_of_the_promoted_one() {
        let server = PostgresServer::start().unwrap();
        server.create_database("ledger").unwrap();
        let max = NonZeroUsize::new(8).unwrap();
        let limits = batcher::Limits::patient(max, max);
        let url = server.url("ledger");
        let access = Access::to_database(&*url);
        let ledger =
            PostgresLedger::new(access, Durability::Single, Connections::for_threads(1), limits);
        ledger.unwrap().migrate().await.unwrap();
        let servers = servers();
        let key = servers.source.entry().await.unwrap().key;
        let place = Arc::new(servers.places.clone().acquire_owned().await.unwrap());
        let line = connection::open(&url.parse().unwrap(), &key, place).await.unwrap();
        let code = Code::new(SaleId::try_from(1).unwrap(), 7);
        servers.witness().saw(By::Writing, [Answer { code, is_sold: false }].into_iter());
        let before = servers.accept(&host(0), &on(Some(1))).unwrap().moves;
        let after = servers.accept(&host(1), &on(Some(2))).unwrap().moves;

        let by_one_of_before = servers.look_back(&line.client, before).await;
        let by_one_of_now = servers.look_back(&line.client, after).await;

        assert!(by_one_of_before.is_ok(), "{by_one_of_before:?}");
        assert!(matches!(by_one_of_now, Err(ConnectError::AnswersLost)), "{by_one_of_now:?}");
    }

    #[test]
    fn who_distrusts_what_nobody_trusts_any_more_changes_nothing() {
        let servers = servers();
        let before = servers.accept(&host(0), &on(Some(1))).unwrap().trust;

        servers.distrust(&before);
        let after = servers.accept(&host(0), &on(Some(1))).unwrap().trust;
        servers.distrust(&before);

        assert!(before.is_cancelled() && !after.is_cancelled());
    }
}
