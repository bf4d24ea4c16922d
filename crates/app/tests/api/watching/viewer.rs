//! Somebody who watches, and what they are told.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::stack::{PATIENCE, Stack};

/// Somebody who watches.
pub(crate) struct Viewer {
    from: TcpStream,
    /// What was received and not looked at.
    text: String,
    pub(crate) head: String,
}

#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Viewer {
    pub(crate) async fn of(stack: &Stack, path: &str) -> Self {
        Self::at(stack.url(), path, "").await
    }

    /// One who sends these header lines, too.
    pub(crate) async fn at(url: &str, path: &str, lines: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\n{lines}\r\n");
        Self::after(url, &request).await
    }

    pub(crate) async fn after(url: &str, requests: &str) -> Self {
        let mut from = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
        from.write_all(requests.as_bytes()).await.unwrap();
        let mut viewer = Self { from, text: String::new(), head: String::new() };
        viewer.head = viewer.until("\r\n\r\n").await.expect("there is a head");
        viewer
    }

    /// What comes before this; `None` if the stream ends first.
    pub(crate) async fn until(&mut self, end: &str) -> Option<String> {
        let read = async {
            loop {
                if let Some((said, rest)) = self.text.split_once(end) {
                    let (said, rest) = (said.to_owned(), rest.to_owned());
                    self.text = rest;
                    return Some(said);
                }
                let mut bytes = [0; 4_096];
                match self.from.read(&mut bytes).await.unwrap() {
                    0 => return None,
                    more => self.text.push_str(str::from_utf8(&bytes[..more]).unwrap()),
                }
            }
        };
        timeout(PATIENCE, read).await.expect("something is told")
    }

    /// The next event; `None` at the end.
    pub(crate) async fn told(&mut self) -> Option<Told> {
        loop {
            let block = self.until("\n\n").await?;
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
            };
            if let Some(name) = field("event: ") {
                let id = field("id: ").unwrap_or_default();
                let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                return Some(Told { name, id, data });
            }
        }
    }

    /// The next event of a sale.
    pub(crate) async fn sale(&mut self) -> Told {
        let told = self.told().await.expect("the stream goes on");
        assert_eq!(told.name, "sale");
        told
    }

    pub(crate) async fn sale_with(&mut self, field: &str, value: i64) -> Told {
        loop {
            let told = self.sale().await;
            if told.data[field] == value {
                return told;
            }
        }
    }
}
