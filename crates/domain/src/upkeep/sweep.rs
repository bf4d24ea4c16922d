//! Resolving holds that are due.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    Code, Sale, SaleId, StoreError,
    ports::{CodeStore, Duty, LedgerStore, Verdict},
    upkeep::Shares,
};

/// The most codes judged in one transaction.
const BATCH_MAX: usize = 500;

/// The most batches of one run, so that a flood of due holds cannot keep a run for ever.
const BATCHES_MAX: usize = 100;

/// For how long nobody else judges what is due of a sale, in milliseconds: a little longer than from one sweep
/// to the next.
const TURN_MS: u64 = 300;

/// How many sales are judged at a time: each batch takes a connection of the upkeep.
const JUDGED_AT_A_TIME: usize = 4;

/// How long after its time a hold is expired without having been asked for, in milliseconds:
/// long enough that the sweep has come by many times.
const OVERDUE_MS: i64 = 5_000;

/// Resolves holds that are due: the live store says which, the ledger decides, the live store
/// carries it out. It never frees a unit on its own word.
pub struct Sweep {
    codes: Arc<dyn CodeStore>,
    ledger: Arc<dyn LedgerStore>,
    /// All sales may be looked at together; few have anything to be judged.
    judges: Semaphore,
}

/// How a sweep of a sale ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// This many codes were judged.
    Judged(usize),
    /// There are some that are due, and it is another process that has them judged: the one that has been due for the
    /// longest, by which it can be seen whether that process does.
    Others(Code),
    /// The live store does not serve the sale.
    NotLoaded,
}

impl Sweep {
    /// The most codes that one run judges. One that judged fewer left nothing that was due.
    pub const CODES_MAX: usize = BATCH_MAX * BATCHES_MAX;

    /// A sweep over these stores.
    pub fn new(codes: Arc<dyn CodeStore>, ledger: Arc<dyn LedgerStore>) -> Self {
        Self { codes, ledger, judges: Semaphore::new(JUDGED_AT_A_TIME) }
    }

    /// Resolves the due holds of one sale.
    ///
    /// A run that stops between the verdict and its carrying out loses nothing: the code is
    /// still due, and the next run gets the same verdict.
    pub async fn run(&self, sale: SaleId) -> Result<Swept, StoreError> {
        self.run_in_turn(sale, &Shares::alone()).await
    }

    /// The same, where what is due is judged by the process whose turn it is. All look, for each must notice
    /// a sale that is not served.
    pub async fn run_in_turn(&self, sale: SaleId, shares: &Shares) -> Result<Swept, StoreError> {
        let mut judged = 0;
        let mut turn = None;
        for _ in 0..BATCHES_MAX {
            let Some(due) = self.codes.due(sale, BATCH_MAX).await? else {
                return Ok(Swept::NotLoaded);
            };
            let Some(&longest_due) = due.first() else { break };
            if !shares.take(Duty::Sweep, sale, TURN_MS).await {
                // Somebody took it over, who goes on.
                let by_others = Swept::Others(longest_due);
                return Ok(if judged == 0 { by_others } else { Swept::Judged(judged) });
            }
            if turn.is_none() {
                // Never closed, so there is always one in the end.
                turn = self.judges.acquire().await.ok();
            }
            let verdicts = self.ledger.judge(sale, &due).await?;
            self.codes.settle(sale, &verdicts).await?;
            judged += due.len();
            if due.len() < BATCH_MAX {
                break;
            }
        }
        Ok(Swept::Judged(judged))
    }

    /// Expires the holds of these sales that the live store forgot, because it was gone when they were
    /// due. Says how many.
    pub async fn run_overdue(&self, sales: &[Sale]) -> Result<usize, StoreError> {
        let expired = self.ledger.expire_overdue(sales, OVERDUE_MS, BATCH_MAX).await?;
        for &code in &expired {
            self.codes.settle_soon(code, Verdict::Free);
        }
        Ok(expired.len())
    }
}
