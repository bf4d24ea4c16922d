//! Which stack `make run` chooses, by what the machine has.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/run.sh");

/// A machine on which only these commands are, beside those every machine has.
struct Machine(tempfile::TempDir);

impl Machine {
    fn with(commands: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for command in ["sh", "dirname", "id", "ls", "cat", "command", "timeout"] {
            let found = ["/bin", "/usr/bin"].map(|dir| Path::new(dir).join(command));
            if let Some(found) = found.iter().find(|path| path.exists()) {
                symlink(found, dir.path().join(command)).unwrap();
            }
        }
        for command in commands {
            let path = dir.path().join(command);
            fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(dir)
    }

    /// What would be run, and why.
    fn which(&self, environment: &[(&str, &str)]) -> String {
        let output = Command::new("/bin/sh")
            .args([SCRIPT, "--which"])
            .env_clear()
            .env("PATH", self.0.path())
            // Where Debian keeps Postgres is looked at past PATH.
            .env("PG_BIN", self.0.path())
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

const SERVERS: [&str; 3] = ["redis-server", "initdb", "postgres"];

#[test]
fn what_needs_nothing_that_is_not_there_is_chosen_and_the_reason_told() {
    let bare = Machine::with(&[]);
    let with_servers = Machine::with(&SERVERS);
    let with_engine = Machine::with(&[SERVERS.as_slice(), &["docker"]].concat());
    let half = Machine::with(&["redis-server"]);

    for machine in [&bare, &half] {
        let which = machine.which(&[]);
        assert!(
            which.starts_with("embedded, because there is no container engine, and"),
            "{which}"
        );
        assert!(which.contains("STACK=local installs them"), "{which}");
    }
    assert!(with_servers.which(&[]).starts_with("local, because Redis and Postgres are installed"));
    assert_eq!(with_engine.which(&[]), "compose, because a container engine answers");
    for urls in [
        &[("DATABASE_URL", "postgres://x"), ("REDIS_URL", "redis://x")][..],
        &[("REDIS_URL", "redis://x")],
    ] {
        let which = with_engine.which(urls);
        assert_eq!(which, "external, because DATABASE_URL and REDIS_URL are set");
    }
}

#[test]
fn what_is_said_is_done() {
    let machine = Machine::with(&[SERVERS.as_slice(), &["docker"]].concat());

    for stack in ["external", "compose", "local", "embedded"] {
        assert_eq!(machine.which(&[("STACK", stack)]), format!("{stack}, as you said"));
    }
}

#[test]
fn an_external_stack_that_is_half_named_is_an_error_that_names_the_other_half() {
    for (set, missing) in [("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")] {
        let output = Command::new("/bin/sh")
            .arg(SCRIPT)
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env_remove("STACK")
            .env(set, "x://y")
            .output()
            .unwrap();

        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("{missing} is not set")), "{said}");
    }
}

#[test]
fn a_stack_that_there_is_none_of_is_an_error_that_names_those_there_are() {
    let output = Command::new("/bin/sh").arg(SCRIPT).env("STACK", "cloud").output().unwrap();

    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("external, compose, local, embedded and auto"), "{said}");
}

#[test]
fn standbys_are_started_beside_private_servers_and_nothing_else() {
    let machine = Machine::with(&[SERVERS.as_slice(), &["docker"]].concat());

    assert_eq!(machine.which(&[("HA", "on")]), "local, as you said");
    assert_eq!(machine.which(&[("HA", "on"), ("STACK", "local")]), "local, as you said");
    assert_eq!(machine.which(&[("HA", "off"), ("STACK", "embedded")]), "embedded, as you said");
    for (ha, stack, words) in [
        ("on", "embedded", "it does not go with STACK=embedded"),
        ("yes", "local", "none of on and off"),
    ] {
        let output = Command::new("/bin/sh").arg(SCRIPT).env("HA", ha).env("STACK", stack).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
