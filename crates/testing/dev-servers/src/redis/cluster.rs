//! A Redis Cluster: masters that share the slots, and replicas that take their place.

mod moving;
mod view;

use std::{ffi::OsString, path::Path, time::Duration};

pub use self::moving::MovingSlot;
use self::view::{Seen, View, owner};
use super::{
    node::{Ports, RedisNode, SERVER, lacking, look_for, look_until, volatile},
    tls_settings, write_certificates,
};
use crate::{ServerError, ServerTls, home::Home};

/// How long a node may be silent before the others take it for dead.
const NODE_TIMEOUT_MS: u32 = 1_000;

const SLOTS: usize = 16_384;

/// How long a replica may take to become a master when it is told to, which is longer than it tries, and
/// how often it is told: a busy machine is too slow for it sometimes.
const HANDOVER_LIMIT: Duration = Duration::from_secs(6);
const HANDOVERS_MAX: u32 = 5;

/// The nodes of a cluster of our own, which keep nothing on disk but who they are. They are called by
/// their index: first come those that are masters at the start, then their replicas, in the same order,
/// as often as each has one.
///
/// A slot that nobody serves costs what is in it: the others go on.
pub struct RedisCluster {
    nodes: Vec<RedisNode>,
    /// What they call each other, for life.
    ids: Vec<String>,
}

impl RedisCluster {
    /// Starts an empty cluster, and waits until it serves and its replicas follow. It is gone when this
    /// value is dropped.
    pub fn start(masters: usize, replicas_each: usize) -> Result<Self, ServerError> {
        let start = |_| RedisNode::start(Home::temporary(None)?, SERVER, None, settings);
        Self::of(masters, (0..masters * (1 + replicas_each)).map(start))
    }

    /// Starts masters that speak TLS as well, to each other and to clients who show a certificate, and are
    /// called `localhost`.
    pub fn start_with_tls(masters: usize, tls: &ServerTls) -> Result<Self, ServerError> {
        let start = |_| {
            let home = Home::temporary(None)?;
            write_certificates(home.path(), tls)?;
            RedisNode::start(home, SERVER, None, |dir, ports| {
                let names = [
                    // Or they name the ports of those who speak plainly to all.
                    ("--tls-cluster", "yes"),
                    ("--cluster-announce-hostname", "localhost"),
                    ("--cluster-preferred-endpoint-type", "hostname"),
                ];
                let names = names.into_iter().flat_map(|(name, value)| [name.into(), value.into()]);
                let mut settings = settings(dir, ports);
                settings.extend(tls_settings(dir, ports.tls, true));
                settings.extend(names);
                settings
            })
        };
        Self::of(masters, (0..masters).map(start))
    }

    fn of(
        masters: usize,
        nodes: impl Iterator<Item = Result<RedisNode, ServerError>>,
    ) -> Result<Self, ServerError> {
        let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
        let ids = nodes.iter().map(|node| node.command("CLUSTER MYID"));
        let ids = ids.collect::<Result<_, _>>()?;
        let cluster = Self { nodes, ids };
        cluster.meet()?;
        cluster.share_slots(masters)?;
        cluster.follow(masters)?;
        cluster.await_whole()?;
        Ok(cluster)
    }

