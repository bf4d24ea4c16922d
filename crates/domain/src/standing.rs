//! How a sale stands: what of it is sold, held and free at a moment.

use std::sync::Arc;

use crate::{
    Catalog, Origin, Phase, Sale, SaleId, StoreError, UnixMillis,
    ports::{Calendar, Listed, LiveStatus, SaleRegister, SaleStore, Tally},
    sale::SaleState,
};

/// A sale and its stock, at one moment of one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The sale.
    pub sale: Sale,
    /// Units sold.
    pub sold: u32,
    /// Units on hold.
    pub held: u32,
    /// The moment, by the stores' clock.
    pub at: UnixMillis,
    /// What follows it, if that is planned already.
    pub next: Option<NextSale>,
}

/// The sale that follows another: the first of those made as it was, by the timetable or by an
/// operator, that starts when it has ended or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextSale {
    /// Its number.
    pub id: SaleId,
    /// Its first moment.
    pub starts_at: UnixMillis,
}

impl Standing {
    /// Units that are neither held nor sold.
    #[must_use]
    pub const fn available(&self) -> u32 {
        self.sale.terms.stock().saturating_sub(self.sold.saturating_add(self.held))
    }

    /// Where the sale is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.sale.phase_at(self.at)
    }

    /// The next moment at which its window makes it something else: the opening or the end. `None`
    /// when both are past.
    #[must_use]
    pub fn next_change(&self) -> Option<UnixMillis> {
        let window = self.sale.window;
        [window.starts_at(), window.ends_at()].into_iter().find(|&moment| self.at < moment)
    }
}

/// Reports how sales stand: from the live store, or where it does not serve them, from the ledger.
pub struct Standings {
    catalog: Arc<Catalog>,
    sales: Arc<dyn SaleStore>,
    register: Arc<dyn SaleRegister>,
}

impl Standings {
    /// Standings by these stores.
    pub fn new(
        catalog: Arc<Catalog>,
        sales: Arc<dyn SaleStore>,
        register: Arc<dyn SaleRegister>,
    ) -> Self {
        Self { catalog, sales, register }
    }

    /// How one sale stands, or `None` if there never was one.
    pub async fn of(&self, sale: SaleId) -> Result<Option<Standing>, StoreError> {
        match self.catalog.find(sale).await? {
            Some(listed) => self.standing(listed).await.map(Some),
            None => Ok(None),
        }
    }

    /// How the sale stands that a shop shows: that of the timetable which is on, or else its next
    /// to come. Without any of a timetable, that of an operator which is open the longest, or else
    /// the next. `None` if none is planned.
    pub async fn current(&self) -> Result<Option<Standing>, StoreError> {
        let calendar = self.catalog.calendar();
        for sale in by_precedence(&calendar) {
            let standing = self.standing(Listed { sale, seen_at: calendar.now }).await?;
            // The snapshot may be a second old, and the sale over since.
            if standing.phase() != Phase::Ended {
                return Ok(Some(standing));
            }
        }
        Ok(None)
    }

