//! Receiving the body of a request: JSON in UTF-8 as it is, small, and in time.

mod shared;

use std::{future::poll_fn, pin::pin, rc::Rc, task::Poll};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap},
    web::{Bytes, Payload},
};
use domain::product::Image;
use tokio::time::{Instant, timeout_at};

pub use self::shared::SharedBody;

use crate::{
    connection::{Connection, REQUEST_TIMEOUT},
    problem::Problem,
};

/// The largest body, in bytes; the largest request has a few hundred.
pub(crate) const BODY_BYTES_MAX: usize = 4_096;

/// The largest one of an operator, who is known before it is received.
pub(crate) const OPERATORS_BODY_BYTES_MAX: usize = 65_536;

/// How many characters of base64 the largest picture of a product has.
pub(crate) const BASE64_MAX: usize = Image::BYTES_MAX.div_ceil(3) * 4;

/// The largest body of a request to this path, in bytes. A product may come with its picture.
pub(crate) fn bytes_max_at(path: &str) -> usize {
    match path.strip_prefix("/admin/") {
        Some(of_what) if of_what.starts_with("products/") => OPERATORS_BODY_BYTES_MAX + BASE64_MAX,
        Some(_) => OPERATORS_BODY_BYTES_MAX,
        None => BODY_BYTES_MAX,
    }
}

/// Why a body is not here.
enum Missing {
    /// It takes more to arrive than is received of any.
    TooLong,
    /// Its time is over, or others need its place.
    Late,
}

/// The body of a request, empty if it has none.
pub(crate) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    if !has_body {
        return Ok(Bytes::new());
    }
    let bytes_max = bytes_max_at(request.path());
    if is_announced_too_large(headers, bytes_max) {
        return Err(Problem::body_too_large(bytes_max));
    }
    let body = receive(request, payload, bytes_max).await?;
    if !body.is_empty() {
        check_kind(headers)?;
    }
    Ok(body)
}

/// Whether a body is too large by the length that is announced.
pub(crate) fn is_announced_too_large(headers: &HeaderMap, bytes_max: usize) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    // What is no number was refused before this.
    length.and_then(|length| length.trim().parse().ok()).is_some_and(|it: usize| it > bytes_max)
}

/// Receives the body, if it is here in time.
async fn receive(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    let connection = request.conn_data::<Rc<Connection>>().map(|it| &**it);
    let deadline =
        connection.map_or_else(|| Instant::now() + REQUEST_TIMEOUT, Connection::deadline);
    let _receiving = connection.map(|it| it.receive_body(bytes_max));

    let mut body = pin!(payload.to_bytes_limited(bytes_max));
    let body = poll_fn(|cx| match body.as_mut().poll(cx) {
        Poll::Ready(body) => Poll::Ready(Ok(body)),
        Poll::Pending if connection.is_some_and(Connection::is_body_too_long) => {
            Poll::Ready(Err(Missing::TooLong))
        }
        Poll::Pending if connection.is_some_and(Connection::is_cut) => {
            Poll::Ready(Err(Missing::Late))
        }
        Poll::Pending => Poll::Pending,
    });
    // The rest of a body that is not received is not waited for: the connection is closed.
    match timeout_at(deadline, body).await.unwrap_or(Err(Missing::Late)) {
        Ok(Ok(Ok(body))) => {
            if let Some(connection) = connection {
                connection.body_ended();
            }
            Ok(body)
        }
        Ok(Ok(Err(_))) => Err(Problem::broken_body()),
        Ok(Err(_)) => Err(Problem::body_too_large(bytes_max)),
        Err(Missing::TooLong) => Err(Problem::body_too_long(bytes_max)),
        Err(Missing::Late) => Err(Problem::request_timeout()),
    }
}

/// Checks that a body is what its bytes are read as.
fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let lines = |name| headers.get_all(name).map(|value| value.to_str().unwrap_or_default());
    // Of several lines it is one list.
    let mut codings = lines(header::CONTENT_ENCODING).flat_map(|line| line.split(','));
    if !codings.all(|coding| coding.trim().eq_ignore_ascii_case("identity")) {
        return Err(Problem::unsupported_coding());
    }
    let mut kinds = lines(header::CONTENT_TYPE);
    let (kind, other) = (kinds.next().unwrap_or_default(), kinds.next());
    let mut kind = kind.split(';').map(str::trim);
    // Of two kinds nobody can say which is meant.
    if other.is_some() {
        return Err(Problem::unsupported_media_type());
    }
    if !kind.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::unsupported_media_type());
    }
    for parameter in kind {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.eq_ignore_ascii_case("charset")
            && !value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        {
            return Err(Problem::unsupported_charset());
        }
    }
    Ok(())
}
