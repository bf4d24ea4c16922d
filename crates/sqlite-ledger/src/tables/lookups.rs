//! What a code is now, and what a user has.

use domain::{
    Code,
    ports::{CodeLife, HeldUnit, UnitsOfUser, UserOfSale},
};

use super::{Tables, bits};
use crate::{SqliteError, rows};

const READ_LIFE: &str = include_str!("../sql/read_life.sql");
const FIND_FILED_LIFE: &str = include_str!("../sql/find_filed_life.sql");
const BOUGHT_BY: &str = include_str!("../sql/bought_by.sql");
const CANCELLED_OF: &str = include_str!("../sql/cancelled_of.sql");

impl Tables<'_> {
    /// What codes are now.
    pub(crate) fn lives(&self, codes: &[Code]) -> Result<Vec<Option<CodeLife>>, SqliteError> {
        let life = |&code: &Code| {
            let attempt = self.guard()?.find(code).map(|known| known.attempt);
            match attempt {
                Some(attempt) => self.life(READ_LIFE, [attempt]),
                None => self.filed_life(code),
            }
        };
        codes.iter().map(life).collect()
    }

    /// What codes are whose sales are closed. Needs no guard.
    pub(crate) fn filed_lives(&self, codes: &[Code]) -> Result<Vec<Option<CodeLife>>, SqliteError> {
        codes.iter().map(|&code| self.filed_life(code)).collect()
    }

    fn filed_life(&self, code: Code) -> Result<Option<CodeLife>, SqliteError> {
        self.life(FIND_FILED_LIFE, [bits(code)])
    }

    fn life(&self, sql: &str, of: impl rusqlite::Params) -> Result<Option<CodeLife>, SqliteError> {
        self.one(sql, of, |row| rows::life(row, self.now()))
    }

    /// What users have.
    pub(crate) fn units(&self, of: &[UserOfSale]) -> Result<Vec<UnitsOfUser>, SqliteError> {
        let units = |of: &UserOfSale| {
            let guard = self.guard()?;
            let held = guard.held_by(of.sale, &of.user).map(|(code, hold)| HeldUnit {
                code,
                unit: hold.unit,
                expires_at: hold.expires_at,
            });
            Ok(UnitsOfUser { held: held.collect(), ..self.bought(of)? })
        };
        of.iter().map(units).collect()
    }

    /// What users have of sales that are closed. Needs no guard.
    pub(crate) fn filed_units(&self, of: &[UserOfSale]) -> Result<Vec<UnitsOfUser>, SqliteError> {
        of.iter().map(|of| self.bought(of)).collect()
    }

    /// What a user has bought, and what was cancelled of it. It is on the disk whether its code is archived or not.
    fn bought(&self, of: &UserOfSale) -> Result<UnitsOfUser, SqliteError> {
        let bought = self.all(BOUGHT_BY, (of.sale.get(), of.user.as_str()), rows::receipt)?;
        let cancelled = self.all(CANCELLED_OF, (of.user.as_str(), of.sale.get()), rows::receipt)?;
        Ok(UnitsOfUser { held: Vec::new(), bought, cancelled, seen_at: self.now() })
    }
}