    /// Its URL, for clients on this machine, with all its nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let nodes = self.nodes().into_iter().map(|port| format!("127.0.0.1:{port}"));
        format!("redis+cluster://{}", nodes.collect::<Vec<_>>().join(","))
    }

    /// The same for clients who speak TLS.
    #[must_use]
    pub fn tls_url(&self) -> String {
        let nodes = self.nodes.iter().map(|node| format!("localhost:{}", node.tls_port()));
        format!("rediss+cluster://{}", nodes.collect::<Vec<_>>().join(","))
    }

    /// The ports of its nodes.
    #[must_use]
    pub fn nodes(&self) -> Vec<u16> {
        self.nodes.iter().map(RedisNode::port).collect()
    }

    /// What its nodes say they are, such as `Redis server v=7.0.15 …`.
    pub fn version(&self) -> Result<String, ServerError> {
        self.nodes[0].version()
    }

    /// The slot of a key.
    pub fn slot_of_key(&self, key: &str) -> Result<u16, ServerError> {
        let said = self.ask_any(&format!("CLUSTER KEYSLOT \"{key}\""))?;
        said.parse().map_err(|_| lacking(format!("not a slot: {said}")))
    }

    /// The node that has a slot, by what those say that answer. One that is dead has it until another
    /// takes its place.
    pub fn owner_of_slot(&self, slot: u16) -> Result<usize, ServerError> {
        let views = self.views();
        let owners = views.iter().filter_map(|view| owner(view, slot));
        // A node that was away may not know yet that it lost what it had.
        let latest = owners.max_by_key(|seen| seen.epoch);
        let latest = latest.ok_or_else(|| lacking(format!("nobody has slot {slot}")))?;
        self.index_of(&latest.id)
    }

    /// The node that has the slot of a key.
    pub fn owner_of_key(&self, key: &str) -> Result<usize, ServerError> {
        self.owner_of_slot(self.slot_of_key(key)?)
    }

    /// Waits until another node than this one has a slot, and returns which one does: the replica that
    /// took the place of one that was killed, say.
    pub fn await_another_owner(&self, slot: u16, than: usize) -> Result<usize, ServerError> {
        look_until(&format!("another node than {than} has slot {slot}"), || {
            let owner = self.owner_of_slot(slot)?;
            if owner == than { Err(lacking(self.seen())) } else { Ok(owner) }
        })
    }

    /// Waits until all other nodes that answer take one for dead.
    pub fn await_missed(&self, index: usize) -> Result<(), ServerError> {
        look_until(&format!("the others miss node {index}"), || {
            let others = (0..self.nodes.len()).filter(|&other| other != index);
            let mut views = others.filter_map(|other| self.view(other).ok());
            let misses =
                |view: View| view.iter().any(|seen| seen.id == self.ids[index] && seen.is_missed);
            if views.all(misses) { Ok(()) } else { Err(lacking(self.seen())) }
        })
    }

    /// The nodes that say of themselves that they are this one's replicas.
    #[must_use]
    pub fn replicas_of(&self, index: usize) -> Vec<usize> {
        let follows = |replica: usize| {
            let view = self.view(replica).unwrap_or_default();
            let itself = view.into_iter().find(|seen| seen.id == self.ids[replica]);
            itself.is_some_and(|seen| seen.master.as_ref() == Some(&self.ids[index]))
        };
        (0..self.nodes.len()).filter(|&replica| follows(replica)).collect()
    }

    /// Waits until all nodes are there and agree on who has what, all slots are served, and each replica
    /// holds what its master holds.
    pub fn await_whole(&self) -> Result<(), ServerError> {
        look_until("the cluster is whole", || {
            let first = self.view(0)?;
            self.nodes.iter().try_for_each(|node| is_well(node, &first))
        })
    }

    /// Kills a node, with SIGKILL, and all it held.
    pub fn kill(&self, index: usize) -> Result<(), ServerError> {
        self.nodes[index].kill()
    }

    /// Makes a node stand still, heard by nobody and hearing nobody, until [`resume`](Self::resume).
    pub fn pause(&self, index: usize) -> Result<(), ServerError> {
        self.nodes[index].pause()
    }

    /// Lets a node go on.
    pub fn resume(&self, index: usize) -> Result<(), ServerError> {
        self.nodes[index].resume()
    }

    /// Starts a node that was killed, as the same one, on the same ports, and empty. A master that is back
    /// before the others missed it is a master still, and has its replicas empty, too.
    pub fn start_again(&self, index: usize) -> Result<(), ServerError> {
        self.nodes[index].start_again()
    }

    /// A node's reply to a command, given as one would type it: a line for each word of a list. A reply
    /// that is an error is one.
    pub fn command(&self, index: usize, command: &str) -> Result<String, ServerError> {
        self.nodes[index].command(command)
    }

    /// Has a replica of a master change places with it, as one does for maintenance: nothing is lost.
    /// Returns the replica, which all nodes that answer know as a master by now.
    pub fn failover_to_replica_of(&self, index: usize) -> Result<usize, ServerError> {
        let lone = || lacking(format!("node {index} has no replica:\n{}", self.seen()));
        let replica = *self.replicas_of(index).first().ok_or_else(lone)?;
        let mut outcome = Ok(());
        for _ in 0..HANDOVERS_MAX {
            self.nodes[replica].command("CLUSTER FAILOVER")?;
            outcome = look_for(HANDOVER_LIMIT, "a replica is a master", || {
                let knows = |view: &View| {
                    view.iter().any(|seen| seen.id == self.ids[replica] && seen.master.is_none())
                };
                if self.views().iter().all(knows) { Ok(()) } else { Err(lacking(self.seen())) }
            });
            if outcome.is_ok() {
                break;
            }
        }
        outcome.map(|()| replica)
    }

    /// Moves a slot and all that is in it to another master, which all nodes that answer know by then.
    pub fn move_slot(&self, slot: u16, to: usize) -> Result<(), ServerError> {
        self.begin_to_move_slot(slot, to)?.end()
    }

    /// Makes every node known to all others.
    fn meet(&self) -> Result<(), ServerError> {
        let first = &self.nodes[0];
        for (index, node) in self.nodes.iter().enumerate() {
            // Those who have the same number have to find out first which of them gets another.
            node.command(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1))?;
            if index > 0 {
                let (port, bus) = (first.port(), first.bus_port());
                node.command(&format!("CLUSTER MEET 127.0.0.1 {port} {bus}"))?;
            }
        }
        look_until("the nodes know each other", || {
            let knows = |view: &View| self.ids.iter().all(|id| view.iter().any(|s| s.id == *id));
            let views = self.views();
            let all = views.len() == self.nodes.len() && views.iter().all(knows);
            if all { Ok(()) } else { Err(lacking(self.seen())) }
        })
    }

    fn share_slots(&self, masters: usize) -> Result<(), ServerError> {
        for (index, node) in self.nodes[..masters].iter().enumerate() {
            let (first, end) = (index * SLOTS / masters, (index + 1) * SLOTS / masters);
            node.command(&format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1))?;
        }
        Ok(())
    }

    fn follow(&self, masters: usize) -> Result<(), ServerError> {
        for (index, node) in self.nodes.iter().enumerate().skip(masters) {
            node.command(&format!("CLUSTER REPLICATE {}", self.ids[index % masters]))?;
        }
        Ok(())
    }

    /// What a node sees.
    fn view(&self, index: usize) -> Result<View, ServerError> {
        view::of(&self.nodes[index])
    }

    /// What all those see that answer.
    fn views(&self) -> Vec<View> {
        self.nodes.iter().filter_map(|node| view::of(node).ok()).collect()
    }

    /// The same in words, for whoever waits in vain.
    fn seen(&self) -> String {
        let said = self.nodes.iter().enumerate().map(|(index, node)| {
            let said = node.look("CLUSTER NODES").map(|words| words.join("\n"));
            format!("node {index}:\n{}", said.unwrap_or_else(|error| error.to_string()))
        });
        said.collect::<Vec<_>>().join("\n")
    }

    fn ask_any(&self, command: &str) -> Result<String, ServerError> {
        let mut replies = self.nodes.iter().filter_map(|node| node.look(command).ok());
        let reply = replies.next().ok_or_else(|| lacking("no node answers"))?;
        Ok(reply.join("\n"))
    }

    fn index_of(&self, id: &str) -> Result<usize, ServerError> {
        let index = self.ids.iter().position(|known| known == id);
        index.ok_or_else(|| lacking(format!("{id} is none of the nodes")))
    }
}

