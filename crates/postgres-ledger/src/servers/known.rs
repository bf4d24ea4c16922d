//! What is known of the server that is the ledger, and what another one is to it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{error::ConnectError, hosts::Host, identity::Identity};

/// What is known of the server that is the ledger.
#[derive(Default)]
pub(super) struct Known {
    /// Which cluster it is: a standby is of the same, a restored copy need not be.
    pub(super) system: Option<String>,
    /// The highest timeline that was met.
    pub(super) timeline: u32,
    /// Which of the hosts it is.
    pub(super) host: Option<Arc<Host>>,
    /// When its processes began.
    pub(super) started: Option<String>,
    /// The server that would take its place if it turned out to be of use, and the trust in the
    /// connections to it.
    pub(super) candidate: Option<(Identity, Trust)>,
    /// Whether another server was seen that takes writes, or would have to be waited for.
    pub(super) is_contested: bool,
    /// How often another server has taken its place.
    pub(super) moves: u64,
    /// How often the server was not certainly the one that had answered, as it had run since.
    pub(super) doubts: u64,
    /// After how many of these it was last looked whether it has all answers.
    pub(super) looked_back: u64,
    /// After how many moves it was last told which server it is.
    pub(super) announced: Option<u64>,
    /// Ended when no connection that was made until now is to be trusted any more.
    pub(super) trust: Trust,
    /// How many there were.
    trusts: u64,
}

/// What connections are trusted under, until it is cancelled.
#[derive(Default, Clone)]
pub(super) struct Trust {
    pub(super) number: u64,
    pub(super) token: CancellationToken,
}

/// What a server is to the one that is the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The same, as far as is told.
    Same,
    /// What is there since that one was started again: with what it had, or put back to what it had
    /// once.
    Restarted,
    /// Another one, which takes its place.
    Other,
}

impl Known {
    /// Whether a server is the ledger as it is known, or was promoted after it: whoever finds one need
    /// not wait for the other hosts much longer.
    pub(super) fn settles(&self, host: &Host, identity: &Identity) -> bool {
        self.standing(host, identity).is_ok_and(|standing| {
            standing != Standing::Other
                || identity.timeline.is_some_and(|timeline| timeline > self.timeline)
        })
    }

    pub(super) fn new_trust(&mut self) -> Trust {
        self.trusts += 1;
        Trust { number: self.trusts, token: CancellationToken::new() }
    }

    /// What a server is to the ledger. Two names of one server are the same. On the timeline of the
    /// ledger one of another host and another start is a second one that was promoted; where no timeline
    /// is told, that is all there is to go by.
    ///
    /// # Errors
    ///
    /// It is none of the ledger's, or was until another one was promoted.
    pub(super) fn standing(
        &self,
        host: &Host,
        identity: &Identity,
    ) -> Result<Standing, ConnectError> {
        if let (Some(before), Some(now)) = (&self.system, &identity.system)
            && identity.is_foreign(Some(before))
        {
            let (before, now) = (before.clone(), now.clone());
            return Err(ConnectError::OtherCluster { before, now });
        }
        let Some(known) = &self.host else { return Ok(Standing::Same) };
        let timeline = identity.timeline.unwrap_or(self.timeline);
        if timeline < self.timeline {
            let (server, others) = (host.name.clone(), Vec::new());
            return Err(ConnectError::Past { server, timeline, known: self.timeline, others });
        }
        let began = self.started.as_ref().zip(identity.started.as_ref());
        Ok(match began {
            _ if timeline > self.timeline => Standing::Other,
            _ if self.started != identity.started && !known.is_same(host) => Standing::Other,
            Some((before, now)) if before != now => Standing::Restarted,
            _ => Standing::Same,
        })
    }

    /// Whether a server is certainly the one that is the ledger, and has run ever since: then it has
    /// what it had.
    pub(super) fn is_certainly(&self, host: &Host, identity: &Identity) -> bool {
        let Some(known) = &self.host else { return true };
        let timeline = identity.timeline.unwrap_or(self.timeline);
        known.is_same(host)
            && identity.started.is_some()
            && self.started == identity.started
            && timeline == self.timeline
    }
}
