//! What is looked for in the heads of requests on their way to actix: a line that is too long,
//! which it would call malformed or, with the name of a field that is, panic at; the wish to
//! speak another protocol, which it would take for the end of the connection, and which a server may
//! ignore (RFC 9110, 7.8); and the wish to close it, which actix would say in the answers before that
//! one, too: it writes each as the request that it has read last asks for.

use actix_http::header::{CONNECTION as CONNECTION_FIELD, HeaderMap};
use http_api::LINE_BYTES_MAX;

const UPGRADE: &[u8] = b"upgrade";
const CONNECTION: &[u8] = b"connection";
const LENGTH: &[u8] = b"content-length";
const ENCODING: &[u8] = b"transfer-encoding";

/// What stands for the last letter of a word, so that actix does not know it.
const UNKNOWN: u8 = b'x';

/// The words of `Connection` that actix is not to know.
const OPTIONS: [&[u8]; 2] = [UPGRADE, b"close"];

/// What the second of them is then.
const CLOSE: &str = "closx";

/// Whether the answer to a request with these fields is to be the last: it asks for that, in the word that
/// stands for it.
pub(super) fn asks_to_close(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION_FIELD).any(|value| {
        let mut words = value.to_str().unwrap_or_default().split(',');
        words.any(|word| word.trim().eq_ignore_ascii_case(CLOSE))
    })
}

/// The longest name that is looked for.
const NAME_MAX: usize = ENCODING.len();

/// Where in a head the next byte is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the first line, or in a body: what is no head is one line to us.
    FirstLine,
    /// In the name of a field, of which so many bytes are in [`Heads::name`].
    Name(usize),
    /// In the value of `Connection`, in a word of which so many letters are those of each of
    /// [`OPTIONS`]; `None` if it is another word.
    Options([Option<usize>; 2]),
    /// In the value of `Content-Length`, of which it is so much until here; `None` if it is no length.
    Length(Option<u64>),
    /// In any other value.
    Value,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// So many bytes, and then the next head.
    Bytes(u64),
    /// What only actix knows the end of: all that comes is a body to us.
    Endless,
}

const NO_BODY: Body = Body::Bytes(0);

/// A line that is longer than any needs to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLong {
    /// The first of a request.
    FirstLine,
    /// Another of its head, or what is no head.
    Other,
}

/// The heads of one connection. Where they are in what is received is known as long as each body
/// says how long it is; after one that does not, nothing is changed any more.
#[derive(Debug)]
pub(super) struct Heads {
    place: Place,
    name: [u8; NAME_MAX],
    /// How many bytes of the line came already.
    line: usize,
    /// What this head says that follows; `None` if it said nothing yet.
    announced: Option<Body>,
    /// What is to come of the body that comes.
    body: Body,
}

impl Heads {
    pub(super) const fn new() -> Self {
        Self {
            place: Place::FirstLine,
            name: [0; NAME_MAX],
            line: 0,
            announced: None,
            body: NO_BODY,
        }
    }

    /// What line is too long, if the one that is being received is. Where bodies cannot be told from
    /// heads, lines are counted whatever they are of: no field has a name longer than this.
    pub(super) fn too_long(&self) -> Option<TooLong> {
        match self.place {
            _ if self.line <= LINE_BYTES_MAX => None,
            Place::FirstLine if self.body == NO_BODY => Some(TooLong::FirstLine),
            _ => Some(TooLong::Other),
        }
    }

    /// Looks at what was received, and has no upgrade asked for in it.
    pub(super) fn received(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if let Body::Bytes(left @ 1..) = self.body {
                let length =
                    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                bytes = &mut bytes[length..];
                self.body = Body::Bytes(left.saturating_sub(length.try_into().unwrap_or(left)));
                continue;
            }
            let end = memchr::memchr(b'\n', bytes);
            let (line, rest) = bytes.split_at_mut(end.map_or(bytes.len(), |end| end + 1));
            self.line += line.len();
            if self.body == NO_BODY {
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
                Place::Options(matched) => in_options(matched, byte),
                Place::Length(length) => match byte {
                    b' ' | b'\t' | b'\r' | b'\n' => {}
                    b'0'..=b'9' => {
                        let digit = u64::from(*byte - b'0');
                        *length =
                            length.and_then(|length| length.checked_mul(10)?.checked_add(digit));
                    }
                    _ => *length = None,
                },
            }
        }
    }

    /// Looks at the next byte of a name of which there are so many.
    fn in_name(&mut self, length: usize, byte: &mut u8) {
        if *byte == b':' {
            self.place = match &self.name[..length] {
                name if name == CONNECTION => Place::Options([Some(0); 2]),
                name if name == LENGTH => Place::Length(Some(0)),
                name if name == ENCODING => {
                    self.announced = Some(Body::Endless);
                    Place::Value
                }
                _ => Place::Value,
            };
            return;
        }
        let letter = byte.to_ascii_lowercase();
        // Most names are told from all of these by their first letters.
        let is_wanted = |name: &&[u8]| {
            name.get(length) == Some(&letter) && name.starts_with(&self.name[..length])
        };
        if ![UPGRADE, CONNECTION, LENGTH, ENCODING].iter().any(is_wanted) {
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
        if self.body != NO_BODY {
            return;
        }
        // A line that has nothing but its end is the end of a head.
        let is_empty = length <= 2 && matches!(self.place, Place::Name(0) | Place::Value);
        self.place = match self.place {
            // An empty line before the first means nothing.
            Place::FirstLine if length <= 2 => Place::FirstLine,
            Place::FirstLine => Place::Name(0),
            Place::Length(length) => {
                // One of two lengths, or one beside an encoding, is not for us to choose.
                let is_first = self.announced.is_none();
                let bytes = length.filter(|_| is_first).map(Body::Bytes);
                self.announced = Some(bytes.unwrap_or(Body::Endless));
                Place::Name(0)
            }
            _ if is_empty => {
                self.body = self.announced.take().unwrap_or(NO_BODY);
                Place::FirstLine
            }
            _ => Place::Name(0),
        };
    }
}

