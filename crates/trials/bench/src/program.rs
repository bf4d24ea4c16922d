//! The programs under load, beside this one in the same build.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use dev_servers::tied;

use crate::error::{BenchError, during};

/// How long a program may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that says where it listens; it ends with this value.
pub(crate) struct Program {
    child: Child,
    log: mpsc::Receiver<String>,
    url: String,
}

impl Program {
    /// Starts it and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Result<Self, BenchError> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = tied::spawn(command).map_err(during("start a program"))?;
        let (sender, log) = mpsc::channel();
        let lines = child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Read to the end even if nobody listens: a full pipe would stop the program.
                let _ = sender.send(line);
            }
        });
        let mut program = Self { child, log, url: String::new() };
        let line = program.until_it_says("listening on ")?;
        if let Some((_, url)) = line.rsplit_once(' ') {
            program.url.push_str(url);
        }
        Ok(program)
    }

    /// Waits for a line of its log.
    pub(crate) fn until_it_says(&mut self, what: &'static str) -> Result<String, BenchError> {
        let mut said = String::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(what) {
                return Ok(line);
            }
            said = line;
        }
        Err(BenchError::Refused { what: "waiting for a program", said })
    }

    /// Where it listens, such as `http://127.0.0.1:8080`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its number in `/proc`.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A program that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of the same build, which ends with this one.
pub(crate) fn beside(name: &str) -> Result<Command, BenchError> {
    let here = env::current_exe().map_err(during("find the programs of this build"))?;
    Ok(tied::command(here.with_file_name(name), tied::Signal::Kill))
}
