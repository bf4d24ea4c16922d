//! What is asked of a server, and what it replies.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::{ServerError, error::Attempting};

/// Asks a server on this machine, as somebody would type it, and returns the words of the reply one
/// after the other, whatever lists they were in. A reply that is an error is one.
pub(super) fn ask(
    port: u16,
    password: Option<&str>,
    command: &str,
    limit: Duration,
) -> Result<Vec<String>, ServerError> {
    let converse = || -> io::Result<Result<Vec<String>, String>> {
        let mut stream = connect(port, limit)?;
        if let Some(password) = password {
            write!(stream.get_mut(), "AUTH {password}\r\n")?;
            if let Err(refusal) = reply(&mut stream)? {
                return Ok(Err(refusal));
            }
        }
        write!(stream.get_mut(), "{command}\r\n")?;
        reply(&mut stream)
    };
    let asked = converse().attempting(format!("send {command} to Redis at port {port}"))?;
    asked.map_err(|said| ServerError::Failed {
        program: format!("{command}, at port {port},"),
        said,
    })
}

fn connect(port: u16, limit: Duration) -> io::Result<BufReader<TcpStream>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    Ok(BufReader::new(stream))
}

/// Reads one reply, in the second version of the protocol: the words of it, or of the error.
fn reply(from: &mut impl BufRead) -> io::Result<Result<Vec<String>, String>> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let Some(kind) = line.chars().next() else { return Err(io::ErrorKind::UnexpectedEof.into()) };
    let rest = line[kind.len_utf8()..].trim_end();
    // Below zero, it is nothing at all.
    let length = || rest.parse::<i64>().map(|length| usize::try_from(length).ok());
    let length = || length().map_err(|_| io::Error::other(format!("not a reply: {line}")));
    match kind {
        '+' | ':' => Ok(Ok(vec![rest.to_owned()])),
        '-' => Ok(Err(rest.to_owned())),
        '$' => Ok(Ok(vec![length()?.map_or(Ok(String::new()), |length| text(from, length))?])),
        '*' => {
            let mut words = Vec::new();
            for _ in 0..length()?.unwrap_or(0) {
                match reply(from)? {
                    Ok(more) => words.extend(more),
                    Err(refusal) => words.push(refusal),
                }
            }
            Ok(Ok(words))
        }
        _ => Err(io::Error::other(format!("not a reply: {line}"))),
    }
}

/// A text of so many bytes, and the end of its line.
fn text(from: &mut impl BufRead, length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length + 2];
    from.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}
