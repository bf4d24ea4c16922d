//! The refusals that actix makes by itself, of what is no request: without a body by actix, with
//! the document of the API by us.

use http_api::RequestId;

use super::head::TooLong;

/// How far before the end of what is written such a refusal begins at most.
const LENGTH_MAX: usize = 256;

const LINE_END: &[u8] = b"\r\n";
const NO_BODY: &[u8] = b"content-length: 0\r\n";
const CLOSE: &[u8] = b"connection: close\r\n";

/// Where a refusal of actix's own begins in what is about to be written: it is the last of it.
pub(super) fn begins_at(bytes: &[u8]) -> Option<usize> {
    // What has a body of ours ends with that, so nearly nothing is looked at further.
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = bytes.len().saturating_sub(LENGTH_MAX);
    let begin = from + bytes[from..].windows(7).rposition(|window| window == b"HTTP/1.")?;
    let refusal = &bytes[begin..];
    let is_one = http_api::document_of_server(status(refusal)?).is_some()
        && refusal.windows(NO_BODY.len()).any(|window| window == NO_BODY);
    is_one.then_some(begin)
}

/// The same refusal, with the document of the API for a body.
pub(super) fn with_document(refusal: &[u8]) -> Vec<u8> {
    let status = status(refusal).unwrap_or_default();
    let document = http_api::document_of_server(status).unwrap_or_default();
    let mut lines = refusal.split_inclusive(|&byte| byte == b'\n');
    let mut answer = lines.next().unwrap_or_default().to_vec();
    answer.extend_from_slice(&headers(status, &document));
    for line in lines.filter(|line| ![NO_BODY, CLOSE].contains(line)) {
        answer.extend_from_slice(line);
    }
    answer.extend_from_slice(&document);
    answer
}

/// What a peer gets whose request did not arrive in time.
pub(super) fn timeout() -> Vec<u8> {
    of("408 Request Timeout", 408)
}

/// What a peer gets whose request has too long a line.
pub(super) fn too_long(line: TooLong) -> Vec<u8> {
    match line {
        TooLong::FirstLine => of("414 URI Too Long", 414),
        TooLong::Other => of("431 Request Header Fields Too Large", 431),
    }
}

fn of(status_line: &str, status: u16) -> Vec<u8> {
    let document = http_api::document_of_server(status).unwrap_or_default();
    let mut answer = format!("HTTP/1.1 {status_line}\r\n").into_bytes();
    answer.extend_from_slice(&headers(status, &document));
    answer.extend_from_slice(LINE_END);
    answer.extend_from_slice(&document);
    answer
}

/// The header fields of an answer, whose name is in a line of the log, too.
fn headers(status: u16, document: &[u8]) -> Vec<u8> {
    let mut id = RequestId::made();
    id.during_this(|| tracing::debug!("answered {status} to what is no request"));
    let length = document.len();
    format!(
        "content-type: application/problem+json\r\ncontent-length: {length}\r\nconnection: \
         close\r\n{}",
        http_api::header_lines_of_server(&id)
    )
    .into_bytes()
}

fn status(answer: &[u8]) -> Option<u16> {
    str::from_utf8(answer.split(|&byte| byte == b' ').nth(1)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\
        date: Thu, 26 Nov 2026 08:00:00 GMT\r\n\r\n";

    #[test]
    fn a_refusal_without_a_body_is_found_behind_other_answers() {
        let before = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

        assert_eq!(begins_at(BARE), Some(0));
        assert_eq!(begins_at(&[before, BARE].concat()), Some(before.len()));
    }

    #[test]
    fn what_is_no_refusal_of_the_server_stays() {
        for other in [
            &b"HTTP/1.1 204 No Content\r\ndate: Thu, 26 Nov 2026 08:00:00 GMT\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 120\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 97\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            b"\r\n\r\n",
            b"",
        ] {
            assert_eq!(begins_at(other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn a_refusal_gets_the_document_of_its_status() {
        let answer = String::from_utf8(with_document(BARE)).unwrap();

        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        assert_eq!(head.matches("content-length").count(), 1, "{head}");
        assert_eq!(head.matches("connection").count(), 1, "{head}");
        assert!(body.contains("/problems/invalid-request"), "{body}");
    }
}
