//! The task that asks for the sales on the board, and how readers look at it.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{
    FutureExt,
    future::{join_all, select},
};

use super::{AT_A_TIME, Asked, Board, SHOWN_MS, Shown};
use crate::{
    Phase, Sale, SaleId, Standing,
    asked_once::Unanswered,
    ports::{Calendar, Listed},
    standing::by_precedence,
};

/// How long the task rests between two rounds, in milliseconds, and how long it goes on asking for
/// a sale that nobody reads.
const REST_MS: u64 = 50;
const WANTED_MS: u64 = 1_000;

/// How long the ledger's counts may be shown, in milliseconds, while the live store, which does
/// not serve the sale, is asked again; and that neither store says anything.
const COUNTED_SHOWN_MS: u64 = 1_000;
const FAILED_SHOWN_MS: u64 = 100;

/// Which sale a reader means.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Current,
    Sale(SaleId),
}

/// When each sale that is wanted was read last, in milliseconds of the process.
pub(super) type Wanted = HashMap<SaleId, Arc<AtomicU64>>;

/// What the last rounds brought.
pub(super) struct Round<B> {
    /// The sale a shop shows, if there is one.
    current: Option<Entry<Option<SaleId>>>,
    sales: HashMap<SaleId, Noted<B>>,
}

/// How a sale stands, and when that was read last.
type Noted<B> = (Entry<Arc<Shown<B>>>, Arc<AtomicU64>);

#[derive(Clone)]
struct Entry<T> {
    what: Result<T, Unanswered>,
    /// From when on it must not be shown.
    good_until_ms: u64,
}

impl<B> Default for Round<B> {
    fn default() -> Self {
        Self { current: None, sales: HashMap::new() }
    }
}

impl<T: Clone> Entry<T> {
    /// A copy of what may be shown now.
    fn at(&self, now_ms: u64) -> Option<Result<T, Unanswered>> {
        (now_ms < self.good_until_ms).then(|| self.what.clone())
    }
}

impl<B> Entry<Arc<Shown<B>>> {
    fn is_over(&self) -> bool {
        self.what.as_ref().is_ok_and(|shown| shown.standing.phase() == Phase::Ended)
    }
}

