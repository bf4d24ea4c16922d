//! All servers of the live store, and which of them has a sale: the one server; the primary that sentinels
//! name; or the nodes of a cluster, each with the sales whose keys are in its slots.
//!
//! Where there are several, one task looks again and again who has what: now and then, and at once and often
//! when somebody met an error that says it may have changed. So a line never asks that by itself, and never
//! waits for a server that is silent but for the first time: it is told that the server is away until the task
//! found it there, or another in its place.

use std::{
    sync::{
        Arc, Mutex as StdMutex, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool::managed::Status;
use futures_util::future::join_all;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout},
};

use super::{
    BuildError, ConnectError, Doors, Node, Server,
    address::Form,
    ask::{Asked, Said},
    node::Purpose,
    owners::Owners,
    pool,
};
use crate::keys::HashSlot;

/// Connections that the batchers of all threads keep to a server; each thread has three, and a fourth
/// once a hold was given back.
const CROWD_CONNECTIONS_MAX: usize = 1_024;

/// Connections besides, for the upkeep and for status requests.
const UPKEEP_CONNECTIONS: usize = 8;

/// How often it is looked who has what while nothing is amiss. A primary that was deposed may say nothing
/// of it, where a node of a cluster sends whoever asks to the one who has it.
const LOOK_AT_PRIMARY_EVERY: Duration = Duration::from_secs(1);
const LOOK_AT_CLUSTER_EVERY: Duration = Duration::from_secs(5);

/// The same after something was amiss, and for how long; after that, if it is still.
const LOOK_AGAIN_EVERY: Duration = Duration::from_millis(100);
const LOOK_AGAIN_FOR: Duration = Duration::from_secs(5);
const LOOK_STILL_EVERY: Duration = Duration::from_secs(1);

/// For how long nobody is believed who knows of fewer failovers than somebody did: those who were cut off may be
/// the first to answer.
const OUTDATED_FOR: Duration = Duration::from_secs(10);

/// How long a server that was away may take to be found there.
const BACK_WITHIN: Duration = Duration::from_millis(300);

/// All servers, and who of them has what.
pub(crate) struct Servers {
    doors: Doors,
    form: Form,
    owners: RwLock<Arc<Owners>>,
    /// How often those changed.
    changes: AtomicU64,
    asking: Mutex<Asking>,
    /// All that somebody still uses, whether they have something or not.
    used: StdMutex<Vec<Weak<Server>>>,
    /// Tells the task that something is amiss.
    watcher: Option<Arc<Notify>>,
}

/// Whoever looks who has what has this.
#[derive(Default)]
struct Asking {
    asked: Asked,
    /// The latest failover that anybody knew of, and when somebody last did.
    latest: Option<(u64, Instant)>,
    /// When it was looked last, if nobody said it, and why.
    failed: Option<(Instant, Arc<ConnectError>)>,
}

/// Where a server sent somebody.
pub(crate) struct Redirection {
    pub(crate) server: Arc<Server>,
    /// Whether it is for this time alone: the slot is on its way there.
    pub(crate) is_asking: bool,
}

impl Servers {
    /// The servers that these settings lead to. Where there are several, a task on this runtime watches
    /// them for as long as they are used.
    pub(crate) fn new(doors: Doors, form: Form) -> Result<Arc<Self>, BuildError> {
        let watcher = (form != Form::Server).then(Arc::default);
        let servers = Self {
            doors,
            form,
            owners: RwLock::default(),
            changes: AtomicU64::default(),
            asking: Mutex::default(),
            used: StdMutex::default(),
            watcher: watcher.clone(),
        };
        if servers.form == Form::Server {
            servers.put(Owners::only(servers.server(Node::OfUrl)?));
        }
        let servers = Arc::new(servers);
        if let Some(watcher) = watcher {
            tokio::spawn(watch(Arc::downgrade(&servers), watcher));
        }
        Ok(servers)
    }

    /// The server that has this slot.
    pub(crate) async fn of(&self, slot: HashSlot) -> Result<Arc<Server>, ConnectError> {
        if let Some(server) = self.owners().get(slot) {
            return Ok(Arc::clone(server));
        }
        self.find().await?;
        let owners = self.owners();
        owners.get(slot).map(Arc::clone).ok_or(ConnectError::Unserved)
    }

    /// Each server that has something, and a slot that it has.
    pub(crate) async fn all(&self) -> Result<Vec<(HashSlot, Arc<Server>)>, ConnectError> {
        self.find().await?;
        Ok(self.owners().each())
    }

    /// Whether the server that has this slot is there, as far as is known.
    pub(crate) fn is_there(&self, slot: HashSlot) -> bool {
        self.owners().get(slot).is_some_and(|server| server.is_there().is_ok())
    }

    /// How often it has changed who has what.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether this is one that has something.
    pub(crate) fn have(&self, server: &Arc<Server>) -> bool {
        self.owners().have(server)
    }

    /// Whether there are several, of which each sends elsewhere whoever asks for what another has.
    pub(crate) fn are_a_cluster(&self) -> bool {
        self.form == Form::Cluster
    }

    /// Follows a server that sends somebody elsewhere. What moved for good is known from then on.
    pub(crate) fn follow(
        &self,
        from: &Server,
        slot: HashSlot,
        address: &str,
        is_asking: bool,
    ) -> Option<Redirection> {
        let node = Node::read(address, &from.node)?;
        let server = self.server(node).ok()?;
        if !is_asking {
            let moved = self.owners().with(slot, Arc::clone(&server));
            self.put(moved);
        }
        from.doubted();
        Some(Redirection { server, is_asking })
    }