fn settings(_: &Path, ports: Ports) -> Vec<OsString> {
    let timeout = NODE_TIMEOUT_MS.to_string();
    let port = ports.bus.to_string();
    let settings = [
        ("--cluster-enabled", "yes"),
        ("--cluster-config-file", "nodes.conf"),
        ("--cluster-port", &port),
        ("--cluster-node-timeout", &timeout),
        // Sales whose slots are served go on.
        ("--cluster-require-full-coverage", "no"),
        // A replica that has not heard of its master for long is better than none.
        ("--cluster-replica-validity-factor", "0"),
    ];
    let settings = settings.into_iter().flat_map(|(name, value)| [name.into(), value.into()]);
    volatile().into_iter().chain(settings).collect()
}

/// Nothing, if a node serves and sees what another one saw.
fn is_well(node: &RedisNode, other: &[Seen]) -> Result<(), ServerError> {
    let info = node.look("CLUSTER INFO")?.join("\n");
    let serves = ["cluster_state:ok", "cluster_slots_ok:16384"];
    if !serves.iter().all(|words| info.contains(words)) {
        return Err(lacking(format!("the node at port {} does not serve:\n{info}", node.port())));
    }
    let view = view::of(node)?;
    if !view.iter().all(|seen| seen.is_well) || view.len() != other.len() {
        return Err(lacking(format!("the node at port {} misses one:\n{view:?}", node.port())));
    }
    if view != other {
        return Err(lacking(format!("two nodes do not agree:\n{view:?}\n{other:?}")));
    }
    let is_replica = view.iter().any(|seen| seen.port == node.port() && seen.master.is_some());
    if is_replica { node.follows() } else { Ok(()) }
}