/// Looks at the next byte of the value of `Connection`.
fn in_options(matched: &mut [Option<usize>; 2], byte: &mut u8) {
    let letter = byte.to_ascii_lowercase();
    if matches!(letter, b' ' | b'\t' | b',' | b':') {
        *matched = [Some(0); 2];
        return;
    }
    for (matched, word) in matched.iter_mut().zip(OPTIONS) {
        *matched = matched.filter(|at| word.get(*at) == Some(&letter)).map(|at| at + 1);
        if *matched == Some(word.len()) {
            *byte = UNKNOWN;
        }
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
    fn the_wish_to_close_is_known_to_us_alone_however_it_arrives() {
        let head =
            |words: &str| format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: {words}\r\n\r\n");
        for (words, arrived, asks) in [
            ("close", "closx", true),
            ("CLOSE", "CLOSx", true),
            ("keep-alive,Close", "keep-alive,Closx", true),
            ("close, TE", "closx, TE", true),
            ("keep-alive", "keep-alive", false),
            ("enclose, clos", "enclose, clos", false),
        ] {
            for size in 1..=head(words).len() {
                assert_eq!(in_pieces(&mut Heads::new(), &head(words), size), head(arrived));
            }
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION_FIELD, arrived.parse().unwrap());
            assert_eq!(asks_to_close(&headers), asks, "{words}");
        }
        assert!(!asks_to_close(&HeaderMap::new()));
    }

    #[test]
    fn whatever_else_is_in_a_head_stays() {
        let other = "GET /upgrade HTTP/1.1\r\nHost: upgrade\r\nConnection: keep-alive, upgrad\r\n\
            up: grade\r\nx-upgrade: upgrade\r\nconnections: upgrade\r\n\r\n";

        assert_eq!(in_pieces(&mut Heads::new(), other, 7), other);
    }

    #[test]
    fn no_byte_of_a_body_is_changed_and_the_next_head_is_known() {
        let body = "connection: upgrade\r\nupgrade: x\r\n\r\n";
        let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n{body}");
        let length = body.len();
        let known = post(&format!("content-Length: {length} \r\n"));

        for size in 1..=known.len() {
            let sent = format!("{known}{ASKS}{known}");
            let arrived = format!("{known}{ASKED}{known}");
            assert_eq!(in_pieces(&mut Heads::new(), &sent, size), arrived);
        }
    }

    #[test]
    fn nothing_is_changed_after_a_body_of_which_the_end_is_not_certain() {
        for fields in [
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            "Content-Length: 0\r\nContent-Length: 0\r\n",
            "Content-Length: 0, 0\r\n",
            "Content-Length: -0\r\n",
            "Content-Length: 99999999999999999999\r\n",
        ] {
            let sent = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n{ASKS}");
            assert_eq!(in_pieces(&mut Heads::new(), &sent, 5), sent);
        }
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
            (format!("{head}content-length: 1\r\n\r\n{long}x"), None),
            (format!("{head}content-length: 1\r\n\r\n{long}xx"), Some(TooLong::FirstLine)),
            (format!("{head}content-length: 1\r\n\r\nx{head}x{long}"), Some(TooLong::Other)),
            (format!("{head}transfer-encoding: x\r\n\r\n{long}x"), Some(TooLong::Other)),
        ] {
            let mut heads = Heads::new();
            in_pieces(&mut heads, &sent, 1_000);
            assert_eq!(heads.too_long(), expected, "{sent:.90}");
        }
    }
}
