//! Giving back what requests held that went away.

use std::sync::Arc;

use crate::{
    StoreError,
    abandoned::{Abandoned, AbandonedCode, Reached},
    ports::{CodeRecord, CodeStore, LedgerStore, Verdict},
};

/// Gives the units of [`Abandoned`] codes back before their holds are due.
///
/// A code that was never sent to the ledger is free on the live store's word, if that has a unit for
/// it: most have none, or it is back already. Of any other the ledger decides, as it does of one that is due: a hold that stands is released, and where there
/// is none a tombstone refuses one that comes late.
pub struct Reclaim {
    abandoned: Arc<Abandoned>,
    codes: Arc<dyn CodeStore>,
    ledger: Arc<dyn LedgerStore>,
}

impl Reclaim {
    /// Gives back over these stores what is noted in `abandoned`.
    pub fn new(
        abandoned: Arc<Abandoned>,
        codes: Arc<dyn CodeStore>,
        ledger: Arc<dyn LedgerStore>,
    ) -> Self {
        Self { abandoned, codes, ledger }
    }

    /// The codes to give back, each by [`give_back`](Self::give_back); in any order, and at once.
    #[must_use]
    pub fn take(&self) -> Vec<AbandonedCode> {
        self.abandoned.take()
    }

    /// Gives a code's unit back. After an error the sweep does it, when the hold is due.
    pub async fn give_back(&self, abandoned: AbandonedCode) -> Result<(), StoreError> {
        let AbandonedCode { code, reached } = abandoned;
        let verdict = match reached {
            Reached::LiveStore => match self.codes.find(code).await? {
                Some(_) => Verdict::Free,
                None => return Ok(()),
            },
            Reached::Ledger => match self.decide(abandoned).await? {
                Some(verdict) => verdict,
                None => return Ok(()),
            },
        };
        self.codes.settle(code.sale(), &[(code, verdict)]).await
    }

    async fn decide(
        &self,
        AbandonedCode { code, .. }: AbandonedCode,
    ) -> Result<Option<Verdict>, StoreError> {
        let verdict = final_verdict(&self.ledger.release(code).await?);
        if verdict.is_some() {
            return Ok(verdict);
        }
        let judged = self.ledger.judge(code.sale(), &[code]).await?;
        match judged.first() {
            // The record came between the two questions.
            Some((_, Verdict::Held { .. })) => Ok(final_verdict(&self.ledger.release(code).await?)),
            other => Ok(other.map(|&(_, verdict)| verdict)),
        }
    }
}

/// What a record says for good; `None` where there is none yet.
fn final_verdict(record: &CodeRecord) -> Option<Verdict> {
    match record {
        CodeRecord::Released | CodeRecord::Expired | CodeRecord::Cancelled(_) => {
            Some(Verdict::Free)
        }
        CodeRecord::Sold(receipt) | CodeRecord::SoldNow(receipt) => {
            Some(Verdict::Sold { unit: receipt.unit })
        }
        CodeRecord::Held { .. } | CodeRecord::Unknown => None,
    }
}
