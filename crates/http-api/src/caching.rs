//! What may be kept of an answer, by whom, and for how long.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, EntityTag, HeaderName, HeaderValue, IF_NONE_MATCH, IfNoneMatch},
};
use serde::Serialize;

/// For what is one buyer's own, or true at this moment only.
pub(crate) const NO_STORE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// An answer that nobody keeps.
pub(crate) fn not_stored(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header(NO_STORE).json(body)
}

/// Whether the client has what it asks for. Tags are compared weakly, as they are for this
/// (RFC 9110, 13.1.2).
pub(crate) fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    // Nearly nobody has it, and only they pay for reading it.
    request.headers().contains_key(IF_NONE_MATCH)
        && match request.get_header::<IfNoneMatch>() {
            Some(IfNoneMatch::Any) => true,
            Some(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
            None => false,
        }
}
