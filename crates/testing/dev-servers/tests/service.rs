//! A service from its first word to its end. A shell script stands for the program.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use dev_servers::{Program, ServerError};

/// Nothing here takes longer on a healthy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Too short for what never comes, and long enough for a program to be looked at.
const MOMENT: Duration = Duration::from_millis(50);

/// Says where it listens, as the service does.
const LISTENS: &str = r#"echo "INFO listening on http://$HTTP_ADDR" >&2"#;

/// Goes on until it is told to stop. A shell looks at its traps between commands: short ones.
const STOPS_WITH_7: &str = "trap 'echo stopping; exit 7' TERM; while :; do sleep 0.02; done";

/// A directory with a script in it.
struct Script(tempfile::TempDir);

impl Script {
    fn of(lines: &[&str]) -> Self {
        let script = Self(tempfile::tempdir().unwrap());
        script.write("program", lines);
        script
    }

    fn write(&self, name: &str, lines: &[&str]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{}\n", lines.join("\n"))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn program(&self) -> Program {
        Program::at(self.0.path().join("program")).in_dir(self.0.path())
    }
}

#[test]
fn a_service_that_started_has_said_where_it_listens() {
    let script = Script::of(&["echo told $GREETING $*", LISTENS, STOPS_WITH_7]);

    let service = script.program().env("GREETING", "hello").start(&["serve", "all"]).unwrap();

    let log = service.log();
    assert!(log.starts_with("told hello serve all\n"), "{log}");
    assert!(log.contains(&format!("listening on {}\n", service.url())), "{log}");
    assert!(service.url().ends_with(&format!(":{}", service.port())), "{}", service.url());
    assert!(service.is_alive() && service.pid().is_some());
}

#[test]
fn one_that_ends_before_it_listens_is_an_error_with_its_words() {
    let script = Script::of(&["echo 'the database has another history' >&2", "exit 1"]);

    let Err(error) = script.program().start(&["serve"]) else { panic!("it is said to listen") };

    assert!(matches!(error, ServerError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("the database has another history"), "{error}");
}

#[test]
fn a_service_that_writes_its_log_itself_meets_a_disk_that_is_full() {
    let listens = r#"exec redis-server --port "${HTTP_ADDR##*:}" --save """#;
    let says = "echo said >&2 2>/dev/null && echo said >> said";
    let script = Script::of(&[says, listens]);
    let said = script.0.path().join("said");

    let full = script.program().write_log_to("/dev/full").start(&[]).unwrap();
    let was_heard = said.exists();
    let with_room = script.program().write_log_to(script.0.path().join("log")).start(&[]).unwrap();

    assert!(!was_heard && full.is_alive());
    assert!(said.exists() && with_room.log().starts_with("said\n"), "{}", with_room.log());
    full.kill().unwrap();
    full.start_again().unwrap();
    assert!(full.is_alive());
}

#[test]
fn a_port_that_somebody_takes_meanwhile_is_left_to_them() {
    let taken =
        "[ -e taken ] || { echo $HTTP_ADDR > taken; echo 'Address already in use'; exit 1; }";
    let script = Script::of(&[taken, LISTENS, STOPS_WITH_7]);

    let service = script.program().start(&[]).unwrap();

    let taken = fs::read_to_string(script.0.path().join("taken")).unwrap();
    assert_ne!(service.url(), format!("http://{}", taken.trim()));
}

#[test]
fn a_terminated_service_says_how_it_ended_even_if_it_stood_still() {
    let script = Script::of(&[LISTENS, STOPS_WITH_7]);
    let service = script.program().start(&[]).unwrap();
    service.pause().unwrap();

    let status = service.terminate().unwrap();

    assert_eq!(status.code(), Some(7));
    assert!(service.log().ends_with("stopping\n"), "{}", service.log());
    assert!(!service.is_alive() && service.pid().is_none());
    assert_eq!(service.terminate().unwrap().code(), Some(7), "it ends once");
}

#[test]
fn it_comes_back_at_the_same_address_as_often_as_it_ends() {
    let script = Script::of(&[LISTENS, STOPS_WITH_7]);
    let service = script.program().start(&[]).unwrap();
    let (url, first) = (service.url().to_owned(), service.pid());

    service.start_again().unwrap();
    assert_eq!(service.pid(), first, "one that runs is left alone");
    service.kill().unwrap();
    service.start_again().unwrap();
    service.terminate().unwrap();
    service.start_again().unwrap();

    assert!(service.is_alive());
    assert_eq!(service.log().matches(&format!("listening on {url}\n")).count(), 3);
}

#[test]
fn one_that_ended_by_itself_is_started_again_as_the_next_build_and_its_words_are_kept() {
    let script = Script::of(&[LISTENS, "exit 3"]);
    let log = script.0.path().join("service.log");
    let service = script.program().log_to(&log).start(&[]).unwrap();
    service.await_ready(LIMIT).unwrap_err();
    assert_eq!(service.terminate().unwrap().code(), Some(3));

    service.set_program(&script.write("next", &["echo next", LISTENS, STOPS_WITH_7]));
    service.start_again().unwrap();

    assert!(service.is_alive());
    drop(service);
    let said = fs::read_to_string(&log).unwrap();
    assert_eq!(said.lines().count(), 3, "{said}");
    assert_eq!(said.lines().nth(1), Some("next"));
}

#[test]
fn it_is_ready_when_it_says_so_and_no_sooner() {
    // The test listens where the script says that it does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for status in ["503 Service Unavailable", "200 OK"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            sender.send(line).unwrap();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let listens = format!("echo listening on http://{address}");
    let script = Script::of(&[&listens, STOPS_WITH_7]);
    let service = script.program().start(&[]).unwrap();

    service.await_ready(LIMIT).unwrap();

    assert_eq!(service.port(), address.port());
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), ["GET /health/ready HTTP/1.1\r\n"; 2]);
}

