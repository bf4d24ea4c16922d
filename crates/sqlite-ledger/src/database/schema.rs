//! The schema of a ledger, and the history of its migrations.

use refinery::{Migration, Runner, error::Kind};

use super::{Database, OpenError};

refinery::embed_migrations!("migrations");

/// The migrations of this program.
pub(super) fn ours() -> Runner {
    migrations::runner()
}

impl Database {
    /// Whether migrations are missing. What has no history is no ledger, and says so when it is
    /// read.
    pub(super) fn is_older(&self) -> bool {
        let applied = self.connection.query_row(
            "SELECT max(version) FROM refinery_schema_history",
            [],
            |row| row.get::<_, u32>(0),
        );
        let newest = ours().get_migrations().iter().map(Migration::version).max();
        applied.is_ok_and(|applied| i64::from(applied) < newest.map_or(0, i64::from))
    }

    /// Fails unless one of the two histories, the ledger's and this program's, goes on where the
    /// other ends: what was applied after one that is missing, or before one of ours that it does not
    /// know, was made for another schema. What has no history says so when it is read.
    pub(super) fn check_history(&self) -> Result<(), OpenError> {
        let applied = "SELECT version FROM refinery_schema_history";
        let applied = self.connection.prepare(applied).and_then(|mut applied| {
            applied.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<u32>>>()
        });
        let Ok(applied) = applied else { return Ok(()) };
        let runner = ours();
        let ours = runner.get_migrations().iter().filter_map(|ours| ours.version().try_into().ok());
        let ours: Vec<u32> = ours.collect();
        let (last, last_of_ours) = (applied.iter().max(), ours.iter().max());
        let left_out = ours.iter().find(|ours| Some(*ours) < last && !applied.contains(ours));
        let unknown = applied.iter().find(|one| Some(*one) < last_of_ours && !ours.contains(one));
        Err(OpenError::OtherHistory(match (left_out, unknown) {
            (None, None) => return Ok(()),
            (Some(left_out), _) => format!("a later one was applied, but V{left_out} was not"),
            (None, Some(unknown)) => format!("V{unknown}, which is unknown, was applied"),
        }))
    }

    /// Applies the migrations that are missing.
    pub(super) fn migrate(&mut self) -> Result<(), OpenError> {
        // A newer program may have brought the schema further; an older one works with it too.
        let runner = ours().set_abort_missing(false);
        let migrated = runner.run(&mut self.connection);
        migrated.map(drop).map_err(|error| match error.kind() {
            // refinery calls every error of the driver so, broken SQL and a full disk alike.
            Kind::Connection(..) => OpenError::NotMigrated(Box::new(error)),
            _ => OpenError::Migration(Box::new(error)),
        })
    }
}
