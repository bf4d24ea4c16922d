//! What must be true of both stores after every change of either.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Code, Epoch, Origin, Receipt, Sale, SaleId, Terms, UnixMillis, ports::Store, sale::SaleState,
};
use fakes::{FakeLive, HoldRecord, HoldState};

use crate::{
    checked::{Checked, ensure},
    history::History,
    ledger::Records,
    stores::Stores,
};

/// What is sold has a receipt, and what was cancelled has one that says so.
fn check_receipt(hold: &HoldRecord, receipt: Option<&Receipt>) -> Checked {
    let is_of_it = receipt.is_some_and(|receipt| {
        (receipt.sale, receipt.unit, &receipt.user) == (hold.sale, hold.unit, &hold.user)
            && receipt.cancelled.is_some() == (hold.state == HoldState::Cancelled)
    });
    ensure(is_of_it, || format!("{hold:?} has the receipt {receipt:?}"))
}

/// Remembers what was true, to see what may not change.
#[derive(Default)]
pub(crate) struct Safety {
    /// What clients were told.
    pub(crate) history: History,
    /// How each hold was when it was last looked at.
    holds: BTreeMap<Code, HoldState>,
    records: usize,
    sales: BTreeMap<SaleId, (Epoch, SaleState)>,
    /// What the live store serves of a sale up to this epoch is in doubt: it went back unnoticed.
    doubtful: BTreeMap<SaleId, Epoch>,
    /// Sales of a restored ledger that the live store serves at an epoch which that never issued, and
    /// the ledger's own: until an operator accepts it, nothing newer is granted.
    stopped: BTreeMap<SaleId, Epoch>,
    /// The latest time the ledger's clock ever showed.
    pub(crate) latest: Option<UnixMillis>,
    /// How long it took to heal, in milliseconds, once it has.
    pub(crate) healed_ms: Option<u64>,
}

impl Safety {
    /// Looks at both stores after something was done to one of them.
    pub(crate) fn look(&mut self, stores: &Stores, changed: Store) -> Checked {
        let now = stores.clock.now();
        self.latest = self.latest.max(Some(now));
        self.forget_stops(&stores.live);
        let sales = stores.ledger.sales();
        let records = stores.ledger.records();
        if changed == Store::Ledger {
            self.check_sales(&sales)?;
            self.check_ledger(&records, &sales, now)?;
        }
        sales.iter().try_for_each(|sale| self.check_live_side(&stores.live, sale, &records.holds))
    }

    /// What the live store serves now is in doubt until it is rebuilt.
    pub(crate) fn doubt(&mut self, sales: &[Sale]) {
        for sale in sales {
            self.doubt_up_to(sale.id, sale.epoch);
        }
    }

    fn doubt_up_to(&mut self, sale: SaleId, epoch: Epoch) {
        let doubtful = self.doubtful.entry(sale).or_insert(epoch);
        *doubtful = epoch.max(*doubtful);
    }

    /// The ledger went back to a backup, and whatever was said and served since is in doubt.
    pub(crate) fn go_back(&mut self, stores: &Stores) {
        let issued = std::mem::take(&mut self.sales);
        for (id, (epoch, _)) in issued {
            self.doubt_up_to(id, epoch);
        }
        let records = stores.ledger.records();
        self.records = records.attempts;
        self.holds = records.holds.iter().map(|hold| (hold.code, hold.state)).collect();
        for sale in stores.ledger.sales() {
            self.sales.insert(sale.id, (sale.epoch, sale.state));
            self.stopped.insert(sale.id, sale.epoch);
        }
        self.forget_stops(&stores.live);
        self.history.go_back(&*stores.ledger);
    }

    /// Nothing stops a sale that the live store does not serve: what the ledger has is all there is.
    pub(crate) fn forget_stops(&mut self, live: &FakeLive) {
        self.stopped.retain(|&sale, &mut epoch| {
            live.served(sale).is_some_and(|served| served.epoch > epoch)
        });
    }

    /// An operator accepts the ledger as it is.
    pub(crate) fn accept(&mut self) {
        self.stopped.clear();
    }

