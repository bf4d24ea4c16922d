//! Pages of sales: all there are, or those in one state.

use std::sync::Arc;

use futures_util::{FutureExt, future::join_all};

use super::{AT_A_TIME, Board, READ, SHOWN_MS, kept};
use crate::{
    Failure, Phase, ProductVersion, Sale, SaleId, Standing, StoreError, asked_once::Unanswered,
};

/// How many sales the ledger lists at a time where those of one state are picked, and how often for one
/// page. What is not over is in the snapshot of the process, so more than a few are seldom passed over.
const LISTED: usize = 100;
const LISTS_MAX: usize = 4;

/// Which sales a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WhichPage {
    /// In what state all of them are; `None` for any.
    pub phase: Option<Phase>,
    /// All of them have numbers below this.
    pub before: Option<SaleId>,
    /// How many there are at the most.
    pub limit: usize,
}

/// A page of sales.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The sales, the newest first.
    pub standings: &'a [Standing],
    /// What each of them is of.
    pub products: &'a [Option<Arc<ProductVersion>>],
    /// Which they are.
    pub which: WhichPage,
    /// Below which number the next page begins, if there may be one.
    pub next_below: Option<SaleId>,
}

pub(super) type ShownPage<B> = Result<Arc<B>, Unanswered>;

/// Some sales, the newest first, and below which number there may be others.
type Picked = (Vec<Sale>, Option<SaleId>);

impl<B: Send + Sync + 'static> Board<B> {
    /// A page of sales, as it is shown.
    ///
    /// # Errors
    ///
    /// [`Failure::NotDone`] also for one state while a process that has just started knows of no sale.
    pub async fn page(self: &Arc<Self>, which: WhichPage) -> Result<Arc<B>, StoreError> {
        if which.phase.is_some() && !self.catalog.was_refreshed() {
            return Err(StoreError::new(READ, Failure::NotDone, "the sales are not known yet"));
        }
        let page = self.pages.get(&which, || {
            let this = Arc::clone(self);
            async move { kept(this.make_page(which).await.map(Arc::new), SHOWN_MS) }
        });
        page.await.flatten().map_err(|error| error.to_error(READ))
    }

    async fn make_page(&self, which: WhichPage) -> Result<B, Unanswered> {
        let (sales, next_below) = match which.phase {
            None => self.any(which).await?,
            Some(Phase::Ended) => self.ended(which).await?,
            Some(phase) => self.known_in(phase, which),
        };
        let mut standings = Vec::with_capacity(sales.len());
        for sales in sales.chunks(AT_A_TIME) {
            let asked = sales.iter().map(|&sale| self.standing(sale).boxed());
            for standing in join_all(asked).await {
                standings.push(standing?);
            }
        }
        // By the stores' clock one may have come to be something else since it was picked.
        standings.retain(|standing| which.phase.is_none_or(|phase| phase == standing.phase()));
        let products = self.asker.products_of(&standings).await?;
        let page = Page { standings: &standings, products: &products, which, next_below };
        Ok((self.forms.page)(&page))
    }

    async fn any(&self, WhichPage { before, limit, .. }: WhichPage) -> Result<Picked, Unanswered> {
        let sales = self.asker.page(before, limit).await?;
        let next_below = last_of(&sales, limit);
        Ok((sales, next_below))
    }

    /// Sales that are over. Those that are closed are in the ledger alone.
    async fn ended(&self, which: WhichPage) -> Result<Picked, Unanswered> {
        let now = self.catalog.reckoned_now();
        let (mut picked, mut below) = (Vec::new(), which.before);
        for _ in 0..LISTS_MAX {
            let listed = self.asker.page(below, LISTED).await?;
            let room = which.limit - picked.len();
            let over = listed.iter().filter(|sale| sale.phase_at(now) == Phase::Ended);
            picked.extend(over.take(room));
            below = last_of(&listed, LISTED);
            if picked.len() == which.limit {
                let next_below = last_of(&picked, which.limit);
                return Ok((picked, next_below));
            }
            if below.is_none() {
                break;
            }
        }
        Ok((picked, below))
    }

    /// Sales that are not over: the process knows all of them.
    fn known_in(&self, phase: Phase, WhichPage { before, limit, .. }: WhichPage) -> Picked {
        let now = self.catalog.reckoned_now();
        let is_below = |sale: &Sale| before.is_none_or(|before| sale.id < before);
        let known = self.catalog.calendar();
        let known = known.sales.iter().filter(|sale| is_below(sale) && sale.phase_at(now) == phase);
        let mut picked: Vec<_> = known.copied().collect();
        picked.sort_unstable_by_key(|sale| std::cmp::Reverse(sale.id));
        let has_more = picked.len() > limit;
        picked.truncate(limit);
        let next_below = last_of(&picked, limit).filter(|_| has_more);
        (picked, next_below)
    }
}

/// The number of the last of so many sales, if there are so many.
fn last_of(sales: &[Sale], limit: usize) -> Option<SaleId> {
    sales.last().filter(|_| sales.len() == limit).map(|sale| sale.id)
}
