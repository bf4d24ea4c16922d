//! A log that cannot be written: the lines are lost, and nothing else.

use std::{
    fs::File,
    io,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Stdio},
};

use dev_servers::tied;
use tokio::task::block_in_place;

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_full_disk_under_the_log_costs_lines_alone
    a_log_that_nobody_reads_costs_lines_alone
    a_log_that_is_closed_costs_lines_alone
    a_command_whose_reader_has_enough_is_done_all_the_same
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
