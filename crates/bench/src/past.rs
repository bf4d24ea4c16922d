//! Giving a ledger a past: ten million attempts at sales that are closed.
//!
//! The hard case is many rows that every index has: two million grants, all sold, and their
//! purchases. The other eight million are refusals, which only make the table larger.

use std::thread;

use crate::{
    databases::{Database, Databases},
    error::BenchError,
    stand::migrate,
};

const ATTEMPTS: u64 = 10_000_000;

/// An index, without which rows are faster to write.
struct Index {
    is_of_attempts: bool,
    drop: String,
    make: String,
}

/// A database with such a past.
pub(crate) fn make(databases: &Databases) -> Result<Database<'_>, BenchError> {
    let database = databases.make()?;
    migrate(&database)?;
    let indexes = indexes(&database)?;
    let drops: Vec<_> = indexes.iter().map(|index| index.drop.as_str()).collect();
    database.psql(&drops.join(";"))?;
    database.psql(include_str!("../sql/old_sales.sql"))?;
    both(
        || database.psql(include_str!("../sql/old_grants.sql")),
        || database.psql(include_str!("../sql/old_refusals.sql")),
    )?;
    let make_again = |of_attempts: bool| {
        let makes = indexes.iter().filter(|index| index.is_of_attempts == of_attempts);
        let makes: Vec<_> = makes.map(|index| index.make.as_str()).collect();
        let with_room = format!("SET maintenance_work_mem = '512MB'; {}", makes.join(";"));
        database.psql(&with_room)
    };
    both(|| make_again(true), || make_again(false))?;
    let attempts = database.number("SELECT count(*) FROM checkout_attempts")?;
    if attempts != ATTEMPTS {
        return Err(BenchError::Wrong(format!("{attempts} attempts are recorded, not {ATTEMPTS}")));
    }
    // A server would have done so long ago, and must not begin while it is measured.
    database.psql("VACUUM (ANALYZE)")?;
    database.psql("CHECKPOINT")?;
    Ok(database)
}

fn indexes(database: &Database) -> Result<Vec<Index>, BenchError> {
    let said = database.psql(include_str!("../sql/index_definitions.sql"))?;
    let indexes = said.lines().map(read).collect::<Option<_>>();
    indexes.ok_or(BenchError::Unreadable { from: "psql", said })
}

/// Reads a row of `index_definitions.sql`.
fn read(row: &str) -> Option<Index> {
    let mut columns = row.splitn(3, '|').map(str::to_owned);
    let is_of_attempts = columns.next()? == "checkout_attempts";
    Some(Index { is_of_attempts, drop: columns.next()?, make: columns.next()? })
}

/// Does two things at once, for there are two cores.
fn both(
    one: impl FnOnce() -> Result<String, BenchError> + Send,
    other: impl FnOnce() -> Result<String, BenchError>,
) -> Result<(), BenchError> {
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join(), other)
    });
    one.map_err(|_| BenchError::Wrong("a thread broke".to_owned()))??;
    other?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_may_have_columns_signs() {
        let row = "purchases|DROP INDEX odd|CREATE INDEX odd ON purchases ((user_id || '|'))";

        let index = read(row).unwrap();

        assert!(!index.is_of_attempts);
        assert_eq!(index.drop, "DROP INDEX odd");
        assert_eq!(index.make, "CREATE INDEX odd ON purchases ((user_id || '|'))");
    }
}
