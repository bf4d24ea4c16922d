//! The header fields of answers, and what is said of each.

use serde_json::{Value, json};

use crate::manners::{NO_PAGE, NO_REFERRER, NOSNIFF, SAME_ORIGIN};

/// By what a client gives its request a name.
pub(super) const REQUEST_ID: &str = "X-Request-Id";

/// A header of an answer.
pub(crate) struct Header {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) schema: Value,
    pub(crate) example: Value,
    /// Whether each answer of the status has it.
    pub(crate) is_always: bool,
}

fn text(name: &'static str, says: &'static str, example: &str) -> Header {
    let schema = json!({ "type": "string" });
    Header { name, says, schema, example: example.into(), is_always: true }
}

/// How long a sale may be kept.
pub(crate) fn caching_of_sales() -> Header {
    let says = "Whether the answer may be kept: `public, max-age=1` as a rule; `no-cache` within \
                a second of an opening or an end, and of a page of one state; `public, \
                max-age=60` of sales that are closed.";
    text("Cache-Control", says, "public, max-age=1")
}

/// How long it may be kept.
pub(crate) fn caching(example: &str) -> Header {
    text("Cache-Control", "Whether the answer may be kept, by whom, and for how long.", example)
}

/// Which state it shows.
pub(crate) fn tag(example: &str) -> Header {
    text("ETag", "What is shown; ask with If-None-Match, and the same is a 304.", example)
}

/// What the answer depends on.
pub(crate) fn varies() -> Header {
    let says = "The header of the request on which the form of the answer depends.";
    text("Vary", says, "Accept-Encoding")
}

/// Whether it is compressed.
pub(crate) fn coding() -> Header {
    let says = "How the body is compressed, for a client that accepts it.";
    let schema = json!({ "type": "string", "const": "gzip" });
    let header = text("Content-Encoding", says, "gzip");
    Header { schema, is_always: false, ..header }
}

/// That it is not to be held back.
pub(crate) fn unbuffered() -> Header {
    text("X-Accel-Buffering", "Asks proxies not to hold events back.", "no")
}

/// Where to go on.
pub(crate) fn location(example: &str) -> Header {
    text("Location", "Where to go on.", example)
}

/// What a browser is to send along from now on.
pub(crate) fn cookie() -> Header {
    let says = "The session, or that there is none any more. No program of a page can read it, and \
                it is sent along by pages of this site alone.";
    let example = "flashsale_admin=5a1f0c2b6d1e4f57; HttpOnly; SameSite=Strict; Path=/";
    text("Set-Cookie", says, example)
}

/// As what a browser saves it.
pub(crate) fn saved_as(file: &str) -> Header {
    let says = "That a browser saves it, and as what.";
    text("Content-Disposition", says, &format!("attachment; filename=\"{file}\""))
}

/// What the document may do.
pub(crate) fn policy(example: &str) -> Header {
    text("Content-Security-Policy", "What a browser lets the document do.", example)
}

/// When to ask again.
pub(crate) fn retry_after(is_always: bool) -> Header {
    let schema = json!({ "type": "integer", "minimum": 1 });
    let says = "In how many seconds to ask again.";
    let example = Value::from(1);
    Header { name: "Retry-After", says, schema, example, is_always }
}

/// Which methods there are.
pub(crate) fn allow() -> Header {
    text("Allow", "The methods that the path has.", "POST, DELETE, OPTIONS")
}

/// Whether it was answered before.
pub(crate) fn replayed() -> Header {
    let says = "There if the request was answered before: this is that answer, but for \
                `server_time`. It says what was granted then, not what has become of it.";
    let schema = json!({ "type": "string", "const": "true" });
    let header = text("Idempotency-Replayed", says, "true");
    Header { schema, is_always: false, ..header }
}

/// How to say who asks.
pub(crate) fn challenge(example: &str) -> Header {
    text("WWW-Authenticate", "What is wrong with the token (RFC 6750).", example)
}

/// What answers have whatever they are, so it is said once.
pub(crate) fn of_every_answer() -> Vec<Header> {
    let browsers = "What a browser may do with the answer.";
    let mut headers = vec![
        text(REQUEST_ID, "The name of the request: the client's, or a new one.", "7f3a"),
        text("X-Content-Type-Options", browsers, NOSNIFF),
        text("Referrer-Policy", browsers, NO_REFERRER),
        text("Content-Security-Policy", browsers, NO_PAGE),
        text("Cross-Origin-Resource-Policy", browsers, SAME_ORIGIN),
    ];
    headers.extend(limits());
    headers.extend(of_pages());
    headers
}

/// Which pages of other origins may hear the answer, if some may.
fn of_pages() -> [Header; 3] {
    let who = "Which pages of other origins may hear the answer, if some may.";
    let what = "What they may hear of its headers.";
    let vary = "What the answer depends on in the request.";
    [
        optional(text("Access-Control-Allow-Origin", who, "https://shop.example")),
        optional(text("Access-Control-Expose-Headers", what, "ETag, Retry-After")),
        optional(text("Vary", vary, "Origin")),
    ]
}

/// What those pages may ask, for a browser that asks first.
pub(crate) fn of_preflight() -> [Header; 3] {
    let says = "For a browser that asks on behalf of a page of another origin.";
    [
        optional(text("Access-Control-Allow-Methods", says, "POST, DELETE, OPTIONS")),
        optional(text("Access-Control-Allow-Headers", says, "Content-Type, Idempotency-Key")),
        optional(text("Access-Control-Max-Age", says, "7200")),
    ]
}

fn optional(header: Header) -> Header {
    Header { is_always: false, ..header }
}

/// How limits stand, in whatever counts for one.
fn limits() -> [Header; 2] {
    let policy = "The limits that the request counts for, if there are some: `q` requests may come \
                  at once, and as many again in `w` seconds.";
    let left =
        "How they stand: `r` more requests may come at once; after `t` seconds without any, `q`.";
    [
        optional(text("RateLimit-Policy", policy, "\"client\";q=40;w=2")),
        optional(text("RateLimit", left, "\"client\";r=39;t=1")),
    ]
}

/// Which codings there are.
pub(crate) fn accept_encoding() -> Header {
    let says = "The only coding of a body that is read, if that is what was wrong.";
    Header { is_always: false, ..text("Accept-Encoding", says, "identity") }
}
