//! The directory of a service that needs no servers.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, types::ValueRef};
use tempfile::TempDir;
use uuid::Uuid;

use crate::error::{BenchError, during};

/// How long the ledger is waited for while the service writes to it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A directory that is gone with this value. It is beside the build, because a directory for
/// temporary files may be in memory, where nothing has to wait for a disk.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn make() -> Result<Self, BenchError> {
        let here = std::env::current_exe().map_err(during("find this program"))?;
        let beside = here.parent().unwrap_or(Path::new("."));
        tempfile::tempdir_in(beside).map(Self).map_err(during("make a directory"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// The ledger, past the service.
    pub(crate) fn open(&self) -> Result<Connection, BenchError> {
        let ledger = Connection::open(self.path().join("ledger.sqlite"))?;
        ledger.busy_timeout(PATIENCE)?;
        Ok(ledger)
    }

    /// Runs SQL; returns its rows, one a line, columns divided by `|`.
    pub(crate) fn rows(&self, sql: &str) -> Result<String, BenchError> {
        let ledger = self.open()?;
        let mut statement = ledger.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            let told = (0..columns).map(|column| row.get_ref(column).map(told));
            lines.push(told.collect::<Result<Vec<_>, _>>()?.join("|"));
        }
        Ok(lines.join("\n"))
    }
}

/// A value as the other ledger would tell it.
fn told(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(code) => Uuid::from_slice(code).unwrap_or_default().to_string(),
    }
}
