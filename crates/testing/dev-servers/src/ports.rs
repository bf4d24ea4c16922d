//! Free ports.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::{Ipv4Addr, TcpListener},
};

use crate::error::{Attempting, ServerError};

/// Where servers live: below the ports that the kernel lends to outgoing connections (on Linux
/// from 32768), or a client's retry could sit on a server's port while the server is down.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// Starts a server on a free port, and on another when somebody took the first meanwhile.
pub(crate) fn on_a_free_port<T>(
    start: impl Fn(u16) -> Result<T, ServerError>,
) -> Result<(u16, T), ServerError> {
    let mut attempts_left = 10;
    loop {
        attempts_left -= 1;
        let port = free_port().attempting("find a free port")?;
        match start(port) {
            Err(ServerError::Failed { said, .. }) if is_taken(&said) && attempts_left > 0 => {}
            outcome => return outcome.map(|server| (port, server)),
        }
    }
}

/// Whether these are the words of a server that found its port taken, in whichever letters.
fn is_taken(said: &str) -> bool {
    said.to_ascii_lowercase().contains("address already in use")
}

/// Whether a loopback port is free now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A loopback port that nobody has now. Somebody else may be faster: be ready to take another.
pub(crate) fn free_port() -> io::Result<u16> {
    let mut refusal = io::Error::other("no port was tried");
    for _ in 0..100 {
        let port = FIRST + random_below(COUNT);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// Chance good enough for ports: every `RandomState` has keys of its own.
fn random_below(bound: u16) -> u16 {
    let bits = RandomState::new().hash_one(0).to_le_bytes();
    u16::from_le_bytes([bits[0], bits[1]]) % bound
}
