//! What is wrong with a request before the business is asked: its parts, its size, its time.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use serde_json::json;

use super::{Kind, Problem};
use crate::{
    body::BODY_BYTES_MAX,
    connection::{REQUEST_TIMEOUT, raw_bytes_max},
    openapi::bodies,
};

/// The most bytes before a body: where actix stops reading.
pub(crate) const HEAD_BYTES_MAX: usize = 131_072;

/// The most header fields: where actix stops counting.
pub(crate) const HEAD_FIELDS_MAX: usize = 96;

/// The most bytes of a line before a body, its end included.
pub const LINE_BYTES_MAX: usize = 32_768;

/// The title of whatever is wrong with a request: the type's, of which `detail` says more.
const INVALID: &str = "Invalid request";

bodies! {
    /// What is wrong with one parameter, or with another part of a request.
    pub(crate) struct FieldError as "FieldError" {
        /// The name of the parameter or of the header field, such as `Host`; or else the part of the
        /// request: `body`, `path`, `query`, `head`, `expect`, or `request` for all of it.
        pub(crate) field: String as String,
        /// What is wrong with it.
        pub(crate) message: String as String,
    }
}

impl Problem {
    /// A parameter is missing or malformed. No store was asked.
    pub(crate) fn invalid_request(errors: &[FieldError]) -> Self {
        let mut fields: Vec<&str> = Vec::new();
        for error in errors {
            if !fields.contains(&error.field.as_str()) {
                fields.push(&error.field);
            }
        }
        let detail = match errors {
            [FieldError { field, message }] => format!("{field} {message}"),
            _ => format!("These are wrong: {}", fields.join(", ")),
        };
        Self::new(StatusCode::BAD_REQUEST, Kind::InvalidRequest, INVALID, detail)
            .with("errors", json!(errors))
    }

    /// The body is larger than any request needs.
    pub(crate) fn body_too_large(bytes_max: usize) -> Self {
        let detail = format!("A body may have {bytes_max} bytes");
        Self::of_body(StatusCode::PAYLOAD_TOO_LARGE, &detail).closing()
    }

    /// The body has few bytes or none, and much around them.
    pub(crate) fn body_too_long(bytes_max: usize) -> Self {
        let detail = format!(
            "A body may take {} KiB with the framing of its chunks and its trailers: send it with \
             a Content-Length",
            raw_bytes_max(bytes_max) / 1_024
        );
        Self::of_body(StatusCode::PAYLOAD_TOO_LARGE, &detail).closing()
    }

    /// The body cannot be told from what is around it, or ends before its length.
    pub(crate) fn broken_body() -> Self {
        let message = "ends too early or is not in the chunks that Transfer-Encoding speaks of: \
                       send all of it, or with a Content-Length";
        let error = FieldError { field: "body".to_owned(), message: message.to_owned() };
        Self::invalid_request(&[error]).closing()
    }

