//! Standbys: servers that have a copy of all that another one writes.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{PostgresServer, programs};
use crate::{
    ServerError,
    account::Account,
    error::Attempting,
    home::Home,
    tied::{self, Signal},
};

/// What each standby is called by the server that it follows, and nothing else that takes its log.
const STANDBY_NAME: &str = "standby";

/// A program that takes the log of a server, and is no standby. It is ended when this value is dropped.
pub struct LogTaker(Child);

impl Drop for LogTaker {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl PostgresServer {
    /// Starts a standby of this server. It may be promoted; the server does not wait for it until it
    /// [is told to](Self::wait_for_standbys).
    pub fn start_standby(&self) -> Result<Self, ServerError> {
        let account = Account::for_postgres()?;
        let mut standby = Self::stopped(Home::temporary(account)?, account, Vec::new())?;
        standby.settings = vec![format!("cluster_name={STANDBY_NAME}")];
        standby.opened(|standby| {
            standby.make_cluster("pg_basebackup", |copy: &mut Command| {
                let source = format!("host=127.0.0.1 port={} user=postgres", self.port);
                copy.args(["-d", &source, "-R", "-X", "stream", "-c", "fast", "-D"]);
            })
        })
    }

    /// Has every commit wait until one of the standbys has it, from now on and on every standby that
    /// is promoted later; with `false`, no more: commits that wait already are let go, and told as done
    /// without a warning.
    pub fn wait_for_standbys(&self, wait: bool) -> Result<(), ServerError> {
        let names = if wait { format!("ANY 1 ({STANDBY_NAME})") } else { String::new() };
        self.psql("postgres", &format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))?;
        self.psql("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// How many standbys confirm what is written here, of those that are waited for.
    pub fn confirming(&self) -> Result<usize, ServerError> {
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')";
        Ok(self.psql("postgres", sql)?.trim().parse().unwrap_or(0))
    }

    /// Has a program write the log of this server into `dir` as it comes, and confirm it as a standby
    /// would, under its own name: an archive, say.
    pub fn archive_log(&self, dir: &Path) -> Result<LogTaker, ServerError> {
        let source = format!("host=127.0.0.1 port={} user=postgres", self.port);
        let mut command =
            tied::command(programs::client(&self.programs, "pg_receivewal"), Signal::Kill);
        command.args(["--synchronous", "-d", &source, "-D"]).arg(dir).stdin(Stdio::null());
        tied::spawn(command).map(LogTaker).attempting("run pg_receivewal")
    }

    /// Has this standby, which is standing by no more when this returns, take writes.
    pub fn promote(&self) -> Result<(), ServerError> {
        self.psql("postgres", "SELECT pg_promote(true, 60)").map(drop)
    }

    /// Cancels the wait of every commit that waits for a standby, as an operator might: each is told
    /// as done, with a warning. Returns how many there were.
    pub fn cancel_waits(&self) -> Result<usize, ServerError> {
        let cancelled = self.psql(
            "postgres",
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        )?;
        Ok(cancelled.trim().parse().unwrap_or(0))
    }

    /// How many commits wait for a standby.
    pub fn waits(&self) -> Result<usize, ServerError> {
        let waiting = self.psql(
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        )?;
        Ok(waiting.trim().parse().unwrap_or(0))
    }

    /// The URL of a database that is on any of these servers, in this order.
    #[must_use]
    pub fn url_of_all(servers: &[&Self], database: &str) -> String {
        let hosts = servers.iter().map(|server| format!("127.0.0.1:{}", server.port));
        let hosts = hosts.collect::<Vec<_>>().join(",");
        format!("postgres://postgres@{hosts}/{database}")
    }
}