    /// Sales of the timetable do not overlap, epochs rise, and what is closed stays closed.
    fn check_sales(&mut self, sales: &[Sale]) -> Checked {
        let of_timetable = sales.iter().filter(|sale| sale.origin == Origin::Timetable);
        let mut windows: Vec<_> = of_timetable.map(|sale| sale.window).collect();
        windows.sort_unstable_by_key(|window| window.starts_at());
        let overlap = windows.windows(2).find(|pair| pair[0].overlaps(pair[1]));
        ensure(overlap.is_none(), || format!("two sales at a time: {overlap:?}"))?;
        for sale in sales {
            let before = self.sales.insert(sale.id, (sale.epoch, sale.state));
            let is_legal = before.is_none_or(|(epoch, state)| {
                epoch <= sale.epoch && (state != SaleState::Closed || state == sale.state)
            });
            ensure(is_legal, || format!("sale {} was {before:?} and is {sale:?}", sale.id))?;
        }
        ensure(self.sales.len() == sales.len(), || "a sale is gone".to_owned())
    }

    fn check_ledger(&mut self, records: &Records, sales: &[Sale], now: UnixMillis) -> Checked {
        let Records { attempts, holds, receipts, .. } = records;
        ensure(*attempts >= self.records, || "a record is gone".to_owned())?;
        self.records = *attempts;
        let mut units = BTreeSet::new();
        let mut slots = BTreeSet::new();
        let mut receipted = 0;
        for hold in holds {
            self.check_change(hold, now)?;
            let stopped = self.stopped.get(&hold.sale);
            ensure(stopped.is_none_or(|&epoch| hold.epoch <= epoch), || {
                format!("sold of a restored ledger that nobody accepted: {hold:?}")
            })?;
            if matches!(hold.state, HoldState::Sold | HoldState::Cancelled) {
                receipted += 1;
                check_receipt(hold, receipts.get(&hold.code))?;
            }
            if !hold.is_live() {
                continue;
            }
            let is_new = units.insert((hold.sale, hold.unit));
            ensure(is_new, || format!("unit {} is live twice", hold.unit))?;
            let is_new = slots.insert((hold.sale, &hold.user, hold.slot));
            ensure(is_new, || format!("{} has slot {:?} twice", hold.user, hold.slot))?;
            let sale = sales.iter().find(|sale| sale.id == hold.sale);
            let is_within = sale.is_some_and(|sale| {
                hold.unit.get() <= sale.terms.stock() && hold.slot.0 < sale.terms.per_user_limit()
            });
            ensure(is_within, || format!("beyond the terms: {hold:?}"))?;
        }
        ensure(receipted == receipts.len(), || "a receipt of what was not sold".to_owned())
    }

    /// A hold ends once, and expires only when it is due; what is sold may be cancelled then, and that is final.
    fn check_change(&mut self, hold: &HoldRecord, now: UnixMillis) -> Checked {
        let code = hold.code;
        let before = self.holds.insert(code, hold.state).unwrap_or(HoldState::Held);
        if before == hold.state {
            return Ok(());
        }
        let is_legal = match hold.state {
            HoldState::Cancelled => before == HoldState::Sold,
            _ => before == HoldState::Held,
        };
        ensure(is_legal, || format!("{code:?} was {before:?} and is {:?}", hold.state))?;
        ensure(hold.state != HoldState::Expired || now >= hold.expires_at, || {
            format!("{code:?} expired at {now:?}, before its time {:?}", hold.expires_at)
        })
    }

    /// Each unit is free, held or sold there; and unless it went back unnoticed, what is live
    /// in the ledger is not free there.
    fn check_live_side(&self, live: &FakeLive, sale: &Sale, holds: &[HoldRecord]) -> Checked {
        let Some(status) = live.served(sale.id) else { return Ok(()) };
        let free: BTreeSet<_> = live.free(sale.id).into_iter().collect();
        let held: BTreeSet<_> = live.held(sale.id).into_iter().map(|(_, unit)| unit).collect();
        // One that was changed since is served as it was.
        let stock = status.terms.map_or(sale.terms.stock(), Terms::stock);
        let are_all = status.free + status.held + status.sold == stock;
        let are_apart = free.is_disjoint(&held)
            && free.len() == status.free as usize
            && held.len() == status.held as usize;
        ensure(are_all && are_apart, || {
            format!("the live store contradicts itself: {status:?}, free {free:?}, held {held:?}")
        })?;
        let is_doubtful = self.doubtful.get(&sale.id).is_some_and(|&epoch| status.epoch <= epoch);
        ensure(status.epoch <= sale.epoch || is_doubtful, || {
            format!("sale {} is served at epoch {}, never issued", sale.id, status.epoch)
        })?;
        if status.epoch < sale.epoch || is_doubtful {
            return Ok(());
        }
        let taken = holds
            .iter()
            .find(|hold| hold.is_live() && hold.sale == sale.id && free.contains(&hold.unit));
        ensure(taken.is_none(), || format!("live in the ledger, free on the live store: {taken:?}"))
    }
}
