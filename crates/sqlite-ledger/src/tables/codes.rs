//! What becomes of codes.

use domain::{
    Code, Receipt, SaleId, UnixMillis, UserId, VersionId,
    ports::{Answered, CodeRecord, Recorded, Redemption, Verdict},
    sale::SaleState,
};

use super::{Counts, NextIds, Tables, bits};
use crate::{
    SqliteError,
    guard::{Hold, Known, State},
    rows,
};

const RECORD_END: &str = include_str!("../sql/record_end.sql");
const RECORD_PURCHASE: &str = include_str!("../sql/record_purchase.sql");
const RECORD_TOMBSTONE: &str = include_str!("../sql/record_tombstone.sql");
const FIND_FILED: &str = include_str!("../sql/find_filed.sql");
const FIND_FILED_OWNER: &str = include_str!("../sql/find_filed_owner.sql");
const READ_PURCHASE: &str = include_str!("../sql/read_purchase.sql");

impl Tables<'_> {
    /// Sells what is held, and tells of each what the ledger has of it then. Of several
    /// redemptions of one code the first is the sale.
    ///
    /// Where no code is known it is tried whether something could have been written: so does whoever
    /// wants to know redeem a code that was never given.
    pub(crate) fn redeem(
        &self,
        redemptions: &[Redemption],
    ) -> Result<Vec<CodeRecord>, SqliteError> {
        let mut next = self.next_ids()?;
        let mut counts = Counts::default();
        let mut records = Vec::with_capacity(redemptions.len());
        for redemption in redemptions {
            records.push(self.sell(&mut next, &mut counts, redemption)?);
        }
        self.write_counts(&counts)?;
        if records.iter().all(|record| *record == CodeRecord::Unknown) {
            self.try_to_write()?;
        }
        Ok(records)
    }

    fn sell(
        &self,
        next: &mut NextIds,
        counts: &mut Counts,
        redemption: &Redemption,
    ) -> Result<CodeRecord, SqliteError> {
        let &Redemption { code, unit, ref item } = redemption;
        let state = State::Sold { purchase: next.purchase };
        let sold = self.guard()?.end(code, state, |hold| hold.unit == unit);
        let Some((attempt, Hold { slot, user, .. })) = sold else {
            return self.find_code(code);
        };
        let sale = code.sale();
        self.record_end(attempt, "sold")?;
        let (id, purchased_at, item) = (next.purchase(), self.now(), item.clone());
        let (who, name, image) = (user.as_str(), &item.name, &item.image);
        let version = item.product.map(VersionId::get);
        let (sale_id, unit_number, at) = (sale.get(), unit.get(), purchased_at.0);
        let row = (id, sale_id, unit_number, slot.0, at, bits(code), who, name, image, version);
        self.run(RECORD_PURCHASE, row)?;
        counts.add(sale, -1, 1);
        let cancelled = None;
        Ok(CodeRecord::SoldNow(Receipt { code, sale, user, unit, item, purchased_at, cancelled }))
    }

    /// Gives holds back before their time, and tells of each what it is then.
    pub(crate) fn release(&self, codes: &[Code]) -> Result<Vec<CodeRecord>, SqliteError> {
        let mut counts = Counts::default();
        for &code in codes {
            self.end_hold(&mut counts, code, State::Released, |_| true)?;
        }
        self.write_counts(&counts)?;
        let records = self.find_codes(codes)?;
        self.file_ended(codes)?;
        Ok(records)
    }

    /// Decides codes that the live store calls due.
    pub(crate) fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, SqliteError> {
        let mut next = self.next_ids()?;
        let mut counts = Counts::default();
        let now = self.now();
        // No record can come any more for a code of a closed sale, so it needs no tombstone.
        let found = self.find_sale(sale)?;
        let may_come = found.is_some_and(|sale| sale.state != SaleState::Closed);
        let mut verdicts = Vec::with_capacity(codes.len());
        for &code in codes {
            if may_come {
                self.record_tombstones(&mut next, sale, code)?;
            }
            let is_due = |hold: &Hold| hold.expires_at <= now;
            self.end_hold(&mut counts, code, State::Expired, is_due)?;
            verdicts.push((code, self.verdict(code)?));
        }
        self.write_counts(&counts)?;
        self.file_ended(codes)?;
        Ok(verdicts)
    }

    fn record_tombstones(
        &self,
        next: &mut NextIds,
        sale: SaleId,
        code: Code,
    ) -> Result<(), SqliteError> {
        let known = Known { attempt: next.attempt, state: State::Void, hold: None };
        if self.admit(code, known)? {
            let row = (next.attempt(), sale.get(), bits(code), self.now().0);
            self.run(RECORD_TOMBSTONE, row)?;
        }
        Ok(())
    }

    /// What the live store shall do about a code. A hold that is live is so for a millisecond at the
    /// least.
    fn verdict(&self, code: Code) -> Result<Verdict, SqliteError> {
        let guarded = self.guard()?.find(code).cloned();
        let (state, unit) = match guarded {
            Some(Known {
                state: State::Held, hold: Some(Hold { unit, expires_at, .. }), ..
            }) => {
                return Ok(Verdict::Held { unit, left_ms: (expires_at - self.now()).max(1) });
            }
            Some(known) => (Some(known.state), known.hold.map(|hold| hold.unit)),
            None => match self.one(FIND_FILED, [bits(code)], rows::filed_unit)? {
                Some((state, unit)) => (Some(state), unit),
                None => (None, None),
            },
        };
        Ok(match (state, unit) {
            (Some(State::Sold { .. }), Some(unit)) => Verdict::Sold { unit },
            _ => Verdict::Free,
        })
    }

    /// Ends at most `limit` holds of these sales that were due before a moment, and says which.
    pub(crate) fn expire_overdue(
        &self,
        sales: &[SaleId],
        before: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Code>, SqliteError> {
        let mut counts = Counts::default();
        let overdue = self.guard()?.overdue(sales, before, limit);
        for &code in &overdue {
            self.end_hold(&mut counts, code, State::Expired, |_| true)?;
        }
        self.write_counts(&counts)?;
        self.file_ended(&overdue)?;
        Ok(overdue)
    }

    /// Ends a hold without a sale, if the code is on hold and `may_end`.
    pub(super) fn end_hold(
        &self,
        counts: &mut Counts,
        code: Code,
        state: State,
        may_end: impl FnOnce(&Hold) -> bool,
    ) -> Result<(), SqliteError> {
        let ended = self.guard()?.end(code, state, may_end);
        if let Some((attempt, _)) = ended {
            let word = if state == State::Released { "released" } else { "expired" };
            self.record_end(attempt, word)?;
            counts.add(code.sale(), -1, 0);
        }
        Ok(())
    }

    /// Writes down on the disk what the guard has let happen.
    fn record_end(&self, attempt: i64, state: &str) -> Result<(), SqliteError> {
        match self.run(RECORD_END, (attempt, state, self.now().0))? {
            1 => Ok(()),
            _ => Err(SqliteError::Unreadable(format!("attempt {attempt} is not on the disk"))),
        }
    }

    /// What the ledger has of codes.
    pub(crate) fn find_codes(&self, codes: &[Code]) -> Result<Vec<CodeRecord>, SqliteError> {
        codes.iter().map(|&code| self.find_code(code)).collect()
    }

    fn find_code(&self, code: Code) -> Result<CodeRecord, SqliteError> {
        let guarded = self.guard()?.find(code).cloned();
        match guarded {
            Some(Known { state: State::Held, hold: Some(hold), .. }) => {
                Ok(CodeRecord::Held { unit: hold.unit })
            }
            Some(known) => self.read_record(known.state),
            None => self.find_filed_code(code),
        }
    }

    /// What the ledger has of codes whose sales are closed. Needs no guard.
    pub(crate) fn find_filed_codes(&self, codes: &[Code]) -> Result<Vec<CodeRecord>, SqliteError> {
        codes.iter().map(|&code| self.find_filed_code(code)).collect()
    }

    fn find_filed_code(&self, code: Code) -> Result<CodeRecord, SqliteError> {
        let state = self.find_filed(code)?;
        state.map_or(Ok(CodeRecord::Unknown), |state| self.read_record(state))
    }

    pub(crate) fn find_filed(&self, code: Code) -> Result<Option<State>, SqliteError> {
        self.one(FIND_FILED, [bits(code)], rows::filed)
    }

    /// Whose codes are.
    pub(crate) fn find_owners(&self, codes: &[Code]) -> Result<Vec<Option<UserId>>, SqliteError> {
        let owner = |&code: &Code| {
            let guarded = self.guard()?.find(code).cloned();
            match guarded {
                Some(known) => Ok(known.hold.map(|hold| hold.user)),
                None => self.find_filed_owner(code),
            }
        };
        codes.iter().map(owner).collect()
    }

    /// Whose codes are whose sales are closed. Needs no guard.
    pub(crate) fn find_filed_owners(
        &self,
        codes: &[Code],
    ) -> Result<Vec<Option<UserId>>, SqliteError> {
        codes.iter().map(|&code| self.find_filed_owner(code)).collect()
    }

    fn find_filed_owner(&self, code: Code) -> Result<Option<UserId>, SqliteError> {
        self.one(FIND_FILED_OWNER, [bits(code)], rows::user)
    }

    /// What was granted under codes, whatever has become of it since.
    pub(crate) fn answered(&self, codes: &[Code]) -> Result<Vec<Answered>, SqliteError> {
        let answered = |&code: &Code| {
            let guarded = self.guard()?.find(code).map(|known| match &known.hold {
                Some(hold) => Answered::Granted(hold.granted()),
                None => Answered::Never,
            });
            guarded.map_or_else(|| self.filed_answer(code), Ok)
        };
        codes.iter().map(answered).collect()
    }

    /// The same of codes whose sales are closed. Needs no guard.
    pub(crate) fn filed_answers(&self, codes: &[Code]) -> Result<Vec<Answered>, SqliteError> {
        codes.iter().map(|&code| self.filed_answer(code)).collect()
    }

    fn filed_answer(&self, code: Code) -> Result<Answered, SqliteError> {
        Ok(self.one(FIND_FILED, [bits(code)], rows::answered)?.unwrap_or(Answered::NotYet))
    }

    /// What a grant is told that meets a code which is filed.
    pub(super) fn filed_record(&self, code: Code) -> Result<Option<Recorded>, SqliteError> {
        self.one(FIND_FILED, [bits(code)], |row| {
            Ok(match (rows::filed(row)?.is_live(), rows::answered(row)?) {
                (true, Answered::Granted(granted)) => Recorded::Hold(granted),
                _ => Recorded::TooLate,
            })
        })
    }

    fn read_receipt(&self, purchase: i64) -> Result<Receipt, SqliteError> {
        let receipt = self.one(READ_PURCHASE, [purchase], rows::receipt)?;
        receipt.ok_or_else(|| SqliteError::Unreadable(format!("no purchase {purchase}")))
    }

    /// The record of a code that is not on hold.
    fn read_record(&self, state: State) -> Result<CodeRecord, SqliteError> {
        Ok(match state {
            State::Sold { purchase } => CodeRecord::Sold(self.read_receipt(purchase)?),
            State::Cancelled { purchase } => CodeRecord::Cancelled(self.read_receipt(purchase)?),
            State::Expired => CodeRecord::Expired,
            State::Released => CodeRecord::Released,
            State::Void => CodeRecord::Unknown,
            State::Held => {
                return Err(SqliteError::Unreadable("a closed sale has a hold".to_owned()));
            }
        })
    }
}
