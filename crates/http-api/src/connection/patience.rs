//! How long a peer is waited for, and what becomes of it then.

use std::time::Duration;

use tokio::time::Instant;

use super::{Connection, IDLE_TIMEOUT, Turn};

/// How long a peer may be silent, or take to finish what it sends, once the service stops: long
/// enough for a client under way to send what it has, whose answer then says that it is the last.
pub(super) const STOP_GRACE: Duration = Duration::from_millis(500);

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
}
