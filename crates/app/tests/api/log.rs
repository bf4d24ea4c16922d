//! The log: lines that cannot be written are lost, and nothing else; and what is in none of them.

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Stdio},
};

use dev_servers::{TokenIssuer, tied};
use reqwest::Method;
use tokio::task::block_in_place;

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_full_disk_under_the_log_costs_lines_alone
    a_log_that_nobody_reads_costs_lines_alone
    a_log_that_is_closed_costs_lines_alone
    a_command_whose_reader_has_enough_is_done_all_the_same
    a_busy_service_that_says_all_it_can_has_no_secret_in_its_log
}

/// Far more lines than a pipe holds, at the level these tests log at.
const REQUESTS: usize = 200;

/// A process whose log goes elsewhere.
struct Logging {
    child: Child,
    url: String,
}

/// What is quiet unless it is named, too.
const EVERYTHING: &str = "trace,actix_server=trace,actix_http::h1::dispatcher=trace,\
                          refinery_core=trace,tokio_postgres=trace";

impl Logging {
    async fn start(stack: &Stack, log: impl Into<Stdio>) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut command = stack.command();
        command
            .arg("serve")
            .env("HTTP_ADDR", free.to_string())
            .env("RUST_LOG", EVERYTHING)
            .stderr(log);
        let child = block_in_place(|| tied::spawn(command).unwrap());
        let logging = Self { child, url: format!("http://{free}") };
        let ready = format!("{}/health/ready", logging.url);
        stack
            .until("it is ready", async |stack| {
                Answer::read(stack.http.get(&ready)).await.is_ok_and(|answer| answer.status == 200)
            })
            .await;
        logging
    }

    /// Buys and reads; then ends it.
    async fn serves(mut self, stack: &Stack) {
        let sale =
            Answer::read(stack.http.get(format!("{}/sales/current", self.url))).await.unwrap();
        let sale = sale.body["id"].as_i64().unwrap();
        for request in 0..REQUESTS {
            let url = format!("{}/checkout?user_id=u{request}&id={sale}", self.url);
            let answer = Answer::read(stack.http.post(url)).await.unwrap();
            assert!(["ok", "sold-out"].contains(&answer.name()), "{request}: {answer:?}");
        }
        assert!(self.child.try_wait().unwrap().is_none(), "it ended");
        self.ends();
    }

    fn ends(mut self) {
        block_in_place(|| {
            tied::Signal::Terminate.send(self.child.id()).unwrap();
            assert!(self.child.wait().unwrap().success());
        });
    }
}

fn prepared(kind: Kind) -> Stack {
    Stack::prepare(Settings { processes: 1, ..Settings::on(kind) })
}

async fn a_full_disk_under_the_log_costs_lines_alone(kind: Kind) {
    let stack = prepared(kind);
    let full = File::options().write(true).open("/dev/full").unwrap();

    let logging = Logging::start(&stack, full).await;

    logging.serves(&stack).await;
}

async fn a_log_that_nobody_reads_costs_lines_alone(kind: Kind) {
    let stack = prepared(kind);
    let (reader, writer) = io::pipe().unwrap();

    let logging = Logging::start(&stack, writer).await;

    logging.serves(&stack).await;
    drop(reader);
}

async fn a_log_that_is_closed_costs_lines_alone(kind: Kind) {
    let stack = prepared(kind);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);

    let logging = Logging::start(&stack, writer).await;

    logging.serves(&stack).await;
}

async fn a_command_whose_reader_has_enough_is_done_all_the_same(kind: Kind) {
    let stack = prepared(kind);
    for arguments in [&["audit"][..], &["audit", "--json"], &["sales", "list"]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = stack.command();
        command.args(arguments).stdout(writer).stderr(Stdio::piped());

        let ended = block_in_place(|| tied::spawn(command).unwrap().wait_with_output().unwrap());

        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!said.contains("panicked") && !said.contains("cannot print"), "{said}");
        // Where no process serves, an audit cannot check all.
        assert!([Some(0), Some(2)].contains(&ended.status.code()), "{:?}: {said}", ended.status);
    }
}

/// Everything that a buyer and an operator can ask, well and badly, of a service that logs whatever there is to
/// be logged, as text and as JSON.
async fn a_busy_service_that_says_all_it_can_has_no_secret_in_its_log(kind: Kind) {
    for format in ["text", "json"] {
        let log = secrets_of_a_busy_service(kind, format).await;
        let Said { lines, secrets } = log;
        assert!(lines.contains("TRACE") && lines.len() > 50_000, "{format}: {} bytes", lines.len());
        for secret in &secrets {
            let line = lines.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{format}: {secret}");
        }
        assert!(secrets.len() > 100, "{}", secrets.len());
        if format == "json" {
            for line in lines.lines() {
                let line: serde_json::Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                for field in ["timestamp", "level", "target", "fields"] {
                    assert!(!line[field].is_null(), "{field} is not in {line}");
                }
            }
        }
    }
}

