//! The ledger in memory: [`LedgerStore`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use domain::{
    Cancellation, Code, Failure, Receipt, Sale, SaleId, StoreError, UnixMillis, UserId,
    operator::{ActionRecord, Reason},
    ports::{
        Answered, AnsweredCodes, Attempt, AttemptPermit, CodeOwners, CodeRecord, Grant,
        LedgerStore, Outcome, Recorded, Redemption, Verdict,
    },
    product::{Product, ProductChange},
};

use crate::{
    AttemptRecord, Faults, HoldRecord, HoldState, ManualClock, Operation, lock,
    products::ProductRows,
};

/// The ledger, as Postgres is one. Clones are the same ledger.
#[derive(Clone)]
pub struct FakeLedger(Arc<Shared>);

struct Shared {
    clock: ManualClock,
    faults: Faults,
    tables: Mutex<Tables>,
    places_out: AtomicUsize,
    permits_max: AtomicUsize,
    has_writer: AtomicBool,
}

/// What the ledger had at some moment, as in a backup.
#[derive(Clone)]
pub struct LedgerCopy(Tables);

#[derive(Clone, Default)]
pub(crate) struct Tables {
    pub(crate) sales: BTreeMap<SaleId, SaleRow>,
    pub(crate) attempts: Vec<AttemptRecord>,
    pub(crate) purchases: BTreeMap<Code, Receipt>,
    pub(crate) products: ProductRows,
    pub(crate) moves: u64,
    pub(crate) actions: Vec<ActionRecord>,
}

#[derive(Clone)]
pub(crate) struct SaleRow {
    pub(crate) sale: Sale,
    pub(crate) epoch_at: Option<UnixMillis>,
    /// How often the ledger had moved when the epoch was raised.
    pub(crate) epoch_moves: u64,
    pub(crate) closed_at: Option<UnixMillis>,
}

impl FakeLedger {
    /// An empty ledger whose queue of attempts is as good as endless.
    #[must_use]
    pub fn new(clock: ManualClock) -> Self {
        Self(Arc::new(Shared {
            clock,
            faults: Faults::default(),
            tables: Mutex::default(),
            places_out: AtomicUsize::new(0),
            permits_max: AtomicUsize::new(usize::MAX),
            has_writer: AtomicBool::new(true),
        }))
    }

    /// What it has now.
    #[must_use]
    pub fn copy(&self) -> LedgerCopy {
        LedgerCopy(self.tables(|tables| tables.clone()))
    }

    /// Goes back to a copy, as a backup is restored. What was recorded since is lost.
    pub fn restore(&self, copy: &LedgerCopy) {
        self.tables(|tables| tables.clone_from(&copy.0));
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Sets how many permits its queue of attempts has.
    pub fn set_permits(&self, permits_max: usize) {
        self.0.permits_max.store(permits_max, Ordering::SeqCst);
    }

    /// Ends what records attempts, as a panic would: its queue has nobody at its end any more.
    pub fn end_writer(&self) {
        self.0.has_writer.store(false, Ordering::SeqCst);
    }

    /// Has another server take the place of the one that was the ledger, with all that it had.
    pub fn fail_over(&self) {
        self.tables(|tables| tables.moves += 1);
    }

    /// Every attempt that was recorded, in that order.
    #[must_use]
    pub fn attempts(&self) -> Vec<AttemptRecord> {
        self.tables(|tables| tables.attempts.clone())
    }

    /// The hold of a code, whatever became of it.
    #[must_use]
    pub fn hold(&self, code: Code) -> Option<HoldRecord> {
        self.tables(|tables| tables.of_code(code).and_then(AttemptRecord::hold).cloned())
    }

    /// Every receipt, by its code.
    #[must_use]
    pub fn purchases(&self) -> Vec<Receipt> {
        self.tables(|tables| tables.purchases.values().cloned().collect())
    }

    /// Looks at every attempt, in the order of their records, and at every receipt.
    pub fn look<T>(&self, look: impl FnOnce(&[AttemptRecord], &BTreeMap<Code, Receipt>) -> T) -> T {
        self.tables(|tables| look(&tables.attempts, &tables.purchases))
    }

    /// Every sale, as it is now, in the order in which they were made.
    #[must_use]
    pub fn sales(&self) -> Vec<Sale> {
        self.tables(|tables| tables.sales.values().map(|row| row.sale).collect())
    }

    /// A sale, as it is now.
    #[must_use]
    pub fn sale(&self, sale: SaleId) -> Option<Sale> {
        self.tables(|tables| tables.sales.get(&sale).map(|row| row.sale))
    }

    /// Makes a product, or its next version, as an operator does.
    #[must_use]
    pub fn put_product(&self, to: &ProductChange) -> Product {
        self.tables(|tables| tables.products.put(to, self.0.clock.now()))
    }

    pub(crate) fn tables<T>(&self, work: impl FnOnce(&mut Tables) -> T) -> T {
        work(&mut lock(&self.0.tables))
    }

    /// Does `work` in a transaction, at one moment, unless a fault is planned.
    pub(crate) async fn transact<T: Send>(
        &self,
        operation: Operation,
        work: impl FnOnce(&mut Tables, UnixMillis) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let transaction = || work(&mut lock(&self.0.tables), self.0.clock.now());
        self.0.faults.around(operation, transaction).await
    }
}

impl Tables {
    pub(crate) fn of_code(&self, code: Code) -> Option<&AttemptRecord> {
        self.attempts.iter().find(|attempt| attempt.code() == Some(code))
    }

