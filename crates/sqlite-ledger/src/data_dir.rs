//! The directory of a shop's data, and the one process that serves from it.

use std::{
    fs::{self, File, Permissions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::IntoRawFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

/// The ledger. It is what the process that serves has locked.
pub(crate) const LEDGER: &str = "ledger.sqlite";

/// What SQLite makes beside the ledger.
const BESIDE_LEDGER: [&str; 2] = ["ledger.sqlite-wal", "ledger.sqlite-shm"];

/// Says who serves, for those who are refused.
const SERVICE_PID: &str = "service.lock";

/// What files are made with: only their owner may read the codes.
const OWNERS_ALONE: u32 = 0o600;

/// What nobody may do who is neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// How often the lock is tried, and how long is waited between: whoever only looks whether somebody
/// serves has it for a moment.
const LOCK_TRIES: u32 = 10;
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Where a process that serves can be asked what its live store holds.
const LIVE_SOCKET: &str = "live.sock";

/// A directory with a ledger in it, or to be made one.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
    /// The ledger, to look whether somebody has locked it.
    looked_at: Arc<OnceLock<KeptOpen>>,
}

/// The ledger's file, open besides SQLite's own descriptors. It is never closed: that would let go of
/// all that this process has locked by way of SQLite.
#[derive(Debug)]
struct KeptOpen(Option<File>);

impl KeptOpen {
    /// Locks the file as a whole (`flock`), which SQLite's own locks on its bytes know nothing of.
    fn try_lock(&self) -> Result<(), TryLockError> {
        self.0.as_ref().map_or(Ok(()), File::try_lock)
    }

    /// Whether another descriptor has it locked.
    fn is_locked(&self) -> bool {
        let Some(file) = &self.0 else { return false };
        match file.try_lock_shared() {
            Ok(()) => file.unlock().is_err(),
            Err(error) => matches!(error, TryLockError::WouldBlock),
        }
    }
}

impl Drop for KeptOpen {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            // Where it cannot be let go, it ends with the process.
            let _ = file.unlock();
            let _kept_open = file.into_raw_fd();
        }
    }
}

/// The right to serve from a directory. It ends with this value, and with the process, however
/// that ends.
#[derive(Debug)]
pub struct InService {
    _locked: KeptOpen,
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
    #[error("cannot make or lock {path}; DATA_DIR must be a directory that this user may write to")]
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
    pub fn at(path: PathBuf) -> Self {
        Self { path, looked_at: Arc::default() }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the ledger is.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path.join(LEDGER)
    }

    /// Where a process that serves can be asked what its live store holds.
    #[must_use]
    pub fn live_socket(&self) -> PathBuf {
        self.path.join(LIVE_SOCKET)
    }

    /// Makes the directory if it is missing: only its owner may enter, and it is still there after
    /// the power was cut.
    pub(crate) fn make(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        let made = self.path.canonicalize()?;
        made.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }

    /// Makes the ledger's file if it is missing, and lets nobody else read it, whatever the
    /// directory lets them do. What SQLite makes beside it has the same mode.
    pub(crate) fn make_ledger(&self) -> io::Result<()> {
        let path = self.ledger();
        match Self::make_alone(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let beside = self.beside_ledger();
                beside.iter().chain([&path]).try_for_each(|path| keep_others_out(path))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes an empty file that its owner alone may read. It is an error if there is one.
    pub(crate) fn make_alone(path: &Path) -> io::Result<()> {
        // One that was not there is open nowhere else, so it may be closed.
        File::options().write(true).create_new(true).mode(OWNERS_ALONE).open(path).map(drop)
    }

    /// What SQLite has beside the ledger: its log first.
    pub(crate) fn beside_ledger(&self) -> [PathBuf; 2] {
        BESIDE_LEDGER.map(|name| self.path.join(name))
    }

    /// Takes the directory into service; it is made if it is missing, and so is the ledger's file.
    pub fn serve(&self) -> Result<InService, ServiceError> {
        let path = self.ledger();
        let failed = |source| ServiceError::Lock { path: path.clone(), source };
        self.make().map_err(failed)?;
        self.make_ledger().map_err(failed)?;
        let ledger = File::options().read(true).write(true).open(&path).map_err(failed)?;
        let ledger = KeptOpen(Some(ledger));
        for left in (0..LOCK_TRIES).rev() {
            match ledger.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if left > 0 => thread::sleep(PAUSE_BETWEEN_TRIES),
                Err(TryLockError::WouldBlock) => {
                    let dir = self.path.clone();
                    return Err(ServiceError::InUse { dir, pid: self.written_pid() });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        self.write_pid().map_err(failed)?;
        Ok(InService { _locked: ledger })
    }

    /// Whether a process serves from it.
    #[must_use]
    pub fn is_in_service(&self) -> bool {
        if let Some(ledger) = self.looked_at.get() {
            return ledger.is_locked();
        }
        let Ok(file) = File::open(self.ledger()) else { return false };
        self.looked_at.get_or_init(|| KeptOpen(Some(file))).is_locked()
    }

    fn write_pid(&self) -> io::Result<()> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(OWNERS_ALONE);
        writeln!(options.open(self.path.join(SERVICE_PID))?, "{}", std::process::id())
    }

    fn written_pid(&self) -> Option<u32> {
        let mut text = String::new();
        File::open(self.path.join(SERVICE_PID)).ok()?.read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }
}

/// Takes from others what they may do with a file, if it is there. A group that was let in by an
/// operator, such as one that makes copies, stays.
fn keep_others_out(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(found) => found.permissions().mode(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(OWNERS_ALONE))
}
