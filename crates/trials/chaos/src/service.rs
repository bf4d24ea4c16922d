//! One process of the service.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use dev_servers::tied::{self, Signal};

use crate::error::{ChaosError, during};

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process of the service; it ends with this value.
pub(crate) struct Service {
    child: Child,
    port: u16,
}

impl Service {
    /// Starts a process and waits until it listens, which it does before its stores answer.
    /// What it says goes to the end of `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, ChaosError> {
        let mut log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(during("write the log of a process"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = tied::spawn(command).map_err(during("start the service"))?;
        let lines = child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
        let (sender, port) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(port) = port_of(&line) {
                    let _ = sender.send(port);
                }
                // Read to the end whatever becomes of the log: a full pipe would stop the process.
                let _ = writeln!(log, "{line}");
            }
        });
        if let Ok(port) = port.recv_timeout(PATIENCE) {
            return Ok(Self { child, port });
        }
        let (_, _) = (child.kill(), child.wait());
        let said = "it does not say where it listens; see its log".to_owned();
        Err(ChaosError::Failed { what: "starting the service", said })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), ChaosError> {
        signal.send(self.child.id()).map_err(during("signal a process of the service"))
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn end(mut self) -> Result<(), ChaosError> {
        self.signal(Signal::Terminate)?;
        // One that stands still would not hear of it.
        self.signal(Signal::Continue)?;
        self.child.wait().map(drop).map_err(during("wait for a process of the service"))
    }
}

impl Drop for Service {
    /// SIGKILL.
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a process says that it listens.
fn port_of(line: &str) -> Option<u16> {
    line.split_once("listening on ")?.1.rsplit_once(':')?.1.trim().parse().ok()
}