    pub(crate) fn holds(&self) -> impl Iterator<Item = &HoldRecord> {
        self.attempts.iter().filter_map(AttemptRecord::hold)
    }

    fn holds_mut(&mut self) -> impl Iterator<Item = &mut HoldRecord> {
        self.attempts.iter_mut().filter_map(|attempt| match attempt {
            AttemptRecord::Hold(hold) => Some(hold),
            AttemptRecord::Refusal { .. } | AttemptRecord::Tombstone { .. } => None,
        })
    }

    pub(crate) fn held_mut(&mut self, code: Code) -> Option<&mut HoldRecord> {
        self.holds_mut().find(|hold| hold.code == code && hold.state == HoldState::Held)
    }

    fn record(&mut self, attempt: Attempt, now: UnixMillis) -> Recorded {
        let Attempt { sale, user, outcome } = attempt;
        match outcome {
            Outcome::Refused(refusal) => {
                self.attempts.push(AttemptRecord::Refusal { sale, user, refusal });
                Recorded::Refusal
            }
            Outcome::Granted(grant) => match self.of_code(grant.code) {
                Some(AttemptRecord::Hold(hold)) if hold.is_live() => Recorded::Hold(hold.granted()),
                Some(_) => Recorded::TooLate,
                None => self.insert(sale, user, grant, now),
            },
        }
    }

    /// Writes a hold, unless the sale takes no such grant or it breaks one of the unique rules.
    fn insert(&mut self, sale: SaleId, user: UserId, grant: Grant, now: UnixMillis) -> Recorded {
        let Grant { code, unit, slot, epoch } = grant;
        let Some(SaleRow { sale: of, .. }) = self.sales.get(&sale) else {
            return Recorded::Stale;
        };
        let is_taken = |other: &HoldRecord| {
            let same_slot = other.user == user && other.slot == slot;
            other.is_live() && other.sale == sale && (other.unit == unit || same_slot)
        };
        if !of.takes(&grant, now) || self.holds().any(is_taken) {
            return Recorded::Stale;
        }
        let expires_at = now + of.terms.hold_ms();
        let state = HoldState::Held;
        let ended_at = None;
        let hold = HoldRecord { code, sale, user, unit, slot, epoch, expires_at, state, ended_at };
        let granted = hold.granted();
        self.attempts.push(AttemptRecord::Hold(hold));
        Recorded::Hold(granted)
    }

    fn redeem(&mut self, redemption: Redemption, now: UnixMillis) -> CodeRecord {
        let Redemption { code, unit, item } = redemption;
        let Some(hold) = self.held_mut(code).filter(|hold| hold.unit == unit) else {
            return self.find(code);
        };
        hold.end(HoldState::Sold, now);
        let (sale, user) = (hold.sale, hold.user.clone());
        let receipt = Receipt { code, sale, user, unit, item, purchased_at: now, cancelled: None };
        self.purchases.insert(code, receipt.clone());
        CodeRecord::SoldNow(receipt)
    }

    /// Cancels a purchase that stands.
    pub(crate) fn cancel(&mut self, code: Code, reason: Reason, now: UnixMillis) {
        let is_cancelled =
            self.holds_mut().find(|hold| hold.code == code).is_some_and(|hold| hold.cancel(now));
        if let Some(receipt) = self.purchases.get_mut(&code).filter(|_| is_cancelled) {
            receipt.cancelled = Some(Cancellation { at: now, reason });
        }
    }

    pub(crate) fn find(&self, code: Code) -> CodeRecord {
        let Some(AttemptRecord::Hold(hold)) = self.of_code(code) else {
            return CodeRecord::Unknown;
        };
        match (hold.state, self.purchases.get(&code)) {
            (HoldState::Sold, Some(receipt)) => CodeRecord::Sold(receipt.clone()),
            (HoldState::Cancelled, Some(receipt)) => CodeRecord::Cancelled(receipt.clone()),
            // The purchase is written with the state, so a sold hold without one cannot be.
            (HoldState::Held | HoldState::Sold | HoldState::Cancelled, _) => {
                CodeRecord::Held { unit: hold.unit }
            }
            (HoldState::Expired, _) => CodeRecord::Expired,
            (HoldState::Released, _) => CodeRecord::Released,
        }
    }

