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

use actix_web::web::Bytes;
use tokio::time::Instant;

use crate::stream::Viewer;

/// How long a request may take to arrive, from its first byte to the last of its body.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may be without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a peer may be silent, or take to finish what it sends, once the service stops: long
/// enough for a client under way to send what it has, whose answer then says that it is the last.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How many bytes a body may take to arrive, however few of them are its own: the rest is the
/// framing of its chunks, and what follows the last. The largest body in chunks of one byte is
/// within it.
pub(crate) const BODY_RAW_BYTES_MAX: usize = 65_536;

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
    /// How many bytes were received since the last of them was.
    received: Cell<usize>,
    /// Whether that request has a body that may still be arriving.
    has_body: Cell<bool>,
    /// Whether the peer does not read what is written to it.
    is_stalled: Cell<bool>,
    is_cut: Cell<bool>,
    is_stopping: Cell<bool>,
    /// Whether an answer was given that is the last.
    said_close: Cell<bool>,
    /// Who is told on it what happens, once its answers are out.
    viewer: RefCell<Option<Viewer>>,
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
    /// Ours, from now on: the peer watches.
    Showing,
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

/// What a peer is waited for to do. The lesser is the first to lose its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Patience {
    /// It has answers to read, which take memory.
    ToRead,
    /// It watches, and comes back.
    ToWatch,
    /// It may send.
    ToSend,
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
            received: Cell::new(0),
            has_body: Cell::new(false),
            is_stalled: Cell::new(false),
            is_cut: Cell::new(false),
            is_stopping: Cell::new(false),
            said_close: Cell::new(false),
            viewer: RefCell::new(None),
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
        self.received.set(self.received.get().saturating_add(bytes));
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

    /// Begins an answer, to a request that may have a body. It is the peer's turn again when what
    /// this returns is gone.
    #[must_use]
    pub fn begin_answer(self: &Rc<Self>, has_body: bool) -> Answering {
        self.turn.set(Turn::Answering);
        self.has_answered.set(true);
        self.received.set(0);
        self.has_body.set(has_body);
        Answering(Rc::clone(self))
    }

    /// Whether the rest of a body may be arriving that nobody read to its end.
    #[must_use]
    pub fn may_have_body(&self) -> bool {
        self.has_body.get()
    }

    /// Whether the body of a request takes more to arrive than any needs.
    #[must_use]
    pub fn is_body_too_long(&self) -> bool {
        self.has_body.get() && self.received.get() > BODY_RAW_BYTES_MAX
    }

    /// Notes that the body of the request was received to its end.
    pub(crate) fn body_ended(&self) {
        self.has_body.set(false);
    }

    /// Notes that an answer tells the peer that it is the last.
    pub fn say_close(&self) {
        self.said_close.set(true);
    }

    /// Whether the peer was told so. What it sent after that is for another connection.
    #[must_use]
    pub fn has_said_close(&self) -> bool {
        self.said_close.get()
    }

    /// Whether it is to be left now, for the peer has its last answer.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.said_close.get() && self.is_peers_turn()
    }

    /// Has it come to its end with the next answer, or soon if none is asked for.
    pub fn stop(&self) {
        self.is_stopping.set(true);
        self.wake();
    }

    /// Whether the next answer is to be the last.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.get()
    }

    /// Notes whether the peer reads what is written to it.
    pub fn set_stalled(&self, is_stalled: bool) {
        self.is_stalled.set(is_stalled);
    }

    /// Whether there are answers that the peer does not read.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.is_stalled.get()
    }

    /// Has somebody shown on it what happens, instead of the answer that is being given.
    pub(crate) fn show(&self, viewer: Viewer) {
        *self.viewer.borrow_mut() = Some(viewer);
    }

    /// Who is shown what happens, if somebody is.
    pub fn take_viewer(&self) -> Option<Viewer> {
        self.viewer.borrow_mut().take()
    }

    /// Sends this before what is to be shown.
    pub fn open_with(&self, viewer: Viewer, opening: Bytes) {
        self.show(viewer.after(opening));
    }

    /// Notes that the peer has its answers and watches from now on.
    pub fn begin_show(&self) {
        self.turn.set(Turn::Showing);
        self.deadline.set(Instant::now());
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
        let deadline = self.deadline.get();
        if self.is_stopping.get() {
            return deadline - IDLE_TIMEOUT.saturating_sub(STOP_GRACE);
        }
        deadline
    }

    /// What becomes of the peer at this moment, if its time is over.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Option<Overdue> {
        if !self.is_peers_turn() || now < self.deadline() {
            None
        } else if self.turn.get() == Turn::Idle && self.has_answered.get() {
            Some(Overdue::Idle)
        } else {
            Some(Overdue::Timeout)
        }
    }

    /// Until when the peer is waited for, if it is: who does not read before who watches, and they
    /// before who does not send; and then the earlier, the longer it has been.
    #[must_use]
    pub fn waits_until(&self) -> Option<(Patience, Instant)> {
        let patience = match self.turn.get() {
            _ if self.is_cut.get() => return None,
            _ if self.is_stalled.get() => Patience::ToRead,
            Turn::Answering => return None,
            Turn::Showing => Patience::ToWatch,
            Turn::Idle | Turn::Sending | Turn::SendingBody => Patience::ToSend,
        };
        Some((patience, self.deadline.get()))
    }

    /// Whether the peer is not waited for any more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
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

    /// Whether nothing is being answered.
    #[must_use]
    pub fn is_peers_turn(&self) -> bool {
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

impl Answering {
    /// Where it is answered.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let connection = &self.0;
        connection.turn.set(Turn::Idle);
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
mod tests;
