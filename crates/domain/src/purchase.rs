//! Giving a code for a unit, or giving it back.

use std::sync::Arc;

use crate::{
    Code, CodeRefusal, Failure, Naming, Receipt, StoreError, Unit,
    answer::Doing,
    ports::{CodeRecord, CodeStore, LedgerStore, Redemption, Verdict},
};

/// Redeems codes, takes them back, and shows receipts.
pub struct Purchase {
    codes: Arc<dyn CodeStore>,
    ledger: Arc<dyn LedgerStore>,
    naming: Naming,
}

impl Purchase {
    /// A purchase over these stores, of items that are called so.
    pub fn new(codes: Arc<dyn CodeStore>, ledger: Arc<dyn LedgerStore>, naming: Naming) -> Self {
        Self { codes, ledger, naming }
    }

    /// Sells the unit of a code.
    ///
    /// The live store is asked first, but only because most made-up codes end there cheaply:
    /// what it does not have, the ledger is asked for, through a narrow way. So purchases go
    /// on while the live store is down, and a live hold is never refused.
    pub async fn redeem(&self, code: Code) -> Result<Result<Receipt, CodeRefusal>, StoreError> {
        let record = match self.codes.find(code).await {
            Ok(Some(unit)) => self.sell(code, unit).await?,
            Ok(None) | Err(_) => self.ledger.find(code).await?,
        };
        // The ledger knows the unit best; a second look is needed only where the live store
        // had none, or another.
        let record = match record {
            CodeRecord::Held { unit } => self.sell(code, unit).await?,
            decided => decided,
        };
        match record {
            CodeRecord::SoldNow(receipt) => {
                self.codes.settle_soon(code, Verdict::Sold { unit: receipt.unit });
                Ok(Ok(receipt))
            }
            CodeRecord::Held { unit } => {
                let reason = format!("the ledger cannot agree with itself on unit {unit}");
                Err(StoreError::new(Doing::step("Purchase::redeem"), Failure::Unknown, reason))
            }
            decided => Ok(Err(refusal_of(decided))),
        }
    }

    /// Gives a hold back before its time. Giving it back again changes nothing and is no error.
    ///
    /// Whoever is told so may ask again at once, so the live store has heard of it by then. If it
    /// does not answer, the sweep tells it when the hold is due.
    pub async fn release(&self, code: Code) -> Result<Result<(), CodeRefusal>, StoreError> {
        match self.ledger.release(code).await? {
            CodeRecord::Released => {
                let _ = self.codes.settle(code.sale(), &[(code, Verdict::Free)]).await;
                Ok(Ok(()))
            }
            decided => Ok(Err(refusal_of(decided))),
        }
    }

    /// The receipt of a code that was redeemed, also where the purchase was cancelled since: that says so.
    pub async fn receipt(&self, code: Code) -> Result<Result<Receipt, CodeRefusal>, StoreError> {
        match self.ledger.find(code).await? {
            CodeRecord::Sold(receipt)
            | CodeRecord::SoldNow(receipt)
            | CodeRecord::Cancelled(receipt) => Ok(Ok(receipt)),
            decided => Ok(Err(refusal_of(decided))),
        }
    }

    async fn sell(&self, code: Code, unit: Unit) -> Result<CodeRecord, StoreError> {
        let item = self.naming.item(code.sale(), unit).await?;
        self.ledger.redeem(Redemption { code, unit, item }).await
    }
}

fn refusal_of(record: CodeRecord) -> CodeRefusal {
    match record {
        CodeRecord::Unknown => CodeRefusal::Unknown,
        CodeRecord::Held { .. } => CodeRefusal::NotRedeemed,
        CodeRecord::SoldNow(receipt) | CodeRecord::Sold(receipt) => {
            CodeRefusal::AlreadyUsed(Box::new(receipt))
        }
        CodeRecord::Expired => CodeRefusal::Expired,
        CodeRecord::Released => CodeRefusal::Released,
        CodeRecord::Cancelled(receipt) => CodeRefusal::Cancelled(Box::new(receipt)),
    }
}
