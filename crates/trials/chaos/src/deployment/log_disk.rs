//! The disk that the service writes its log to, so small that it can be filled.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    disk::Disk,
    error::{ChaosError, during},
};

/// Room for what the processes of a deployment have to say.
const DISK_MIB: u32 = 32;

/// A disk for logs. They are copied beside it when it goes.
pub(super) struct LogDisk {
    disk: Disk,
    path: PathBuf,
    copies: PathBuf,
}

impl LogDisk {
    /// Mounts one in `dir`, where the logs come in the end.
    pub(super) fn mount(dir: &Path) -> Result<Self, ChaosError> {
        let path = dir.join("log");
        fs::create_dir(&path).map_err(during("make a directory"))?;
        let disk = Disk::mount(&path, DISK_MIB)?;
        Ok(Self { disk, path, copies: dir.to_owned() })
    }

    /// Where the logs are while it is there.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves no room.
    pub(super) fn fill(&self) -> Result<(), ChaosError> {
        self.disk.fill()
    }

    /// Gives the room back.
    pub(super) fn free(&self) -> Result<(), ChaosError> {
        self.disk.free()
    }

    fn copy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let log = entry?.path();
            if let (Some("log"), Some(name)) =
                (log.extension().and_then(OsStr::to_str), log.file_name())
            {
                fs::copy(&log, self.copies.join(name))?;
            }
        }
        Ok(())
    }
}

impl Drop for LogDisk {
    fn drop(&mut self) {
        // What cannot be kept is lost with the disk; the trial's judgement does not need it.
        let _ = self.copy();
    }
}