    fn answered(&self, code: Code) -> Answered {
        match self.of_code(code) {
            Some(AttemptRecord::Hold(hold)) => Answered::Granted(hold.granted()),
            Some(_) => Answered::Never,
            None => Answered::NotYet,
        }
    }

    fn judge(&mut self, sale: SaleId, code: Code, now: UnixMillis) -> Verdict {
        if self.of_code(code).is_none() {
            self.attempts.push(AttemptRecord::Tombstone { sale, code });
        }
        if let Some(due) = self.held_mut(code).filter(|hold| hold.expires_at <= now) {
            due.end(HoldState::Expired, now);
        }
        let hold = self.of_code(code).and_then(AttemptRecord::hold);
        hold.map_or(Verdict::Free, |hold| hold.verdict(now))
    }

    fn expire_overdue(
        &mut self,
        sales: &[Sale],
        now: UnixMillis,
        before: UnixMillis,
        limit: usize,
    ) -> Vec<Code> {
        let is_closed = |sale| self.sales.get(&sale).is_none_or(|row| row.closed_at.is_some());
        let mut overdue: Vec<_> = self
            .holds()
            .filter(|hold| hold.state == HoldState::Held && hold.expires_at < before)
            .filter(|hold| !is_closed(hold.sale))
            .filter(|hold| sales.iter().any(|sale| sale.id == hold.sale))
            .map(|hold| hold.code)
            .collect();
        overdue.sort_unstable();
        overdue.truncate(limit);
        for &code in &overdue {
            if let Some(hold) = self.held_mut(code) {
                hold.end(HoldState::Expired, now);
            }
        }
        overdue
    }
}

#[async_trait]
impl LedgerStore for FakeLedger {
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError> {
        let permits_max = self.0.permits_max.load(Ordering::SeqCst);
        if !self.0.has_writer.load(Ordering::SeqCst) {
            let reason = "nobody records attempts any more";
            return Err(StoreError::new(Operation::Permit, Failure::Unknown, reason));
        }
        // A permit that is refused is given back when this value is dropped.
        let permit = Permit(self.clone());
        if self.0.places_out.fetch_add(1, Ordering::SeqCst) >= permits_max {
            let reason = "no permit is left in the queue of attempts";
            return Err(StoreError::new(Operation::Permit, Failure::Overloaded, reason));
        }
        Ok(Box::new(permit))
    }

    async fn redeem(&self, redemption: Redemption) -> Result<CodeRecord, StoreError> {
        self.transact(Operation::Redeem, |tables, now| Ok(tables.redeem(redemption, now))).await
    }

    async fn release(&self, code: Code) -> Result<CodeRecord, StoreError> {
        let release = |tables: &mut Tables, now| {
            if let Some(hold) = tables.held_mut(code) {
                hold.end(HoldState::Released, now);
            }
            Ok(tables.find(code))
        };
        self.transact(Operation::Release, release).await
    }

    async fn find(&self, code: Code) -> Result<CodeRecord, StoreError> {
        self.transact(Operation::FindCode, |tables, _| Ok(tables.find(code))).await
    }

    async fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, StoreError> {
        let judge = |tables: &mut Tables, now| {
            Ok(codes.iter().map(|&code| (code, tables.judge(sale, code, now))).collect())
        };
        self.transact(Operation::Judge, judge).await
    }

    async fn expire_overdue(
        &self,
        sales: &[Sale],
        overdue_ms: i64,
        limit: usize,
    ) -> Result<Vec<Code>, StoreError> {
        let expire = |tables: &mut Tables, now: UnixMillis| {
            Ok(tables.expire_overdue(sales, now, now + overdue_ms.saturating_neg(), limit))
        };
        self.transact(Operation::ExpireOverdue, expire).await
    }
}

#[async_trait]
impl CodeOwners for FakeLedger {
    async fn owner(&self, code: Code) -> Result<Option<UserId>, StoreError> {
        let owner = |tables: &mut Tables, _| {
            let hold = tables.of_code(code).and_then(AttemptRecord::hold);
            Ok(hold.map(|hold| hold.user.clone()))
        };
        self.transact(Operation::FindOwner, owner).await
    }
}

#[async_trait]
impl AnsweredCodes for FakeLedger {
    async fn answered(&self, code: Code) -> Result<Answered, StoreError> {
        self.transact(Operation::Answered, |tables, _| Ok(tables.answered(code))).await
    }
}

/// A permit of the queue, taken until it is dropped.
struct Permit(FakeLedger);

#[async_trait]
impl AttemptPermit for Permit {
    async fn record(self: Box<Self>, attempt: Attempt) -> Result<Recorded, StoreError> {
        self.0.transact(Operation::Record, |tables, now| Ok(tables.record(attempt, now))).await
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.places_out.fetch_sub(1, Ordering::SeqCst);
    }
}
