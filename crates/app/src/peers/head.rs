//! What is looked for in the heads of requests on their way to actix: a line that is too long,
//! which it would call malformed or, with the name of a field that is, panic at; and the wish to
//! speak another protocol, which it would take for the end of the connection. A server may ignore
//! that wish (RFC 9110, 7.8).

use http_api::{Connection, LINE_BYTES_MAX};

const UPGRADE: &[u8] = b"upgrade";
const CONNECTION: &[u8] = b"connection";
const LENGTHS: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];

/// What stands for the last letter of `upgrade`, so that nobody knows the word.
const UNKNOWN: u8 = b'x';

/// The longest name that is looked for.
const NAME_MAX: usize = LENGTHS[1].len();

/// Where in a head the next byte is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the first line, or in a body: what is no head is one line to us.
    FirstLine,
    /// In the name of a field, of which so many bytes are in [`Heads::name`].
    Name(usize),
    /// In the value of `Connection`, in a word of which so many letters are those of `upgrade`;
    /// `None` if it is another word.
    Options(Option<usize>),
    /// In any other value.
    Value,
}

/// A line that is longer than any needs to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLong {
    /// The first of a request.
    FirstLine,
    /// Another of its head, or what is no head.
    Other,
}

/// The heads of one connection. Where they are in what is received is known only as long as
/// nothing can be the body of a request; then nothing is changed until the next is surely a head.
#[derive(Debug)]
pub(super) struct Heads {
    place: Place,
    name: [u8; NAME_MAX],
    /// How many bytes of the line came already.
    line: usize,
    /// Whether this head says that a body follows.
    has_body: bool,
    /// Whether what comes may be one.
    is_in_body: bool,
    /// How many heads there were.
    heads: usize,
}

impl Heads {
    pub(super) const fn new() -> Self {
        Self {
            place: Place::FirstLine,
            name: [0; NAME_MAX],
            line: 0,
            has_body: false,
            is_in_body: false,
            heads: 0,
        }
    }

    /// Looks at what is about to be received next.
    pub(super) fn resume(&mut self, connection: &Connection) {
        if self.is_in_body
            && connection.is_between_requests()
            // Else there was a head that was not seen.
            && connection.answers() == self.heads
        {
            self.is_in_body = false;
            self.place = Place::FirstLine;
        }
    }

    /// What line is too long, if the one that is being received is. Lines are counted whatever they
    /// are of: no field has a name longer than this.
    pub(super) const fn too_long(&self) -> Option<TooLong> {
        match self.place {
            _ if self.line <= LINE_BYTES_MAX => None,
            Place::FirstLine if !self.is_in_body => Some(TooLong::FirstLine),
            _ => Some(TooLong::Other),
        }
    }

