//! What the crowd of a sale saw, and how those were treated who stood still.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// The sale that is on, or else the next.
    Current,
    /// The sale by its number.
    OneSale,
    Health,
}

/// One look, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) look: Look,
    /// Which process was asked.
    pub(crate) service: usize,
    pub(crate) sent_ms: i64,
    pub(crate) answered_ms: i64,
    pub(crate) sight: Sight,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    Sale(Figures),
    Healthy,
    /// 304, to one who said what they had.
    Unchanged,
    /// 503, with a reason.
    Busy,
    /// No answer.
    Unknown(String),
    /// No answer this service may give.
    Wrong(String),
}

/// How a sale stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) sale: i64,
    pub(crate) stock: i64,
    pub(crate) sold: i64,
    pub(crate) held: i64,
    pub(crate) available: i64,
    /// The ledger's time, as the answer has it.
    pub(crate) server_ms: i64,
}

/// How a peer stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stillness {
    /// Asks for many pictures at once, and reads none.
    NeverReads,
    /// Sends a request's head, and one byte of its body.
    BodyStops,
    /// Sends half a head.
    HeadStops,
}

/// A peer that stood still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stood {
    pub(crate) how: Stillness,
    pub(crate) service: usize,
    pub(crate) began_ms: i64,
    pub(crate) ended_ms: i64,
    pub(crate) ending: Ending,
}

/// How that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The peer let go, with nothing heard.
    LetGo,
    /// The service, or the network, hung up.
    Closed,
    /// The service answered with this status.
    Answered(u16),
}

/// Everything one viewer of a sale was told, visit after visit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    pub(crate) visits: Vec<Visit>,
}

/// What a viewer was told on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Which process was asked.
    pub(crate) service: usize,
    /// The id of the event that the viewer came with.
    pub(crate) had: Option<String>,
    pub(crate) events: Vec<Event>,
    pub(crate) farewell: Farewell,
}

/// A state of the sale, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) figures: Figures,
}

/// How a visit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The viewer was told that there will be no other event, after the last, or instead of it.
    Over,
    /// No store says how the sale stands.
    Busy,
    /// The connection broke, or there never was one.
    Broken,
    /// No answer this service may give.
    Wrong(String),
}

/// All that the crowd of one sale saw.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    seen: Mutex<Vec<Seen>>,
    stood: Mutex<Vec<Stood>>,
    watched: Mutex<Vec<Watched>>,
}

impl Sightings {
    pub(crate) fn note(&self, seen: Seen) {
        lock(&self.seen).push(seen);
    }

    pub(crate) fn note_stood(&self, stood: Stood) {
        lock(&self.stood).push(stood);
    }

    pub(crate) fn note_watched(&self, watched: Watched) {
        lock(&self.watched).push(watched);
    }

    /// Every look so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// Everybody who stood still so far.
    pub(crate) fn stood(&self) -> Vec<Stood> {
        lock(&self.stood).clone()
    }

    /// Every viewer who has gone.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        lock(&self.watched).clone()
    }
}

impl fmt::Display for Stillness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverReads => "a client that reads nothing",
            Self::BodyStops => "a body that stops",
            Self::HeadStops => "a head that stops",
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
