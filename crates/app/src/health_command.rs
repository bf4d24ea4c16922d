//! `flashsale health`: asks the process that serves at `HTTP_ADDR` whether it can, for whoever has no program that
//! speaks HTTP, such as a container with nothing else in it.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use crate::output::output;

/// How long it may take to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Why it is not known how the process is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HealthCommandError {
    #[error("nobody answers at {at}, which is where HTTP_ADDR says that the service listens")]
    Silent { at: SocketAddr, source: io::Error },
    #[error("what listens at {at}, where HTTP_ADDR says that the service does, is something else")]
    Another { at: SocketAddr },
    #[error("cannot print")]
    Print(#[source] io::Error),
}

/// Prints what it says; succeeds if it can serve.
pub(crate) fn run(http_addr: SocketAddr) -> Result<ExitCode, HealthCommandError> {
    let at = reached_at(http_addr);
    let answer = ask(at).map_err(|source| HealthCommandError::Silent { at, source })?;
    let (status, said) = read(&answer).ok_or(HealthCommandError::Another { at })?;
    writeln!(output(), "{said}").map_err(HealthCommandError::Print)?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whoever listens at every address is asked at that of this machine.
fn reached_at(listens: SocketAddr) -> SocketAddr {
    let host = match listens.ip() {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, listens.port())
}

fn ask(at: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /health/ready HTTP/1.0\r\nHost: {at}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// The status of an answer, and what it says.
fn read(answer: &[u8]) -> Option<(u16, &str)> {
    let answer = std::str::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_what_is_none_is_something_else() {
        let ready = "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}\n";
        assert_eq!(read(ready.as_bytes()), Some((200, "{}")));
        for other in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert_eq!(read(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(read(b"\xff"), None);
    }

    #[test]
    fn whoever_listens_everywhere_is_asked_here() {
        for (listens, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            assert_eq!(reached_at(listens.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
