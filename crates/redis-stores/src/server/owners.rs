//! Which server has which hash slot.

use std::sync::Arc;

use super::node::Server;
use crate::keys::{HashSlot, SLOTS};

/// Who has what: slots that follow each other, and the server they are on. What lies between is nobody's.
#[derive(Clone, Default)]
pub(super) struct Owners(Vec<Owned>);

/// Slots that follow each other, and whose they are.
type Owned = (Slots, Arc<Server>);

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

    /// Whether the same servers have the same.
    pub(super) fn are_those_of(&self, other: &Self) -> bool {
        let is_same = |((slots, server), (other_slots, other)): (&Owned, &Owned)| {
            slots == other_slots && Arc::ptr_eq(server, other)
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(is_same)
    }

    /// Whether this server has any.
    pub(super) fn have(&self, server: &Arc<Server>) -> bool {
        self.0.iter().any(|(_, it)| Arc::ptr_eq(it, server))
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

#[cfg(test)]
mod tests {
    use credentials::Access;

    use super::*;
    use crate::server::{Doors, Node, pool};

    fn server(port: u16) -> Arc<Server> {
        let node = Node::At { host: "host".to_owned(), port };
        let doors = Doors::new(Access::to_redis("redis+cluster://host"));
        let pools = [1, 1].map(|size| pool(&doors, &node, size).unwrap());
        Arc::new(Server::new(node, pools, false, None))
    }

    fn ports(owners: &Owners, slots: &[u16]) -> Vec<Option<u16>> {
        let port = |slot: &u16| match owners.get(HashSlot(*slot))?.node {
            Node::At { port, .. } => Some(port),
            Node::OfUrl => None,
        };
        slots.iter().map(port).collect()
    }

    #[tokio::test]
    async fn a_slot_is_whose_range_it_is_in_or_nobodys() {
        let (one, two) = (server(1), server(2));
        let owners = Owners::of(vec![
            ((200, SLOTS - 1), Arc::clone(&two)),
            ((0, 99), Arc::clone(&one)),
            ((110, 110), one),
        ]);

        let asked = [0, 99, 100, 109, 110, 111, 200, SLOTS - 1];
        let expected = [Some(1), Some(1), None, None, Some(1), None, Some(2), Some(2)];
        assert_eq!(ports(&owners, &asked), expected);
        assert!(!owners.are_all());
        assert_eq!(owners.servers().len(), 2);
        assert_eq!(Owners::default().get(HashSlot(0)).map(|it| &it.node), None);
        assert!(Owners::only(two).are_all());
    }

    #[tokio::test]
    async fn a_slot_that_moves_leaves_the_rest_of_its_range_where_it_is() {
        let (one, two) = (server(1), server(2));
        let owners = Owners::only(one);
        for (slot, asked, expected) in [
            (0, [0, 1, SLOTS - 1], [Some(2), Some(1), Some(1)]),
            (7, [6, 7, 8], [Some(1), Some(2), Some(1)]),
            (SLOTS - 1, [0, SLOTS - 2, SLOTS - 1], [Some(1), Some(1), Some(2)]),
        ] {
            let moved = owners.with(HashSlot(slot), Arc::clone(&two));
            assert_eq!(ports(&moved, &asked), expected, "{slot}");
            assert!(moved.are_all());
        }
        let nobodys = Owners::default().with(HashSlot(5), two);
        assert_eq!(ports(&nobodys, &[4, 5, 6]), [None, Some(2), None]);
    }
}
