//! The tables of the ledger, within one transaction at one moment.
//!
//! What is said here is said once, for the threads that serve and for whoever drives a ledger by
//! himself, such as a simulation: nothing waits, and time comes from outside.

mod attempts;
mod checks;
mod codes;
mod sales;

use std::collections::BTreeMap;

use domain::{SaleId, UnixMillis};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use crate::SqliteError;

/// The tables, in a transaction.
pub struct Tables<'c> {
    connection: &'c Connection,
    now: UnixMillis,
}

/// How many more units of each sale are on hold and sold: written once a piece of work.
#[derive(Default)]
struct Counts(BTreeMap<SaleId, (i64, i64)>);

impl Counts {
    fn add(&mut self, sale: SaleId, held: i64, sold: i64) {
        let (of_held, of_sold) = self.0.entry(sale).or_default();
        *of_held += held;
        *of_sold += sold;
    }
}

impl<'c> Tables<'c> {
    pub(crate) const fn at(connection: &'c Connection, now: UnixMillis) -> Self {
        Self { connection, now }
    }

    /// The moment of the transaction.
    #[must_use]
    pub const fn now(&self) -> UnixMillis {
        self.now
    }

    /// Does `work`; what it wrote is undone if it fails, and nothing else is. The outer error says
    /// that the whole transaction is undone.
    pub(crate) fn undoing_errors<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, SqliteError>,
    ) -> Result<Result<T, SqliteError>, SqliteError> {
        self.run("SAVEPOINT work", [])?;
        let done = work(self);
        if let Err(error) = &done {
            // Where there is no room, or the disk fails, SQLite may have undone everything.
            if self.connection.is_autocommit() {
                return Err(error.clone());
            }
            self.run("ROLLBACK TO work", [])?;
        }
        self.run("RELEASE work", [])?;
        Ok(done)
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'c>, SqliteError> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// Runs a statement that returns no rows; says how many it changed.
    fn run(&self, sql: &str, parameters: impl Params) -> Result<usize, SqliteError> {
        Ok(self.prepare(sql)?.execute(parameters)?)
    }

    /// The first row.
    fn one<T>(
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

    fn write_counts(&self, counts: &Counts) -> Result<(), SqliteError> {
        for (sale, (held, sold)) in &counts.0 {
            self.run(include_str!("sql/count.sql"), (sale.get(), held, sold))?;
        }
        Ok(())
    }
}
