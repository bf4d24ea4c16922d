//! The feeds of a thread: who looks at the board for all that watch the same, and tells them.
//!
//! A viewer is woken for what is new and asks for the latest: one that is slow misses what was
//! between, and there is nothing to be kept for it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    rc::{Rc, Weak},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use actix_web::{rt, web::Bytes};
use domain::{Phase, SaleId, Standing, StoreError, board::Shown};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

use super::{END, is_final};
use crate::shown::{SaleBoard, Written};

/// How often a feed looks at the board, which is made anew as often.
const LOOK: Duration = Duration::from_millis(50);

/// How long at least from one event to the next, and how long at most until something is sent: a
/// proxy takes silence for death.
const PACE: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// What is sent where there is nothing to say.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// How many viewers are told before others have their turn: buyers shall not wait for a crowd.
const AT_A_TIME: usize = 32;

type ShownSale = Arc<Shown<Written>>;

/// What somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The sale that is on, or else the next.
    Current,
    Sale(SaleId),
}

/// The feeds of one thread, each for as long as somebody watches.
#[derive(Debug, Default)]
pub struct Streams {
    feeds: Rc<RefCell<HashMap<Subject, Rc<Feed>>>>,
}

#[derive(Debug, Default)]
struct Feed {
    latest: RefCell<Latest>,
    /// Whether somebody came with another state than was told last: what is told next may be new to
    /// them, though it is not to the others.
    is_owed: Cell<bool>,
    /// Those who are gone are left out when the others are told.
    seats: RefCell<Vec<Weak<Seat>>>,
    viewers: Cell<usize>,
}

/// What there is to be told, and how many there were.
#[derive(Debug, Default)]
struct Latest {
    event: Bytes,
    /// The id of the state that was told last, by it or before there was any.
    id: Rc<str>,
    events: u64,
    comments: u64,
    is_over: bool,
}

/// Wakes a viewer that has all there is.
#[derive(Debug, Default)]
struct Seat(RefCell<Option<Waker>>);

/// Somebody who watches.
#[derive(Debug)]
pub(crate) struct Viewer {
    feed: Rc<Feed>,
    seat: Rc<Seat>,
    /// The id of the state it was told last: the feed may come to what it came with later, or tell what
    /// others have not.
    has: Option<Rc<str>>,
    events: u64,
    comments: u64,
}

impl Subject {
    pub(super) async fn look(
        self,
        board: &Arc<SaleBoard>,
    ) -> Result<Option<ShownSale>, StoreError> {
        match self {
            Self::Current => board.current().await,
            Self::Sale(sale) => board.of(sale).await,
        }
    }

    /// Whether there will be nothing to see after this.
    pub(super) fn ends_with(self, standing: &Standing) -> bool {
        matches!(self, Self::Sale(_)) && is_final(standing)
    }
}

impl Streams {
    /// One who watches, and has been told this.
    pub(super) fn viewer(
        &self,
        subject: Subject,
        told: &ShownSale,
        board: &Arc<SaleBoard>,
    ) -> Viewer {
        let mut feeds = self.feeds.borrow_mut();
        let id: Rc<str> = told.form.id().into();
        let feed = feeds.entry(subject).or_insert_with(|| {
            let feed = Rc::new(Feed::having_told(Rc::clone(&id)));
            let telling = tell(Rc::clone(&feed), subject, Arc::clone(told), Arc::clone(board));
            let feeds = Rc::clone(&self.feeds);
            rt::spawn(async move {
                telling.await;
                feeds.borrow_mut().remove(&subject);
            });
            feed
        });
        Viewer::of(feed).having(id)
    }
}

/// Tells the viewers of a feed what is new, until it is over or they are gone.
async fn tell(feed: Rc<Feed>, subject: Subject, mut told: ShownSale, board: Arc<SaleBoard>) {
    let mut event_at = Instant::now();
    let mut said_at = event_at;
    loop {
        sleep(LOOK).await;
        if feed.viewers.get() == 0 {
            return;
        }
        // Also while it is too early to tell: the board goes on as long as somebody reads it.
        let shown = subject.look(&board).await;
        let now = Instant::now();
        if now - event_at >= PACE
            && let Ok(shown) = shown
            && let Some((event, state)) = news(&told, shown, &board, &feed.is_owed).await
        {
            (event_at, said_at, told) = (now, now, state);
            feed.is_owed.set(false);
            let is_over = subject.ends_with(&told.standing);
            feed.change(|latest| latest.put(event, told.form.id(), is_over)).await;
            if is_over {
                return;
            }
        } else if now - said_at >= SILENCE_MAX {
            said_at = now;
            feed.change(|latest| latest.comments += 1).await;
        }
    }
}

