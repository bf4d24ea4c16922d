//! The connections of one thread, and which of them gives way when there are too many.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use http_api::Connection;
use telemetry::Peers;

/// How many are looked at for the one that gives way: the longest idle among so many is idle long
/// enough, and to look at all would be a peer's way to keep the thread busy.
const LOOKED_AT: usize = 16;

/// The share of the connections that is kept for the next, as a divisor.
const SPARE_SHARE: usize = 16;

/// The connections of one thread.
pub(super) struct Crowd {
    members: RefCell<Vec<Rc<Seat>>>,
    /// With more than so many, one gives way to each that comes.
    comfortable: usize,
    /// Where to look next for one that gives way.
    next: Cell<usize>,
    is_stopping: Cell<bool>,
    peers: Peers,
}

struct Seat {
    connection: Rc<Connection>,
    index: Cell<usize>,
}

/// A connection, for as long as it is one.
pub(super) struct Member {
    crowd: Rc<Crowd>,
    seat: Rc<Seat>,
}

impl Crowd {
    /// Up to so many, of which a few are kept free, and where they are counted.
    pub(super) fn of(connections_max: usize, peers: Peers) -> Rc<Self> {
        let comfortable = connections_max - connections_max.div_ceil(SPARE_SHARE);
        Rc::new(Self {
            members: RefCell::default(),
            comfortable,
            next: Cell::new(0),
            is_stopping: Cell::new(false),
            peers,
        })
    }

    /// Has each of them come to its end, and those that still join.
    pub(super) fn stop(&self) {
        self.is_stopping.set(true);
        for seat in &*self.members.borrow() {
            seat.connection.stop();
        }
    }

    /// Adds a connection. If there are many, one gives way: who does not read, or else who watches,
    /// or else who is idle for long.
    pub(super) fn join(self: &Rc<Self>) -> Member {
        let mut members = self.members.borrow_mut();
        if members.len() >= self.comfortable
            && let Some(connection) = self.least_missed(&members)
        {
            connection.cut();
            self.peers.gave_way();
        }
        self.peers.came();
        let seat = Rc::new(Seat { connection: Connection::new(), index: Cell::new(members.len()) });
        if self.is_stopping.get() {
            seat.connection.stop();
        }
        members.push(Rc::clone(&seat));
        Member { crowd: Rc::clone(self), seat }
    }

    fn least_missed<'a>(&self, members: &'a [Rc<Seat>]) -> Option<&'a Rc<Connection>> {
        let looked_at = LOOKED_AT.min(members.len());
        let from = self.next.get();
        self.next.set(from.wrapping_add(looked_at));
        (from..from.wrapping_add(looked_at))
            .map(|index| &members[index % members.len()].connection)
            .filter_map(|connection| Some((connection.waits_until()?, connection)))
            .min_by_key(|(waits, _)| *waits)
            .map(|(_, connection)| connection)
    }
}

impl Member {
    pub(super) fn connection(&self) -> &Rc<Connection> {
        &self.seat.connection
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.peers.gone();
        let mut members = self.crowd.members.borrow_mut();
        let index = self.seat.index.get();
        members.swap_remove(index);
        if let Some(moved) = members.get(index) {
            moved.index.set(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_gives_way_to_the_one_that_is_too_many() {
        let crowd = Crowd::of(5, Peers::of("test", 5));
        let members: Vec<_> = (0..4).map(|_| crowd.join()).collect();
        let busy = members[0].connection().begin_answer(false);

        let newest = crowd.join();

        let waits = |member: &Member| member.connection().waits_until().is_some();
        assert_eq!(members.iter().map(waits).collect::<Vec<_>>(), [false, false, true, true]);
        assert!(waits(&newest));
        drop(busy);
        assert!(waits(&members[0]), "the one that was busy was not cut");
    }

    #[tokio::test]
    async fn who_does_not_read_gives_way_before_who_does_not_send() {
        let crowd = Crowd::of(5, Peers::of("test", 5));
        let members: Vec<_> = (0..4).map(|_| crowd.join()).collect();
        let stalled = members[2].connection();
        let _answering = stalled.begin_answer(false);
        stalled.set_stalled(true);

        let newest = crowd.join();

        let is_cut = |member: &Member| member.connection().is_cut();
        assert_eq!(members.iter().map(is_cut).collect::<Vec<_>>(), [false, false, true, false]);
        assert!(!is_cut(&newest));
    }

    #[tokio::test]
    async fn who_watches_gives_way_before_who_may_ask_for_something() {
        let crowd = Crowd::of(5, Peers::of("test", 5));
        let members: Vec<_> = (0..4).map(|_| crowd.join()).collect();
        members[2].connection().begin_show();

        let newest = crowd.join();

        let is_cut = |member: &Member| member.connection().is_cut();
        assert_eq!(members.iter().map(is_cut).collect::<Vec<_>>(), [false, false, true, false]);
        assert!(!is_cut(&newest));
    }

    #[tokio::test]
    async fn a_crowd_that_stops_has_all_stop_who_are_there_or_come() {
        let crowd = Crowd::of(5, Peers::of("test", 5));
        let early = crowd.join();

        crowd.stop();

        assert!(early.connection().is_stopping());
        assert!(crowd.join().connection().is_stopping());
    }

    #[tokio::test]
    async fn who_leaves_is_no_member_any_more() {
        let crowd = Crowd::of(100, Peers::of("test", 100));
        let mut members: Vec<_> = (0..5).map(|_| crowd.join()).collect();

        drop(members.remove(1));
        drop(members.remove(3));
        drop(members.remove(0));

        assert_eq!(crowd.members.borrow().len(), 2);
        drop(members);
        assert!(crowd.members.borrow().is_empty());
    }
}
