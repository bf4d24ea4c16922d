//! The directory a server lives in.
//!
//! Whoever lives there holds a lock on a file in it, the owner and its servers alike: the lock
//! goes when the last of them is gone, however they end. So a directory can be seen to be in use,
//! and one that was left behind can be removed without asking who left it.

use std::{
    env,
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{
    account::Account,
    error::{Attempting, ServerError},
};

const PREFIX: &str = "flashsale-servers-";
/// A directory that is not locked yet, and so must not be swept.
const NEW_PREFIX: &str = "flashsale-new-";
const LOCK: &str = "lock";

/// How long the servers of a process that was just killed may take to leave a directory.
const LEAVING_LIMIT: Duration = Duration::from_secs(5);

/// Others may pass through, to what is theirs, but not look around.
const PASSAGE: u32 = 0o711;

/// A directory that only we use.
pub(crate) struct Home {
    path: PathBuf,
    lock: File,
    is_temporary: bool,
}

impl Home {
    /// A new directory that `guest` can pass through, removed with this value. Removes what
    /// killed processes left, too.
    pub(crate) fn temporary(guest: Option<Account>) -> Result<Self, ServerError> {
        let parent = temporary_parent(guest)?;
        sweep(&parent);
        let new = tempfile::Builder::new()
            .prefix(NEW_PREFIX)
            .tempdir_in(&parent)
            .attempting(format!("make a directory in {}", parent.display()))?
            .keep();
        let suffix = new.to_string_lossy().rsplit('-').next().map(str::to_owned);
        let path = parent.join(format!("{PREFIX}{}", suffix.unwrap_or_default()));

        let lock = open_lock(&new)?;
        let prepared = admit(guest, &new).and_then(|()| lock.lock());
        // Only now may a sweep see it.
        let prepared = prepared.and_then(|()| fs::rename(&new, &path));
        prepared.attempting(format!("prepare {}", path.display()))?;
        Ok(Self { path, lock, is_temporary: true })
    }

    /// The directory `dir`, made if there is none, and kept. If `guest` cannot pass through it,
    /// a directory under `/var/tmp` stands in, the same one every time.
    pub(crate) fn at(dir: &Path, guest: Option<Account>) -> Result<Self, ServerError> {
        let making = |path: &Path| format!("make the directory {}", path.display());
        let make = |path: &Path| fs::create_dir_all(path).and_then(|()| admit(guest, path));
        let mut path = std::path::absolute(dir).attempting(making(dir))?;
        make(&path).attempting(making(&path))?;
        if let Some(guest) = guest
            && !guest.can_enter(&path)?
        {
            // It stays if it is not empty, and it does no harm if it stays.
            let _ = fs::remove_dir(&path);
            path = stand_in(&path);
            make(&path).attempting(making(&path))?;
        }
        let lock = lock_soon(open_lock(&path)?, &path)?;
        Ok(Self { path, lock, is_temporary: false })
    }

    /// Where [`at`](Self::at) puts, or has put, what is kept in `dir`; nothing is made or locked.
    pub(crate) fn of(dir: &Path, guest: Option<Account>) -> Result<PathBuf, ServerError> {
        let path = std::path::absolute(dir).attempting(format!("find {}", dir.display()))?;
        match guest {
            Some(guest) if !guest.can_enter(&path)? => Ok(stand_in(&path)),
            _ => Ok(path),
        }
    }

    /// Whether somebody lives in the directory at `path`.
    pub(crate) fn is_lived_in(path: &Path) -> bool {
        File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// A share in the lock, as the standard input of a server: its children inherit it, and
    /// reading it gives nothing.
    pub(crate) fn claim(&self) -> io::Result<Stdio> {
        self.lock.try_clone().map(Stdio::from)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed now is swept by a later run.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn temporary_parent(guest: Option<Account>) -> Result<PathBuf, ServerError> {
    let usual = env::temp_dir();
    match guest {
        Some(guest) if !guest.can_enter(&usual)? => Ok(PathBuf::from("/var/tmp")),
        _ => Ok(usual),
    }
}

/// Removes the directories in `parent` that nobody lives in any more.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            // Another user's directory is left to that user.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn open_lock(dir: &Path) -> Result<File, ServerError> {
    let path = dir.join(LOCK);
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .open(&path)
        .attempting(format!("open {}", path.display()))
}

/// Locks `file`, waiting a little for servers that are on their way out.
fn lock_soon(file: File, dir: &Path) -> Result<File, ServerError> {
    let (sender, locked) = mpsc::channel();
    thread::spawn(move || {
        // If nobody waits any more, the file comes back in the error and is closed, unlocked.
        let _ = sender.send(file.lock().map(|()| file));
    });
    match locked.recv_timeout(LEAVING_LIMIT) {
        Ok(locked) => locked.attempting(format!("lock {}", dir.display())),
        Err(_) => Err(ServerError::InUse(dir.to_owned())),
    }
}

/// Lets `guest` pass through a directory of ours.
fn admit(guest: Option<Account>, dir: &Path) -> io::Result<()> {
    if guest.is_none() {
        return Ok(());
    }
    let metadata = fs::metadata(dir)?;
    if metadata.uid() != 0 {
        // Only root has guests. In a directory of somebody else's, that one could change the files.
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not root's"));
    }
    fs::set_permissions(dir, Permissions::from_mode(metadata.mode() | PASSAGE))
}

/// The directory that takes the place of one that a guest cannot enter.
fn stand_in(path: &Path) -> PathBuf {
    Path::new("/var/tmp").join(format!("flashsale-{:016x}", hash(path)))
}

/// FNV-1a: the same in every release of Rust, unlike the standard library's hashes.
fn hash(path: &Path) -> u64 {
    path.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
