//! Which file the ledger is.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::SqliteError;

/// The file of a ledger that is served from. Moved or removed, it could be written to as before, and
/// whoever looks for the ledger where it was would find another one, or none.
#[derive(Debug)]
pub(super) struct LedgerFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl LedgerFile {
    /// The file that is at this path now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let there = fs::metadata(&path)?;
        Ok(Self { path, device: there.dev(), inode: there.ino() })
    }

    /// Fails if it is not where it was.
    pub(super) fn check(&self) -> Result<(), SqliteError> {
        let there = fs::metadata(&self.path);
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (self.device, self.inode)) {
            return Ok(());
        }
        Err(SqliteError::Refused(format!(
            "{} was moved or removed while it is served from; put it back, or stop the process",
            self.path.display()
        )))
    }
}
