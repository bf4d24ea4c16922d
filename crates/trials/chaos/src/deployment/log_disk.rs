//! The disk that the service writes its log to, so small that it can be filled.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    disk::Disk,
    error::{ChaosError, during},
};

/// Room for what the processes of a deployment have to say.
const DISK_MIB: u32 = 32;

/// What a disk in memory is given out in, in bytes.
const PAGE: u64 = 4_096;

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

    /// Leaves no room, nor any in the last page of a log, which has been taken from the disk already.
    pub(super) fn fill(&self) -> Result<(), ChaosError> {
        self.disk.fill()?;
        self.logs()
            .and_then(|logs| logs.iter().try_for_each(|log| pad(log)))
            .map_err(during("pad a log"))
    }

    /// Gives the room back.
    pub(super) fn free(&self) -> Result<(), ChaosError> {
        self.disk.free()
    }

    fn copy(&self) -> io::Result<()> {
        for log in self.logs()? {
            if let Some(name) = log.file_name() {
                fs::copy(&log, self.copies.join(name))?;
            }
        }
        Ok(())
    }

    fn logs(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.path)?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let is_log = |path: &PathBuf| path.extension() == Some(OsStr::new("log"));
        paths.filter(|path| path.as_ref().map_or(true, is_log)).collect()
    }
}

/// Fills the last page of a file with empty lines.
fn pad(log: &Path) -> io::Result<()> {
    let mut file = File::options().append(true).open(log)?;
    let left = PAGE - file.metadata()?.len() % PAGE;
    let left = usize::try_from(left % PAGE).map_err(io::Error::other)?;
    match file.write_all(&vec![b'\n'; left]) {
        // Somebody has said something meanwhile, and there is no page for the rest.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
        padded => padded,
    }
}

impl Drop for LogDisk {
    fn drop(&mut self) {
        // What cannot be kept is lost with the disk; the trial's judgement does not need it.
        let _ = self.copy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_padded_to_its_last_page_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        for (length, padded) in [(0, 0), (1, 4_096), (4_095, 4_096), (4_096, 4_096), (4_097, 8_192)]
        {
            let log = dir.path().join("service.log");
            fs::write(&log, vec![b'x'; length]).unwrap();

            pad(&log).unwrap();

            assert_eq!(fs::metadata(&log).unwrap().len(), padded, "{length}");
        }
    }
}
