//! A closed sale that is exported, with as many millions of attempts as are wanted.

use dev_servers::Directory;

use crate::{error::BenchError, stores::Stores};

/// What `export_rows.sql` makes at a time, and how many of them are sold.
const ATTEMPTS: u64 = 1_000_000;
const PURCHASES: u64 = 100_000;

/// When it began in a directory, in milliseconds since the Unix epoch: long ago.
const STARTS_MS: i64 = 1_600_000_000_000;

/// The sale.
pub(crate) struct ExportedSale {
    pub(crate) id: u64,
    millions: u64,
}

impl ExportedSale {
    /// Makes it, without any attempts.
    pub(crate) fn make(stores: &Stores) -> Result<Self, BenchError> {
        match stores.directory() {
            None => drop(stores.rows(include_str!("../sql/export_sale.sql"))?),
            Some(directory) => {
                let ledger = directory.open()?;
                ledger.execute(include_str!("../sql/directory/old_sale.sql"), [STARTS_MS])?;
            }
        }
        let id = stores.number("SELECT id FROM sales WHERE state = 'closed'")?;
        Ok(Self { id, millions: 0 })
    }

    /// Records attempts at it until there are so many millions.
    pub(crate) fn fill(&mut self, stores: &Stores, millions: u64) -> Result<(), BenchError> {
        for so_far in self.millions..millions {
            match stores.directory() {
                None => drop(stores.rows(include_str!("../sql/export_rows.sql"))?),
                Some(directory) => self.fill_directory(directory, so_far)?,
            }
        }
        self.millions = millions;
        if stores.directory().is_none() {
            // A server would have done so long ago, and must not begin while it is measured.
            stores.rows("VACUUM (ANALYZE)")?;
            stores.rows("CHECKPOINT")?;
        }
        Ok(())
    }

    fn fill_directory(&self, directory: &Directory, so_far: u64) -> Result<(), BenchError> {
        let mut ledger = directory.open()?;
        ledger.execute_batch("PRAGMA synchronous = OFF")?;
        let (id, attempts) = (self.id.cast_signed(), (so_far * ATTEMPTS).cast_signed());
        let transaction = ledger.transaction()?;
        let rows = include_str!("../sql/directory/export_rows.sql");
        transaction.execute(rows, [id, attempts, STARTS_MS])?;
        let purchases = include_str!("../sql/directory/export_purchases.sql");
        transaction.execute(purchases, [id, attempts])?;
        transaction.commit()?;
        ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// How many rows an export of it has.
    pub(crate) fn rows(&self, what: &str) -> u64 {
        self.millions * if what == "purchases" { PURCHASES } else { ATTEMPTS }
    }
}
