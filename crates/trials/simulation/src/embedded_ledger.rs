//! The ledger of the embedded stack, in memory: its tables and its guard, a transaction a request.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of tables with a lifetime is not general enough to be passed on"
)]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use domain::{
    Code, Epoch, Failure, Sale, SaleId, StoreError, Terms, UnixMillis, Window,
    audit::{Breaches, Findings, Invariant},
    ports::{
        Attempt, AttemptCopy, AttemptPermit, Calendar, CodeRecord, HoldCopy, HoldEnd, LedgerStore,
        Listed, OutcomeCopy, RaiseReply, Recorded, Redemption, SaleRegister, Tally, Verdict,
    },
};
use fakes::{HoldRecord, HoldState, ManualClock, Operation};
use sqlite_ledger::{Database, OpenError, SqliteError, Tables};

use crate::{
    ledger::{Ledger, Records},
    lock,
    witness::ensure,
};

/// The ledger in SQLite's memory.
#[derive(Clone)]
pub(crate) struct EmbeddedLedger(Arc<Inner>);

struct Inner {
    database: Mutex<Database>,
    clock: ManualClock,
    /// Places in the queue of attempts that are free.
    permits: AtomicUsize,
    /// Whether the transactions of now do not come to their end.
    is_broken_off: AtomicBool,
    /// What was on record when it was last looked at, if nothing was written since.
    seen: Mutex<Option<Arc<Records>>>,
}

/// A permit of the queue of attempts; free again when it is gone.
struct Permit(EmbeddedLedger);

impl EmbeddedLedger {
    pub(crate) fn new(clock: ManualClock, permits: usize) -> Result<Self, OpenError> {
        Ok(Self(Arc::new(Inner {
            database: Mutex::new(Database::in_memory()?),
            clock,
            permits: AtomicUsize::new(permits),
            is_broken_off: AtomicBool::new(false),
            seen: Mutex::default(),
        })))
    }

