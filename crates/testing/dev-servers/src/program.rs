//! A program, and what it is told.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    ServerError, Service,
    error::{Attempting, succeeded},
    stack::Place,
    tied::{self, Signal},
};

/// A program, and what its processes find in their environment: the builder of commands that end
/// by themselves and of a [`Service`] that does not.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// `None` for what is not set, whatever it is in our own environment.
    environment: BTreeMap<OsString, Option<OsString>>,
    dir: Option<PathBuf>,
    log: Option<PathBuf>,
    writes_log: bool,
}

impl Program {
    /// The program in this file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            environment: BTreeMap::new(),
            dir: None,
            log: None,
            writes_log: false,
        }
    }

    /// The program of this name beside the one that asks, from the same build.
    pub fn beside(name: &str) -> Result<Self, ServerError> {
        let here = env::current_exe().attempting("find the programs of this build")?;
        Ok(Self::at(here.with_file_name(name)))
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), Some(value.into()));
        self
    }

    /// Sets variables of the environment.
    #[must_use]
    pub fn envs<N: Into<OsString>, V: Into<OsString>>(
        self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        variables.into_iter().fold(self, |program, (name, value)| program.env(name, value))
    }

    /// Keeps a variable of our own environment from it.
    #[must_use]
    pub fn without_env(mut self, name: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), None);
        self
    }

    /// Sets it to these stores.
    #[must_use]
    pub fn on(self, place: &Place) -> Self {
        self.envs(place.environment())
    }

    /// Runs it in this directory instead of ours.
    #[must_use]
    pub fn in_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Lets what its services say be written at the end of this file, which stays.
    #[must_use]
    pub fn log_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Lets its services write what they say at the end of this file themselves: a disk that has
    /// no room for it is theirs to bear. Otherwise it is copied for them, and a full disk costs
    /// them nothing.
    #[must_use]
    pub fn write_log_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.writes_log = true;
        self.log_to(path)
    }

    /// A command of the program, which ends with this thread at the latest.
    #[must_use]
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = tied::command(&self.path, Signal::Kill);
        command.args(arguments).stdin(Stdio::null());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// Runs a command of the program that ends by itself; returns what it printed. It is an error
    /// if it does not end well.
    pub fn run(&self, arguments: &[&str]) -> Result<String, ServerError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name = [&[name.as_ref()], arguments].concat().join(" ");
        let output = self.command(arguments).output().attempting(format!("run {name}"))?;
        succeeded(&name, &output)
    }

    /// Starts a service, on a free port of the loopback interface, and waits until it says where
    /// it listens. It ends with this process at the latest.
    ///
    /// `HTTP_ADDR` tells it the port, and "listening on http://" begins what it is to say.
    pub fn start(&self, arguments: &[&str]) -> Result<Service, ServerError> {
        Service::start(self.clone(), arguments)
    }

    pub(crate) fn set_path(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
    }

    /// Whether its services write their log themselves.
    pub(crate) fn writes_log(&self) -> bool {
        self.writes_log
    }

    pub(crate) fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }
}
