//! Failing fsyncs: strace lets the calls of a running server fail.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use dev_servers::tied::{self, Signal};

use crate::error::{ChaosError, during};

/// While this lives, no fsync of a server succeeds.
pub(crate) struct FailingFsync {
    strace: Child,
}

impl FailingFsync {
    /// Lets every fsync of a process, its children and all they start fail with EIO.
    pub(crate) fn of(pid: u32) -> Result<Self, ChaosError> {
        let mut command = tied::command("strace", Signal::Terminate);
        command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync"]);
        command.args(["-e", "inject=fsync,fdatasync:error=EIO", "-e", "signal=none"]);
        for pid in family(pid) {
            command.args(["-p", &pid.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut strace = tied::spawn(command).map_err(during("start strace"))?;
        // It tells of every call; a full pipe would stop it.
        if let Some(told) = strace.stderr.take() {
            std::thread::spawn(move || BufReader::new(told).lines().for_each(drop));
        }
        Ok(Self { strace })
    }
}

impl Drop for FailingFsync {
    fn drop(&mut self) {
        // Killed outright it would leave the traced processes to the kernel, which lets go too.
        if Signal::Terminate.send(self.strace.id()).is_err() {
            let _ = self.strace.kill();
        }
        let _ = self.strace.wait();
    }
}

/// A process and its children.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = numbers.filter(|&child| parent(child) == Some(pid));
    std::iter::once(pid).chain(children).collect()
}

/// The parent of a process, from `/proc/PID/stat`, whose second field is a name in parentheses.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_belongs_to_the_family() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();

        let family = family(std::process::id());

        assert!(family.contains(&child.id()) && family.contains(&std::process::id()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