    /// Looks at what was received, and has no upgrade asked for in it.
    pub(super) fn received(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            let (line, rest) = bytes.split_at_mut(end.map_or(bytes.len(), |end| end + 1));
            self.line += line.len();
            if !self.is_in_body {
                self.in_line(line);
            }
            if end.is_some() {
                self.line_ended();
            }
            bytes = rest;
        }
    }

    fn in_line(&mut self, line: &mut [u8]) {
        for byte in line {
            match &mut self.place {
                Place::FirstLine | Place::Value => return,
                Place::Name(length) => {
                    let length = *length;
                    self.in_name(length, byte);
                }
                Place::Options(matched) => match (byte.to_ascii_lowercase(), *matched) {
                    (b' ' | b'\t' | b',' | b':', _) => *matched = Some(0),
                    (letter, Some(at)) if UPGRADE.get(at) == Some(&letter) => {
                        *matched = Some(at + 1);
                        if at + 1 == UPGRADE.len() {
                            *byte = UNKNOWN;
                        }
                    }
                    _ => *matched = None,
                },
            }
        }
    }

    /// Looks at the next byte of a name of which there are so many.
    fn in_name(&mut self, length: usize, byte: &mut u8) {
        if *byte == b':' {
            let name = &self.name[..length];
            self.has_body |= LENGTHS.contains(&name);
            self.place = if name == CONNECTION { Place::Options(Some(0)) } else { Place::Value };
            return;
        }
        let letter = byte.to_ascii_lowercase();
        // Most names are told from all of these by their first letters.
        let is_wanted = |name: &&[u8]| {
            name.get(length) == Some(&letter) && name.starts_with(&self.name[..length])
        };
        if ![UPGRADE, CONNECTION, LENGTHS[0], LENGTHS[1]].iter().any(is_wanted) {
            self.place = Place::Value;
            return;
        }
        self.name[length] = letter;
        self.place = Place::Name(length + 1);
        if self.name[..=length] == *UPGRADE {
            // No other name that begins so means anything to the service.
            *byte = UNKNOWN;
        }
    }

    fn line_ended(&mut self) {
        let length = std::mem::take(&mut self.line);
        if self.is_in_body {
            return;
        }
        // A line that has nothing but its end is the end of a head.
        let is_empty = length <= 2 && matches!(self.place, Place::Name(0) | Place::Value);
        self.place = match self.place {
            // An empty line before the first means nothing.
            Place::FirstLine if length <= 2 => Place::FirstLine,
            Place::FirstLine => Place::Name(0),
            _ if is_empty => {
                self.heads = self.heads.wrapping_add(1);
                self.is_in_body = self.has_body;
                self.has_body = false;
                Place::FirstLine
            }
            _ => Place::Name(0),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKS: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n\
        Upgrade: h2c\r\nupgrade-insecure-requests: 1\r\n\r\n";
    const ASKED: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgradx, HTTP2-Settings\r\n\
        Upgradx: h2c\r\nupgradx-insecure-requests: 1\r\n\r\n";

    /// What of this arrives, received in pieces of so many bytes.
    fn in_pieces(heads: &mut Heads, sent: &str, size: usize) -> String {
        let mut bytes = sent.as_bytes().to_vec();
        for piece in bytes.chunks_mut(size) {
            heads.received(piece);
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_upgrade_is_asked_for_however_the_head_arrives() {
        for size in 1..=ASKS.len() {
            assert_eq!(in_pieces(&mut Heads::new(), &ASKS.repeat(3), size), ASKED.repeat(3));
        }
    }

    #[test]
    fn whatever_else_is_in_a_head_stays() {
        let other = "GET /upgrade HTTP/1.1\r\nHost: upgrade\r\nConnection: keep-alive, upgrad\r\n\
            up: grade\r\nx-upgrade: upgrade\r\nconnections: upgrade\r\n\r\n";

        assert_eq!(in_pieces(&mut Heads::new(), other, 7), other);
    }

    #[test]
    fn no_byte_of_a_body_is_changed_and_the_next_head_is_known() {
        let connection = Connection::new();
        let mut heads = Heads::new();
        let body = "7\r\nupgrade\r\n0\r\n\r\nconnection: upgrade\r\nupgrade: x\r\n";
        let post =
            format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}");

        assert_eq!(in_pieces(&mut heads, &post, 5), post);
        let answer = connection.begin_answer(true);
        heads.resume(&connection);
        assert_eq!(in_pieces(&mut heads, body, 5), body);
        drop(answer);
        heads.resume(&connection);
        assert_eq!(in_pieces(&mut heads, body, 5), body, "the body was never read to its end");

        drop(connection.begin_answer(false));
        heads.heads += 1;
        heads.resume(&connection);
        assert_eq!(in_pieces(&mut heads, ASKS, 5), ASKED);
    }

    #[test]
    fn a_line_is_too_long_wherever_it_is() {
        let long = "x".repeat(LINE_BYTES_MAX);
        let head = "GET / HTTP/1.1\r\nhost: h\r\n";
        for (sent, expected) in [
            (format!("GET /{long}"), Some(TooLong::FirstLine)),
            (format!("\r\nGET /{long}"), Some(TooLong::FirstLine)),
            (format!("{head}\r\nGET /{long}"), Some(TooLong::FirstLine)),
            (long.clone(), None),
            (format!("{head}x{long}"), Some(TooLong::Other)),
            (format!("{head}x: {long}"), Some(TooLong::Other)),
            (format!("{head}x: {long}\r\n"), None),
            (format!("{head}content-length: 1\r\n\r\n{long}x"), Some(TooLong::Other)),
            (format!("{head}content-length: 1\r\n\r\nx{head}x{long}"), Some(TooLong::Other)),
        ] {
            let mut heads = Heads::new();
            in_pieces(&mut heads, &sent, 1_000);
            assert_eq!(heads.too_long(), expected, "{sent:.90}");
        }
    }
}
