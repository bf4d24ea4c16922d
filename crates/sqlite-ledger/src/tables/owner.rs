//! Who serves from the ledger: whoever began to last, whatever locks say.
//!
//! The guard of a process is right only as long as no other one writes. A lock says so; but one that
//! is on a file system which does not keep it, or on a file that was replaced, says nothing. So the
//! ledger has a number that each process which begins to serve makes another one, and in each of its
//! transactions that writes the process looks whether it still is what it was.

use super::Tables;
use crate::SqliteError;

/// Whether what is kept here is ours is for SQLite to say: it keeps the number for applications, in
/// the first page of the file, which each transaction reads anyway.
const OWNER: &str = "PRAGMA user_version";

/// How long nothing may have been written before it is tried, in milliseconds.
const TRIED_MS: i64 = 1_000;

impl Tables<'_> {
    /// Makes whoever asks the one who serves from now on, and says by which number.
    pub(crate) fn become_owner(&self) -> Result<i64, SqliteError> {
        let next = (self.owner()? + 1) & i64::from(i32::MAX);
        // A pragma takes no parameters.
        self.connection.pragma_update(None, "user_version", next)?;
        Ok(next)
    }

    /// Fails if another process has begun to serve since.
    pub(crate) fn check_owner(&self, owner: i64) -> Result<(), SqliteError> {
        if self.owner()? == owner {
            return Ok(());
        }
        let reason = "another process has begun to serve from the ledger; this one writes no more";
        Err(SqliteError::Refused(reason.to_owned()))
    }

    /// Writes the number that is there, if nothing was written for a second: a transaction that finds
    /// nothing to write says nothing of the disk, and this is how the health of an idle ledger is
    /// known.
    pub(crate) fn try_to_write(&self) -> Result<(), SqliteError> {
        if (0..TRIED_MS).contains(&(self.now() - self.written_at)) {
            return Ok(());
        }
        self.has_tried.set(true);
        Ok(self.connection.pragma_update(None, "user_version", self.owner()?)?)
    }

    fn owner(&self) -> Result<i64, SqliteError> {
        Ok(self.one(OWNER, [], |row| row.get(0))?.unwrap_or_default())
    }
}
