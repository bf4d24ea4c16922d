//! Why a ledger cannot be opened.

use std::{io, path::PathBuf};

use crate::SqliteError;

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or written to.
    #[error("cannot use {path} (DATA_DIR)")]
    Directory {
        /// The directory, or what is in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a ledger that SQLite can read.
    #[error("cannot open {path} (DATA_DIR)")]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The ledger contradicts itself, or cannot be read.
    #[error("cannot serve from {path} (DATA_DIR); `flashsale audit` says what is wrong with it")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: SqliteError,
    },
    /// There is no ledger, and none was to be made.
    #[error(
        "there is no ledger in {path} (DATA_DIR); `flashsale` makes one when it serves, and \
         `flashsale migrate` does"
    )]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The ledger is of a version before this one, and was not to be changed.
    #[error(
        "the ledger in {path} (DATA_DIR) is of an older version; `flashsale migrate` brings it up to \
         date, and so does `flashsale` when it serves"
    )]
    Older {
        /// The directory.
        path: PathBuf,
    },
    /// A migration did not come to its end: the disk is full, say, or another program writes.
    /// The ledger is as it was.
    #[error("the ledger could not be brought up to date; it is as it was")]
    NotMigrated(#[source] Box<refinery::Error>),
    /// A migration was changed after it was applied.
    #[error("the ledger has another history than this version; use the version it is of")]
    Migration(#[source] Box<refinery::Error>),
    /// A migration was left out, or is of another program.
    #[error("the ledger has another history than this version ({0}); use the version it is of")]
    OtherHistory(String),
}
