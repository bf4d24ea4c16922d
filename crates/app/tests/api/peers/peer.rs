//! A connection, by bytes, and what is said and heard on it.

use std::fs;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::stack::{Kind, PATIENCE, Settings, Stack};

/// What a peer says that asks once.
pub(super) const LAST_WORDS: &str =
    "GET /health/live HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

/// What every answer says, also one to what is no request.
const OF_ALL: [&str; 6] = [
    "x-request-id",
    "x-content-type-options",
    "referrer-policy",
    "content-security-policy",
    "cross-origin-resource-policy",
    "cache-control",
];

/// A connection, by bytes.
pub(super) struct Peer(pub(super) TcpStream);

impl Peer {
    pub(super) async fn of(stack: &Stack) -> Self {
        Self::at(stack.url()).await
    }

    pub(super) async fn at(url: &str) -> Self {
        Self(TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap())
    }

    /// One that has little room for what it does not read.
    pub(super) async fn narrow(stack: &Stack) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let address = stack.url().strip_prefix("http://").unwrap().parse().unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    pub(super) async fn sent(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.write_all(bytes.as_ref()).await.unwrap();
        self
    }

    /// The next answer, on a connection that stays.
    pub(super) async fn answer(&mut self) -> String {
        let mut said = Vec::new();
        let read = async {
            while !is_whole(&said) {
                assert!(self.0.read_buf(&mut said).await.unwrap() > 0, "closed after {said:?}");
            }
        };
        timeout(PATIENCE, read).await.expect("there is an answer");
        String::from_utf8(said).unwrap()
    }

    /// All that comes until the service closes the connection.
    pub(super) async fn rest(mut self) -> String {
        let mut text = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut text)).await;
        let text = String::from_utf8_lossy(&text).into_owned();
        read.unwrap_or_else(|_| panic!("not closed, after {text:?}")).unwrap();
        text
    }
}

/// Whether all of an answer with a body is there.
pub(super) fn is_whole(said: &[u8]) -> bool {
    let Some((head, body)) = str::from_utf8(said).unwrap().split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    body.len() == length.parse::<usize>().unwrap()
}

/// One settled process.
pub(super) fn one(kind: Kind) -> Settings {
    Settings { processes: 1, ..Settings::on(kind) }
}

/// A request with a head of these lines and the beginning of a body.
pub(super) fn post(lines: &str, body: &str) -> String {
    format!(
        "POST /checkout HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n{lines}\r\n\r\n{body}"
    )
}

/// Checks that an answer, the last on its connection, is this problem.
pub(super) fn assert_problem(answer: &str, status: u16, name: &str) {
    let begin = answer.rfind("HTTP/1.1 ").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let (head, body) = answer[begin..].split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
    assert!(head.contains("content-type: application/problem+json"), "{answer:?}");
    assert!(head.contains("connection: close"), "{answer:?}");
    for field in OF_ALL {
        let line = head.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
        assert!(line.is_some_and(|value| !value.is_empty()), "{field}: {answer:?}");
    }
    assert_eq!(body["type"], format!("/problems/{name}"), "{answer:?}");
    assert_eq!(body["status"], status, "{answer:?}");
}

/// The memory of a process, in MiB.
pub(super) fn rss_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}
