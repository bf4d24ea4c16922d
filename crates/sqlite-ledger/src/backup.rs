//! A copy of the ledger in another directory, made while a process serves from the first.
//!
//! It is of one moment: all that was recorded when it began, and nothing later. Who writes meanwhile does not
//! wait for it; only the log of the ledger cannot begin anew until it has come to its end.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use crate::{DataDir, OpenError, SqliteError, database::Database};

/// Pages that are copied at a time.
const PAGES_AT_A_TIME: i32 = 1_024;

/// What a copy is called until all of it is on the disk.
const UNFINISHED: &str = "ledger.sqlite-unfinished";

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The ledger cannot be opened.
    #[error(transparent)]
    Source(#[from] OpenError),
    /// There is something already where the copy was to be.
    #[error("{path} is not empty; name a directory that is, or one that is not there yet")]
    Taken {
        /// The directory.
        path: PathBuf,
    },
    /// The copy cannot be written where it was to be.
    #[error("cannot write to {path}")]
    Target {
        /// The directory, or what is in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The copy did not come to its end.
    #[error("cannot copy the ledger to {path}; nothing is left there")]
    Copy {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: SqliteError,
    },
}

impl DataDir {
    /// How many bytes a copy of the ledger may take.
    #[must_use]
    pub fn bytes_of_copy(&self) -> u64 {
        let [log, _] = self.beside_ledger();
        let bytes = |path| fs::metadata(path).map_or(0, |file| file.len());
        bytes(self.ledger()) + bytes(log)
    }

    /// Makes a copy of the ledger in the directory `to`, which is made if it is missing and must be empty: what
    /// can be served from. Returns how many bytes it has; it is on the disk then. After an error there is none.
    pub fn back_up(&self, to: &Self) -> Result<u64, BackupError> {
        let source = Database::open_existing(self)?;
        let unfinished = to.make_room().map_err(|source| to.cannot_write(source))?;
        let Some(unfinished) = unfinished else {
            return Err(BackupError::Taken { path: to.path().to_owned() });
        };
        let copied = copy(&source, &unfinished);
        let done = copied.map_err(|error| BackupError::Copy { path: to.ledger(), error });
        let done =
            done.and_then(|()| to.finish(&unfinished).map_err(|source| to.cannot_write(source)));
        if done.is_err() {
            // It would keep others from their room on the disk. What cannot be removed is overwritten by the
            // next one.
            let _ = fs::remove_file(&unfinished);
        }
        done
    }

    fn cannot_write(&self, source: io::Error) -> BackupError {
        BackupError::Target { path: self.path().to_owned(), source }
    }

    /// An empty file to copy to, or `None` if there is something else in the directory. What is left of a copy
    /// that was broken off is nothing.
    fn make_room(&self) -> io::Result<Option<PathBuf>> {
        self.make()?;
        let unfinished = self.path().join(UNFINISHED);
        for entry in fs::read_dir(self.path())? {
            if entry?.path() != unfinished {
                return Ok(None);
            }
        }
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Self::make_alone(&unfinished)?;
        Ok(Some(unfinished))
    }

    /// Has the copy on the disk under the name of a ledger.
    fn finish(&self, unfinished: &PathBuf) -> io::Result<u64> {
        let copy = File::open(unfinished)?;
        copy.sync_all()?;
        fs::rename(unfinished, self.ledger())?;
        File::open(self.path())?.sync_all()?;
        Ok(copy.metadata()?.len())
    }
}

/// Copies page by page what there is at this moment, and looks whether it can be read.
fn copy(source: &Database, to: &PathBuf) -> Result<(), SqliteError> {
    let mut target = Connection::open(to)?;
    // There is no way back to an empty file that anybody wants, and it is flushed as a whole.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    // Of one moment however long it takes: otherwise it would begin anew with each commit of others.
    source.look_from_now()?;
    let backup = Backup::new(source.connection(), &mut target)?;
    loop {
        match backup.step(PAGES_AT_A_TIME)? {
            StepResult::Done => break,
            StepResult::More => {}
            // Nobody else has the copy, and the ledger is only read.
            other => {
                return Err(SqliteError::Refused(format!("the copy was kept waiting: {other:?}")));
            }
        }
    }
    drop(backup);
    let says: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if says == "ok" {
        Ok(())
    } else {
        Err(SqliteError::Refused(format!("the copy is broken: {says}")))
    }
}