    /// The body is not JSON.
    pub(crate) fn unsupported_media_type() -> Self {
        let detail = "Send parameters in the query string or as application/json";
        Self::of_body(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// The body is JSON, in other characters.
    pub(crate) fn unsupported_charset() -> Self {
        let detail = "JSON is read as UTF-8 alone: send it so, with no charset or charset=utf-8";
        Self::of_body(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// The body is compressed.
    pub(crate) fn unsupported_coding() -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = "A body is read as it is: send it without a Content-Encoding, or as identity";
        let problem = Self::of_body(status, detail);
        Self { names_coding: true, ..problem }
    }

    /// More is expected of the service than it does.
    pub(crate) fn expectation_failed() -> Self {
        let detail = "Expect may ask for 100-continue and for nothing else";
        Self::of_part("expect", StatusCode::EXPECTATION_FAILED, detail).closing()
    }

    /// What the request asks by is no host.
    pub(crate) fn malformed_host() -> Self {
        let detail = "Host must be a host, with its port or without, such as shop.example:8080";
        Self::of_part("Host", StatusCode::BAD_REQUEST, detail).closing()
    }

    fn of_body(status: StatusCode, detail: &str) -> Self {
        Self::of_part("body", status, detail)
    }

    pub(super) fn of_part(part: &str, status: StatusCode, detail: &str) -> Self {
        let error = FieldError { field: part.to_owned(), message: detail.to_owned() };
        Self::new(status, Kind::InvalidRequest, INVALID, detail.to_owned())
            .with("errors", json!([error]))
    }

    /// A request without what it needs, of which one of each status: of any request, of one that
    /// has a body, and what the server says before there is a request to answer.
    pub(super) fn of_reading() -> Vec<Self> {
        let wrong = |field: &str, message: &str| FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        vec![
            Self::invalid_request(&[wrong("id", "is missing")]),
            Self::body_too_large(BODY_BYTES_MAX),
            Self::line_too_long(),
            Self::unsupported_media_type(),
            Self::expectation_failed(),
            Self::wrong_host(),
            Self::head_too_large(),
        ]
    }

    /// A request did not arrive in time; the connection is closed. No store was asked.
    pub(crate) fn request_timeout() -> Self {
        let detail = format!(
            "A request must arrive within {} s; it was not read: send it again",
            REQUEST_TIMEOUT.as_secs()
        );
        Self::new(StatusCode::REQUEST_TIMEOUT, Kind::RequestTimeout, "Request timeout", detail)
            .closing()
    }

    /// What was sent is no HTTP request, and nothing after it can be read.
    pub(crate) fn malformed_request() -> Self {
        let message = "is often one whose path or query has a character that is not percent-encoded, such as \
                       a space or <; that has no Host, or two; or whose body has no Content-Length, \
                       or a wrong one";
        let error = FieldError { field: "request".to_owned(), message: message.to_owned() };
        let detail = "This cannot be read as a request of HTTP/1.1";
        Self::new(StatusCode::BAD_REQUEST, Kind::InvalidRequest, INVALID, detail)
            .with("errors", json!([error]))
    }

    /// The first line of a request is longer than any needs to be.
    fn line_too_long() -> Self {
        let detail = format!(
            "The first line of a request, with its path and query, may have {} KiB",
            LINE_BYTES_MAX / 1_024
        );
        Self::of_part("path", StatusCode::URI_TOO_LONG, &detail)
    }

    /// The lines before the body are more than are read.
    fn head_too_large() -> Self {
        let detail = format!(
            "A request may have {HEAD_FIELDS_MAX} header fields, of {} KiB each, and {} KiB before \
             its body",
            LINE_BYTES_MAX / 1_024,
            HEAD_BYTES_MAX / 1_024
        );
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::of_part("head", status, &detail)
    }

    pub(crate) fn no_such_route(path: &str) -> Self {
        let detail = match path {
            // The target of CONNECT is a host.
            "" => "The target of the request is no path, and this is no proxy".to_owned(),
            path => format!("There is nothing at {path}"),
        };
        Self::new(StatusCode::NOT_FOUND, Kind::NotFound, "Not found", detail)
    }

    /// `allow` names the methods there are.
    pub(crate) fn method_not_allowed(allow: Cow<'static, str>) -> Self {
        let detail = format!("Allowed here: {allow}");
        let (status, kind) = (StatusCode::METHOD_NOT_ALLOWED, Kind::MethodNotAllowed);
        Self { allow: Some(allow), ..Self::new(status, kind, "Method not allowed", detail) }
    }
}

/// The document for a refusal that the HTTP server makes by itself, before there is a request to
/// hand on, by its status; `None` for a status it does not use so.
#[must_use]
pub fn document_of_server(status: u16) -> Option<Vec<u8>> {
    let problem = match status {
        400 => Problem::malformed_request(),
        408 => Problem::request_timeout(),
        414 => Problem::line_too_long(),
        431 => Problem::head_too_large(),
        _ => return None,
    };
    serde_json::to_vec(&problem).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_its_usual_causes_shortly_and_once() {
        let document = document_of_server(400).unwrap();
        let problem: Value = serde_json::from_slice(&document).unwrap();

        let [detail, message] = [&problem["detail"], &problem["errors"][0]["message"]];
        assert_ne!(detail, message);
        assert!(message.as_str().unwrap().contains("percent-encoded"), "{message}");
        assert!(document.len() < 400, "{} bytes", document.len());
    }
}
