//! A connection, as whoever serves it and its handlers see it: whose turn it is, until when, and
//! how much may be received meanwhile.
//!
//! The server's stream asks before it receives, and a request says when it is being answered. So
//! what a peer sends ahead of its answers stays with the peer, whatever it sends.

mod patience;
mod receiving;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
    time::Duration,
};

use actix_web::web::Bytes;
use tokio::time::Instant;

pub(crate) use self::receiving::raw_bytes_max;
use self::receiving::{BODY_RAW_BYTES_MAX, PORTION};
pub use self::{
    patience::{Overdue, Patience},
    receiving::Allowance,
};
use crate::viewer::Viewer;

/// How long a request may take to arrive, from its first byte to the last of its body.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may be without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// How many bytes that may take to arrive.
    body_raw_bytes_max: Cell<usize>,
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
            body_raw_bytes_max: Cell::new(BODY_RAW_BYTES_MAX),
            is_stalled: Cell::new(false),
            is_cut: Cell::new(false),
            is_stopping: Cell::new(false),
            said_close: Cell::new(false),
            viewer: RefCell::new(None),
            waker: RefCell::new(None),
        })
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
        self.body_raw_bytes_max.set(BODY_RAW_BYTES_MAX);
        Answering(Rc::clone(self))
    }

    /// Whether the rest of a body may be arriving that nobody read to its end.
    #[must_use]
    pub fn may_have_body(&self) -> bool {
        self.has_body.get()
    }

    /// Notes that an answer tells the peer that it is the last. The rest of a body that it does not send is
    /// not waited for.
    pub fn say_close(&self) {
        self.said_close.set(true);
        self.wake();
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
        let has_ended = connection.is_cut.get() || connection.said_close.get();
        if connection.portion.get() == 0 || has_ended {
            connection.wake();
        }
    }
}

#[cfg(test)]
mod tests;
