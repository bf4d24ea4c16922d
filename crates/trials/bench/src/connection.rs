//! A client's connection: HTTP/1.1 with keep-alive, and no more of it than the service speaks.
//!
//! The load shares the cores with what it measures, so it should cost little: one write a
//! request, no header but the host's, and of an answer only what matters is looked at.

use std::{fmt, io, str};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// More than the service ever sends.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// One connection to the service.
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// An answer of the service.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// When to ask again, as it advises, in seconds.
    pub(crate) retry_after_s: Option<u32>,
    pub(crate) body: &'a str,
}

impl Connection {
    /// Connects to `url`, such as `http://127.0.0.1:8080`.
    pub(crate) async fn open(url: &str) -> io::Result<Self> {
        let address = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, request: Vec::new(), answer: Vec::new() })
    }

    pub(crate) async fn get(&mut self, target: &str) -> io::Result<Answer<'_>> {
        self.send("GET", target, "").await
    }

    /// Posts without a body: all parameters are in `target`.
    pub(crate) async fn post(&mut self, target: &str) -> io::Result<Answer<'_>> {
        self.send("POST", target, "Content-Length: 0\r\n").await
    }

    async fn send(&mut self, method: &str, target: &str, header: &str) -> io::Result<Answer<'_>> {
        self.request.clear();
        for part in
            [method, " ", target, " HTTP/1.1\r\nHost: ", &self.address, "\r\n", header, "\r\n"]
        {
            self.request.extend_from_slice(part.as_bytes());
        }
        self.stream.write_all(&self.request).await?;

        self.answer.clear();
        while self.answer.len() < ANSWER_BYTES_MAX {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if read(&self.answer)?.is_some() {
                break;
            }
        }
        read(&self.answer)?.ok_or_else(|| malformed("it does not end"))
    }
}

impl Answer<'_> {
    /// The text of a field of its JSON.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("\"{name}\":"))?;
        match rest.strip_prefix('"') {
            Some(text) => text.split('"').next(),
            None => rest.split([',', '}']).next(),
        }
    }

    /// Whether it is this problem, such as `sold-out`.
    pub(crate) fn is_problem(&self, name: &str) -> bool {
        self.field("type").and_then(|kind| kind.strip_prefix("/problems/")) == Some(name)
    }
}

/// Reads an answer, or nothing as long as some of it is missing.
fn read(bytes: &[u8]) -> io::Result<Option<Answer<'_>>> {
    let Some(head_length) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = str::from_utf8(&bytes[..head_length]).map_err(malformed)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = status.and_then(|line| line.get(..3)?.parse().ok());
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let number = |wanted: &str| -> Option<u32> {
        let field = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        field.and_then(|(_, value)| value.trim().parse().ok())
    };
    let length = number("content-length").and_then(|length| usize::try_from(length).ok());
    let (Some(status), Some(length)) = (status, length) else { return Err(malformed(head)) };
    let Some(body) = bytes[head_length + 4..].get(..length) else { return Ok(None) };
    let (retry_after_s, body) = (number("retry-after"), str::from_utf8(body).map_err(malformed)?);
    Ok(Some(Answer { status, retry_after_s, body }))
}

fn malformed(why: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed answer: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\n\
                          Content-Length: 38\r\n\r\n{\"type\":\"/problems/sold-out\",\"unit\":7}\n";

    #[test]
    fn an_answer_is_read_when_all_of_it_is_there() {
        for length in 0..ANSWER.len() - 1 {
            assert_eq!(read(&ANSWER.as_bytes()[..length]).unwrap(), None, "{length}");
        }

        let answer = read(ANSWER.as_bytes()).unwrap().unwrap();

        assert_eq!(answer.status, 409);
        assert!(answer.is_problem("sold-out") && !answer.is_problem("sold"), "{answer:?}");
    }

    #[test]
    fn the_advice_when_to_ask_again_is_read_if_there_is_one() {
        let busy =
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nContent-Length: 0\r\n\r\n";

        let advice = |answer: &str| read(answer.as_bytes()).unwrap().unwrap().retry_after_s;

        assert_eq!((advice(busy), advice(ANSWER)), (Some(2), None));
    }

    #[test]
    fn fields_are_texts_or_numbers() {
        let body = "{\"id\":12,\"state\":\"open\",\"held\":3}";
        let answer = Answer { status: 200, retry_after_s: None, body };

        assert_eq!(answer.field("id"), Some("12"));
        assert_eq!(answer.field("state"), Some("open"));
        assert_eq!(answer.field("held"), Some("3"));
        assert_eq!(answer.field("sold"), None);
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        for wrong in ["SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
