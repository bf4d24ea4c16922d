//! One of the servers, and how one gets to it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use super::{ConnectError, Pool, PoolError, error::of_pool};
use crate::{keys::HashSlot, probe::Probe};

/// What a line is for, and so which connections it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A crowd: each batcher keeps its own.
    Crowd,
    /// The upkeep.
    Upkeep,
    /// A look that gives the server nothing that it lacks, and asks for no right but those it uses; on the
    /// connections of the upkeep.
    Look,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Node {
    /// Where `REDIS_URL` says at the moment.
    OfUrl,
    /// Where the others say.
    At {
        /// A name or an address, without brackets.
        host: String,
        /// The port that clients are to use.
        port: u16,
    },
}

impl Node {
    /// Reads `host:port`, as a node of a cluster writes it when it sends one elsewhere; without a host it
    /// is on that of the one who says so.
    pub(super) fn read(address: &str, said_by: &Self) -> Option<Self> {
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self::on(host, port.parse().ok()?, said_by)
    }

    /// The node at this port; of a host that is not known, on that of the one who says so.
    pub(super) fn on(host: &str, port: u16, said_by: &Self) -> Option<Self> {
        let host = match (host, said_by) {
            ("" | "?", Self::At { host, .. }) => host,
            ("" | "?", Self::OfUrl) => return None,
            (host, _) => host,
        };
        Some(Self::At { host: host.to_owned(), port })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfUrl => f.write_str("the server of REDIS_URL"),
            Self::At { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::At { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// A server, with the connections to it and what is known of it.
pub(crate) struct Server {
    pub(super) node: Node,
    pub(super) crowd: Pool,
    pub(super) upkeep: Pool,
    /// Whether it has all there is, and so whatever key is asked for.
    has_all: bool,
    probe: Probe,
    unprobed: Probe,
    /// Who finds out whether it is back, where somebody does.
    watcher: Option<Arc<Notify>>,
    /// Whether it failed somebody since it was last found to be there.
    is_away: AtomicBool,
}

impl Server {
    pub(super) fn new(
        node: Node,
        [crowd, upkeep]: [Pool; 2],
        has_all: bool,
        watcher: Option<Arc<Notify>>,
    ) -> Self {
        let (probe, unprobed) = (Probe::default(), Probe::waived());
        let is_away = AtomicBool::new(false);
        Self { node, crowd, upkeep, has_all, probe, unprobed, watcher, is_away }
    }

    /// The slot to ask it for, of a sale that it has in this one; `None` where any will do.
    pub(crate) fn slot_of(&self, slot: HashSlot) -> Option<HashSlot> {
        (!self.has_all).then_some(slot)
    }

    /// The connections for this purpose.
    pub(crate) fn pool(&self, purpose: Purpose) -> &Pool {
        match purpose {
            Purpose::Crowd => &self.crowd,
            Purpose::Upkeep | Purpose::Look => &self.upkeep,
        }
    }

    /// What is known of it, and looked at before anything is asked of it.
    pub(crate) fn probe(&self, purpose: Purpose) -> &Probe {
        match purpose {
            Purpose::Crowd | Purpose::Upkeep => &self.probe,
            Purpose::Look => &self.unprobed,
        }
    }

    /// Fails if it failed somebody a moment ago and was not found to be back since: of many servers one that is
    /// silent must not keep those waiting who are there for the others.
    pub(crate) fn is_there(&self) -> Result<(), ConnectError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(ConnectError::Away { host: self.node.to_string() });
        }
        Ok(())
    }

    /// It did not answer, or cannot be reached.
    pub(crate) fn missed(&self) {
        if let Some(watcher) = &self.watcher {
            if !self.is_away.swap(true, Ordering::Relaxed) {
                tracing::warn!(server = %self.node, "Redis does not answer; it is not asked until it is found there");
            }
            watcher.notify_one();
        }
    }

    /// Something it said makes one doubt that it is the one to ask.
    pub(crate) fn doubted(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.notify_one();
        }
    }

    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// It was found to be there.
    pub(super) fn is_back(&self) {
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!(server = %self.node, "Redis is there again");
        }
    }

    /// Why there is no connection.
    pub(crate) fn not_connected(&self, error: PoolError) -> ConnectError {
        let error = of_pool(error);
        if error.is_of_server() {
            self.missed();
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_where_it_is_said_to_be_or_with_who_says_so() {
        let at = |host: &str, port| Node::At { host: host.to_owned(), port };
        let said_by = at("10.0.0.7", 7000);
        for (written, node) in [
            ("10.0.0.8:7001", at("10.0.0.8", 7001)),
            ("db.example:7001", at("db.example", 7001)),
            (":7001", at("10.0.0.7", 7001)),
            ("?:7001", at("10.0.0.7", 7001)),
            ("::1:7001", at("::1", 7001)),
            ("[::1]:7001", at("::1", 7001)),
        ] {
            assert_eq!(Node::read(written, &said_by), Some(node), "{written}");
        }
        for wrong in ["", "10.0.0.8", "10.0.0.8:", "10.0.0.8:x", "10.0.0.8:70000"] {
            assert_eq!(Node::read(wrong, &said_by), None, "{wrong}");
        }
        assert_eq!(Node::read(":7001", &Node::OfUrl), None);
        assert_eq!(at("::1", 7001).to_string(), "[::1]:7001");
    }
}
