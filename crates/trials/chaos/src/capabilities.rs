//! What the machine lets us do to the service and its stores.

use std::{env, fmt, fs, os::unix::fs::MetadataExt, path::PathBuf};

use dev_servers::Stack;

use crate::error::{ChaosError, during};

/// What some faults need of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    /// A small file system of our own to fill; only root may mount one.
    Mount,
    /// strace on whoever writes the ledger; only root may always trace others.
    Trace,
    /// libfaketime before the process that writes the ledger.
    FakeTime,
    /// A second build of the service.
    NextBuild,
}

/// What the machine lets us do.
#[derive(Debug, Clone)]
pub(crate) struct Capabilities {
    pub(crate) is_root: bool,
    pub(crate) has_strace: bool,
    fake_time: Option<PathBuf>,
    pub(crate) next_build: Option<PathBuf>,
}

impl Capabilities {
    /// Those of this machine, with this build for rolling restarts.
    pub(crate) fn of_this_machine(next_build: Option<PathBuf>) -> Result<Self, ChaosError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let has_strace = env::split_paths(&path).any(|dir| dir.join("strace").exists());
        Ok(Self { is_root: is_root()?, has_strace, fake_time: fake_time_library(), next_build })
    }

    /// The library that moves the clock of whoever writes the ledger.
    pub(crate) fn fake_time_of(&self, stack: Stack) -> Option<PathBuf> {
        let library = self.fake_time.as_ref()?;
        Some(match stack {
            Stack::Servers => library.clone(),
            // The same for programs with threads, which would else read the file at one time.
            Stack::Embedded => library.with_file_name("libfaketimeMT.so.1"),
        })
    }

    #[cfg(test)]
    pub(crate) fn all() -> Self {
        let somewhere = || Some(PathBuf::from("/"));
        let (fake_time, next_build) = (somewhere(), somewhere());
        Self { is_root: true, has_strace: true, fake_time, next_build }
    }

    pub(crate) fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Mount => self.is_root,
            Capability::Trace => self.is_root && self.has_strace,
            Capability::FakeTime => self.fake_time.is_some(),
            Capability::NextBuild => self.next_build.is_some(),
        }
    }
}

pub(crate) fn is_root() -> Result<bool, ChaosError> {
    let myself = fs::metadata("/proc/self").map_err(during("see who we are"))?;
    Ok(myself.uid() == 0)
}

/// Where Debian's package libfaketime puts its library.
fn fake_time_library() -> Option<PathBuf> {
    let libraries = fs::read_dir("/usr/lib").ok()?.flatten();
    libraries
        .map(|entry| entry.path().join("faketime/libfaketime.so.1"))
        .find(|library| library.exists())
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mount => "root, to mount a small disk",
            Self::Trace => "root and strace",
            Self::FakeTime => "libfaketime",
            Self::NextBuild => "a build with a newer function library",
        })
    }
}
