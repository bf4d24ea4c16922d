//! The lines of the README that begin with `$` in a block of `sh`, run by a shell as its readers run
//! them: what is printed there is what is answered. A `console` shows what is for another occasion.

use std::process::Command;

use serde_json::{Map, Value};
use tokio::task::block_in_place;

use crate::stack::{Kind, Settings, Stack};

const README: &str = include_str!("../../../../README.md");

/// Where the README has the service.
const THERE: &str = "localhost:8080";

/// A command, and what the README says that it prints.
#[derive(Debug, Default)]
struct Example {
    command: String,
    printed: String,
}

/// Every command that is shown with a prompt, in order.
fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for block in README.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for line in block.lines() {
            match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => {
                    examples.push(Example { command: command.to_owned(), ..Example::default() });
                }
                (None, Some(example)) if block.starts_with("$ ") && !line.is_empty() => {
                    example.printed += line;
                    example.printed += "\n";
                }
                // A block without a prompt is for another occasion.
                _ => {}
            }
        }
    }
    examples
}

/// What is the same of two answers to one request at different times: all of a problem, and of
/// anything else what it has in it and of which kind.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.contains_key("errors") => value.clone(),
        Value::Object(members) => {
            let shapes = members.iter().map(|(name, value)| (name.clone(), shape(value)));
            shapes.collect::<Map<_, _>>().into()
        }
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::String(_) => "a text".into(),
        Value::Number(_) => "a number".into(),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

/// A service as the README has one: its first sale is on, and the next is known.
async fn as_in_readme() -> Stack {
    let stack = Stack::start(Settings { stock: 10_000, ..Settings::on(Kind::Embedded) }).await;
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7)).to_string();
    stack.operate(&["sales", "schedule", "--starts-at", &later, "--lasts", "1h"]);
    stack
        .until("the next sale is shown", async |stack| {
            let sale = stack.get("/sales/current").await;
            assert_eq!(sale.body["id"], 1, "{sale:?}");
            sale.body.get("next_sale").is_some()
        })
        .await;
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_readme_says_that_its_commands_print_they_print() {
    let stack = as_in_readme().await;
    let here = stack.url().strip_prefix("http://").unwrap().to_owned();
    let (mut variables, mut seen) = (String::new(), 0);
    let mut code: Option<(String, String)> = None;

    for Example { command, printed } in examples() {
        if let Some(name) = assigned_in(&command) {
            // What comes after it has the same value each time.
            let value = run(&format!("{command}; printf %s \"${name}\""));
            variables.extend([name, "=", &value, "\n"]);
            continue;
        }
        let mut command = command.replace(THERE, &here);
        if let Some((there, here)) = &code {
            command = command.replace(there, here);
        }
        let answered = run(&format!("{variables}{command}"));
        seen += 1;

        let Ok(said) = serde_json::from_str::<Value>(&printed) else {
            assert_eq!(answered.replace('\r', ""), printed, "{command}");
            continue;
        };
        let given: Value = serde_json::from_str(&answered)
            .unwrap_or_else(|error| panic!("{command}: {error}: {answered}"));
        assert_eq!(shape(&given), shape(&said), "{command}: {answered}");
        if let (Some(said), Some(given)) = (said["code"].as_str(), given["code"].as_str()) {
            code = Some((said.to_owned(), given.to_owned()));
        }
    }
    assert!(seen >= 6, "{seen}");
}

/// The variable that a command sets, if it is there for that.
fn assigned_in(command: &str) -> Option<&str> {
    let (name, _) = command.split_once('=')?;
    name.bytes().all(|byte| byte.is_ascii_uppercase()).then_some(name)
}

/// What a command of the shell prints.
fn run(script: &str) -> String {
    let run = || Command::new("sh").args(["-c", script]).output();
    let output = block_in_place(run).unwrap_or_else(|error| panic!("{error}: {script}"));
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
