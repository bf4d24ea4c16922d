//! The ledger of a run: any that a run can look into.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::{
    Code, Receipt, Sale, SaleId, UserId,
    ports::{AnsweredCodes, LedgerStore, Operator, SaleRegister},
};
use fakes::{AttemptRecord, FakeLedger, HoldRecord, LedgerCopy};

use crate::{checked::Checked, executor::Work};

/// The ports of a ledger.
pub(crate) trait LedgerPorts: LedgerStore + AnsweredCodes + Operator + SaleRegister {}

impl<T: LedgerStore + AnsweredCodes + Operator + SaleRegister> LedgerPorts for T {}

/// A ledger, and what a run sees of it and does to it beside the ports.
#[async_trait]
pub(crate) trait Ledger: Send + Sync {
    /// What processes see of it.
    fn ports(&self) -> &dyn LedgerPorts;

    /// Every sale, as it is now, in the order in which they were made.
    fn sales(&self) -> Vec<Sale>;

    /// What is on record now.
    fn records(&self) -> Arc<Records>;

    /// Lets `work` begin and then not come to its end: nothing of it is done.
    async fn break_off(&self, work: Work);

    /// Begins anew with what is on record.
    fn restart(&self);

    /// What it has now, if it can go back to that later.
    fn back_up(&self) -> Option<LedgerCopy> {
        None
    }

    /// Goes back to what it had.
    fn restore(&self, _backup: &LedgerCopy) {}

    /// Says what the ledger itself finds wrong.
    fn audit(&self) -> Checked;
}

/// What a ledger has on record.
#[derive(Default)]
pub(crate) struct Records {
    /// Attempts of any kind.
    pub(crate) attempts: usize,
    /// In the order of their records.
    pub(crate) holds: Vec<HoldRecord>,
    /// Who was refused at which sale, and the names of the refusals.
    pub(crate) refusals: Vec<(SaleId, UserId, Cow<'static, str>)>,
    pub(crate) receipts: BTreeMap<Code, Receipt>,
}

impl Records {
    pub(crate) fn hold(&self, code: Code) -> Option<&HoldRecord> {
        self.holds.iter().find(|hold| hold.code == code)
    }
}

#[async_trait]
impl Ledger for FakeLedger {
    fn ports(&self) -> &dyn LedgerPorts {
        self
    }

    fn sales(&self) -> Vec<Sale> {
        self.sales()
    }

    fn records(&self) -> Arc<Records> {
        self.look(|attempts, receipts| {
            let mut records = Records { attempts: attempts.len(), ..Records::default() };
            records.receipts.clone_from(receipts);
            for attempt in attempts {
                match attempt {
                    AttemptRecord::Hold(hold) => records.holds.push(hold.clone()),
                    AttemptRecord::Refusal { sale, user, refusal } => {
                        records.refusals.push((*sale, user.clone(), refusal.name().into()));
                    }
                    AttemptRecord::Tombstone { .. } => {}
                }
            }
            Arc::new(records)
        })
    }

    fn back_up(&self) -> Option<LedgerCopy> {
        Some(self.copy())
    }

    fn restore(&self, backup: &LedgerCopy) {
        FakeLedger::restore(self, backup);
    }

    /// It does what it is asked at once, so there is nothing to break off.
    async fn break_off(&self, _work: Work) {}

    /// It has nothing beside its records.
    fn restart(&self) {}

    /// What is checked after every change is all there is.
    fn audit(&self) -> Checked {
        Ok(())
    }
}
