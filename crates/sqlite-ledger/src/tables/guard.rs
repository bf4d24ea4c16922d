//! Filling the guard from the disk, and filing its codes when their sale is closed.

use std::collections::{BTreeMap, HashMap};

use domain::{Code, SaleId};

use super::{Tables, bits};
use crate::{
    SqliteError,
    guard::{Known, State},
    rows,
};

const GUARDED_ATTEMPTS: &str = include_str!("../sql/guarded_attempts.sql");
const GUARDED_PURCHASES: &str = include_str!("../sql/guarded_purchases.sql");
const PARTLY_FILED: &str = include_str!("../sql/partly_filed.sql");
const FILE_CODE: &str = include_str!("../sql/file_code.sql");
const SET_FILED: &str = include_str!("../sql/set_filed.sql");
const UNFILED_SALES: &str = include_str!("../sql/unfiled_sales.sql");
const FIRST_UNFILED: &str = include_str!("../sql/first_unfiled.sql");

/// Codes that are filed in one piece of work. Few, for whoever buys in the sale that has just opened
/// waits for a piece.
const FILED_AT_ONCE: usize = 128;

/// Codes of a sale that goes on which are neither held nor sold, and stay in the guard all the same:
/// what was ended a moment ago is asked for most. There are as many again of what is live.
pub(crate) const ENDED_KEPT: usize = 16_384;

impl Tables<'_> {
    /// Takes a code into the guard, unless it is known, there or on the disk, or its unit or slot is
    /// live under another.
    pub(super) fn admit(&self, code: Code, known: Known) -> Result<bool, SqliteError> {
        if self.guard()?.is_partly_filed(code.sale()) && self.find_filed(code)?.is_some() {
            return Ok(false);
        }
        Ok(self.guard()?.admit(code, known))
    }

    /// Files codes of sales that go on, now that so many holds have ended: twice as many at the
    /// most, so that the guard does not grow by what has ended, and nobody waits long.
    pub(super) fn file_ended(&self, ended: &[Code]) -> Result<(), SqliteError> {
        let mut of_sales = BTreeMap::new();
        for code in ended {
            *of_sales.entry(code.sale()).or_default() += 2;
        }
        for (sale, limit) in of_sales {
            let next = self.guard()?.next_ended(sale, ENDED_KEPT, limit);
            if !next.is_empty() {
                self.guard()?.file_partly(sale);
            }
            for (code, known) in next {
                self.file(code, &known)?;
            }
        }
        Ok(())
    }

    /// Writes down where a code is, and lets it go from the guard.
    fn file(&self, code: Code, known: &Known) -> Result<(), SqliteError> {
        self.run(FILE_CODE, (bits(code), known.attempt, known.state.purchase()))?;
        self.guard()?.dismiss(code);
        Ok(())
    }

    /// Puts into the guard what it must have. Fails if the disk has something twice that may not
    /// be: then nobody may serve from it.
    pub(crate) fn fill_guard(&self) -> Result<(), SqliteError> {
        let mut guard = self.guard()?;
        let purchases = self
            .all(GUARDED_PURCHASES, [], |row| Ok((rows::code(row)?, row.get::<_, i64>("id")?)))?;
        let purchases: HashMap<_, _> = purchases.into_iter().collect();
        for sale in self.all(PARTLY_FILED, [], |row| rows::sale_id(row, "id"))? {
            guard.file_partly(sale);
        }
        for (code, known) in self.all(GUARDED_ATTEMPTS, [], rows::guarded)? {
            let state = match (known.state, purchases.get(&code)) {
                (State::Sold { .. }, Some(&purchase)) => State::Sold { purchase },
                (State::Cancelled { .. }, Some(&purchase)) => State::Cancelled { purchase },
                (State::Sold { .. } | State::Cancelled { .. }, None) => {
                    return Err(SqliteError::Unreadable(format!("{code:?} has no purchase")));
                }
                (state, _) => state,
            };
            if !guard.admit(code, Known { state, ..known }) {
                let twice = format!("{code:?}, or its unit or slot, is there twice");
                return Err(SqliteError::Unreadable(twice));
            }
        }
        Ok(())
    }

    /// Files the next codes of a closed sale. Says whether all of them are filed now.
    pub(crate) fn file_codes(&self, sale: SaleId) -> Result<bool, SqliteError> {
        let codes = self.guard()?.first_codes(sale, FILED_AT_ONCE);
        for (code, known) in &codes {
            self.file(*code, known)?;
        }
        if codes.is_empty() {
            self.run(SET_FILED, [sale.get()])?;
            self.guard()?.file_wholly(sale);
        }
        Ok(codes.is_empty())
    }

    /// The sales that are closed, but whose codes are not all filed.
    pub(crate) fn unfiled_sales(&self) -> Result<Vec<SaleId>, SqliteError> {
        self.all(UNFILED_SALES, [], |row| rows::sale_id(row, "id"))
    }

    /// A number below which the codes of all sales are filed. A sale that is made later has a
    /// higher one.
    pub(crate) fn first_unfiled(&self) -> Result<i64, SqliteError> {
        Ok(self.one(FIRST_UNFILED, [], |row| row.get(0))?.unwrap_or_default())
    }
}