    fn read<T>(
        &self,
        operation: Operation,
        work: impl FnOnce(&Tables<'_>) -> Result<T, SqliteError>,
    ) -> Result<T, StoreError> {
        let done = lock(&self.0.database).read(self.0.clock.now(), work);
        done.map_err(|error| error.during(operation))
    }

    /// Does `work` in a transaction; does and undoes it while all is broken off.
    fn write<T>(
        &self,
        operation: Operation,
        work: impl FnOnce(&Tables<'_>) -> Result<T, SqliteError>,
    ) -> Result<T, StoreError> {
        *lock(&self.0.seen) = None;
        let is_broken_off = self.0.is_broken_off.load(Ordering::Relaxed);
        let done = lock(&self.0.database).write(self.0.clock.now(), |tables| {
            let done = work(tables)?;
            if is_broken_off { Err(SqliteError::Gone) } else { Ok(done) }
        });
        done.map_err(|error| error.during(operation))
    }

    /// Reads the whole ledger. What cannot be read ends the run.
    fn read_records(&self) -> Records {
        let read = self.read(Operation::FindCode, |tables| {
            let attempts = tables.copy_attempts(0, usize::MAX)?.rows;
            Ok((attempts, tables.copy_purchases(0, usize::MAX)?.rows))
        });
        let (attempts, purchases) = read.expect("the ledger in memory can be read");
        let mut records = Records { attempts: attempts.len(), ..Records::default() };
        for AttemptCopy { sale, outcome, .. } in attempts {
            match outcome {
                OutcomeCopy::Granted(hold) => records.holds.push(record_of(sale, hold)),
                OutcomeCopy::Refused { user, name } => {
                    records.refusals.push((sale, user, name.into()));
                }
                OutcomeCopy::Tombstone(_) => {}
            }
        }
        let receipts = purchases.into_iter().map(|bought| (bought.receipt.code, bought.receipt));
        records.receipts = receipts.collect();
        records
    }
}

fn record_of(sale: SaleId, hold: HoldCopy) -> HoldRecord {
    let HoldCopy { code, user, unit, slot, epoch, expires_at, ended } = hold;
    let state = match ended {
        None => HoldState::Held,
        Some((HoldEnd::Sold, _)) => HoldState::Sold,
        Some((HoldEnd::Expired, _)) => HoldState::Expired,
        Some((HoldEnd::Released, _)) => HoldState::Released,
    };
    HoldRecord { code, sale, user, unit, slot, epoch, expires_at, state }
}

impl Ledger for EmbeddedLedger {
    fn sales(&self) -> Vec<Sale> {
        let copies = self.read(Operation::Page, |tables| tables.copy_sales());
        let copies = copies.expect("the ledger in memory can be read");
        copies.into_iter().map(|copy| copy.sale).collect()
    }

    fn records(&self) -> Arc<Records> {
        let seen = lock(&self.0.seen).clone();
        seen.unwrap_or_else(|| {
            let records = Arc::new(self.read_records());
            *lock(&self.0.seen) = Some(Arc::clone(&records));
            records
        })
    }

    fn break_off(&self, work: &dyn Fn()) {
        self.0.is_broken_off.store(true, Ordering::Relaxed);
        work();
        self.0.is_broken_off.store(false, Ordering::Relaxed);
    }

    fn restart(&self) {
        let restarted = lock(&self.0.database).begin_to_serve();
        restarted.expect("a ledger that was served can be served again");
    }

    fn audit(&self) -> Result<(), String> {
        let mut findings = Findings::default();
        let checked = self.read(Operation::Tally, |tables| tables.check(None, &mut findings));
        checked.map_err(|error| error.to_string())?;
        let found =
            Invariant::ALL.iter().filter_map(|&it| findings.of(it)).flat_map(Breaches::rows);
        let found: Vec<_> = found.collect();
        ensure(found.is_empty(), || format!("the audit found {found:?}"))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.permits.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl AttemptPermit for Permit {
    async fn record(self: Box<Self>, attempt: Attempt) -> Result<Recorded, StoreError> {
        only(self.0.write(Operation::Record, |tables| tables.record(&[attempt])))
    }
}

#[async_trait]
impl LedgerStore for EmbeddedLedger {
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError> {
        let take = |permits: usize| permits.checked_sub(1);
        let taken = self.0.permits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let full = |_| StoreError::new(Operation::Permit, Failure::Overloaded, "the queue is full");
        taken.map_err(full)?;
        Ok(Box::new(Permit(self.clone())))
    }

    async fn redeem(&self, redemption: Redemption) -> Result<CodeRecord, StoreError> {
        only(self.write(Operation::Redeem, |tables| tables.redeem(&[redemption])))
    }

    async fn release(&self, code: Code) -> Result<CodeRecord, StoreError> {
        only(self.write(Operation::Release, |tables| tables.release(&[code])))
    }

    async fn find(&self, code: Code) -> Result<CodeRecord, StoreError> {
        only(self.read(Operation::FindCode, |tables| tables.find_codes(&[code])))
    }

    async fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, StoreError> {
        self.write(Operation::Judge, |tables| tables.judge(sale, codes))
    }

    async fn expire_overdue(&self, overdue_ms: i64, limit: usize) -> Result<Vec<Code>, StoreError> {
        self.write(Operation::ExpireOverdue, |tables| {
            tables.expire_overdue(tables.now() + overdue_ms.saturating_neg(), limit)
        })
    }
}

/// The reply to the only request of a batch.
fn only<T>(replies: Result<Vec<T>, StoreError>) -> Result<T, StoreError> {
    let missing = || {
        StoreError::new(
            domain::answer::Doing::step("a batch"),
            Failure::Unknown,
            "it was not answered",
        )
    };
    replies?.pop().ok_or_else(missing)
}

#[async_trait]
impl SaleRegister for EmbeddedLedger {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        self.read(Operation::Now, |tables| Ok(tables.now()))
    }

    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError> {
        only(self.read(Operation::FindSale, |tables| tables.list_sales(&[sale])))
    }

    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError> {
        self.read(Operation::Page, |tables| tables.page_sales(before, limit))
    }

    async fn calendar(&self) -> Result<Calendar, StoreError> {
        self.read(Operation::Calendar, |tables| tables.calendar())
    }

    async fn schedule(&self, window: Window, terms: Terms) -> Result<Option<Sale>, StoreError> {
        self.write(Operation::Schedule, |tables| tables.schedule(window, terms))
    }

    async fn set_paused(&self, sale: SaleId, paused: bool) -> Result<Option<Sale>, StoreError> {
        self.write(Operation::SetPaused, |tables| tables.set_paused(sale, paused))
    }

    async fn raise_epoch(
        &self,
        sale: SaleId,
        served: Option<Epoch>,
    ) -> Result<RaiseReply, StoreError> {
        self.write(Operation::RaiseEpoch, |tables| tables.raise_epoch(sale, served))
    }

    async fn tally(&self, sale: SaleId) -> Result<Option<Tally>, StoreError> {
        self.read(Operation::Tally, |tables| tables.tally(sale))
    }

    async fn close(&self, sale: SaleId) -> Result<bool, StoreError> {
        if !self.write(Operation::Close, |tables| tables.close(sale))? {
            return Ok(false);
        }
        while !self.write(Operation::Close, |tables| tables.file_codes(sale))? {}
        Ok(true)
    }
}
