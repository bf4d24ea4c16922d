//! The ledger of the embedded stack: the real adapter, on SQLite's memory.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of tables with a lifetime is not general enough to be passed on"
)]

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use domain::{
    Sale, SaleId,
    audit::{Breaches, Findings, Invariant},
    ports::{AttemptCopy, AuditedLedger, HoldCopy, HoldEnd, OutcomeCopy},
};
use fakes::{HoldRecord, HoldState, ManualClock, at_once};
use sqlite_ledger::{InMemory, Limits, OpenError, SqliteError, SqliteLedger};

use crate::{
    checked::{Checked, ensure},
    executor::Work,
    ledger::{Ledger, LedgerPorts, Records},
    lock::lock,
};

/// How many requests of a kind may wait, where a run is not short of places.
const QUEUE_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// How many of them go together.
const BATCH_MAX: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// A ledger in SQLite's memory.
pub(crate) struct Embedded {
    adapter: SqliteLedger,
    memory: InMemory,
    /// What was on record when it was last looked at, and the version that had it.
    seen: Mutex<Option<(u64, Arc<Records>)>>,
}

impl Embedded {
    /// A ledger with so many places for attempts.
    pub(crate) fn new(clock: ManualClock, places: usize) -> Result<Self, OpenError> {
        let memory = InMemory::new(Arc::new(move || clock.now()))?;
        let queue_max = NonZeroUsize::new(places).map_or(QUEUE_MAX, |it| it.min(QUEUE_MAX));
        let adapter = memory.ledger(Limits::patient(queue_max, BATCH_MAX));
        Ok(Self { adapter, memory, seen: Mutex::default() })
    }

    fn read_records(&self) -> Result<Records, SqliteError> {
        let (attempts, purchases) = self.memory.read(|tables| {
            let attempts = tables.copy_attempts(0, usize::MAX)?.rows;
            Ok((attempts, tables.copy_purchases(0, usize::MAX)?.rows))
        })?;
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
        Ok(records)
    }
}

fn record_of(sale: SaleId, hold: HoldCopy) -> HoldRecord {
    let HoldCopy { code, user, unit, slot, epoch, expires_at, ended } = hold;
    let ended_at = ended.as_ref().map(|(_, at)| *at);
    let state = match ended {
        None => HoldState::Held,
        Some((HoldEnd::Sold, _)) => HoldState::Sold,
        Some((HoldEnd::Expired, _)) => HoldState::Expired,
        Some((HoldEnd::Released, _)) => HoldState::Released,
        Some((HoldEnd::Cancelled, _)) => HoldState::Cancelled,
    };
    HoldRecord { code, sale, user, unit, slot, epoch, expires_at, state, ended_at }
}

/// What cannot be read ends the run.
#[async_trait]
impl Ledger for Embedded {
    fn ports(&self) -> &dyn LedgerPorts {
        &self.adapter
    }

    fn sales(&self) -> Vec<Sale> {
        let copies = self.memory.read(|tables| tables.copy_sales());
        let copies = copies.expect("the ledger in memory can be read");
        copies.into_iter().map(|copy| copy.sale).collect()
    }

    fn records(&self) -> Arc<Records> {
        let version = self.memory.version().expect("the ledger in memory can be read");
        let mut seen = lock(&self.seen);
        if let Some((_, records)) = seen.as_ref().filter(|(of, _)| *of == version) {
            return Arc::clone(records);
        }
        let records = Arc::new(self.read_records().expect("the ledger in memory can be read"));
        *seen = Some((version, Arc::clone(&records)));
        records
    }

    async fn break_off(&self, work: Work) {
        let _broken_off = self.memory.break_off();
        work.await;
    }

    fn restart(&self) {
        self.memory.restart().expect("a ledger that was served can be served again");
    }

    fn audit(&self) -> Checked {
        let mut findings = Findings::default();
        let audited = at_once(self.adapter.audit(None, &mut findings));
        audited.map_err(|error| error.to_string())?;
        let found =
            Invariant::ALL.iter().filter_map(|&it| findings.of(it)).flat_map(Breaches::rows);
        let found: Vec<_> = found.collect();
        ensure(found.is_empty(), || format!("the audit found {found:?}"))
    }
}
