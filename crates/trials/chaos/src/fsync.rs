//! Failing fsyncs: strace lets the calls of a running server fail.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use dev_servers::tied::{self, Signal};
use tokio::time::{Instant, sleep};

use crate::error::{ChaosError, during};

/// How often to look whether anybody is left whose fsyncs fail.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// While this lives, no fsync of a server succeeds.
pub(crate) struct FailingFsync {
    strace: Child,
}

impl FailingFsync {
    /// Lets every fsync of these processes and of all they start fail with EIO.
    pub(crate) fn of(pids: &[u32]) -> Result<Self, ChaosError> {
        let mut command = tied::command("strace", Signal::Terminate);
        command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync"]);
        command.args(["-e", "inject=fsync,fdatasync:error=EIO", "-e", "signal=none"]);
        for pid in pids {
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

    /// Waits until this moment, or until none of the processes is left.
    pub(crate) async fn last_until(&mut self, moment: Instant) {
        while Instant::now() < moment && matches!(self.strace.try_wait(), Ok(None)) {
            sleep(LOOK_AGAIN).await;
        }
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
