//! The ledger in memory: [`SaleRegister`].

use async_trait::async_trait;
use domain::{
    Epoch, NewSale, NotScheduled, Origin, Sale, SaleId, Salt, StoreError, UnixMillis, Window,
    ports::{Calendar, Listed, LiveEpoch, RaiseReply, SaleRegister, Tally},
    sale::{JUST_CLOSED_MS, SaleState},
};

use crate::{
    FakeLedger, HoldState, Operation,
    ledger::{SaleRow, Tables},
};

impl Tables {
    /// Whether a sale of the timetable has some of this window.
    fn is_taken(&self, window: Window) -> bool {
        let mut sales = self.sales.values().map(|row| row.sale);
        sales.any(|sale| sale.origin == Origin::Timetable && sale.window.overlaps(window))
    }

    pub(crate) fn add_sale(&mut self, new: NewSale) -> Option<Sale> {
        let NewSale { window, terms, origin, product } = new;
        let last = self.sales.last_key_value().map_or(0, |(id, _)| id.get());
        let id = SaleId::try_from(last + 1).ok()?;
        let (state, epoch) = (SaleState::Active, Epoch(0));
        let sale = Sale {
            id,
            window,
            terms,
            origin,
            product,
            state,
            epoch,
            salt: Salt::new([7; Salt::LENGTH]),
        };
        self.sales.insert(id, SaleRow { sale, epoch_at: None, epoch_moves: 0, closed_at: None });
        Some(sale)
    }

    fn raise_epoch(&mut self, id: SaleId, live: Option<LiveEpoch>, now: UnixMillis) -> RaiseReply {
        let Some(row) = self.sales.get_mut(&id) else { return RaiseReply::Closed };
        let epoch_age_ms = row.epoch_at.map(|at| now - at);
        let sale = match row.sale.at_next_epoch(live, epoch_age_ms) {
            Ok(sale) => sale,
            Err(stands) => return stands,
        };
        row.sale = sale;
        row.epoch_at = Some(now);
        row.epoch_moves = self.moves;
        RaiseReply::Raised(self.snapshot(sale))
    }

    fn count(&self, sale: SaleId, state: HoldState) -> u32 {
        let count = self.holds().filter(|hold| hold.sale == sale && hold.state == state).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn close(&mut self, id: SaleId, now: UnixMillis) -> bool {
        let has_holds = self.count(id, HoldState::Held) > 0;
        let Some(row) = self.sales.get_mut(&id) else { return false };
        if row.closed_at.is_none() && row.sale.window.ends_at() <= now && !has_holds {
            row.sale.state = SaleState::Closed;
            row.sale.epoch.0 += 1;
            row.epoch_at = Some(now);
            row.closed_at = Some(now);
        }
        row.closed_at.is_some()
    }

    fn calendar(&self, now: UnixMillis) -> Calendar {
        let mut sales = Vec::new();
        let mut just_closed = Vec::new();
        let mut rows: Vec<_> = self.sales.values().collect();
        rows.sort_unstable_by_key(|row| (row.sale.window.starts_at(), row.sale.id));
        for row in rows {
            match row.closed_at {
                None => sales.push(row.sale),
                Some(at) if now - at < JUST_CLOSED_MS => just_closed.push(row.sale.id),
                Some(_) => {}
            }
        }
        Calendar { now, sales, just_closed }
    }
}

impl FakeLedger {
    /// Stops a sale for now, or lets it go on, at the epoch that it has: as an operator does who cannot ask the live
    /// store. `None` if there is no such sale, or it is closed.
    pub async fn set_paused(&self, sale: SaleId, paused: bool) -> Result<Option<Sale>, StoreError> {
        let set_paused = |tables: &mut Tables, _| {
            let row = tables.sales.get_mut(&sale).filter(|row| row.closed_at.is_none());
            Ok(row.map(|row| {
                row.sale.state = if paused { SaleState::Paused } else { SaleState::Active };
                row.sale
            }))
        };
        self.transact(Operation::Act, set_paused).await
    }
}

#[async_trait]
impl SaleRegister for FakeLedger {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        self.transact(Operation::Now, |_, now| Ok(now)).await
    }

    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError> {
        let find = |tables: &mut Tables, seen_at| {
            Ok(tables.sales.get(&sale).map(|row| Listed { sale: row.sale, seen_at }))
        };
        self.transact(Operation::FindSale, find).await
    }

    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError> {
        let page = |tables: &mut Tables, _| {
            let newest_first = tables.sales.values().rev().map(|row| row.sale);
            let below = newest_first.filter(|sale| before.is_none_or(|before| sale.id < before));
            Ok(below.take(limit).collect())
        };
        self.transact(Operation::Page, page).await
    }

    async fn calendar(&self) -> Result<Calendar, StoreError> {
        self.transact(Operation::Calendar, |tables, now| Ok(tables.calendar(now))).await
    }

    async fn schedule(&self, sale: NewSale) -> Result<Result<Sale, NotScheduled>, StoreError> {
        let schedule = |tables: &mut Tables, _| {
            let product = sale.product.and_then(|product| tables.products.not_to_be_sold(product));
            if let Some(refusal) = product {
                return Ok(Err(refusal));
            }
            if sale.origin == Origin::Timetable && tables.is_taken(sale.window) {
                return Ok(Err(NotScheduled::Overlaps));
            }
            Ok(tables.add_sale(sale).ok_or(NotScheduled::Overlaps))
        };
        self.transact(Operation::Schedule, schedule).await
    }

    async fn raise_epoch(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, StoreError> {
        let raise = |tables: &mut Tables, now| Ok(tables.raise_epoch(sale, live, now));
        self.transact(Operation::RaiseEpoch, raise).await
    }

    async fn tally(&self, sale: SaleId) -> Result<Option<Tally>, StoreError> {
        let tally = |tables: &mut Tables, now| {
            Ok(tables.sales.get(&sale).map(|row| Tally {
                now,
                epoch: row.sale.epoch,
                held: tables.count(sale, HoldState::Held),
                sold: tables.count(sale, HoldState::Sold),
                is_epoch_of_server: row.epoch_moves == tables.moves,
                moves: tables.moves,
            }))
        };
        self.transact(Operation::Tally, tally).await
    }

    async fn close(&self, sale: SaleId) -> Result<bool, StoreError> {
        self.transact(Operation::Close, |tables, now| Ok(tables.close(sale, now))).await
    }
}
