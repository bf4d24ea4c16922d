//! A slot that moves from one master to another.

use std::fmt::Write;

use super::{RedisCluster, view::owner};
use crate::{
    ServerError,
    redis::node::{lacking, look_until},
};

/// How many keys are moved by one command, and how long that may take.
const KEYS_MAX: u32 = 100;
const MIGRATE_LIMIT_MS: u32 = 10_000;

/// A slot that is on its way: its owner sends whoever asks for a key that it does not have to the new
/// one, and is refused all that needs keys of both. It stays so until it is at its end.
#[must_use = "it is on its way until it is at its end"]
pub struct MovingSlot<'a> {
    cluster: &'a RedisCluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl RedisCluster {
    /// Begins to move a slot to another master: its keys stay where they are for now.
    pub fn begin_to_move_slot(&self, slot: u16, to: usize) -> Result<MovingSlot<'_>, ServerError> {
        let from = self.owner_of_slot(slot)?;
        let moving = MovingSlot { cluster: self, slot, from, to };
        if from != to {
            let (source, target) = (&self.ids[from], &self.ids[to]);
            self.command(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {source}"))?;
            self.command(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {target}"))?;
        }
        Ok(moving)
    }
}

impl MovingSlot<'_> {
    /// The owner that it leaves.
    #[must_use]
    pub fn from(&self) -> usize {
        self.from
    }

    /// Moves some of its keys, as many as are left or `keys_max`, and returns how many those were.
    pub fn move_keys(&self, keys_max: u32) -> Result<usize, ServerError> {
        let Self { cluster, slot, from, to } = *self;
        let source = &cluster.nodes[from];
        let keys = source.look(&format!("CLUSTER GETKEYSINSLOT {slot} {keys_max}"))?;
        if !keys.is_empty() {
            let port = cluster.nodes[to].port();
            let quoted = keys.iter().fold(String::new(), |mut list, key| {
                let _ = write!(list, " {key:?}");
                list
            });
            source.command(&format!(
                "MIGRATE 127.0.0.1 {port} \"\" 0 {MIGRATE_LIMIT_MS} KEYS{quoted}"
            ))?;
        }
        Ok(keys.len())
    }

    /// Moves the rest of its keys, makes the new owner known, and waits until all nodes that answer know
    /// it.
    pub fn end(self) -> Result<(), ServerError> {
        if self.from == self.to {
            return Ok(());
        }
        let Self { cluster, slot, from, to } = self;
        look_until(&format!("slot {slot} is empty at node {from}"), || {
            let moved = self.move_keys(KEYS_MAX)?;
            if moved == 0 { Ok(()) } else { Err(lacking(format!("{moved} keys were there"))) }
        })?;
        // First the new owner, which takes it, then the old one, which would send everybody there.
        for index in [to, from] {
            cluster.command(index, &format!("CLUSTER SETSLOT {slot} NODE {}", cluster.ids[to]))?;
        }
        // The other nodes hear of it in a moment.
        look_until(&format!("all nodes know that node {to} has slot {slot}"), || {
            let knows = |view: &_| owner(view, slot).is_some_and(|seen| seen.id == cluster.ids[to]);
            let all = cluster.views().iter().all(|view| knows(view));
            if all { Ok(()) } else { Err(lacking(cluster.seen())) }
        })
    }
}
