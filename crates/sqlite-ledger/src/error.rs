//! What an error of SQLite means for the work that was asked for.

use domain::{Failure, StoreError, answer::Doing};
use rusqlite::{Error, ErrorCode};

/// Why a piece of work brought nothing. Cloned for each of many callers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqliteError {
    /// Another process was writing for too long; nothing was done.
    #[error("the ledger is being written to by another process: {0}")]
    Contended(String),
    /// SQLite could not do it, such as for want of room; nothing was done.
    #[error("SQLite could not do it: {0}")]
    Refused(String),
    /// The transaction may be on the disk or not.
    #[error("SQLite does not know whether it is on the disk: {0}")]
    Lost(String),
    /// A row is not of the form the schema promises.
    #[error("the ledger has an unreadable row: {0}")]
    Unreadable(String),
    /// The thread that does the work is gone.
    #[error("the thread of the ledger is gone")]
    Gone,
}

impl SqliteError {
    /// What is known of the work that was asked for.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Contended(_) | Self::Refused(_) => Failure::NotDone,
            Self::Lost(_) | Self::Unreadable(_) | Self::Gone => Failure::Unknown,
        }
    }

    /// As an error of a port method.
    #[must_use]
    pub fn during(self, doing: impl Into<Doing>) -> StoreError {
        let remedy = self.remedy();
        StoreError::new(doing, self.failure(), self).with_remedy(remedy.map(Into::into))
    }

    /// What an operator can do about it, if that is known.
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Contended(_) => {
                Some("another program writes to it, or has it locked: end that one".to_owned())
            }
            // What SQLite says is for the log.
            Self::Refused(_) | Self::Lost(_) => Some(
                "it cannot be written to, and the log says why: is there room on the disk, and may the \
                 files be written?"
                    .to_owned(),
            ),
            Self::Gone => Some(format!("{self}: start the process anew")),
            Self::Unreadable(_) => None,
        }
    }

    /// Whether it may be the fault of one piece of work among several.
    pub(crate) const fn is_one_jobs(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unreadable(_))
    }

    /// That a transaction could not be committed.
    ///
    /// A log that could not be flushed may be on the disk all the same, or its end may be: only a
    /// later commit, which writes to the same place, or the next start decides it. When there was
    /// no room for it, its end was not written.
    pub(crate) fn of_commit(error: &Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Refused(error.to_string()),
            _ => Self::Lost(error.to_string()),
        }
    }
}

impl From<Error> for SqliteError {
    /// That a statement within a transaction failed: whatever it was, it can be undone.
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Contended(error.to_string())
            }
            Some(_) => Self::Refused(error.to_string()),
            None => Self::Unreadable(error.to_string()),
        }
    }
}
