//! The ledger in memory: [`Operator`].

use async_trait::async_trait;
use domain::{
    Origin, Sale, SaleId, StoreError, Unit, UnixMillis,
    operator::{
        Acted, Action, ActionId, ActionRecord, Beside, Decided, Facts, HoldSeen, Order,
        PurchaseSeen, SaleSeen, Seen,
    },
    ports::{ActReply, Operator, SaleSnapshot, TrailPage},
    product::{Picture, Product, ProductChange},
};

use crate::{FakeLedger, HoldRecord, HoldState, Operation, ledger::Tables};

impl Tables {
    fn facts(&self, action: &Action, now: UnixMillis) -> Facts {
        let of = action.sale();
        let mut changes =
            self.actions.iter().filter(|record| is_change(record) && record.sale == of);
        let sale = of.and_then(|id| self.sales.get(&id)).map(|row| row.sale);
        Facts {
            now,
            sale,
            highest_live: of.and_then(|id| self.highest_live(id)),
            last: changes.next_back().cloned(),
            between: sale.map(|sale| self.between(&sale)),
            code: action.code().map(|code| self.find(code)),
            serves_unaware: false,
            not_to_be_sold: action.product().and_then(|it| self.products.not_to_be_sold(it)),
            product: action.sku().and_then(|sku| self.products.find(sku)),
            picture_is_kept: matches!(
                action,
                Action::PutProduct(ProductChange { image: Some(Picture::Kept(digest)), .. })
                    if self.products.is_kept(*digest)
            ),
        }
    }

    fn highest_live(&self, sale: SaleId) -> Option<Unit> {
        let live = self.holds().filter(|hold| hold.sale == sale && hold.is_live());
        live.map(|hold| hold.unit).max()
    }

    fn between(&self, sale: &Sale) -> (Option<UnixMillis>, Option<UnixMillis>) {
        let others = || {
            let others = self.sales.values().map(|row| row.sale);
            others.filter(|it| it.origin == Origin::Timetable && it.id != sale.id)
        };
        let ends = others().map(|it| it.window.ends_at());
        let starts = others().map(|it| it.window.starts_at());
        (
            ends.filter(|at| *at <= sale.window.starts_at()).max(),
            starts.filter(|at| *at >= sale.window.ends_at()).min(),
        )
    }

    fn act(&mut self, order: &Order, beside: &Beside, now: UnixMillis) -> ActReply {
        if let Some(record) = self.actions.iter().find(|it| it.order.id == order.id) {
            return ActReply::Before(record.clone());
        }
        let facts = self.facts(&order.action, now);
        let number = i64::try_from(self.actions.len()).unwrap_or(i64::MAX) + 1;
        let decided = order.decide(&facts, beside);
        let (mut sale, mut snapshot) = (order.action.sale(), None);
        let number_of = |product: &Product| product.version.product;
        let mut product = order.action.product().or_else(|| facts.product.as_ref().map(number_of));
        let (before, outcome) = match decided {
            Err(refused) => (facts.as_it_stands(), Acted::Refused(refused)),
            Ok(decided) => {
                let (before, raised) = (decided.before(), decided.raised());
                let (id, after) = self.carry_out(decided, now);
                sale = id.or(sale);
                if let Seen::Product(made) = &after {
                    product = Some(number_of(made));
                }
                snapshot = raised.map(|raised| self.snapshot(raised));
                (before, Acted::Done(after))
            }
        };
        let order = order.clone();
        let acted_at = now;
        let record = ActionRecord { number, acted_at, order, sale, product, before, outcome };
        self.actions.push(record.clone());
        ActReply::Now { record, snapshot }
    }

    fn carry_out(&mut self, decided: Decided, now: UnixMillis) -> (Option<SaleId>, Seen) {
        match decided {
            Decided::Make(new) => {
                let made = self.add_sale(new);
                let made = made.expect("there are more numbers than a test makes sales");
                (Some(made.id), Seen::Sale(SaleSeen::of(&made)))
            }
            Decided::Put { before, after } => {
                let moves = self.moves;
                if let Some(row) = self.sales.get_mut(&after.id) {
                    row.sale = after;
                    if before.epoch < after.epoch {
                        row.epoch_at = Some(now);
                        row.epoch_moves = moves;
                    }
                }
                (Some(after.id), Seen::Sale(SaleSeen::of(&after)))
            }
            Decided::Release { code, unit } => {
                if let Some(hold) = self.held_mut(code) {
                    hold.end(HoldState::Released, now);
                }
                (Some(code.sale()), Seen::Hold(HoldSeen::released(unit)))
            }
            Decided::Cancel { code, unit, reason, epoch } => {
                self.cancel(code, reason, now);
                let row = self.sales.get_mut(&code.sale());
                if let (Some(row), Some(epoch)) = (row, epoch) {
                    // Nobody loads this one, so no rebuild is kept waiting for it.
                    row.sale.epoch = epoch;
                }
                (Some(code.sale()), Seen::Purchase(PurchaseSeen::cancelled(unit, epoch)))
            }
            Decided::PutProduct { to, .. } => (None, Seen::Product(self.products.put(&to, now))),
            Decided::ArchiveProduct { before } => {
                (None, Seen::Product(self.products.archive(&before, now)))
            }
        }
    }

    /// What is live of a sale.
    pub(crate) fn snapshot(&self, sale: Sale) -> SaleSnapshot {
        let of_sale = self.holds().filter(|hold| hold.sale == sale.id);
        let mut live: Vec<_> = of_sale.filter_map(HoldRecord::live_unit).collect();
        live.sort_unstable_by_key(|unit| unit.unit);
        SaleSnapshot { sale, live }
    }
}

fn is_change(record: &ActionRecord) -> bool {
    record.order.action.code().is_none() && matches!(record.outcome, Acted::Done(_))
}

#[async_trait]
impl Operator for FakeLedger {
    async fn act(&self, order: &Order, beside: &Beside) -> Result<ActReply, StoreError> {
        self.transact(Operation::Act, |tables, now| Ok(tables.act(order, beside, now))).await
    }

    async fn action(&self, id: ActionId) -> Result<Option<ActionRecord>, StoreError> {
        let find = |tables: &mut Tables, _| {
            Ok(tables.actions.iter().find(|record| record.order.id == id).cloned())
        };
        self.transact(Operation::FindAction, find).await
    }

    async fn trail(&self, page: TrailPage) -> Result<Vec<ActionRecord>, StoreError> {
        let TrailPage { sale, before, changes_only, limit } = page;
        let trail = |tables: &mut Tables, _| {
            let newest_first = tables.actions.iter().rev();
            let of = newest_first.filter(|record| {
                sale.is_none_or(|sale| record.sale == Some(sale))
                    && before.is_none_or(|before| record.number < before)
                    && (!changes_only || is_change(record))
            });
            Ok(of.take(limit).cloned().collect())
        };
        self.transact(Operation::Trail, trail).await
    }
}
