//! The program `dev-servers run`: what the command finds, and what is left when it ends.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use dev_servers::{PostgresServer, tied::Signal};

/// Nothing here takes longer on a healthy machine.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn the_command_finds_both_servers_and_its_exit_code_is_passed_on() {
    let output = dev_servers()
        .args(["run", "--", "sh", "-c", "echo $DATABASE_URL $REDIS_URL; exit 7"])
        .output()
        .unwrap();

    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.starts_with("postgres://postgres@127.0.0.1:"), "{stdout}");
    assert!(stdout.contains("/flashsale redis://127.0.0.1:"), "{stdout}");
}

#[test]
fn servers_that_the_environment_names_are_left_alone() {
    let output = dev_servers()
        .args(["run", "--", "sh", "-c", "echo $DATABASE_URL $REDIS_URL"])
        .env("DATABASE_URL", "postgres://secret@elsewhere/sale")
        .env("REDIS_URL", "redis://elsewhere")
        .output()
        .unwrap();

    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.stdout, b"postgres://secret@elsewhere/sale redis://elsewhere\n");
    assert!(!stderr.contains("secret"), "{stderr}");
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let output = dev_servers().args(["run", "--", "no-such-command"]).output().unwrap();

    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(stderr.contains("no-such-command"), "{stderr}");
}

#[test]
fn a_missing_server_is_named_with_its_remedy() {
    let nowhere = tempfile::tempdir().unwrap();
    for (variable, package) in [("PG_BIN", "postgresql"), ("REDIS_BIN", "redis-server")] {
        let output =
            dev_servers().args(["run", "--", "true"]).env(variable, nowhere.path()).output();

        let output = output.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr.contains("make deps") && stderr.contains(package), "{stderr}");
    }
}

#[test]
fn a_terminated_run_lets_the_command_finish_and_stops_the_servers() {
    // A shell looks at its traps between commands: short ones, so that no signal is missed.
    let mut run =
        Run::start("trap 'echo finished; exit 3' TERM; echo ready; while :; do sleep 0.1; done");

    Signal::Terminate.send(run.child.id()).unwrap();

    assert_eq!(run.rest(), "finished\n");
    assert_eq!(run.child.wait().unwrap().code(), Some(3));
    assert!(run.servers.iter().all(|server| TcpStream::connect(server).is_err()));
}

#[test]
fn an_interrupted_run_waits_for_the_command_that_the_terminal_tells() {
    let mut run = Run::start("echo ready; read line; echo got $line");

    Signal::Interrupt.send(run.child.id()).unwrap();
    run.child.stdin.take().unwrap().write_all(b"the-line\n").unwrap();

    assert_eq!(run.rest(), "got the-line\n");
    assert!(run.child.wait().unwrap().success());
    assert!(run.servers.iter().all(|server| TcpStream::connect(server).is_err()));
}

#[test]
fn a_killed_run_leaves_no_command_and_no_server() {
    let mut run = Run::start("echo ready; exec sleep 600");

    run.child.kill().unwrap();
    run.child.wait().unwrap();

    // The command's end closes its output, and the servers' end unlocks their directory.
    assert_eq!(run.rest(), "");
    within_limit(move || {
        File::open(run.data.path().join("lock")).unwrap().lock().unwrap();
        assert!(run.servers.iter().all(|server| TcpStream::connect(server).is_err()));
    });
}

#[test]
fn a_second_run_on_the_same_directory_says_that_it_is_in_use() {
    let run = Run::start("echo ready; read line");

    let second = run_in(run.data.path(), "true").output().unwrap();

    let stderr = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr.contains("is in use by another run"), "{stderr}");
}

#[test]
fn what_a_killed_run_committed_is_found_by_the_next() {
    let mut run = Run::start("echo ready; exec sleep 600");

    run.child.kill().unwrap();
    let next = PostgresServer::start_in(run.data.path()).unwrap();

    assert!(next.has_database("flashsale").unwrap());
}

/// A run whose command has said `ready`.
struct Run {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    /// The addresses of Postgres and Redis.
    servers: [String; 2],
    data: tempfile::TempDir,
}

impl Run {
    fn start(script: &str) -> Self {
        let data = tempfile::tempdir_in("/var/tmp").unwrap();
        let script = format!("echo $DATABASE_URL; echo $REDIS_URL; {script}");
        let mut child = run_in(data.path(), &script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.by_ref().lines().map(Result::unwrap);
        let servers = [lines.next(), lines.next()].map(|url| {
            let url = url.unwrap();
            let start = url.rfind("127.0.0.1").unwrap();
            url[start..].split('/').next().unwrap().to_owned()
        });
        assert_eq!(lines.next().as_deref(), Some("ready"));
        for server in &servers {
            TcpStream::connect(server).unwrap();
        }
        Self { child, output, servers, data }
    }

    /// What the command still says, until it ends.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A failed test ends here too; the servers follow the run.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fails, rather than hangs, if `check` does.
fn within_limit(check: impl FnOnce() + Send + 'static) {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        check();
        sender.send(()).unwrap();
    });
    done.recv_timeout(LIMIT).unwrap();
}

fn run_in(data: &Path, script: &str) -> Command {
    let mut command = dev_servers();
    command.args(["run", "--data"]).arg(data).args(["--", "sh", "-c", script]);
    command
}

fn dev_servers() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev-servers"));
    command.env_remove("DATABASE_URL").env_remove("REDIS_URL");
    command
}