    /// At most `limit` sales with numbers below `before`, the newest first.
    pub async fn page(
        &self,
        before: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Standing>, StoreError> {
        let seen_at = self.register.now().await?;
        let mut standings = Vec::with_capacity(limit);
        for sale in self.register.page(before, limit).await? {
            standings.push(self.standing(Listed { sale, seen_at }).await?);
        }
        Ok(standings)
    }

    /// How a closed sale stands now, of which it is known how it stood: the ledger is asked for what may have
    /// changed since.
    pub async fn counted_again(&self, standing: &Standing) -> Result<Standing, StoreError> {
        self.counted(Listed { sale: standing.sale, seen_at: standing.at }).await
    }

    async fn standing(&self, listed: Listed) -> Result<Standing, StoreError> {
        match self.live(listed.sale).await {
            Some(standing) => Ok(standing),
            None => self.counted(listed).await,
        }
    }

    /// How a sale stands by the live store, if that serves it. That it is down says no more than
    /// that it does not: the ledger is to be asked.
    pub(crate) async fn live(&self, sale: Sale) -> Option<Standing> {
        // The live store has no closed sale.
        if sale.state == SaleState::Closed {
            return None;
        }
        let status = self.sales.status(sale.id).await.ok()??;
        let sale = as_served(sale, &status);
        let LiveStatus { sold, held, now, .. } = status;
        Some(Standing { sale, sold, held, at: now, next: self.next_after(&sale) })
    }

    /// How a sale stands by the ledger, which counts what it has of it.
    pub(crate) async fn counted(
        &self,
        Listed { sale, seen_at }: Listed,
    ) -> Result<Standing, StoreError> {
        let Some(Tally { now: at, epoch, held, sold, .. }) = self.register.tally(sale.id).await?
        else {
            let next = self.next_after(&sale);
            return Ok(Standing { sale, sold: 0, held: 0, at: seen_at, next });
        };
        let mut sale = sale;
        if epoch > sale.epoch
            && let Some(now) = self.register.find(sale.id).await?
        {
            // It may have been changed since it was listed, and what is counted is more than it had.
            sale = now.sale;
        }
        Ok(Standing { sale, sold, held, at, next: self.next_after(&sale) })
    }

    fn next_after(&self, sale: &Sale) -> Option<NextSale> {
        next_after(&self.catalog.calendar(), sale)
    }
}

/// A sale as it was listed; or, where the live store serves another epoch, with the terms under which it
/// counts, and if that one is newer as it is served.
fn as_served(listed: Sale, status: &LiveStatus) -> Sale {
    if status.epoch == listed.epoch {
        return listed;
    }
    let terms = status.terms.unwrap_or(listed.terms);
    if status.epoch < listed.epoch {
        return Sale { terms, ..listed };
    }
    let window = status.window.unwrap_or(listed.window);
    let state = if status.paused { SaleState::Paused } else { SaleState::Active };
    Sale { terms, window, state, epoch: status.epoch, ..listed }
}

/// What follows a sale, by a calendar, which has the sales by their start.
fn next_after(calendar: &Calendar, sale: &Sale) -> Option<NextSale> {
    let follows = |other: &&Sale| {
        other.origin == sale.origin && sale.window.ends_at() <= other.window.starts_at()
    };
    let next = calendar.sales.iter().find(follows)?;
    Some(NextSale { id: next.id, starts_at: next.window.starts_at() })
}

/// The sales that are not over, those a shop would show first at the front: of the timetable before
/// those of operators, and of these the open ones before those that are paused or to come; else by
/// their start.
pub(crate) fn by_precedence(calendar: &Calendar) -> impl Iterator<Item = Sale> {
    let rank = |sale: &Sale| match sale.origin {
        Origin::Timetable => 0,
        Origin::Operator if sale.phase_at(calendar.now) == Phase::Open => 1,
        Origin::Operator => 2,
    };
    let at_hand = calendar.sales.iter().filter(|sale| calendar.now < sale.window.ends_at());
    (0..=2)
        .flat_map(move |wanted| at_hand.clone().filter(move |sale| rank(sale) == wanted).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Epoch, Terms, Window};

    const NOW: UnixMillis = UnixMillis(1_795_000_000_000);

    /// Sales in the order of their starts, numbered from 1: whose they are, when they start and
    /// end, counted from now, and whether they are paused.
    fn calendar(sales: &[(Origin, i64, i64, bool)]) -> Calendar {
        let sale = |(&(origin, from, to, is_paused), number)| Sale {
            id: SaleId::try_from(number).unwrap(),
            window: Window::new(NOW + from, NOW + to).unwrap(),
            terms: Terms::new(5, 1, 1_000).unwrap(),
            origin,
            product: None,
            state: if is_paused { SaleState::Paused } else { SaleState::Active },
            epoch: Epoch(1),
            salt: crate::Salt::new([7; 32]),
        };
        let sales = sales.iter().zip(1..).map(sale).collect();
        Calendar { now: NOW, sales, just_closed: Vec::new() }
    }

    fn shown_first(sales: &[(Origin, i64, i64, bool)]) -> Vec<i64> {
        by_precedence(&calendar(sales)).map(|sale| sale.id.get()).collect()
    }

    #[test]
    fn what_follows_a_sale_is_the_first_of_its_kind_that_starts_when_it_has_ended() {
        let (timetable, operator) = (Origin::Timetable, Origin::Operator);
        let calendar = calendar(&[
            (timetable, -5, 5, false),
            (operator, -4, 6, false),
            (operator, 0, 9, false),
            (timetable, 5, 15, true),
            (operator, 8, 9, false),
            (timetable, 15, 25, false),
        ]);

        let next: Vec<_> = calendar.sales.iter().map(|sale| next_after(&calendar, sale)).collect();

        let [fourth, fifth, sixth] = [(4, 5), (5, 8), (6, 15)].map(|(number, starts)| {
            let id = SaleId::try_from(number).unwrap();
            Some(NextSale { id, starts_at: NOW + starts })
        });
        assert_eq!(next, [fourth, fifth, None, sixth, None, None]);
    }

    #[test]
    fn the_sale_of_the_timetable_goes_before_any_of_an_operator() {
        let (timetable, operator) = (Origin::Timetable, Origin::Operator);

        assert_eq!(
            shown_first(&[
                (operator, -9, 9, false),
                (timetable, -5, 0, false),
                (timetable, 0, 5, true),
                (operator, 1, 9, false),
                (timetable, 5, 10, false),
            ]),
            [3, 5, 1, 4]
        );
    }

    #[test]
    fn without_a_timetable_it_is_the_sale_that_is_open_the_longest_or_the_next() {
        let sale = |from, to, is_paused| (Origin::Operator, from, to, is_paused);

        assert_eq!(shown_first(&[sale(-9, 0, false)]), [0; 0]);
        assert_eq!(shown_first(&[sale(-9, 9, false), sale(-5, 5, false)]), [1, 2]);
        assert_eq!(
            shown_first(&[sale(-9, 9, true), sale(0, 5, false), sale(1, 5, false)]),
            [2, 1, 3]
        );
        assert_eq!(
            shown_first(&[sale(1, 2, false), sale(1, 9, false), sale(2, 3, false)]),
            [1, 2, 3]
        );
        assert_eq!(shown_first(&[sale(-9, 9, true), sale(1, 2, false)]), [1, 2]);
    }
}
