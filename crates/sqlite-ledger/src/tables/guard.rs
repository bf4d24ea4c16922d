//! Filling the guard from the disk, and filing its codes when their sale is closed.

use std::collections::HashMap;

use domain::SaleId;

use super::{Tables, bits};
use crate::{
    SqliteError,
    guard::{Known, State},
    rows,
};

const GUARDED_ATTEMPTS: &str = include_str!("../sql/guarded_attempts.sql");
const GUARDED_PURCHASES: &str = include_str!("../sql/guarded_purchases.sql");
const FILE_CODE: &str = include_str!("../sql/file_code.sql");
const SET_FILED: &str = include_str!("../sql/set_filed.sql");
const UNFILED_SALES: &str = include_str!("../sql/unfiled_sales.sql");
const FIRST_UNFILED: &str = include_str!("../sql/first_unfiled.sql");

/// Codes that are filed in one piece of work. Few, for whoever buys in the sale that has just opened
/// waits for a piece.
const FILED_AT_ONCE: usize = 128;

impl Tables<'_> {
    /// Puts into the guard what it must have. Fails if the disk has something twice that may not
    /// be: then nobody may serve from it.
    pub(crate) fn fill_guard(&self) -> Result<(), SqliteError> {
        let mut guard = self.guard()?;
        let purchases = self
            .all(GUARDED_PURCHASES, [], |row| Ok((rows::code(row)?, row.get::<_, i64>("id")?)))?;
        let purchases: HashMap<_, _> = purchases.into_iter().collect();
        for (code, known) in self.all(GUARDED_ATTEMPTS, [], rows::guarded)? {
            let state = match (known.state, purchases.get(&code)) {
                (State::Sold { .. }, Some(&purchase)) => State::Sold { purchase },
                (State::Sold { .. }, None) => {
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
        let mut guard = self.guard()?;
        let codes = guard.first_codes(sale, FILED_AT_ONCE);
        for (code, known) in &codes {
            let purchase = match known.state {
                State::Sold { purchase } => Some(purchase),
                _ => None,
            };
            self.run(FILE_CODE, (bits(*code), known.attempt, purchase))?;
            guard.dismiss(*code);
        }
        if codes.is_empty() {
            self.run(SET_FILED, [sale.get()])?;
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
