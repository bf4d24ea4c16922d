//! What is measured: the service on private servers, and the floor.

use std::{
    env, fs, io,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use dev_servers::{PostgresServer, RedisServer, ServerError, tied};

use crate::wrk::{self, Load, Run};

const DATABASE: &str = "flashsale";

/// How long a program may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing is measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: io::Error },
    #[error("{what} failed: {said}")]
    Refused { what: &'static str, said: String },
    #[error("wrk printed no figures: {0}")]
    Unreadable(String),
}

/// Names what was tried when the system said no.
pub(crate) fn during(what: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::System { what, source }
}

/// The bare handler.
pub(crate) struct Floor(Program);

/// The service, with a sale of its own that is on.
pub(crate) struct Stand {
    app: Program,
    postgres: PostgresServer,
    _redis: RedisServer,
}

impl Floor {
    pub(crate) fn start() -> Result<Self, BenchError> {
        Program::start(program("floor", tied::Signal::Kill)?).map(Self)
    }

    pub(crate) fn measure(&self, load: Load) -> Result<Run, BenchError> {
        wrk::run("checkout.lua", &self.0.url, load, &[("SALE", "1")])
    }
}

impl Stand {
    pub(crate) fn start(stock: u32) -> Result<Self, BenchError> {
        let postgres = PostgresServer::start()?;
        postgres.create_database(DATABASE)?;
        for setting in ["shared_buffers = '512MB'", "max_wal_size = '8GB'"] {
            postgres.psql(DATABASE, &format!("ALTER SYSTEM SET {setting}"))?;
        }
        postgres.restart()?;
        let redis = RedisServer::start()?;
        let command = || -> Result<Command, BenchError> {
            let mut command = program("flashsale", tied::Signal::Kill)?;
            command
                .env("DATABASE_URL", postgres.url(DATABASE))
                .env("REDIS_URL", redis.url())
                .env("HTTP_ADDR", "127.0.0.1:0")
                .env("SALE_STOCK", stock.to_string())
                .env("SALE_PER_USER_LIMIT", "1000")
                .env("RUST_LOG", "info");
            Ok(command)
        };
        // Long enough to be the sale that is on, whatever the hour.
        let an_hour_ago = "SELECT to_char(now() AT TIME ZONE 'utc' - interval '1 hour', \
                           'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
        let starts_at = postgres.psql(DATABASE, an_hour_ago)?;
        let mut schedule = command()?;
        schedule.args(["sales", "schedule", "--lasts", "1day", "--starts-at", starts_at.trim()]);
        let scheduled = schedule.output().map_err(during("schedule a sale"))?;
        if !scheduled.status.success() {
            let said = String::from_utf8_lossy(&scheduled.stderr).into_owned();
            return Err(BenchError::Refused { what: "scheduling a sale", said });
        }
        let mut app = Program::start(command()?)?;
        app.until_it_says("the live side serves a sale")?;
        Ok(Self { app, postgres, _redis: redis })
    }

    pub(crate) fn measure(
        &self,
        script: &str,
        load: Load,
        environment: &[(&str, &str)],
    ) -> Result<Run, BenchError> {
        let environment = [&[("SALE", "1")], environment].concat();
        wrk::run(script, &self.app.url, load, &environment)
    }
}

impl Stand {
    /// Sells every unit and writes the used codes to a file.
    pub(crate) fn sell_out(&self, connections: u32) -> Result<tempfile::NamedTempFile, BenchError> {
        // A sale of a thousand units is sold in well under a second.
        let load = Load { connections, seconds: 1 };
        loop {
            self.measure("flow.lua", load, &[])?;
            let left = "SELECT stock - (SELECT count(*) FROM purchases) FROM sales WHERE id = 1";
            if self.postgres.psql(DATABASE, left)?.trim() == "0" {
                break;
            }
        }
        let codes = self.postgres.psql(DATABASE, "SELECT code FROM purchases")?;
        let file = tempfile::NamedTempFile::new().map_err(during("make a file for codes"))?;
        fs::write(file.path(), codes).map_err(during("write the codes"))?;
        Ok(file)
    }
}

/// A program that says where it listens; it ends with this value.
struct Program {
    child: Child,
    log: mpsc::Receiver<String>,
    url: String,
}

impl Program {
    fn start(mut command: Command) -> Result<Self, BenchError> {
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
    fn until_it_says(&mut self, what: &'static str) -> Result<String, BenchError> {
        let mut said = String::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(what) {
                return Ok(line);
            }
            said = line;
        }
        Err(BenchError::Refused { what: "waiting for a program", said })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A program that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of the same build.
fn program(name: &str, signal: tied::Signal) -> Result<Command, BenchError> {
    let here = env::current_exe().map_err(during("find the programs of this build"))?;
    Ok(tied::command(here.with_file_name(name), signal))
}
