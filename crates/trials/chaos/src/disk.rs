//! A small file system in memory that can be filled to the last byte.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    capabilities::is_root,
    error::{ChaosError, during},
};

const BALLAST: &str = "ballast";

/// Where the C library keeps memory that processes share.
const SHARED_MEMORY: &str = "/dev/shm";

/// A file system of our own. Mounted in a mount namespace that ends with us, it never outlives
/// us; see [`enter_namespace`].
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts it on a directory, with room for so many MiB.
    pub(crate) fn mount(path: &Path, size_mib: u32) -> Result<Self, ChaosError> {
        mount(path, &format!("size={size_mib}m,mode=0711"))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) -> Result<(), ChaosError> {
        let mut ballast = File::create(self.ballast()).map_err(during("fill a disk"))?;
        let chunk = vec![0; 1 << 20];
        for size in [chunk.len(), 4_096] {
            loop {
                match ballast.write_all(&chunk[..size]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(during("fill a disk")(error)),
                }
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(crate) fn free(&self) -> Result<(), ChaosError> {
        fs::remove_file(self.ballast()).map_err(during("empty a disk"))
    }

    fn ballast(&self) -> PathBuf {
        self.path.join(BALLAST)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a log that is still open goes with its last reader.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// Starts this program anew in a mount namespace of its own, so that nothing it mounts outlives
/// it, nor anything that libfaketime leaves in the memory that is shared when a process is killed.
/// Returns when it is in one, if only root may have one, or with an error.
pub(crate) fn enter_namespace() -> Result<(), ChaosError> {
    const ENTERED: &str = "CHAOS_HAS_NAMESPACE";

    if env::var_os(ENTERED).is_some() {
        return mount(Path::new(SHARED_MEMORY), "mode=1777");
    }
    if !is_root()? {
        return Ok(());
    }
    let here = env::current_exe().map_err(during("find this program"))?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--"]).arg(here).args(env::args_os().skip(1)).env(ENTERED, "yes");
    Err(during("enter a mount namespace")(command.exec()))
}

fn mount(path: &Path, options: &str) -> Result<(), ChaosError> {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "none"]).arg(path);
    let output = command.output().map_err(during("mount a disk"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ChaosError::Failed { what: "mounting a disk", said })
}
