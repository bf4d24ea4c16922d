//! Backups of one database, by the programs that operators make them with.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{PostgresServer, programs};
use crate::{
    ServerError,
    error::{Attempting, succeeded},
};

impl PostgresServer {
    /// Backs up a database to a file, by `pg_dump`; the service may go on meanwhile.
    pub fn back_up(&self, database: &str, to: &Path) -> Result<(), ServerError> {
        let mut command = self.client("pg_dump");
        command.args(["--format=custom", "--file"]).arg(to).arg("-d").arg(self.url(database));
        succeeded("pg_dump", &command.output().attempting("run pg_dump")?).map(drop)
    }

    /// Makes a database of what a backup has, by `pg_restore`; all of it or nothing.
    pub fn restore(&self, database: &str, from: &Path) -> Result<(), ServerError> {
        self.create_database(database)?;
        let mut command = self.client("pg_restore");
        command.args(["--exit-on-error", "--single-transaction"]);
        command.arg("-d").arg(self.url(database)).arg(from);
        succeeded("pg_restore", &command.output().attempting("run pg_restore")?).map(drop)
    }

    /// Gives a database another name. Nobody may be connected to it.
    pub fn rename_database(&self, from: &str, to: &str) -> Result<(), ServerError> {
        let (from, to) = (super::quoted(from), super::quoted(to));
        self.psql("postgres", &format!("ALTER DATABASE {from} RENAME TO {to}")).map(drop)
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(programs::client(&self.programs, program));
        command.stdin(Stdio::null());
        command
    }
}
