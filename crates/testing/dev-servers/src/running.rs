//! A server's process, from ready to gone.
//!
//! The server and all its children write to one pipe. A line in it says that the server is
//! ready, and its end says that all of them are gone: both can be awaited, so nothing is polled.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, PipeReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use crate::{
    error::{Attempting, ServerError},
    home::Home,
    tied::{self, Signal},
};

/// How long a server may take to come or to go. Only a sick machine needs this long.
const LIMIT: Duration = Duration::from_secs(60);

/// How many lines of a log an error shows.
const TAIL_LINES: usize = 15;

/// How a kind of server is started and understood.
pub(crate) struct Recipe {
    /// Its name in messages and of its log.
    pub(crate) program: &'static str,
    /// Words of the log line that says that it is ready.
    pub(crate) ready: &'static str,
}

/// A server that answered.
pub(crate) struct Running {
    program: &'static str,
    child: Child,
    log: PathBuf,
    /// One message when the server is ready; disconnected when it is gone.
    news: Receiver<()>,
}

impl Running {
    /// Starts a server and waits until it is ready.
    pub(crate) fn start(
        recipe: &Recipe,
        mut command: Command,
        home: &Home,
    ) -> Result<Self, ServerError> {
        let Recipe { program, ready } = *recipe;
        let starting = || format!("start {program}");
        let log = home.path().join(format!("{program}.log"));
        let log_file = File::create(&log).attempting(format!("write {}", log.display()))?;
        let (reader, writer) = io::pipe().attempting(starting())?;
        command
            .stdin(home.claim().attempting(starting())?)
            .stdout(writer.try_clone().attempting(starting())?)
            .stderr(writer)
            // Ctrl-C in a terminal is for the service; its databases must outlive its last words.
            .process_group(0)
            .current_dir("/");

        let child = tied::spawn(command).attempting(starting())?;
        let (sender, news) = mpsc::channel();
        thread::spawn(move || follow(reader, log_file, ready, &sender));

        let mut running = Self { program, child, log, news };
        match running.news.recv_timeout(LIMIT) {
            Ok(()) => Ok(running),
            Err(RecvTimeoutError::Disconnected) => {
                let _ = running.child.wait();
                Err(ServerError::Failed { program, said: tail(&running.log) })
            }
            Err(RecvTimeoutError::Timeout) => {
                let error = running.too_slow("ready");
                running.end(Signal::Kill)?;
                Err(error)
            }
        }
    }

    /// The server's process and its children.
    pub(crate) fn pids(&self) -> Vec<u32> {
        tied::family(self.child.id())
    }

    /// Sends `signal` to the server and its children, without waiting for what comes of it.
    pub(crate) fn tell_all(&self, signal: Signal) -> Result<(), ServerError> {
        let mut told = self.pids().into_iter().map(|pid| signal.send(pid));
        let server = told.next().unwrap_or(Ok(()));
        // A child may have ended meanwhile.
        told.for_each(drop);
        server.attempting(format!("signal {}", self.program))
    }

    /// Whether the server's process has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends `signal` and waits until the server and all its children are gone.
    pub(crate) fn end(mut self, signal: Signal) -> Result<(), ServerError> {
        let program = self.program;
        let stopping = || format!("stop {program}");
        if self.is_alive() {
            match signal {
                Signal::Kill => self.child.kill(),
                _ => signal.send(self.child.id()),
            }
            .attempting(stopping())?;
        }
        match self.news.recv_timeout(LIMIT) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                self.child.wait().attempting(stopping())?;
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Err(self.too_slow("gone")),
        }
    }

    fn too_slow(&self, awaited: &'static str) -> ServerError {
        ServerError::TooSlow {
            program: self.program,
            awaited,
            limit_s: LIMIT.as_secs(),
            said: tail(&self.log),
        }
    }
}

impl Drop for Running {
    /// What was not ended properly is ended roughly.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies the pipe to the log until the last writer is gone.
fn follow(pipe: PipeReader, mut log: File, ready: &str, news: &Sender<()>) {
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    let mut is_ready = false;
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // A full disk costs the log, not the server, which must not find its pipe closed.
        let _ = log.write_all(&line);
        if !is_ready && String::from_utf8_lossy(&line).contains(ready) {
            is_ready = true;
            let _ = news.send(());
        }
        line.clear();
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