impl<B: Send + Sync + 'static> Board<B> {
    /// What the board has to say, as soon as it is young enough; or `None` if the sale is not one
    /// for the board.
    pub(super) async fn read(
        self: &Arc<Self>,
        whose: Whose,
    ) -> Result<Option<Option<Arc<Shown<B>>>>, Unanswered> {
        if let Some(found) = self.look(whose) {
            return found.map(Some);
        }
        let is_for_board =
            || !matches!(whose, Whose::Sale(sale) if self.catalog.listed(sale).is_none());
        if !is_for_board() {
            return Ok(None);
        }
        let _permit = self.waiting.try_acquire().map_err(|_| Self::overloaded())?;
        while is_for_board() {
            let mut next = self.rounds.subscribe();
            self.want(whose);
            if let Some(found) = self.look(whose) {
                return found.map(Some);
            }
            self.go_on();
            // The sender is this board's own.
            let _ = next.changed().await;
        }
        Ok(None)
    }

    /// A sale that was read lately and may still be shown.
    pub(super) fn on_board(&self, sale: SaleId) -> Option<Arc<Shown<B>>> {
        let round = self.last_round();
        let (entry, _) = round.sales.get(&sale)?;
        entry.at(self.clock.uptime_ms())?.ok()
    }

    /// What may be shown now. Notes that it was read, so that it is asked for again.
    fn look(&self, whose: Whose) -> Option<Result<Option<Arc<Shown<B>>>, Unanswered>> {
        let now_ms = self.clock.uptime_ms();
        let round = self.last_round();
        let sale = match whose {
            Whose::Sale(sale) => sale,
            Whose::Current => {
                self.current_read_at_ms.store(now_ms, Ordering::Relaxed);
                match round.current.as_ref()?.at(now_ms)? {
                    Ok(Some(sale)) => sale,
                    Ok(None) => return Some(Ok(None)),
                    Err(error) => return Some(Err(error)),
                }
            }
        };
        let (entry, read_at_ms) = round.sales.get(&sale)?;
        read_at_ms.store(now_ms, Ordering::Relaxed);
        Some(entry.at(now_ms)?.map(Some))
    }

    fn want(&self, whose: Whose) {
        let now_ms = self.clock.uptime_ms();
        match whose {
            Whose::Current => self.current_read_at_ms.store(now_ms, Ordering::Relaxed),
            Whose::Sale(sale) => {
                let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
                wanted.entry(sale).or_default().store(now_ms, Ordering::Relaxed);
            }
        }
    }

    /// Has a round made soon.
    fn go_on(self: &Arc<Self>) {
        self.hurry.notify_one();
        if !self.is_running.swap(true, Ordering::AcqRel) {
            self.tasks.start(Box::pin(Arc::clone(self).run()));
        }
    }

    /// Makes rounds as long as somebody reads.
    async fn run(self: Arc<Self>) {
        // Also if this is dropped half-way: whoever waits shall start another.
        let _running = Running(&self);
        while self.is_read() {
            self.make_round().await;
            select(self.clock.wait(REST_MS), pin!(self.hurry.notified())).await;
        }
    }

    fn is_read(&self) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_wanted(&self.current_read_at_ms)
            || wanted.values().any(|read_at_ms| self.is_wanted(read_at_ms))
    }

    fn is_wanted(&self, read_at_ms: &AtomicU64) -> bool {
        let read_at_ms = read_at_ms.load(Ordering::Relaxed);
        self.clock.uptime_ms().saturating_sub(read_at_ms) <= WANTED_MS
    }

    async fn make_round(self: &Arc<Self>) {
        let calendar = self.catalog.calendar();
        let mut round = Round { current: None, sales: self.last_round().sales.clone() };
        let wanted = self.wanted_of(&calendar);
        let ids: HashSet<_> = wanted.iter().map(|(sale, _)| sale.id).collect();
        round.sales.retain(|id, _| ids.contains(id));
        let mut shown_at_ms = self.clock.uptime_ms();
        for few in wanted.chunks(AT_A_TIME) {
            let asked = few
                .iter()
                .map(|(sale, _)| self.entry(Listed { sale: *sale, seen_at: calendar.now }).boxed());
            let entries = join_all(asked).await;
            for ((sale, read_at_ms), entry) in few.iter().zip(entries) {
                round.sales.insert(sale.id, (entry, Arc::clone(read_at_ms)));
            }
            // Where a store is slow, what is known shall not be too old when it is shown.
            if self.clock.uptime_ms().saturating_sub(shown_at_ms) >= REST_MS {
                let current = self.last_round().current.clone();
                self.show(Round { current, sales: round.sales.clone() });
                shown_at_ms = self.clock.uptime_ms();
            }
        }
        if self.is_wanted(&self.current_read_at_ms) {
            round.current = Some(self.choose(&calendar, &mut round).await);
        }
        self.show(round);
    }

    /// The sale a shop shows. The calendar may be a second old, and a sale over since.
    async fn choose(
        self: &Arc<Self>,
        calendar: &Calendar,
        round: &mut Round<B>,
    ) -> Entry<Option<SaleId>> {
        let good_until_ms = self.clock.uptime_ms() + SHOWN_MS;
        for sale in by_precedence(calendar) {
            let is_over = if let Some((entry, _)) = round.sales.get(&sale.id) {
                entry.is_over()
            } else {
                let entry = self.entry(Listed { sale, seen_at: calendar.now }).await;
                let is_over = entry.is_over();
                round.sales.insert(sale.id, (entry, Arc::default()));
                is_over
            };
            if !is_over {
                // How long that is good, the sale's own entry says.
                return Entry { what: Ok(Some(sale.id)), good_until_ms: u64::MAX };
            }
        }
        Entry { what: Ok(None), good_until_ms }
    }

    async fn entry(self: &Arc<Self>, listed: Listed) -> Entry<Arc<Shown<B>>> {
        let asked = self.asker.of_open(listed).await;
        let now_ms = self.clock.uptime_ms();
        let shown = match asked {
            Ok(Asked { standing, is_live }) => {
                self.shown(standing).await.map(|shown| (shown, is_live))
            }
            Err(error) => Err(error),
        };
        match shown {
            Ok((shown, is_live)) => {
                let good_ms = if is_live { SHOWN_MS } else { COUNTED_SHOWN_MS };
                let good_ms = good_ms.min(until_next_phase_ms(&shown.standing));
                Entry { what: Ok(Arc::new(shown)), good_until_ms: now_ms + good_ms }
            }
            Err(error) => Entry { what: Err(error), good_until_ms: now_ms + FAILED_SHOWN_MS },
        }
    }

    /// The sales of the calendar that are read. The others are no longer wanted.
    fn wanted_of(&self, calendar: &Calendar) -> Vec<(Sale, Arc<AtomicU64>)> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.retain(|_, read_at_ms| self.is_wanted(read_at_ms));
        let of_sale = |sale: &Sale| Some((*sale, Arc::clone(wanted.get(&sale.id)?)));
        calendar.sales.iter().filter_map(of_sale).collect()
    }

    fn show(&self, round: Round<B>) {
        *self.round.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(round);
        self.rounds.send_modify(|rounds| *rounds = rounds.wrapping_add(1));
    }

    fn last_round(&self) -> Arc<Round<B>> {
        Arc::clone(&self.round.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How far off the opening or the end is, in milliseconds; what is shown must not outlast it.
fn until_next_phase_ms(standing: &Standing) -> u64 {
    let next = standing.next_change();
    next.map_or(u64::MAX, |next| u64::try_from(next - standing.at).unwrap_or_default())
}

struct Running<'a, B: Send + Sync + 'static>(&'a Board<B>);

impl<B: Send + Sync + 'static> Drop for Running<'_, B> {
    fn drop(&mut self) {
        self.0.is_running.store(false, Ordering::Release);
        self.0.rounds.send_modify(|rounds| *rounds = rounds.wrapping_add(1));
    }
}