#[test]
fn one_that_does_not_become_ready_is_an_error_in_time() {
    let script = Script::of(&["echo 'waiting for Postgres'", LISTENS, STOPS_WITH_7]);
    let service = script.program().start(&[]).unwrap();

    let error = service.await_ready(MOMENT).unwrap_err();

    assert!(matches!(error, ServerError::TooSlow { awaited: "ready", .. }), "{error:?}");
    assert!(error.to_string().contains("waiting for Postgres"), "{error}");
    assert!(service.is_alive());
}

#[test]
fn one_that_ends_while_it_is_awaited_is_an_error_at_once() {
    let script = Script::of(&[LISTENS, "sleep 0.02", "echo 'the disk is full'", "exit 1"]);
    let service = script.program().start(&[]).unwrap();

    let error = service.await_ready(LIMIT).unwrap_err();

    assert!(matches!(error, ServerError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    let again = service.await_ready(LIMIT).unwrap_err();
    assert!(matches!(again, ServerError::Failed { .. }), "{again:?}");
}

#[test]
fn its_words_are_awaited_in_each_run_anew() {
    let says = "sleep 0.02; echo 'the live store serves a sale'; exec sleep 60";
    let script = Script::of(&[LISTENS, says]);
    script.write("next", &[LISTENS, STOPS_WITH_7]);
    let service = script.program().start(&[]).unwrap();

    service.await_words("serves a sale", LIMIT).unwrap();
    service.kill().unwrap();
    service.set_program(&script.0.path().join("next"));
    service.start_again().unwrap();

    service.await_words("serves a sale", MOMENT).unwrap_err();
    assert!(service.log().contains("serves a sale"));
}

#[test]
fn a_command_returns_what_it_printed_or_fails_with_its_words() {
    let script = Script::of(&["[ $1 = good ] && echo fine || { echo bad >&2; exit 2; }"]);

    let good = script.program().run(&["good"]).unwrap();
    let error = script.program().run(&["wrong", "now"]).unwrap_err();

    assert_eq!(good, "fine\n");
    assert_eq!(error.to_string(), "program wrong now failed:\nbad\n");
}

#[test]
fn a_variable_is_kept_from_a_program_and_another_is_told() {
    let script = Script::of(&["echo ${HOME:-nothing} $THIS"]);

    let said = script.program().without_env("HOME").env("THIS", "that").run(&[]).unwrap();

    assert_eq!(said, "nothing that\n");
}

#[test]
fn a_dropped_service_is_gone() {
    let script = Script::of(&["exec 3> alive", LISTENS, STOPS_WITH_7]);
    let alive = fifo(script.0.path());
    let end = until_nobody_writes(alive);
    let service = script.program().start(&[]).unwrap();

    drop(service);

    end.recv_timeout(LIMIT).unwrap();
}

/// Set in the environment of this test when it starts itself as the parent that is to be killed.
const PARENT_IN: &str = "DEV_SERVERS_TEST_PARENT_IN";

#[test]
fn no_service_outlives_its_parent_even_a_killed_one() {
    if let Some(dir) = env::var_os(PARENT_IN) {
        be_a_parent(Path::new(&dir));
    }
    let script = Script::of(&["exec 3> alive", LISTENS, STOPS_WITH_7]);
    let end = until_nobody_writes(fifo(script.0.path()));
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "no_service_outlives_its_parent_even_a_killed_one", "--nocapture"])
        .env(PARENT_IN, script.0.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(parent.stdout.take().unwrap());
    assert!(said.lines().map_while(Result::ok).any(|line| line.contains("it listens")));

    assert!(end.try_recv().is_err(), "it lives as long as its parent");
    parent.kill().unwrap();
    parent.wait().unwrap();

    end.recv_timeout(LIMIT).unwrap();
}

/// Starts the service in `dir` and waits to be killed.
fn be_a_parent(dir: &Path) -> ! {
    let _service = Program::at(dir.join("program")).in_dir(dir).start(&[]).unwrap();
    std::io::stdout().write_all(b"it listens\n").unwrap();
    loop {
        thread::park();
    }
}

/// A pipe in `dir` by the name of `alive`.
fn fifo(dir: &Path) -> PathBuf {
    let alive = dir.join("alive");
    assert!(Command::new("mkfifo").arg(&alive).status().unwrap().success());
    alive
}

/// Hears of the end of whoever opens the pipe for writing.
fn until_nobody_writes(fifo: PathBuf) -> mpsc::Receiver<()> {
    let (sender, end) = mpsc::channel();
    thread::spawn(move || {
        File::open(fifo).unwrap().read_to_end(&mut Vec::new()).unwrap();
        sender.send(()).unwrap();
    });
    end
}
