//! Requests over HTTP, and how checkouts and purchases end.

use std::cell::RefCell;

use prometheus::{Histogram, IntCounter};

use crate::{figures::FIGURES, handles::Watch, is_on};

thread_local! {
    /// The figures that this thread has looked up: by name they cost several times what they count.
    static KNOWN: Known = const { Known::new() };
}

/// How many of a kind a thread knows; the others are looked up each time. There are some thirty
/// outcomes in all, and of the combinations of method, route and status few that are frequent.
const KNOWN_MAX: usize = 32;

struct Known {
    checkouts: RefCell<Vec<(&'static str, IntCounter)>>,
    purchases: RefCell<Vec<(&'static str, IntCounter)>>,
    requests: RefCell<Vec<(Answered, Histogram)>>,
}

/// What requests are timed by.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Answered {
    method: &'static str,
    route: &'static str,
    status: u16,
}

impl Known {
    const fn new() -> Self {
        Self {
            checkouts: RefCell::new(Vec::new()),
            purchases: RefCell::new(Vec::new()),
            requests: RefCell::new(Vec::new()),
        }
    }
}

/// Shows these outcomes of checkouts and purchases before there are any: a rush can be over between two
/// looks, and of what is there for the first time nobody can say how much it has risen.
pub fn count_from_zero(checkouts: &[&'static str], purchases: &[&'static str]) {
    if is_on() {
        for outcome in checkouts {
            FIGURES.http.checkouts.with_label_values(&[outcome]);
        }
        for outcome in purchases {
            FIGURES.http.purchases.with_label_values(&[outcome]);
        }
    }
}

/// Counts how a checkout ended: `granted`, or the name of the problem.
pub fn checkout_ended(outcome: &'static str) {
    if is_on() {
        let look_up = || FIGURES.http.checkouts.with_label_values(&[outcome]);
        KNOWN.with(|known| with_known(&known.checkouts, &outcome, look_up, IntCounter::inc));
    }
}

/// Counts how a purchase ended: `sold`, or the name of the problem.
pub fn purchase_ended(outcome: &'static str) {
    if is_on() {
        let look_up = || FIGURES.http.purchases.with_label_values(&[outcome]);
        KNOWN.with(|known| with_known(&known.purchases, &outcome, look_up, IntCounter::inc));
    }
}

/// Somebody watches a stream.
pub fn viewer_came() {
    if is_on() {
        FIGURES.http.viewers.inc();
    }
}

/// One who watched is gone.
pub fn viewer_gone() {
    if is_on() {
        FIGURES.http.viewers.dec();
    }
}

/// One who watches is sent an event.
pub fn viewer_told() {
    if is_on() {
        FIGURES.http.viewers_told.inc();
    }
}

/// Does something with a figure, which is looked up only if this thread does not know it.
fn with_known<K: Copy + PartialEq, F>(
    known: &RefCell<Vec<(K, F)>>,
    key: &K,
    look_up: impl FnOnce() -> F,
    count: impl FnOnce(&F),
) {
    let mut known = known.borrow_mut();
    if let Some((_, figure)) = known.iter().find(|(it, _)| it == key) {
        return count(figure);
    }
    let figure = look_up();
    count(&figure);
    if known.len() == KNOWN_MAX {
        // Whoever asks for what is rare must not keep the frequent out.
        known.remove(0);
    }
    known.push((*key, figure));
}

/// A request over HTTP that is being answered. Dropped unanswered, it is active no more and was
/// never timed.
#[derive(Debug)]
pub struct Request(Watch);

impl Request {
    /// A request that has just come.
    #[must_use]
    pub fn came() -> Self {
        let watch = Watch::start();
        if watch.is_running() {
            FIGURES.http.active.inc();
        }
        Self(watch)
    }

    /// It was answered. The route is a pattern of the router, never what the client wrote.
    pub fn answered(self, method: &str, route: &'static str, status: u16) {
        let Some(seconds) = self.0.seconds() else { return };
        let answered = Answered { method: name_of(method), route, status };
        let look_up = || {
            let status = status.to_string();
            FIGURES.http.seconds.with_label_values(&[answered.method, route, status.as_str()])
        };
        KNOWN.with(|known| {
            with_known(&known.requests, &answered, look_up, |it: &Histogram| it.observe(seconds));
        });
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.0.is_running() {
            FIGURES.http.active.dec();
        }
    }
}

/// A method by its name. Any word can be one, so what is unusual has none.
fn name_of(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "POST" => "POST",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}
