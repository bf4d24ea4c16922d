//! What becomes of codes.

use domain::{
    Code, Receipt, SaleId, UnixMillis,
    ports::{CodeRecord, Redemption, Verdict},
};

use super::{Counts, Tables};
use crate::{SqliteError, rows};

const SELL: &str = include_str!("../sql/sell.sql");
const WRITE_PURCHASE: &str = include_str!("../sql/write_purchase.sql");
const RELEASE: &str = include_str!("../sql/release.sql");
const READ_CODE: &str = include_str!("../sql/read_code.sql");
const BURY_MISSING: &str = include_str!("../sql/bury_missing.sql");
const EXPIRE: &str = include_str!("../sql/expire.sql");
const READ_VERDICT: &str = include_str!("../sql/read_grant.sql");
const FIND_OVERDUE: &str = include_str!("../sql/find_overdue.sql");

impl Tables<'_> {
    /// Sells what is held, and tells of each what the ledger has of it then. Of several
    /// redemptions of one code the first is the sale.
    pub fn redeem(&self, redemptions: &[Redemption]) -> Result<Vec<CodeRecord>, SqliteError> {
        let mut counts = Counts::default();
        let sell = |redemption| self.sell(redemption, &mut counts);
        let records = redemptions.iter().map(sell).collect::<Result<_, _>>()?;
        self.write_counts(&counts)?;
        Ok(records)
    }

    fn sell(
        &self,
        redemption: &Redemption,
        counts: &mut Counts,
    ) -> Result<CodeRecord, SqliteError> {
        let Redemption { code, unit, item } = redemption;
        let (bits, now) = (code.to_bits().to_be_bytes(), self.now());
        let sold = self.one(SELL, (&bits, unit.get(), now.0), |row| {
            Ok((rows::sale_id(row, "sale_id")?, rows::user(row)?, rows::slot(row)?))
        })?;
        let Some((sale, user, slot)) = sold else { return self.find_code(*code) };
        let (name, image) = (&item.name, &item.image);
        let purchase = (&bits, sale.get(), user.as_str(), unit.get(), slot.0, name, image, now.0);
        self.run(WRITE_PURCHASE, purchase)?;
        counts.add(sale, -1, 1);
        let item = item.clone();
        Ok(CodeRecord::SoldNow(Receipt {
            code: *code,
            sale,
            user,
            unit: *unit,
            item,
            purchased_at: now,
        }))
    }

    /// Gives holds back before their time, and tells of each what it is then.
    pub fn release(&self, codes: &[Code]) -> Result<Vec<CodeRecord>, SqliteError> {
        let mut counts = Counts::default();
        for code in codes {
            let bits = code.to_bits().to_be_bytes();
            let released =
                self.one(RELEASE, (bits, self.now().0), |row| rows::sale_id(row, "sale_id"))?;
            if let Some(sale) = released {
                counts.add(sale, -1, 0);
            }
        }
        self.write_counts(&counts)?;
        self.find_codes(codes)
    }

    /// What the ledger has of codes.
    pub fn find_codes(&self, codes: &[Code]) -> Result<Vec<CodeRecord>, SqliteError> {
        codes.iter().map(|&code| self.find_code(code)).collect()
    }

    fn find_code(&self, code: Code) -> Result<CodeRecord, SqliteError> {
        let bits = code.to_bits().to_be_bytes();
        let found = self.one(READ_CODE, [bits], |row| rows::code_record(code, row))?;
        Ok(found.unwrap_or(CodeRecord::Unknown))
    }

    /// Decides codes that the live side calls due.
    pub fn judge(&self, sale: SaleId, codes: &[Code]) -> Result<Vec<(Code, Verdict)>, SqliteError> {
        let mut counts = Counts::default();
        let mut verdicts = Vec::with_capacity(codes.len());
        for &code in codes {
            let (bits, now) = (code.to_bits().to_be_bytes(), self.now());
            self.run(BURY_MISSING, (sale.get(), bits, now.0))?;
            self.expire(code, now, &mut counts)?;
            let verdict = self.one(READ_VERDICT, [bits], |row| rows::verdict(row, now))?;
            verdicts.push((code, verdict.unwrap_or(Verdict::Free)));
        }
        self.write_counts(&counts)?;
        Ok(verdicts)
    }

    /// Ends at most `limit` holds that were due before a moment, and says which.
    pub fn expire_overdue(
        &self,
        before: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Code>, SqliteError> {
        let mut counts = Counts::default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let overdue = self.all(FIND_OVERDUE, (before.0, limit), rows::code)?;
        for &code in &overdue {
            self.expire(code, before, &mut counts)?;
        }
        self.write_counts(&counts)?;
        Ok(overdue)
    }

    fn expire(
        &self,
        code: Code,
        due_by: UnixMillis,
        counts: &mut Counts,
    ) -> Result<(), SqliteError> {
        let parameters = (code.to_bits().to_be_bytes(), self.now().0, due_by.0);
        let expired = self.one(EXPIRE, parameters, |row| rows::sale_id(row, "sale_id"))?;
        if let Some(sale) = expired {
            counts.add(sale, -1, 0);
        }
        Ok(())
    }
}
