//! The tables of the ledger, within one transaction at one moment.
//!
//! What is said here is said once, for the threads that serve and for whoever drives a ledger by
//! themselves, such as a simulation: nothing waits, and time comes from outside.

mod attempts;
mod checks;
mod codes;
mod copies;
mod guard;
mod history;
mod inspections;
mod lookups;
mod operator;
mod owner;
mod products;
mod sales;

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::BTreeMap,
};

use domain::{SaleId, UnixMillis};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use crate::{SqliteError, guard::Guard};

pub(crate) use checks::{CHECKS, gather};
pub use copies::Copies;

/// The tables, in a transaction.
pub struct Tables<'c> {
    connection: &'c Connection,
    /// Where a process serves from them.
    guard: Option<&'c RefCell<Guard>>,
    now: UnixMillis,
    /// When something was last written.
    pub(crate) written_at: UnixMillis,
    /// Whether this transaction writes what is there already.
    pub(crate) has_tried: Cell<bool>,
}

/// How many more units of each sale are on hold and sold: written once a piece of work.
#[derive(Default)]
struct Counts(BTreeMap<SaleId, (i64, i64)>);

/// The numbers of the rows to come. There is one writer at a time, so they are read once.
struct NextIds {
    attempt: i64,
    purchase: i64,
}

impl NextIds {
    /// Takes the number of the next attempt.
    fn attempt(&mut self) -> i64 {
        self.attempt += 1;
        self.attempt - 1
    }

    /// Takes the number of the next purchase.
    fn purchase(&mut self) -> i64 {
        self.purchase += 1;
        self.purchase - 1
    }
}

impl Counts {
    fn add(&mut self, sale: SaleId, held: i64, sold: i64) {
        let (of_held, of_sold) = self.0.entry(sale).or_default();
        *of_held += held;
        *of_sold += sold;
    }
}

impl<'c> Tables<'c> {
    pub(crate) const fn at(
        connection: &'c Connection,
        guard: Option<&'c RefCell<Guard>>,
        now: UnixMillis,
    ) -> Self {
        Self { connection, guard, now, written_at: UnixMillis(0), has_tried: Cell::new(false) }
    }

    /// The moment of the transaction.
    pub(crate) const fn now(&self) -> UnixMillis {
        self.now
    }

    /// The guard; whoever does not serve has none, and may not do what needs it.
    fn guard(&self) -> Result<RefMut<'c, Guard>, SqliteError> {
        let guard = self.guard.and_then(|guard| guard.try_borrow_mut().ok());
        guard.ok_or_else(|| SqliteError::Refused("only the process that serves may".to_owned()))
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'c>, SqliteError> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// How many attempts are recorded.
    #[cfg(test)]
    pub(crate) fn count_attempts(&self) -> Result<usize, SqliteError> {
        let count =
            self.one("SELECT count(*) FROM checkout_attempts", [], |row| row.get::<_, i64>(0))?;
        Ok(usize::try_from(count.unwrap_or_default()).unwrap_or_default())
    }

    /// Runs a statement that returns no rows; says how many it changed.
    pub(crate) fn run(&self, sql: &str, parameters: impl Params) -> Result<usize, SqliteError> {
        Ok(self.prepare(sql)?.execute(parameters)?)
    }

    /// The first row.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, SqliteError> {
        Ok(self.prepare(sql)?.query_row(parameters, read).optional()?)
    }

    /// Every row.
    fn all<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, SqliteError> {
        Ok(self.prepare(sql)?.query_map(parameters, read)?.collect::<Result<_, _>>()?)
    }

    fn next_ids(&self) -> Result<NextIds, SqliteError> {
        let read = |row: &Row<'_>| {
            Ok(NextIds { attempt: row.get("attempt")?, purchase: row.get("purchase")? })
        };
        let next = self.one(include_str!("sql/next_ids.sql"), [], read)?;
        next.ok_or_else(|| SqliteError::Unreadable("no next number".to_owned()))
    }

    fn write_counts(&self, counts: &Counts) -> Result<(), SqliteError> {
        for (sale, (held, sold)) in &counts.0 {
            self.run(include_str!("sql/count.sql"), (sale.get(), held, sold))?;
        }
        Ok(())
    }
}

/// A code, as the tables have it.
const fn bits(code: domain::Code) -> [u8; 16] {
    code.to_bits().to_be_bytes()
}
