//! The directory of a shop's data, and the one process that serves from it.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Held by the process that serves.
const SERVICE_LOCK: &str = "service.lock";

/// Where a process that serves can be asked what its live store holds.
const LIVE_SOCKET: &str = "live.sock";

/// A directory with a ledger in it, or to be made one.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// The right to serve from a directory. It ends with this value, and with the process, however
/// that ends.
#[derive(Debug)]
pub struct InService {
    // Locked as long as it is open.
    _lock: File,
}

/// Why a process may not serve from a directory.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Another process does.
    #[error(
        "{} is in use by another process{}: one process serves from a directory. Stop that one, \
         name another directory with DATA_DIR, or set DATABASE_URL and REDIS_URL to run any number",
        .dir.display(), .pid.as_ref().map(|pid| format!(" ({pid})")).unwrap_or_default()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The number of the process, if it says so.
        pid: Option<u32>,
    },
    /// The lock cannot be taken.
    #[error("cannot lock {path}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DataDir {
    /// The directory at this path, whether it exists or not.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a process that serves can be asked what its live store holds.
    #[must_use]
    pub fn live_socket(&self) -> PathBuf {
        self.0.join(LIVE_SOCKET)
    }

    /// Makes the directory if it is missing: only its owner may enter, and it is still there after
    /// the power was cut.
    pub(crate) fn make(&self) -> io::Result<()> {
        if self.0.is_dir() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let made = self.0.canonicalize()?;
        made.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }

    /// Takes the directory into service; it is made if it is missing.
    pub fn serve(&self) -> Result<InService, ServiceError> {
        let path = self.0.join(SERVICE_LOCK);
        let failed = |source| ServiceError::Lock { path: path.clone(), source };
        self.make().map_err(failed)?;
        let options = File::options().read(true).write(true).create(true).truncate(false).clone();
        let mut lock = options.open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let dir = self.0.clone();
                return Err(ServiceError::InUse { dir, pid: written_pid(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        lock.set_len(0).map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        Ok(InService { _lock: lock })
    }

    /// Whether a process serves from it.
    #[must_use]
    pub fn is_in_service(&self) -> bool {
        let lock = File::open(self.0.join(SERVICE_LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn written_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