/// What a service said, and what it was told that may not be in it.
struct Said {
    lines: String,
    secrets: Vec<String>,
}

async fn secrets_of_a_busy_service(kind: Kind, format: &str) -> Said {
    const SECRET: &str = "a secret of a shop, of thirty-two bytes and more";
    let dir = tempfile::tempdir().unwrap();
    let (of_buyers, of_operators) = (dir.path().join("buyers"), dir.path().join("operators"));
    let mut stack = prepared(kind);
    let made = stack.operate(&["tokens", "make", "ann", "operator"]);
    let (token, line) = made.split_once('\n').unwrap();
    std::fs::write(&of_buyers, SECRET).unwrap();
    std::fs::write(&of_operators, line).unwrap();
    stack.set_env([
        ("BUYER_SECRET_FILE", of_buyers.to_str().unwrap().to_owned()),
        ("ADMIN_TOKENS_FILE", of_operators.to_str().unwrap().to_owned()),
        ("RUST_LOG", EVERYTHING.to_owned()),
        ("LOG_FORMAT", format.to_owned()),
    ]);
    // Not by whoever reads lines of a service: they are of another form here.
    let log = dir.path().join("log");
    let process = Logging::start(&stack, File::create(&log).unwrap()).await;
    let issuer = TokenIssuer::hs256(SECRET);
    let in_a_minute = jiff::Timestamp::now().as_second() + 60;
    let mut secrets = vec![SECRET.to_owned(), token.to_owned()];
    let admin = std::fs::read_to_string(&log).unwrap();
    let admin =
        admin.split_once("metrics at ").unwrap().1.split_once("/metrics").unwrap().0.to_owned();

    for number in 0..20 {
        let user = format!("zebedee-{number}");
        let (of_user, key) =
            (issuer.token_of(&user, in_a_minute), format!("a-key-of-buyer-{number}-and-no-other"));
        let ask = async |method: Method, path: &str| {
            let request = stack.http.request(method, format!("{}{path}", process.url));
            let request = request.bearer_auth(&of_user).header("Idempotency-Key", &key);
            Answer::read(request).await.unwrap()
        };
        let held = ask(Method::POST, "/checkout?id=1").await;
        let code = held.code().to_owned();
        let cut = &code[..code.len() - 1];
        for (method, path) in [
            (Method::GET, format!("/checkouts/{code}")),
            (Method::GET, format!("/checkouts/{cut}")),
            (Method::GET, "/me?sale=1".to_owned()),
            (Method::POST, format!("/purchase?code={cut}")),
            (Method::POST, format!("/purchase?code={code}")),
            (Method::POST, format!("/purchase?code={code}")),
            (Method::GET, format!("/purchases/{code}")),
            (Method::DELETE, format!("/checkout?code={code}")),
            (Method::POST, format!("/checkout?id=1&user_id={user}+")),
        ] {
            ask(method, &path).await;
        }
        for path in
            [format!("/admin/codes/{code}"), format!("/admin/users/{user}"), "/admin/me".to_owned()]
        {
            let request = stack.http.get(format!("{admin}{path}")).bearer_auth(token);
            Answer::read_anywhere(request).await.unwrap();
        }
        let of_nobody = format!("fsa_{}", &token[5..]);
        let request = stack.http.get(format!("{admin}/admin/me")).bearer_auth(&of_nobody);
        Answer::read_anywhere(request).await.unwrap();
        let signed = of_user.rsplit_once('.').unwrap().1.to_owned();
        secrets.extend([user, of_user, signed, key, code.clone(), of_nobody]);
    }
    process.ends();

    Said { lines: std::fs::read_to_string(&log).unwrap(), secrets }
}

/// The names of all fields that the program logs, by its source.
fn fields_of_source(dir: &Path, fields: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            fields_of_source(&path, fields);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            for event in source.split("tracing::").skip(1) {
                let Some((level, event)) = event.split_once("!(") else { continue };
                if !["error", "warn", "info", "debug", "trace"].contains(&level) {
                    continue;
                }
                // What is said comes after them.
                let before =
                    event.split('"').next().unwrap().rsplit_once(',').unwrap_or_default().0;
                let names = before.split(',').map(|it| it.split('=').next().unwrap().trim());
                fields.extend(
                    names
                        .filter(|it| !it.is_empty())
                        .map(|it| it.trim_matches(['%', '?']).to_owned()),
                );
            }
        }
    }
}

#[test]
fn every_field_of_the_log_is_on_its_page() {
    let page = include_str!("../../../../docs/logging.md");
    let crates = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut fields = BTreeSet::new();
    for entry in std::fs::read_dir(crates).unwrap().map(Result::unwrap) {
        let source = entry.path().join("src");
        if source.is_dir() {
            fields_of_source(&source, &mut fields);
        }
    }

    assert!(fields.len() > 30, "{fields:?}");
    let rows: String = page.lines().filter(|line| line.starts_with("| `")).collect();
    let unknown: Vec<_> = fields.iter().filter(|it| !rows.contains(&format!("`{it}`"))).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
