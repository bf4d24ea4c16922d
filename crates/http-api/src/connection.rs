//! A connection, as whoever serves it and its handlers see it: whose turn it is, until when, and
//! how much may be received meanwhile.
//!
//! The server's stream asks before it receives, and a request says when it is being answered. So
//! what a peer sends ahead of its answers stays with the peer, whatever it sends.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
    time::Duration,
};

use tokio::time::Instant;

/// How long a request may take to arrive, from its first byte to the last of its body.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may be without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How much is received at a time, in bytes. It bounds what is received of requests that have to
/// wait for the answers before theirs: a request in memory is many times its size.
const PORTION: usize = 1_024;

/// One connection. It belongs to one thread, and lives as long as the stream or an answer.
#[derive(Debug)]
pub struct Connection {
    turn: Cell<Turn>,
    /// By when the peer must have done what it is its turn to do.
    deadline: Cell<Instant>,
    /// How much of the portion is left.
    portion: Cell<usize>,
    has_answered: Cell<bool>,
    is_cut: Cell<bool>,
    /// Wakes the task of the connection.
    waker: RefCell<Option<Waker>>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The peer's, of whom nothing has arrived.
    Idle,
    /// The peer's, who has begun a request.
    Sending,
    /// The peer's, whose request is being answered as soon as its body is here.
    SendingBody,
    /// Ours.
    Answering,
}

/// What may be received now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// So many bytes, one at least.
    Bytes(usize),
    /// More, after others had their turn.
    Later,
    /// Nothing before an answer is out; the task is woken then.
    AfterAnswer,
}

/// What becomes of a peer that had its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// It is told so: it may have sent something that was not read.
    Timeout,
    /// It has its answers and asked nothing since.
    Idle,
}

impl Connection {
    /// A connection of which nothing has arrived.
    #[must_use]
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            turn: Cell::new(Turn::Idle),
            deadline: Cell::new(Instant::now() + REQUEST_TIMEOUT),
            portion: Cell::new(PORTION),
            has_answered: Cell::new(false),
            is_cut: Cell::new(false),
            waker: RefCell::new(None),
        })
    }

    /// What may be received now.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        match (self.portion.get(), self.turn.get()) {
            (0, Turn::Answering) => Allowance::AfterAnswer,
            (0, _) => {
                self.portion.set(PORTION);
                Allowance::Later
            }
            (left, _) => Allowance::Bytes(left),
        }
    }

    /// Notes that there is nothing to receive, and so nothing that waits to be answered first.
    pub fn received_all(&self) {
        if self.is_peers_turn() {
            self.portion.set(PORTION);
        }
    }

    /// Notes that so many bytes were received.
    pub fn received(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.portion.set(self.portion.get().saturating_sub(bytes));
        if self.turn.get() == Turn::Idle {
            self.turn.set(Turn::Sending);
            self.deadline.set(Instant::now() + REQUEST_TIMEOUT);
        }
    }

    /// Remembers how to wake the task of the connection.
    pub fn wake_by(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Begins an answer. It is the peer's turn again when what this returns is gone.
    #[must_use]
    pub fn begin_answer(self: &Rc<Self>) -> Answering {
        self.turn.set(Turn::Answering);
        Answering(Rc::clone(self))
    }

    /// Lets a body be received, for as long as what this returns is there.
    pub(crate) fn receive_body(&self) -> ReceivingBody<'_> {
        self.turn.set(Turn::SendingBody);
        self.wake();
        ReceivingBody(self)
    }

    /// Gives a peer that was kept from reading its time from now on.
    pub fn start_over(&self) {
        if self.is_peers_turn() {
            self.deadline.set(Instant::now() + IDLE_TIMEOUT);
        }
    }

    /// By when the request that is arriving must have arrived.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline.get()
    }

    /// What becomes of the peer at this moment, if its time is over.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Option<Overdue> {
        if !self.is_peers_turn() || now < self.deadline.get() {
            None
        } else if self.turn.get() == Turn::Idle && self.has_answered.get() {
            Some(Overdue::Idle)
        } else {
            Some(Overdue::Timeout)
        }
    }

    /// Until when the peer may be silent, if it is; the earlier, the longer it has been.
    #[must_use]
    pub fn waits_until(&self) -> Option<Instant> {
        let is_ours = self.turn.get() == Turn::Answering;
        (!is_ours && !self.is_cut.get()).then(|| self.deadline.get())
    }

    /// Whether the peer is not waited for any more.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    /// Whether it is to be closed now for the sake of others.
    #[must_use]
    pub fn gives_way(&self) -> bool {
        self.is_cut.get() && self.is_peers_turn()
    }

    /// Has it closed for the sake of others, as soon as no request of it is being answered.
    pub fn cut(&self) {
        self.is_cut.set(true);
        self.wake();
    }

    fn is_peers_turn(&self) -> bool {
        matches!(self.turn.get(), Turn::Idle | Turn::Sending)
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// A request that is being answered, until the last of its answer is handed over.
#[derive(Debug)]
pub struct Answering(Rc<Connection>);

impl Drop for Answering {
    fn drop(&mut self) {
        let connection = &self.0;
        connection.turn.set(Turn::Idle);
        connection.has_answered.set(true);
        connection.deadline.set(Instant::now() + IDLE_TIMEOUT);
        if connection.portion.get() == 0 || connection.is_cut.get() {
            connection.wake();
        }
    }
}

/// A body that is being received.
pub(crate) struct ReceivingBody<'a>(&'a Connection);

