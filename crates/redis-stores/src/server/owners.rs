//! Which server has which hash slot.

use std::sync::Arc;

use super::node::Server;
use crate::keys::{HashSlot, SLOTS};

/// Who has what: slots that follow each other, and the server they are on. What lies between is nobody's.
#[derive(Clone, Default)]
pub(super) struct Owners(Vec<(Slots, Arc<Server>)>);

/// Hash slots, the first and the last.
pub(super) type Slots = (u16, u16);

impl Owners {
    /// One server that has everything.
    pub(super) fn only(server: Arc<Server>) -> Self {
        Self(vec![((0, SLOTS - 1), server)])
    }

    /// These servers, in whatever order.
    pub(super) fn of(mut ranges: Vec<(Slots, Arc<Server>)>) -> Self {
        ranges.sort_unstable_by_key(|(slots, _)| *slots);
        Self(ranges)
    }

    /// Who has this slot.
    pub(super) fn get(&self, HashSlot(slot): HashSlot) -> Option<&Arc<Server>> {
        let after = self.0.partition_point(|((first, _), _)| *first <= slot);
        let ((_, last), server) = self.0.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(server)
    }

    /// The same, but that this slot is another's.
    pub(super) fn with(&self, HashSlot(slot): HashSlot, server: Arc<Server>) -> Self {
        let mut ranges = Vec::with_capacity(self.0.len() + 2);
        for ((first, last), before) in &self.0 {
            if !(*first..=*last).contains(&slot) {
                ranges.push(((*first, *last), Arc::clone(before)));
                continue;
            }
            if *first < slot {
                ranges.push(((*first, slot - 1), Arc::clone(before)));
            }
            if slot < *last {
                ranges.push(((slot + 1, *last), Arc::clone(before)));
            }
        }
        ranges.push(((slot, slot), server));
        Self::of(ranges)
    }

    /// Each server once, and a slot that it has.
    pub(super) fn each(&self) -> Vec<(HashSlot, Arc<Server>)> {
        let mut each: Vec<(HashSlot, Arc<Server>)> = Vec::new();
        for ((first, _), server) in &self.0 {
            if !each.iter().any(|(_, known)| Arc::ptr_eq(known, server)) {
                each.push((HashSlot(*first), Arc::clone(server)));
            }
        }
        each
    }

    /// Each server, once.
    pub(super) fn servers(&self) -> Vec<Arc<Server>> {
        self.each().into_iter().map(|(_, server)| server).collect()
    }

    /// How many slots are somebody's.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|((first, last), _)| usize::from(last - first) + 1).sum()
    }

    /// Whether each slot is somebody's.
    pub(super) fn are_all(&self) -> bool {
        self.count() == usize::from(SLOTS)
    }
}
