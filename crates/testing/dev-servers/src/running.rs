//! A server's process, from ready to gone.
//!
//! The server and all its children write to one pipe. A line in it says that the server is
//! ready, and its end says that all of them are gone: both can be awaited, so nothing is polled.

use std::{
    io::{self, BufRead, BufReader, PipeReader, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use crate::{
    error::{Attempting, ServerError},
    log::Log,
    tied::{self, Signal},
};

/// How long a server may take to come or to go. Only a sick machine needs this long.
const LIMIT: Duration = Duration::from_secs(60);

/// How long to wait before knocking again at the door of a server that is on its way.
const KNOCK_AGAIN: Duration = Duration::from_millis(2);

/// How a kind of server is understood.
#[derive(Clone, Copy)]
pub(crate) struct Recipe {
    /// Its name in messages.
    pub(crate) program: &'static str,
    /// Words of the log line that says that it is ready.
    pub(crate) ready: &'static str,
}

/// A server that said that it is ready.
pub(crate) struct Running {
    program: &'static str,
    child: Child,
    log: Log,
    greeting: String,
    /// Disconnected when the server is gone.
    news: Receiver<String>,
}

impl Running {
    /// Starts a server and waits until it is ready. What it says goes to `log`.
    pub(crate) fn start(
        recipe: Recipe,
        mut command: Command,
        log: Log,
    ) -> Result<Self, ServerError> {
        let Recipe { program, ready } = recipe;
        let starting = || format!("start {program}");
        let copy = log.writer()?;
        let (reader, writer) = io::pipe().attempting(starting())?;
        command.stdout(writer.try_clone().attempting(starting())?).stderr(writer);

        let child = tied::spawn(command).attempting(starting())?;
        let (sender, news) = mpsc::channel();
        thread::spawn(move || follow(reader, copy, ready, &sender));
        Self { program, child, log, greeting: String::new(), news }.until_ready()
    }

    /// Starts a server that writes its words to `log` itself, with nobody in between, and waits
    /// until it listens at `address`: a word that says so could be lost on a full disk.
    pub(crate) fn start_writing(
        program: &'static str,
        mut command: Command,
        log: Log,
        address: SocketAddr,
    ) -> Result<Self, ServerError> {
        let starting = || format!("start {program}");
        let (reader, writer) = io::pipe().attempting(starting())?;
        command.stdout(writer).stderr(log.writer()?);

        let child = tied::spawn(command).attempting(starting())?;
        let (sender, news) = mpsc::channel();
        let is_gone = Arc::new(AtomicBool::new(false));
        thread::spawn({
            let (sender, is_gone) = (sender.clone(), Arc::clone(&is_gone));
            move || {
                // Nothing is said here; it ends with the last process that could.
                let _ = io::copy(&mut { reader }, &mut io::sink());
                is_gone.store(true, Ordering::SeqCst);
                drop(sender);
            }
        });
        thread::spawn(move || knock(address, &is_gone, &sender));
        Self { program, child, log, greeting: String::new(), news }.until_ready()
    }

    fn until_ready(self) -> Result<Self, ServerError> {
        let mut running = self;
        match running.news.recv_timeout(LIMIT) {
            Ok(line) => {
                running.greeting = line;
                Ok(running)
            }
            Err(RecvTimeoutError::Disconnected) => {
                let _ = running.child.wait();
                Err(running.failed())
            }
            Err(RecvTimeoutError::Timeout) => {
                let error = running.too_slow("ready", LIMIT);
                running.end(Signal::Kill)?;
                Err(error)
            }
        }
    }

    /// The line in which the server said that it is ready.
    pub(crate) fn greeting(&self) -> &str {
        &self.greeting
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The number of the server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The server's process and its children.
    pub(crate) fn pids(&self) -> Vec<u32> {
        tied::family(self.pid())
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
    pub(crate) fn end(&mut self, signal: Signal) -> Result<ExitStatus, ServerError> {
        let program = self.program;
        let stopping = || format!("stop {program}");
        if self.is_alive() {
            match signal {
                Signal::Kill => self.child.kill(),
                _ => signal.send(self.pid()),
            }
            .attempting(stopping())?;
        }
        match self.news.recv_timeout(LIMIT) {
            Ok(_) | Err(RecvTimeoutError::Disconnected) => self.child.wait().attempting(stopping()),
            Err(RecvTimeoutError::Timeout) => Err(self.too_slow("gone", LIMIT)),
        }
    }

    /// The error of a server that ended though nobody had told it to.
    pub(crate) fn failed(&self) -> ServerError {
        ServerError::Failed { program: self.program.to_owned(), said: self.log.tail() }
    }

    /// The error of one that was not there in time.
    pub(crate) fn too_slow(&self, awaited: &'static str, limit: Duration) -> ServerError {
        ServerError::TooSlow {
            program: self.program.to_owned(),
            awaited,
            limit_s: limit.as_secs(),
            said: self.log.tail(),
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

/// Tries to connect until that succeeds, or until nobody is left to listen.
fn knock(address: SocketAddr, is_gone: &AtomicBool, news: &Sender<String>) {
    while !is_gone.load(Ordering::SeqCst) {
        if TcpStream::connect(address).is_ok() {
            let _ = news.send(String::new());
            return;
        }
        thread::sleep(KNOCK_AGAIN);
    }
}

/// Copies the pipe to the log until the last writer is gone.
fn follow(pipe: PipeReader, mut log: impl Write, ready: &str, news: &Sender<String>) {
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    let mut is_ready = false;
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // A full disk costs the log, not the server, which must not find its pipe closed.
        let _ = log.write_all(&line);
        if !is_ready && let Some(line) = containing(ready, &line) {
            is_ready = true;
            let _ = news.send(line);
        }
        line.clear();
    }
}

/// The line, if these words are in it.
fn containing(words: &str, line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    line.contains(words).then(|| line.trim_end().to_owned())
}
