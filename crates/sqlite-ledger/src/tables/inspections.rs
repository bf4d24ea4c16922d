//! What operators look up and take out, without the guard: whoever asks may be another process than the
//! one that serves.

use domain::{
    Code, SaleId, Unit, UserId,
    ports::{
        AttemptCopy, CodeRows, Cursor, HeldUnit, OutcomeCopy, PurchaseCopy, UnitHad, UserOfSales,
    },
};
use rusqlite::Row;

use super::{Copies, Tables, bits};
use crate::{SqliteError, rows};

const FILED_CODE: &str = include_str!("../sql/inspect/filed_code.sql");
const CODE: &str = include_str!("../sql/inspect/code.sql");
const PURCHASE: &str = include_str!("../sql/inspect/purchase.sql");
const HOLDERS: &str = include_str!("../sql/inspect/holders.sql");
const UNITS: &str = include_str!("../sql/inspect/units.sql");
const ATTEMPTS: &str = include_str!("../sql/inspect/attempts.sql");
const EXPORT_ATTEMPTS: &str = include_str!("../sql/export/attempts.sql");
const EXPORT_PURCHASES: &str = include_str!("../sql/export/purchases.sql");

/// Rows, each with what its list is in the order of.
pub(crate) type Read<T> = Vec<(i64, T)>;

/// Rows of a table that an export looks at in one transaction.
const ROWS_AT_ONCE: i64 = 10_000;

impl Tables<'_> {
    /// All that is recorded of a code.
    pub(crate) fn inspect_code(&self, code: Code) -> Result<Option<CodeRows>, SqliteError> {
        let filed = self.one(FILED_CODE, [bits(code)], rows::attempt_copy)?;
        let found = match filed {
            Some(attempt) => Some(attempt),
            None => self.one(CODE, (bits(code), code.sale().get()), rows::attempt_copy)?,
        };
        let Some(attempt) = found else { return Ok(None) };
        let purchase = match &attempt.outcome {
            OutcomeCopy::Granted(hold) => {
                let of = (code.sale().get(), hold.unit.get(), bits(code));
                self.one(PURCHASE, of, purchase)?
            }
            OutcomeCopy::Refused { .. } | OutcomeCopy::Tombstone(_) => None,
        };
        Ok(Some(CodeRows { attempt, purchase }))
    }

    /// At most `limit` holds that a unit had, after a row, 0 for the first.
    pub(crate) fn holders(
        &self,
        sale: SaleId,
        unit: Unit,
        after: i64,
        limit: u32,
    ) -> Result<Read<AttemptCopy>, SqliteError> {
        self.all(HOLDERS, (sale.get(), unit.get(), after, limit), attempt)
    }

    /// At most `limit` units that a user has.
    pub(crate) fn units_had(
        &self,
        of: &UserOfSales,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Read<UnitHad>, SqliteError> {
        let from = after.map_or(i64::MAX, |cursor| cursor.at);
        let past = after.map_or(0, |cursor| cursor.nth);
        let sale = of.sale.map(SaleId::get);
        self.all(UNITS, (of.user.as_str(), sale, from, past, limit), |row| {
            Ok((row.get("sale_id")?, unit_had(row)?))
        })
    }

    /// At most `limit` attempts of a user, the last first, before a row.
    pub(crate) fn attempts_of(
        &self,
        user: &UserId,
        sale: Option<SaleId>,
        before: i64,
        limit: u32,
    ) -> Result<Read<AttemptCopy>, SqliteError> {
        let sale = sale.map(SaleId::get);
        self.all(ATTEMPTS, (user.as_str(), sale, before, limit), attempt)
    }

    /// The next attempts at a sale after a row, and up to which row that is; nothing if there are no
    /// rows after it.
    pub(crate) fn export_attempts(
        &self,
        sale: SaleId,
        after: i64,
    ) -> Result<Option<Copies<(i64, AttemptCopy)>>, SqliteError> {
        let last = "SELECT coalesce(max(id), 0) FROM checkout_attempts";
        self.export(last, EXPORT_ATTEMPTS, sale, after, attempt)
    }

    /// The same of its purchases.
    pub(crate) fn export_purchases(
        &self,
        sale: SaleId,
        after: i64,
    ) -> Result<Option<Copies<(i64, PurchaseCopy)>>, SqliteError> {
        let last = "SELECT coalesce(max(id), 0) FROM purchases";
        let read = |row: &Row<'_>| Ok((row.get("id")?, purchase(row)?));
        self.export(last, EXPORT_PURCHASES, sale, after, read)
    }

    /// Whether an attempt at a sale has this number.
    pub(crate) fn has_attempt(&self, sale: SaleId, number: i64) -> Result<bool, SqliteError> {
        let attempt = "SELECT 1 FROM checkout_attempts WHERE id = ?1 AND sale_id = ?2";
        Ok(self.one(attempt, (number, sale.get()), |_| Ok(()))?.is_some())
    }

    /// Whether a purchase of a sale has this number.
    pub(crate) fn has_purchase(&self, sale: SaleId, number: i64) -> Result<bool, SqliteError> {
        let purchase = "SELECT 1 FROM purchases WHERE id = ?1 AND +sale_id = ?2";
        Ok(self.one(purchase, (number, sale.get()), |_| Ok(()))?.is_some())
    }

    fn export<T>(
        &self,
        last: &str,
        sql: &str,
        sale: SaleId,
        after: i64,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<(i64, T)>,
    ) -> Result<Option<Copies<(i64, T)>>, SqliteError> {
        let last: i64 = self.one(last, [], |row| row.get(0))?.unwrap_or_default();
        if last <= after {
            return Ok(None);
        }
        let to = after.saturating_add(ROWS_AT_ONCE);
        let rows = self.all(sql, (sale.get(), after, to), read)?;
        Ok(Some(Copies { rows, last: to.min(last) }))
    }
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<(i64, AttemptCopy)> {
    Ok((row.get("id")?, rows::attempt_copy(row)?))
}

fn purchase(row: &Row<'_>) -> rusqlite::Result<PurchaseCopy> {
    Ok(PurchaseCopy { receipt: rows::receipt(row)?, slot: rows::slot(row)? })
}

fn unit_had(row: &Row<'_>) -> rusqlite::Result<UnitHad> {
    if row.get::<_, Option<i64>>("purchased_at")?.is_some() {
        return Ok(UnitHad::Bought(rows::receipt(row)?));
    }
    Ok(UnitHad::Held {
        sale: rows::sale_id(row, "sale_id")?,
        hold: HeldUnit {
            code: rows::code(row)?,
            unit: rows::unit(row)?,
            expires_at: rows::moment(row, "expires_at")?,
        },
    })
}
