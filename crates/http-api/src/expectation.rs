//! What a client expects before it sends a body.

use actix_web::{
    HttpResponse, ResponseError as _,
    http::{
        Method,
        header::{EXPECT, HeaderMap},
    },
};

use crate::{body, problem::Problem};

/// The answer to a request that expects what it does not get: anything but to be told that it may
/// send its body, or that, for a body that would be refused. Its body is not to be received. That of a GET
/// means nothing, however large it is.
#[must_use]
pub fn refusal_of_expectation(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Option<HttpResponse> {
    let has_body = ![Method::GET, Method::HEAD].contains(method);
    let bytes_max = body::bytes_max_at(path);
    let is_known = headers.get_all(EXPECT).all(|value| {
        let expected = value.to_str().unwrap_or_default();
        expected.split(',').all(|it| it.trim().eq_ignore_ascii_case("100-continue"))
    });
    if !is_known {
        Some(Problem::expectation_failed().error_response())
    } else if has_body && body::is_announced_too_large(headers, bytes_max) {
        Some(Problem::body_too_large(bytes_max).error_response())
    } else {
        None
    }
}
