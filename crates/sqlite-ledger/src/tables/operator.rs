//! What operators do, and its trail.

use domain::{
    Code, Epoch, ProductId, Sale, Salt, UnixMillis,
    operator::{
        Acted, Action, ActionId, ActionRecord, Beside, Decided, Facts, HoldSeen, Order,
        PurchaseSeen, Reason, SaleSeen, Seen, StoredAction,
    },
    ports::{ActReply, SaleSnapshot, TrailPage},
    product::{Picture, Product, ProductChange},
    sale::SaleState,
};

use super::{Counts, Tables, bits, sales::RAISE_EPOCH};
use crate::{SqliteError, guard::State, rows};

const FIND_ACTION: &str = include_str!("../sql/operator/find_action.sql");
const LAST_CHANGE: &str = include_str!("../sql/operator/last_change.sql");
const NEIGHBOURS: &str = include_str!("../sql/operator/neighbours.sql");
const CHANGE_SALE: &str = include_str!("../sql/operator/change_sale.sql");
const CANCEL_ATTEMPT: &str = include_str!("../sql/operator/cancel_attempt.sql");
const CANCEL_PURCHASE: &str = include_str!("../sql/operator/cancel_purchase.sql");
const OUTDATE_SALE: &str = include_str!("../sql/operator/outdate_sale.sql");
const FILED_ROWS: &str = include_str!("../sql/operator/filed_rows.sql");
const WRITE_ACTION: &str = include_str!("../sql/operator/write_action.sql");
const TRAIL: &str = include_str!("../sql/operator/trail.sql");
const TRAIL_OF_SALE: &str = include_str!("../sql/operator/trail_of_sale.sql");

/// What was carried out on.
enum Made {
    Sale(Sale),
    Hold(HoldSeen),
    Purchase(PurchaseSeen),
    Product(Product),
}

