//! How much may be received of a peer, and when.

use tokio::time::Instant;

use super::{Connection, REQUEST_TIMEOUT, Turn};
use crate::body::BODY_BYTES_MAX;

/// How many bytes a body may take to arrive, however few of them are its own: the rest is the
/// framing of its chunks, and what follows the last.
pub(crate) const BODY_RAW_BYTES_MAX: usize = raw_bytes_max(BODY_BYTES_MAX);

/// The same of one that may have so many bytes: in chunks of one byte each, it is within it.
pub(crate) const fn raw_bytes_max(bytes_max: usize) -> usize {
    16 * bytes_max
}

/// How much is received at a time, in bytes. It bounds what is received of requests that have to
/// wait for the answers before theirs: a request in memory is many times its size.
pub(super) const PORTION: usize = 1_024;

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

impl Connection {
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

    /// Whether the body of a request takes more to arrive than any needs.
    #[must_use]
    pub fn is_body_too_long(&self) -> bool {
        self.has_body.get() && self.received.get() > self.body_raw_bytes_max.get()
    }

    /// Notes that the body of the request was received to its end.
    pub(crate) fn body_ended(&self) {
        self.has_body.set(false);
    }

    /// Lets a body of so many bytes be received, for as long as what this returns is there.
    pub(crate) fn receive_body(&self, bytes_max: usize) -> ReceivingBody<'_> {
        self.body_raw_bytes_max.set(raw_bytes_max(bytes_max));
        self.turn.set(Turn::SendingBody);
        self.wake();
        ReceivingBody(self)
    }
}

/// A body that is being received.
pub(crate) struct ReceivingBody<'a>(&'a Connection);

impl Drop for ReceivingBody<'_> {
    fn drop(&mut self) {
        self.0.turn.set(Turn::Answering);
    }
}
