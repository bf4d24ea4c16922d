//! What Redis says of itself.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use dev_servers::RedisServer;

use crate::error::{BenchError, during};

/// Memory that holds keys, clients and scripts, in bytes.
pub(crate) fn used_memory_bytes(redis: &RedisServer) -> Result<f64, BenchError> {
    let said = ask(redis, "INFO memory")?;
    let bytes =
        said.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
    bytes.ok_or(BenchError::Unreadable { from: "Redis", said })
}

/// Keys there are.
pub(crate) fn keys(redis: &RedisServer) -> Result<u64, BenchError> {
    let said = ask(redis, "DBSIZE")?;
    said.parse().map_err(|_| BenchError::Unreadable { from: "Redis", said })
}

/// Commands it has processed so far, those of its own function library included, but none that only
/// ask for its figures.
pub(crate) fn commands(redis: &RedisServer) -> Result<u64, BenchError> {
    let said = ask(redis, "INFO commandstats")?;
    Ok(read_commands(&said))
}

/// Adds up lines such as `cmdstat_fcall:calls=21,usec=175,…`.
fn read_commands(said: &str) -> u64 {
    let calls = said.lines().filter_map(|line| {
        let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls: u64 = figures.split(',').next()?.parse().ok()?;
        (name != "info").then_some(calls)
    });
    calls.sum()
}

fn ask(redis: &RedisServer, command: &str) -> Result<String, BenchError> {
    let url = redis.url();
    let answer = || -> io::Result<String> {
        let mut stream = TcpStream::connect(url.trim_start_matches("redis://"))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        read(BufReader::new(stream))
    };
    answer().map_err(during("ask Redis"))
}

/// Reads one reply: `$` and its length before a text, `:` before a number.
fn read(mut replies: impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    replies.read_line(&mut head)?;
    if let Some(length) = head.strip_prefix('$').and_then(|length| length.trim().parse().ok()) {
        let mut text = String::new();
        replies.take(length).read_to_string(&mut text)?;
        return Ok(text);
    }
    let number = head.strip_prefix(':').map(|number| number.trim().to_owned());
    number.ok_or_else(|| io::Error::other(format!("unexpected reply {head:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_commands_count_but_those_that_ask() {
        let said = "# Commandstats\r\ncmdstat_fcall:calls=21,usec=175\r\n\
                    cmdstat_config|get:calls=2,usec=1\r\ncmdstat_info:calls=9,usec=3\r\n";

        assert_eq!(read_commands(said), 23);
    }

    #[test]
    fn texts_and_numbers_are_read() {
        assert_eq!(read("$5\r\na\r\nbc\r\n".as_bytes()).unwrap(), "a\r\nbc");
        assert_eq!(read(":42\r\n".as_bytes()).unwrap(), "42");
        assert!(read("-ERR unknown command\r\n".as_bytes()).is_err());
        assert!(read("".as_bytes()).is_err());
    }
}
