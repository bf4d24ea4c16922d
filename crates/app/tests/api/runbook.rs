//! The commands of `docs/runbook.md`, run by a shell as its readers run them, in their order, on the stack that a block
//! is for. `…` stands for whatever there is, and alone in a line for any number of lines. What systemd does there
//! the test does.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use tokio::task::{block_in_place, spawn_blocking};

use crate::{
    live_state,
    stack::{BINARY, Kind, PATIENCE, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    what_the_runbook_says_that_its_commands_print_they_print
}

const RUNBOOK: &str = include_str!("../../../../docs/runbook.md");

/// Where the runbook has the service.
const THERE: &str = "localhost:8080";

/// A command, what it prints, and in which section that is.
#[derive(Debug)]
struct Example {
    section: &'static str,
    command: &'static str,
    printed: Vec<&'static str>,
}

/// What is for readers whose ledger is there, in order.
fn examples(kind: Kind) -> Vec<Example> {
    let ours = match kind {
        Kind::Servers => "```sh servers",
        Kind::Embedded => "```sh directory",
    };
    let (mut examples, mut section, mut is_ours) = (Vec::<Example>::new(), "", false);
    for line in RUNBOOK.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        } else if line.starts_with("```") {
            is_ours = line == "```sh" || line == ours;
        } else if is_ours && let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { section, command, printed: Vec::new() });
        } else if is_ours {
            examples.last_mut().unwrap().printed.push(line);
        }
    }
    examples
}

/// Whether what was printed is what the runbook says.
fn is_as_said(printed: &[&str], said: &[&str]) -> bool {
    match (printed, said) {
        (_, ["…", rest @ ..]) => {
            (0..=printed.len()).any(|skipped| is_as_said(&printed[skipped..], rest))
        }
        ([line, printed @ ..], [pattern, said @ ..]) => {
            fits(line, pattern) && is_as_said(printed, said)
        }
        (printed, said) => printed.is_empty() && said.is_empty(),
    }
}

fn fits(line: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('…') else { return line == pattern };
    let Some(rest) = line.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(&rest[at..], after))
}

/// The machine of whoever reads: the service, and a directory that they are in.
struct Machine {
    stack: Stack,
    here: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Machine {
    async fn of(kind: Kind) -> Self {
        // A database is given another name, and a process is started anew.
        let settings =
            Settings { processes: 1, own_postgres: kind == Kind::Servers, ..Settings::on(kind) };
        let stack = Stack::start(settings).await;
        let mut path = vec![PathBuf::from(BINARY).parent().unwrap().to_owned()];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap()));
        let path = env::join_paths(path).unwrap().into_string().unwrap();
        let mut variables = vec![("PATH", path)];
        match kind {
            Kind::Servers => variables.extend([
                ("DATABASE_URL", stack.database_url()),
                ("REDIS_URL", stack.redis().url()),
            ]),
            Kind::Embedded => {
                variables.push(("DATA_DIR", stack.data_dir().to_str().unwrap().to_owned()));
            }
        }
        Self { stack, here: tempfile::tempdir().unwrap(), variables }
    }

    /// Runs a command; returns what it prints.
    async fn run(&mut self, command: &str) -> String {
        let app = &self.stack.apps[0];
        if let Some(order) = command.strip_prefix("systemctl ") {
            let (stops, starts) = match order {
                "stop flashsale" => (true, false),
                "start flashsale" => (false, true),
                "restart flashsale" => (true, true),
                other => panic!("systemd is told to {other}"),
            };
            block_in_place(|| {
                if stops {
                    assert!(app.terminate().unwrap().success());
                }
                if starts {
                    app.start_again().unwrap();
                    app.await_ready(PATIENCE).unwrap();
                }
            });
            return String::new();
        }
        let script = command.replace(THERE, app.url().strip_prefix("http://").unwrap());
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &script])
            .current_dir(self.here.path())
            .envs(self.variables.iter().cloned());
        let output = spawn_blocking(move || shell.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

async fn what_the_runbook_says_that_its_commands_print_they_print(kind: Kind) {
    let mut machine = Machine::of(kind).await;
    let (mut seen, mut section) = (0, "");

    for example in examples(kind) {
        if section != example.section {
            section = example.section;
            if section == "Fenced" {
                live_state::put_back(&machine.stack, 1).await;
                let says = async |stack: &Stack| stack.get("/health").await.status == 503;
                machine.stack.until("the ledger is behind", says).await;
            }
        }
        let printed = machine.run(example.command).await;
        let lines: Vec<_> = printed.lines().collect();
        assert!(is_as_said(&lines, &example.printed), "{example:?} printed {printed}");
        seen += 1;
    }

    assert!(seen >= 12, "{seen}");
}

/// A runbook that leads nowhere is none.
#[test]
fn what_the_runbook_links_to_is_there() {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let mut links = 0;
    for link in RUNBOOK.split("](").skip(1) {
        let link = link.split(')').next().unwrap();
        let (file, title) = link.split_once('#').unwrap_or((link, ""));
        let text = match file {
            "" => RUNBOOK.to_owned(),
            file => std::fs::read_to_string(docs.join(file))
                .unwrap_or_else(|error| panic!("{link}: {error}")),
        };
        let is_title = |line: &str| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let anchor =
                words.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
            line.starts_with('#')
                && anchor.map(|it| if it == ' ' { '-' } else { it }).eq(title.chars())
        };
        assert!(title.is_empty() || text.lines().any(is_title), "{link} leads nowhere");
        links += 1;
    }
    assert!(links > 20, "{links}");
}