impl Drop for ReceivingBody<'_> {
    fn drop(&mut self) {
        self.0.turn.set(Turn::Answering);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives as long as that is allowed without others having had their turn; returns how much.
    fn receive(connection: &Connection) -> (usize, Allowance) {
        let mut received = 0;
        loop {
            match connection.allowance() {
                Allowance::Bytes(bytes) => {
                    connection.received(bytes);
                    received += bytes;
                }
                other => return (received, other),
            }
        }
    }

    #[test]
    fn what_is_sent_ahead_of_an_answer_is_bounded_however_many_are_answered() {
        let connection = Connection::new();
        assert_eq!(receive(&connection), (PORTION, Allowance::Later));
        assert_eq!(receive(&connection), (PORTION, Allowance::Later));

        connection.received_all();
        for _ in 0..100 {
            let answer = connection.begin_answer();
            let (received, then) = receive(&connection);
            assert!(received <= PORTION && then == Allowance::AfterAnswer);
            drop(answer);
        }
        let (received, then) = receive(&connection);

        assert_eq!((received, then), (0, Allowance::Later), "not one for each answer");
    }

    #[test]
    fn a_body_is_received_while_it_is_waited_for() {
        let connection = Connection::new();
        let _answer = connection.begin_answer();
        let (_, then) = receive(&connection);
        assert_eq!(then, Allowance::AfterAnswer);

        let body = connection.receive_body();
        assert_eq!(receive(&connection), (0, Allowance::Later));
        assert_eq!(receive(&connection), (PORTION, Allowance::Later));
        drop(body);

        assert_eq!(
            connection.overdue(Instant::now() + 2 * REQUEST_TIMEOUT),
            None,
            "it is our turn"
        );
    }

    #[test]
    fn who_sent_nothing_after_an_answer_is_closed_without_a_word() {
        let connection = Connection::new();
        let later = || Instant::now() + 2 * REQUEST_TIMEOUT;
        assert_eq!(connection.overdue(later()), Some(Overdue::Timeout));
        assert_eq!(connection.overdue(Instant::now()), None);

        drop(connection.begin_answer());
        assert_eq!(connection.overdue(later()), Some(Overdue::Idle));
        connection.received(1);

        assert_eq!(connection.overdue(later()), Some(Overdue::Timeout));
    }
}