    /// How the connections for this purpose are used just now.
    pub(crate) fn status(&self, purpose: Purpose) -> Status {
        let none = Status { max_size: 0, size: 0, available: 0, waiting: 0 };
        self.owners().servers().iter().fold(none, |all, server| {
            let one = server.pool(purpose).status();
            Status {
                max_size: all.max_size + one.max_size,
                size: all.size + one.size,
                available: all.available + one.available,
                waiting: all.waiting + one.waiting,
            }
        })
    }

    /// Looks who has what, unless that is known. Many who find that it is not wait for one look.
    async fn find(&self) -> Result<(), ConnectError> {
        if self.owners().count() > 0 {
            return Ok(());
        }
        let began = Instant::now();
        let mut asking = self.asking.lock().await;
        match &asking.failed {
            _ if self.owners().count() > 0 => Ok(()),
            Some((at, error)) if *at > began => Err(ConnectError::Asked(Arc::clone(error))),
            _ => self.look(&mut asking).await,
        }
    }

    /// Asks who has what, and goes by that.
    async fn look(&self, asking: &mut Asking) -> Result<(), ConnectError> {
        let known = match self.form {
            Form::Cluster => self.owners().servers().iter().map(|it| it.node.clone()).collect(),
            _ => Vec::new(),
        };
        let Said { failovers, owners: said, .. } = match asking
            .asked
            .ask(&self.doors, &self.form, known)
            .await
        {
            Ok(said) => said,
            Err(error) => {
                let error = Arc::new(error);
                let before = asking.failed.replace((Instant::now(), Arc::clone(&error)));
                if before.is_none() {
                    tracing::warn!(
                        error = &*error as &dyn std::error::Error,
                        "nobody says which server of Redis has the sales; where they were they are asked for still"
                    );
                }
                return Err(ConnectError::Asked(error));
            }
        };
        if asking.failed.take().is_some() {
            tracing::info!("it is known which server of Redis has the sales");
        }
        let is_of_the_past =
            |(latest, at): (u64, Instant)| failovers < latest && at.elapsed() < OUTDATED_FOR;
        if asking.latest.is_some_and(is_of_the_past) {
            return Ok(());
        }
        asking.latest = Some((failovers, Instant::now()));
        let mut ranges: Vec<(_, Arc<Server>)> = Vec::with_capacity(said.len());
        for (slots, node) in said {
            ranges.push((slots, self.server(node).map_err(|_| ConnectError::Ending)?));
        }
        self.put(Owners::of(ranges));
        Ok(())
    }

    /// Looks who has what, and whether those are back who were away. Says whether all is well.
    async fn look_again(&self) -> bool {
        let is_known = self.look(&mut *self.asking.lock().await).await.is_ok();
        let away: Vec<_> =
            self.owners().servers().into_iter().filter(|server| server.is_away()).collect();
        let back = join_all(away.iter().map(|server| async {
            // Whoever takes a connection knows that the server answers.
            let is_back = timeout(BACK_WITHIN, server.pool(Purpose::Upkeep).get()).await;
            let is_back = is_back.is_ok_and(|got| got.is_ok());
            if is_back {
                server.is_back();
            }
            is_back
        }));
        let are_back = back.await.into_iter().all(|is_back| is_back);
        is_known && are_back && self.owners().are_all()
    }

    /// The server at this node: the one that is used already, if one is.
    fn server(&self, node: Node) -> Result<Arc<Server>, BuildError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|server| server.strong_count() > 0);
        if let Some(server) = used.iter().filter_map(Weak::upgrade).find(|it| it.node == node) {
            return Ok(server);
        }
        let pool = |size| pool(&self.doors, &node, size);
        let pools = [pool(CROWD_CONNECTIONS_MAX)?, pool(UPKEEP_CONNECTIONS)?];
        let server =
            Arc::new(Server::new(node, pools, !self.are_a_cluster(), self.watcher.clone()));
        used.push(Arc::downgrade(&server));
        Ok(server)
    }

    fn owners(&self) -> Arc<Owners> {
        Arc::clone(&self.owners.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, owners: Owners) {
        let mut before = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        if !before.are_those_of(&owners) {
            *before = Arc::new(owners);
            self.changes.fetch_add(1, Ordering::Release);
        }
    }
}

/// Looks who has what for as long as somebody uses the servers.
async fn watch(servers: Weak<Servers>, watcher: Arc<Notify>) {
    let mut restless_until = Instant::now();
    let mut was_well = true;
    loop {
        let Some(servers) = servers.upgrade() else { return };
        let is_well = servers.look_again().await;
        if was_well && !is_well {
            restless_until = Instant::now() + LOOK_AGAIN_FOR;
        }
        was_well = is_well;
        let every = match servers.form {
            _ if !is_well => LOOK_STILL_EVERY,
            Form::Cluster => LOOK_AT_CLUSTER_EVERY,
            _ => LOOK_AT_PRIMARY_EVERY,
        };
        drop(servers);
        if Instant::now() < restless_until {
            tokio::time::sleep(LOOK_AGAIN_EVERY).await;
        } else if timeout(every, watcher.notified()).await.is_ok() {
            restless_until = Instant::now() + LOOK_AGAIN_FOR;
        }
    }
}