impl Tables<'_> {
    /// Carries an order out, or refuses it, and writes its row; or finds the row of the same.
    pub(crate) fn act(
        &self,
        order: &Order,
        beside: &Beside,
        salt: Option<Salt>,
    ) -> Result<ActReply, SqliteError> {
        if let Some(record) = self.find_action(order.id)? {
            return Ok(ActReply::Before(record));
        }
        let facts = self.facts(&order.action)?;
        let (mut about, mut snapshot) = (order.action.sale(), None);
        let mut product = order.action.product().or_else(|| facts.product.as_ref().map(number_of));
        let (before, outcome) = match order.decide(&facts, beside) {
            Err(refused) => (facts.as_it_stands(), Acted::Refused(refused)),
            Ok(decided) => {
                let (before, raised) = (decided.before(), decided.raised());
                let after = match self.carry_out(decided, salt)? {
                    Made::Sale(made) => {
                        about = Some(made.id);
                        Seen::Sale(SaleSeen::of(&made))
                    }
                    Made::Hold(hold) => Seen::Hold(hold),
                    Made::Purchase(purchase) => Seen::Purchase(purchase),
                    Made::Product(made) => {
                        product = Some(number_of(&made));
                        Seen::Product(made)
                    }
                };
                if let Some(raised) = raised {
                    let live = self.guard()?.live_units(raised.id);
                    snapshot = Some(SaleSnapshot { sale: raised, live });
                }
                (before, Acted::Done(after))
            }
        };
        let (acted_at, order) = (facts.now, order.clone());
        let mut record =
            ActionRecord { number: 0, acted_at, order, sale: about, product, before, outcome };
        record.number = self.write_action(&StoredAction::from(&record))?;
        Ok(ActReply::Now { record, snapshot })
    }

    fn facts(&self, action: &Action) -> Result<Facts, SqliteError> {
        let mut facts = Facts::at(self.now());
        if let Some(code) = action.code() {
            facts.code = self.find_codes(&[code])?.pop();
            if action.is_of_sale() {
                facts.sale = self.find_sale(code.sale())?;
            }
        } else if let Some(id) = action.sale() {
            facts.sale = self.find_sale(id)?;
            facts.highest_live = self.guard()?.highest_live(id);
            facts.last = self.one(LAST_CHANGE, [id.get()], rows::action)?.transpose()?;
        }
        if let Some(sku) = action.sku() {
            facts.product = self.find_product(sku)?;
        }
        if let Action::PutProduct(ProductChange { image: Some(Picture::Kept(digest)), .. }) = action
        {
            facts.picture_is_kept = self.image_is_kept(*digest)?;
        }
        if let Some(product) = action.product() {
            facts.not_to_be_sold = self.not_to_be_sold(product)?;
        }
        if let Some(sale) = facts.sale {
            facts.between = self.one(NEIGHBOURS, [sale.window.starts_at().0], |row| {
                let last_end = row.get::<_, Option<i64>>("last_end")?;
                let next_start = row.get::<_, Option<i64>>("next_start")?;
                Ok((last_end.map(UnixMillis), next_start.map(UnixMillis)))
            })?;
        }
        Ok(facts)
    }

    /// Does what was decided, and says what is so since.
    fn carry_out(&self, decided: Decided, salt: Option<Salt>) -> Result<Made, SqliteError> {
        match decided {
            Decided::Make(new) => {
                let made = self.schedule(new, salt)?;
                let made = made.map_err(|_| unreadable("no sale was made"))?;
                Ok(Made::Sale(made))
            }
            Decided::Put { before, after } => {
                if before != after {
                    self.put_sale(&before, &after)?;
                }
                Ok(Made::Sale(after))
            }
            Decided::Release { code, unit } => {
                let mut counts = Counts::default();
                self.end_hold(&mut counts, code, State::Released, |_| true)?;
                self.write_counts(&counts)?;
                self.file_ended(&[code])?;
                Ok(Made::Hold(HoldSeen::released(unit)))
            }
            Decided::Cancel { code, unit, reason, epoch } => {
                self.cancel(code, &reason, epoch)?;
                Ok(Made::Purchase(PurchaseSeen::cancelled(unit, epoch)))
            }
            Decided::PutProduct { before, to } => self.put_product(before, &to).map(Made::Product),
            Decided::ArchiveProduct { before } => {
                self.archive_product(number_of(&before)).map(Made::Product)
            }
        }
    }

    /// Ends a purchase. The counts of its sale follow, also where that is closed.
    fn cancel(&self, code: Code, reason: &Reason, epoch: Option<Epoch>) -> Result<(), SqliteError> {
        let guarded = self.guard()?.cancel(code);
        let rows = match guarded {
            Some(rows) => Some(rows),
            None => self.one(FILED_ROWS, [bits(code)], |row| {
                Ok((row.get("attempt")?, row.get("purchase")?))
            })?,
        };
        let (attempt, purchase) = rows.ok_or_else(|| unreadable("what is sold is nowhere"))?;
        let now = self.now().0;
        let ended = self.run(CANCEL_ATTEMPT, (attempt, now))?;
        let marked = self.run(CANCEL_PURCHASE, (purchase, now, reason.as_str()))?;
        if (ended, marked) != (1, 1) {
            return Err(unreadable("what is sold is not so on the disk"));
        }
        let mut counts = Counts::default();
        counts.add(code.sale(), 0, -1);
        self.write_counts(&counts)?;
        if let Some(epoch) = epoch {
            self.run(OUTDATE_SALE, (code.sale().get(), epoch.0))?;
        }
        self.file_ended(&[code])
    }

    fn put_sale(&self, before: &Sale, sale: &Sale) -> Result<(), SqliteError> {
        let Sale { id, window, terms, epoch, .. } = *sale;
        if before.epoch < epoch {
            self.run(RAISE_EPOCH, (id.get(), self.now().0, epoch.0))?;
        }
        let state = match sale.state {
            SaleState::Active => "active",
            SaleState::Paused => "paused",
            SaleState::Closed => return Err(unreadable("a closed sale was changed")),
        };
        let (starts_at, ends_at) = (window.starts_at().0, window.ends_at().0);
        let (stock, limit, hold_ms) = (terms.stock(), terms.per_user_limit(), terms.hold_ms());
        self.run(CHANGE_SALE, (id.get(), starts_at, ends_at, hold_ms, stock, limit, state))?;
        Ok(())
    }

    fn write_action(&self, row: &StoredAction) -> Result<i64, SqliteError> {
        let code = row.code.map(u128::to_be_bytes);
        let (id, at) = (row.id.to_be_bytes(), row.acted_at.0);
        let StoredAction {
            operator, action, asked, why, request_id, before, after, refused, ..
        } = row;
        let columns = (
            id,
            at,
            row.sale_id,
            row.product_id,
            code,
            operator,
            action,
            asked,
            why,
            request_id,
            before,
            after,
            refused,
        );
        let number = self.one(WRITE_ACTION, columns, |row| row.get("number"))?;
        number.ok_or_else(|| unreadable("no row of the trail"))
    }

    /// The row of an order.
    pub(crate) fn find_action(&self, id: ActionId) -> Result<Option<ActionRecord>, SqliteError> {
        self.one(FIND_ACTION, [id.to_bits().to_be_bytes()], rows::action)?.transpose()
    }

    /// A part of the trail, the newest first.
    pub(crate) fn trail(&self, page: TrailPage) -> Result<Vec<ActionRecord>, SqliteError> {
        let TrailPage { sale, before, changes_only, limit } = page;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let before = before.unwrap_or(i64::MAX);
        let found = match sale {
            None => self.all(TRAIL, (before, changes_only, limit), rows::action)?,
            Some(sale) => {
                let of_sale = (before, changes_only, limit, sale.get());
                self.all(TRAIL_OF_SALE, of_sale, rows::action)?
            }
        };
        found.into_iter().collect()
    }
}

const fn number_of(product: &Product) -> ProductId {
    product.version.product
}

fn unreadable(what: &str) -> SqliteError {
    SqliteError::Unreadable(what.to_owned())
}
