//! The programs `dev-servers run --ha` and `dev-servers ha`, where an operator has made mistakes.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use dev_servers::tied::Signal;

/// A minute in all.
const LOOKS_MAX: u32 = 600;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[test]
fn of_two_that_were_promoted_beside_each_other_one_is_given_up_and_gets_a_copy() {
    let mut stand = Stand::start();
    stand.ha("kill", &[]).unwrap();
    // Neither may follow the other, or it would be on a timeline of its own.
    for server in [2, 3] {
        stand.sql(server, "ALTER SYSTEM SET primary_conninfo = ''");
        stand.sql(server, "SELECT pg_reload_conf()");
    }
    for server in [2, 3] {
        stand.sql(server, "SELECT pg_promote(true, 60)");
        stand
            .sql(server, &format!("SET synchronous_commit = local; CREATE TABLE only_{server} ()"));
        stand.sql(server, "ALTER SYSTEM RESET primary_conninfo");
        stand.sql(server, "SELECT pg_reload_conf()");
    }

    let both = "servers 2 (timeline 2) and 3 (timeline 2) take writes";
    for step in ["rejoin", "kill"] {
        let refused = stand.ha(step, &[]).unwrap_err();
        assert!(refused.contains(both) && refused.contains("ha kill N"), "{refused}");
    }
    assert!(stand.ha("status", &[]).unwrap().contains(both));
    // Nor is one of them chosen at a start.
    stand.stop();
    let refused = stand.run("true").output().unwrap();
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.contains("servers 2 and 3 were promoted beside each other"), "{refused}");

    stand.ha("kill", &["3"]).unwrap();
    stand.start_again();
    let said = stand.ha("rejoin", &[]).unwrap();
    assert!(said.contains("server 3 took writes beside server 2"), "{said}");
    assert_eq!(said.matches("bin/pg_basebackup").count(), 1, "the first one is rewound: {said}");
    assert!(stand.data.path().join("server-3/postgres-lost/PG_VERSION").exists());

    stand.stop();
    stand.start_again();
    stand.all_follow(2);
    let nothing = stand.ha("rejoin", &[]).unwrap();
    assert!(nothing.contains("nothing to do"), "{nothing}");
    for server in [1, 3] {
        let tables = "SELECT relname FROM pg_class WHERE relname LIKE 'only_%'";
        assert_eq!(stand.sql(server, tables), "only_2\n");
    }
}

#[test]
fn a_standby_that_has_more_than_the_promoted_one_is_named_and_keeps_nobody_from_starting() {
    let mut stand = Stand::start();
    stand.sql(2, "ALTER SYSTEM SET primary_conninfo = ''");
    stand.sql(2, "SELECT pg_reload_conf()");
    stand.until("server 3 alone follows", |stand| {
        // One that is too busy to answer says nothing of either.
        let status = stand.ha("status", &[]).unwrap();
        status.contains("server-3 (") && !status.contains("server-2 (")
    });
    stand.sql(1, "CREATE TABLE only_3 ()");
    stand.ha("kill", &[]).unwrap();
    stand.sql(2, "SELECT pg_promote(true, 60)");
    // The others get its settings.
    stand.sql(2, "ALTER SYSTEM RESET primary_conninfo");

    let status = stand.ha("status", &[]).unwrap();
    assert!(status.contains("does not follow (new timeline 2 forked off"), "{status}");
    stand.stop();
    let told = stand.start_again();
    assert!(told.contains("Server 3 does not start, and stays down"), "{told}");
    assert!(told.contains("does not contain minimum recovery point"), "{told}");

    let said = stand.ha("rejoin", &[]).unwrap();
    assert!(said.contains("server 3 is a standby, and does not follow"), "{said}");
    stand.all_follow(2);
}

#[test]
fn a_stop_ends_all_that_was_started_and_nothing_of_it_is_lost() {
    let mut stand = Stand::start();
    stand.sql(1, "CREATE TABLE kept ()");

    let said = stand.ha("stop", &[]).unwrap();

    assert!(said.contains("kill -TERM") && said.contains("are stopped"), "{said}");
    let ended = stand.child.take().unwrap().wait().unwrap();
    assert_eq!(ended.code(), Some(143), "the command got its signal");
    let status = stand.ha("status", &[]).unwrap();
    assert_eq!(status.matches("  down").count(), 3, "{status}");
    let again = stand.ha("stop", &[]).unwrap();
    assert!(again.contains("nothing to do"), "{again}");

    stand.start_again();
    assert_eq!(stand.sql(1, "SELECT relname FROM pg_class WHERE relname = 'kept'"), "kept\n");
    let log = fs::read_to_string(stand.data.path().join("server-1/postgres.log")).unwrap();
    assert!(!log.contains("was interrupted"), "it was stopped well: {log}");
}

/// Three servers that somebody runs.
struct Stand {
    data: tempfile::TempDir,
    child: Option<Child>,
    ports: Vec<String>,
}

impl Stand {
    fn start() -> Self {
        let data = tempfile::tempdir_in("/var/tmp").unwrap();
        let mut stand = Self { data, child: None, ports: vec![] };
        stand.start_again();
        let ports = fs::read_to_string(stand.data.path().join("ports")).unwrap();
        stand.ports = ports.split_whitespace().map(str::to_owned).collect();
        stand
    }

    /// Returns what was said until all were started that can be.
    fn start_again(&mut self) -> String {
        let mut run = self.run("echo ready >&2; exec sleep 600");
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        self.child = Some(child);
        let mut told = String::new();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {told}"));
            if line == "ready" {
                break;
            }
            told = told + &line + "\n";
        }
        thread::spawn(move || lines.for_each(drop));
        told
    }

    fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        Signal::Terminate.send(child.id()).unwrap();
        child.wait().unwrap();
    }

    fn run(&self, script: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev-servers"));
        command.env_remove("DATABASE_URL").env("REDIS_URL", "redis://nobody");
        command.args(["run", "--ha", "--data"]).arg(self.data.path());
        command.args(["--", "sh", "-c", script]);
        command
    }

    /// What a step said, also as an error.
    fn ha(&self, step: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev-servers"));
        command.args(["ha", step]).args(arguments).arg("--data").arg(self.data.path());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    fn sql(&self, server: usize, sql: &str) -> String {
        let url = format!("postgres://postgres@127.0.0.1:{}/flashsale", self.ports[server - 1]);
        let output = Command::new("psql").args(["-XqAt", "-c", sql, "-d", &url]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn all_follow(&self, server: usize) {
        let status = self.ha("status", &[]).unwrap();
        assert_eq!(status.matches(&format!("follows server {server};")).count(), 2, "{status}");
    }

    fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let held = (0..LOOKS_MAX).any(|_| {
            let holds = condition(self);
            if !holds {
                thread::sleep(LOOK_AGAIN);
            }
            holds
        });
        assert!(held, "{what}");
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // A failed test ends here; the servers follow the run.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
