//! Files that settings name, and what is said of them.

use std::{error::Error, fs, io, path::PathBuf};

use tempfile::TempDir;

/// Files of a test, gone when this value is dropped.
pub struct Files(TempDir);

impl Files {
    /// None yet.
    pub fn new() -> io::Result<Self> {
        tempfile::tempdir().map(Self)
    }

    /// Where a file of this name is, or would be.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and says where it is.
    pub fn write(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, content).map(|()| path)
    }
}

/// What an error says, and all that caused it.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
