//! The register of sales.

use domain::{
    NewSale, NotScheduled, Origin, ProductId, Sale, SaleId, Salt, UnixMillis,
    ports::{Calendar, Listed, LiveEpoch, RaiseReply, SaleSnapshot, Tally},
    sale::{JUST_CLOSED_MS, SaleState},
};

use super::Tables;
use crate::{SqliteError, rows};

const FIND_SALE: &str = include_str!("../sql/find_sale.sql");
const PAGE_SALES: &str = include_str!("../sql/page_sales.sql");
const OPEN_SALES: &str = include_str!("../sql/open_sales.sql");
const CLOSED_SINCE: &str = include_str!("../sql/closed_since.sql");
const SCHEDULE: &str = include_str!("../sql/schedule.sql");
const EPOCH_AT: &str = include_str!("../sql/epoch_at.sql");
pub(super) const RAISE_EPOCH: &str = include_str!("../sql/raise_epoch.sql");
const LIVE_UNITS_ON_DISK: &str = include_str!("../sql/live_units_on_disk.sql");
const TALLY: &str = include_str!("../sql/tally.sql");
const CLOSE_SALE: &str = include_str!("../sql/close_sale.sql");

impl Tables<'_> {
    /// A sale by its number.
    pub(crate) fn find_sale(&self, sale: SaleId) -> Result<Option<Sale>, SqliteError> {
        self.one(FIND_SALE, [sale.get()], rows::sale)
    }

    /// Sales by their numbers.
    pub(crate) fn list_sales(&self, sales: &[SaleId]) -> Result<Vec<Option<Listed>>, SqliteError> {
        let seen_at = self.now();
        let list = |&sale| Ok(self.find_sale(sale)?.map(|sale| Listed { sale, seen_at }));
        sales.iter().map(list).collect()
    }

    /// The newest sales below a number.
    pub(crate) fn page_sales(
        &self,
        before: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>, SqliteError> {
        let before = before.map_or(i64::MAX, SaleId::get);
        self.all(PAGE_SALES, (before, i64::try_from(limit).unwrap_or(i64::MAX)), rows::sale)
    }

    /// The sales that need a live store.
    pub(crate) fn calendar(&self) -> Result<Calendar, SqliteError> {
        let now = self.now();
        let just_closed =
            self.all(CLOSED_SINCE, [(now + -JUST_CLOSED_MS).0], |row| rows::sale_id(row, "id"))?;
        Ok(Calendar { now, sales: self.all(OPEN_SALES, [], rows::sale)?, just_closed })
    }

    /// Makes a sale, unless it is one of the timetable and overlaps another of those, or its product is
    /// not to be sold. Its salt is drawn here, if none is given.
    pub(crate) fn schedule(
        &self,
        NewSale { window, terms, origin, product }: NewSale,
        salt: Option<Salt>,
    ) -> Result<Result<Sale, NotScheduled>, SqliteError> {
        if let Some(product) = product
            && let Some(refusal) = self.not_to_be_sold(product)?
        {
            return Ok(Err(refusal));
        }
        let (starts_at, ends_at) = (window.starts_at().0, window.ends_at().0);
        let (stock, limit, hold_ms) = (terms.stock(), terms.per_user_limit(), terms.hold_ms());
        let on_timetable = origin == Origin::Timetable;
        let salt = salt.as_ref().map(Salt::bytes);
        let product = product.map(ProductId::get);
        let row = (starts_at, ends_at, stock, limit, hold_ms, on_timetable, salt, product);
        Ok(self.one(SCHEDULE, row, rows::sale)?.ok_or(NotScheduled::Overlaps))
    }

    /// Starts a new generation of a sale's live state, and reads the snapshot for it. There is one
    /// writer at a time, so no record is in flight.
    pub(crate) fn raise_epoch(
        &self,
        id: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, SqliteError> {
        let Some(sale) = self.find_sale(id)? else { return Ok(RaiseReply::Closed) };
        let epoch_at: Option<Option<i64>> =
            self.one(EPOCH_AT, [id.get()], |row| row.get("epoch_at"))?;
        let epoch_age_ms = epoch_at.flatten().map(|at| self.now() - UnixMillis(at));
        let sale = match sale.at_next_epoch(live, epoch_age_ms) {
            Ok(sale) => sale,
            Err(stands) => return Ok(stands),
        };
        self.run(RAISE_EPOCH, (id.get(), self.now().0, sale.epoch.0))?;
        Ok(RaiseReply::Raised(SaleSnapshot { sale, live: self.guard()?.live_units(id) }))
    }

    /// All that is live of a sale, with a look at the disk alone; `None` if there is no such sale
    /// or it is closed.
    pub(crate) fn snapshot(&self, id: SaleId) -> Result<Option<SaleSnapshot>, SqliteError> {
        let found = self.find_sale(id)?.filter(|sale| sale.state != SaleState::Closed);
        let Some(sale) = found else { return Ok(None) };
        let live = self.all(LIVE_UNITS_ON_DISK, [id.get()], rows::live_unit)?;
        Ok(Some(SaleSnapshot { sale, live }))
    }

    /// How many units of a sale are held and sold.
    pub(crate) fn tally(&self, sale: SaleId) -> Result<Option<Tally>, SqliteError> {
        self.one(TALLY, [sale.get()], |row| rows::tally(row, self.now()))
    }

    /// Closes a sale that is over and has no hold left. Says whether it is closed now.
    pub(crate) fn close(&self, sale: SaleId) -> Result<bool, SqliteError> {
        self.run(CLOSE_SALE, (sale.get(), self.now().0))?;
        let sale = self.find_sale(sale)?;
        Ok(sale.is_some_and(|sale| sale.state == SaleState::Closed))
    }
}
