//! Copies of a cluster, to which it can be put back.

use std::{fs, path::Path, process::Command};

use super::PostgresServer;
use crate::{
    ServerError,
    error::{Attempting, succeeded},
};

impl PostgresServer {
    /// Keeps a copy of what the server holds, in the place of one that was kept before. It is stopped
    /// for that, and started again.
    pub fn keep_copy(&self) -> Result<(), ServerError> {
        self.stop()?;
        let kept = self.home.path().join("postgres-kept");
        if kept.exists() {
            fs::remove_dir_all(&kept).attempting("replace a copy")?;
        }
        copy(&self.cluster(), &kept)?;
        self.start_again()
    }

    /// Kills the server and starts it again with what it held when [its copy](Self::keep_copy) was made.
    pub fn put_back(&self) -> Result<(), ServerError> {
        self.kill()?;
        fs::remove_dir_all(self.cluster()).attempting("put a copy back")?;
        copy(&self.home.path().join("postgres-kept"), &self.cluster())?;
        self.start_again()
    }
}

/// Copies a directory with whose it is, which Postgres insists on.
fn copy(from: &Path, to: &Path) -> Result<(), ServerError> {
    let copied = Command::new("cp").arg("-a").args([from, to]).output();
    succeeded("cp", &copied.attempting("copy a cluster")?).map(drop)
}
