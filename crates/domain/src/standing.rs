//! How a sale stands: what of it is sold, held and free at a moment.

use std::sync::Arc;

use crate::{
    Catalog, Phase, Sale, SaleId, StoreError, UnixMillis,
    ports::{Listed, LiveStatus, SaleRegister, SaleStore},
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

    /// How the sale stands that is on, or else the next to come; `None` if none is planned.
    pub async fn current(&self) -> Result<Option<Standing>, StoreError> {
        let calendar = self.catalog.calendar();
        let at_hand = calendar.sales.iter().filter(|sale| calendar.now < sale.window.ends_at());
        for &sale in at_hand {
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

    async fn standing(&self, Listed { sale, seen_at }: Listed) -> Result<Standing, StoreError> {
        // The live store has no closed sale. That it is down says no more than a `None`: the
        // ledger is asked.
        if sale.state != SaleState::Closed
            && let Ok(Some(LiveStatus { sold, held, now, .. })) = self.sales.status(sale.id).await
        {
            return Ok(Standing { sale, sold, held, at: now });
        }
        Ok(match self.register.tally(sale.id).await? {
            Some(tally) => Standing { sale, sold: tally.sold, held: tally.held, at: tally.now },
            None => Standing { sale, sold: 0, held: 0, at: seen_at },
        })
    }
}
