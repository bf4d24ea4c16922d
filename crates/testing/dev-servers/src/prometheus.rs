//! Private Prometheus servers, and the tool that comes with them.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    ServerError,
    error::{Attempting, succeeded},
    home::Home,
    log::Log,
    ports::on_a_free_port,
    running::{Recipe, Running},
    tied::{self, Signal},
};

const RECIPE: Recipe = Recipe { program: "prometheus", ready: "Server is ready to receive" };

const MISSING: ServerError = ServerError::Missing {
    program: "Prometheus",
    remedy: "`make deps` installs Debian's package prometheus",
};

/// What it reads first, by its name in the directory it lives in.
const SETTINGS: &str = "prometheus.yml";

/// A Prometheus of our own. It is gone when this value is dropped, with all that it knows.
pub struct Prometheus {
    url: String,
    // Before the directory it works in.
    _running: Running,
    _home: Home,
}

impl Prometheus {
    /// Starts one with these settings, beside which files of these names and texts are.
    pub fn start(settings: &str, files: &[(&str, &str)]) -> Result<Self, ServerError> {
        let home = Home::temporary(None)?;
        for (name, text) in files.iter().chain(&[(SETTINGS, settings)]) {
            let file = home.path().join(name);
            fs::write(&file, text).attempting(format!("write {}", file.display()))?;
        }
        let (port, running) = on_a_free_port(|port| run(&home, port))?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), _running: running, _home: home })
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has the tool that comes with it, `promtool`, do something in a directory; returns what it printed.
    pub fn tool(dir: &Path, arguments: &[&str]) -> Result<String, ServerError> {
        let mut command = Command::new(program("promtool")?);
        let output = command.args(arguments).current_dir(dir).stdin(Stdio::null()).output();
        succeeded("promtool", &output.attempting("run promtool")?)
    }
}

fn run(home: &Home, port: u16) -> Result<Running, ServerError> {
    let mut command = tied::command(program("prometheus")?, Signal::Kill);
    command
        .arg(format!("--config.file={}", home.path().join(SETTINGS).display()))
        .arg(format!("--storage.tsdb.path={}", home.path().join("figures").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command.stdin(home.claim().attempting("start prometheus")?).process_group(0).current_dir("/");
    Running::start(RECIPE, command, Log::anew(home.path().join("prometheus.log"))?)
}

fn program(name: &str) -> Result<PathBuf, ServerError> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(name)).find(|it| it.exists()).ok_or(MISSING)
}
