//! A process of the service, from its first word to its end.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    ServerError,
    home::Home,
    log::Log,
    ports::on_a_free_port,
    program::Program,
    running::{Recipe, Running},
    tied::Signal,
};

const RECIPE: Recipe = Recipe { program: "the service", ready: LISTENING };

/// What comes before the address in the line that has it.
const LISTENING: &str = "listening on http://";

/// How long to wait before looking again at a service that is on its way. Starts are timed by it.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How long a service may think about whether it is ready.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A process of the service, made by [`Program::start`]; it ends with this value.
///
/// It can be killed, stopped and started again at the same address. What it stands on must
/// outlive it.
pub struct Service {
    state: Mutex<State>,
    arguments: Vec<String>,
    address: SocketAddr,
    url: String,
    log: PathBuf,
    /// Where the log is, if nobody named a file for it.
    _home: Option<Home>,
}

struct State {
    program: Program,
    process: Process,
}

enum Process {
    Running(Running),
    Ended(ExitStatus),
}

impl Service {
    /// Starts it on a free port and waits until it listens. No store need answer for that.
    pub(crate) fn start(program: Program, arguments: &[&str]) -> Result<Self, ServerError> {
        let (log, home) = if let Some(log) = program.log() {
            (log.to_owned(), None)
        } else {
            let home = Home::temporary(None)?;
            (home.path().join("log"), Some(home))
        };
        let arguments: Vec<String> = arguments.iter().copied().map(str::to_owned).collect();
        let (port, running) = on_a_free_port(|port| {
            run(&program, &arguments, (Ipv4Addr::LOCALHOST, port).into(), &log)
        })?;
        // A program may listen elsewhere than it was told to.
        let told = address(running.greeting());
        let address = told.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port).into());
        let state = Mutex::new(State { program, process: Process::Running(running) });
        let url = format!("http://{address}");
        Ok(Self { state, arguments, address, url, log, _home: home })
    }

    /// Where it listens, such as `http://127.0.0.1:8080`; the same whenever it is started again.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port of that.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The number of its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &self.state().process {
            Process::Running(running) => Some(running.pid()),
            Process::Ended(_) => None,
        }
    }

    /// All that it said so far, however often it was started.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Whether it runs: nobody ended it, and neither did it itself.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.state().is_alive()
    }

    /// Waits until it says, at `/health/ready`, that it is ready. It is an error, at once, if it
    /// ends instead.
    pub fn await_ready(&self, limit: Duration) -> Result<(), ServerError> {
        self.until("ready", limit, || is_ready(self.address).unwrap_or(false))
    }

    /// Waits until these words are in what it said since it was started last. It is an error, at
    /// once, if it ends without them.
    pub fn await_words(&self, words: &str, limit: Duration) -> Result<(), ServerError> {
        self.until("heard to say what was awaited", limit, || self.state().words().contains(words))
    }

    /// SIGKILL. It is gone when this returns.
    pub fn kill(&self) -> Result<(), ServerError> {
        self.state().end(Signal::Kill).map(drop)
    }

    /// Asks it to stop, with SIGTERM, and waits until it is gone; returns how it ended, now or
    /// before.
    pub fn terminate(&self) -> Result<ExitStatus, ServerError> {
        let mut state = self.state();
        if state.is_alive() {
            // One that stands still would not hear of it.
            state.tell(Signal::Continue)?;
        }
        state.end(Signal::Terminate)
    }

    /// Makes it stand still, heard by nobody and hearing nobody, until [`resume`](Self::resume).
    /// Its connections stay.
    pub fn pause(&self) -> Result<(), ServerError> {
        self.state().tell(Signal::Stop)
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.state().tell(Signal::Continue)
    }

    /// Starts it again at the same address, if it does not run, and waits until it listens.
    pub fn start_again(&self) -> Result<(), ServerError> {
        let mut state = self.state();
        if !state.is_alive() {
            // First the last words of one that ended by itself.
            state.end(Signal::Kill)?;
            let running = run(&state.program, &self.arguments, self.address, &self.log)?;
            state.process = Process::Running(running);
        }
        Ok(())
    }

    /// What is started from now on is the program in this file: another build, after an upgrade.
    pub fn set_program(&self, path: &Path) {
        self.state().program.set_path(path);
    }

    /// Looks again and again until `condition` holds, as long as it runs.
    fn until(
        &self,
        awaited: &'static str,
        limit: Duration,
        condition: impl Fn() -> bool,
    ) -> Result<(), ServerError> {
        let given_up_at = Instant::now() + limit;
        while !condition() {
            let mut state = self.state();
            let is_alive = state.is_alive();
            let Process::Running(running) = &mut state.process else { return Err(not_running()) };
            if !is_alive {
                // Its last words, too.
                running.end(Signal::Kill)?;
                return Err(running.failed());
            }
            if Instant::now() > given_up_at {
                return Err(running.too_slow(awaited, limit));
            }
            drop(state);
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked has left the service as it is, which is all there is to know.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_alive(&mut self) -> bool {
        match &mut self.process {
            Process::Running(running) => running.is_alive(),
            Process::Ended(_) => false,
        }
    }

    fn tell(&self, signal: Signal) -> Result<(), ServerError> {
        match &self.process {
            Process::Running(running) => running.tell_all(signal),
            Process::Ended(_) => Ok(()),
        }
    }

    /// What it said since it was started last.
    fn words(&self) -> String {
        match &self.process {
            Process::Running(running) => running.log().text(),
            Process::Ended(_) => String::new(),
        }
    }

    fn end(&mut self, signal: Signal) -> Result<ExitStatus, ServerError> {
        let status = match &mut self.process {
            Process::Running(running) => running.end(signal)?,
            Process::Ended(status) => *status,
        };
        self.process = Process::Ended(status);
        Ok(status)
    }
}

/// Runs the program and waits until it says that it listens.
fn run(
    program: &Program,
    arguments: &[String],
    address: SocketAddr,
    log: &Path,
) -> Result<Running, ServerError> {
    let mut command = program.command(arguments);
    command.env("HTTP_ADDR", address.to_string());
    let log = Log::continued(log.to_owned())?;
    if program.writes_log() {
        return Running::start_writing(RECIPE.program, command, log, address);
    }
    Running::start(RECIPE, command, log)
}

/// Reads `127.0.0.1:8080` out of a line that says `listening on http://127.0.0.1:8080`.
fn address(line: &str) -> Option<SocketAddr> {
    line.split_once(LISTENING)?.1.split_whitespace().next()?.parse().ok()
}

fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    Ok(status.split(' ').nth(1) == Some("200"))
}

fn not_running() -> ServerError {
    let said = "it does not run".to_owned();
    ServerError::Failed { program: RECIPE.program.to_owned(), said }
}
