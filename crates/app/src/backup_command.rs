//! `flashsale backup`: copies the ledger of a directory to another one, beside a service that is up.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use sqlite_ledger::{BackupError, DataDir};
use tokio::task::{JoinError, spawn_blocking};

use crate::{
    compose::ComposeError,
    config::{BackupOptions, Config, Place},
    disk,
    output::output,
};

/// What is left free on the disk of the copy, in bytes: it may be that of the ledger, which has to grow.
const LEFT_FREE: u64 = 64 << 20;

/// Why nothing was backed up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupCommandError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(
        "the ledger is in Postgres (DATABASE_URL), which is backed up by its own programs, such as \
         `pg_dump --format=custom`; Redis need not be backed up"
    )]
    OnServers,
    #[error(
        "the copy may take {needed} bytes, and {free} are free where {} is to be; some are left for others",
        .path.display()
    )]
    NoRoom { path: PathBuf, needed: u64, free: u64 },
    #[error(transparent)]
    Copy(#[from] BackupError),
    #[error("the copy broke off")]
    BrokenOff(#[from] JoinError),
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// Makes the copy, and says what to do with it.
pub(crate) async fn run(
    options: &BackupOptions,
    config: &Config,
) -> Result<(), BackupCommandError> {
    let place = config.ledger_place().map_err(ComposeError::from)?;
    let Place::Embedded { data_dir } = place else { return Err(BackupCommandError::OnServers) };
    let (from, to) = (DataDir::at(data_dir.to_owned()), options.to.clone());
    let bytes = spawn_blocking(move || {
        give_way();
        has_room(from.bytes_of_copy(), &to)?;
        Ok::<_, BackupCommandError>(from.back_up(&DataDir::at(to))?)
    });
    let bytes = bytes.await??;
    let to = options.to.display();
    writeln!(
        output(),
        "{to} has all that was recorded when this began, in {bytes} bytes. To check it: DATA_DIR={to} flashsale \
         audit"
    )?;
    Ok(())
}

/// Leaves most of a core to whoever sells on this machine.
fn give_way() {
    const LATER: i32 = 10;
    // Where it cannot be had, the copy is made all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(LATER);
}

/// Fails if a copy would leave too little on its disk for whoever else is on it.
fn has_room(bytes: u64, to: &Path) -> Result<(), BackupCommandError> {
    // One that is not there yet is made on the disk of the first directory above it that is.
    let there = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
    let disk = there.ancestors().find_map(disk::of);
    // Where nobody can say, it is tried.
    let Some(disk) = disk else { return Ok(()) };
    let (needed, free) = (bytes + LEFT_FREE, disk.available);
    if needed > free {
        return Err(BackupCommandError::NoRoom { path: to.to_owned(), needed, free });
    }
    Ok(())
}