/// What is new to who was told that, or to somebody else, and what they know then. Where another sale is
/// the one that is on, the end of the one before is told first.
async fn news(
    told: &ShownSale,
    shown: Option<ShownSale>,
    board: &Arc<SaleBoard>,
    is_owed: &Cell<bool>,
) -> Option<(String, ShownSale)> {
    let sale = told.standing.sale.id;
    let mut states = Vec::new();
    if told.standing.phase() != Phase::Ended
        && shown.as_ref().is_none_or(|shown| shown.standing.sale.id != sale)
        && let Ok(Some(end)) = board.of(sale).await
        && end.standing.phase() == Phase::Ended
    {
        states.push(end);
    }
    states.extend(shown.filter(|shown| is_owed.get() || shown.form.id() != told.form.id()));
    let event = states.iter().map(|state| state.form.event()).collect();
    states.pop().map(|last| (event, last))
}

impl Latest {
    fn put(&mut self, mut event: String, id: &str, is_over: bool) {
        if is_over {
            event.push_str(END);
        }
        self.event = event.into();
        self.id = id.into();
        self.events += 1;
        self.is_over = is_over;
    }
}

impl Feed {
    fn having_told(id: Rc<str>) -> Self {
        let latest = Latest { id, ..Latest::default() };
        Self { latest: RefCell::new(latest), ..Self::default() }
    }

    /// Changes what there is to be told, and tells all who watch.
    async fn change(&self, change: impl FnOnce(&mut Latest)) {
        change(&mut self.latest.borrow_mut());
        let mut next = 0;
        while self.wake_some(&mut next) {
            yield_now().await;
        }
    }

    /// Wakes some of those who watch, from this one on; returns whether there may be more.
    fn wake_some(&self, next: &mut usize) -> bool {
        let mut seats = self.seats.borrow_mut();
        for _ in 0..AT_A_TIME {
            match seats.get(*next).map(Weak::upgrade) {
                Some(Some(seat)) => {
                    seat.wake();
                    *next += 1;
                }
                Some(None) => {
                    seats.swap_remove(*next);
                }
                None => return false,
            }
        }
        true
    }
}

impl Seat {
    fn wake(&self) {
        if let Some(waker) = self.0.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl Viewer {
    fn of(feed: &Rc<Feed>) -> Self {
        let seat = Rc::default();
        feed.seats.borrow_mut().push(Rc::downgrade(&seat));
        feed.viewers.update(|viewers| viewers + 1);
        telemetry::viewer_came();
        let Latest { events, comments, .. } = *feed.latest.borrow();
        Self { feed: Rc::clone(feed), seat, has: None, events, comments }
    }

    fn having(mut self, id: Rc<str>) -> Self {
        if id != self.feed.latest.borrow().id {
            self.feed.is_owed.set(true);
        }
        self.has = Some(id);
        self
    }

    /// What is to be sent next, once there is something: the latest, whatever came before. `None`
    /// at the end.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let latest = self.feed.latest.borrow();
        let is_new = self.events != latest.events;
        let is_silent = self.comments != latest.comments;
        (self.events, self.comments) = (latest.events, latest.comments);
        if is_new && self.has.as_ref() != Some(&latest.id) {
            self.has = Some(Rc::clone(&latest.id));
            telemetry::viewer_told();
            return Poll::Ready(Some(latest.event.clone()));
        }
        if is_new && latest.is_over {
            return Poll::Ready(Some(Bytes::from_static(END.as_bytes())));
        }
        if latest.is_over {
            return Poll::Ready(None);
        }
        if is_silent {
            return Poll::Ready(Some(COMMENT));
        }
        *self.seat.0.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.feed.viewers.update(|viewers| viewers - 1);
        telemetry::viewer_gone();
    }
}

#[cfg(test)]
mod tests;
