//! What every answer says beside its own: which request it is to, what a browser may do with it, and
//! whether anybody may keep it.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{
            ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap,
            HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
};

use crate::{
    caching::NO_STORE,
    cors::{Origins, Page},
    problem::Problem,
    request_id::{REQUEST_ID, RequestId},
};

/// An answer is shown as what it says it is.
pub(crate) const NOSNIFF: &str = "nosniff";
/// What is no page does nothing, in nobody's frame. Pages and pictures say what they may do.
pub(crate) const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
/// A code may be in the path.
pub(crate) const NO_REFERRER: &str = "no-referrer";
/// Nobody else's page has it for a picture or a script. Pages that may ask do so by CORS.
pub(crate) const SAME_ORIGIN: &str = "same-origin";

/// What all answers have in common.
#[derive(Debug, Default)]
pub struct Manners {
    origins: Origins,
}

/// A request, as far as its answer has it in its header fields.
#[derive(Debug)]
pub struct Asked {
    /// What it is called.
    pub id: RequestId,
    page: Page,
}

impl Manners {
    /// Pages of these origins may ask.
    #[must_use]
    pub const fn towards(origins: Origins) -> Self {
        Self { origins }
    }

    /// What the header fields of an answer will depend on.
    #[must_use]
    pub fn asked(&self, method: &Method, headers: &HeaderMap) -> Asked {
        Asked { id: RequestId::of(headers), page: self.origins.page(method, headers) }
    }

    /// Says in an answer what each says, where it does not speak for itself.
    pub fn finish(&self, asked: Asked, headers: &mut HeaderMap) {
        let value = HeaderValue::from_static;
        headers.insert(X_CONTENT_TYPE_OPTIONS, value(NOSNIFF));
        headers.insert(REFERRER_POLICY, value(NO_REFERRER));
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            headers.insert(CONTENT_SECURITY_POLICY, value(NO_PAGE));
        }
        if !headers.contains_key(CROSS_ORIGIN_RESOURCE_POLICY) {
            headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, value(SAME_ORIGIN));
        }
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(NO_STORE.0, NO_STORE.1);
        }
        self.origins.allow(asked.page, headers);
        if let Some(id) = asked.id.into_value() {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// The same as lines, for an answer to what is no request: nobody knows of whom it is. It has a name of
/// ours, for nothing that was read of it is believed.
#[must_use]
pub fn header_lines_of_server(id: &RequestId) -> String {
    format!(
        "{CACHE_CONTROL}: no-store\r\n{X_CONTENT_TYPE_OPTIONS}: {NOSNIFF}\r\n{REFERRER_POLICY}: \
         {NO_REFERRER}\r\n{CONTENT_SECURITY_POLICY}: {NO_PAGE}\r\n{CROSS_ORIGIN_RESOURCE_POLICY}: \
         {SAME_ORIGIN}\r\n{REQUEST_ID}: {id}\r\n"
    )
}

/// The answer to a method that a resource does not have; and to OPTIONS, which asks for those it has.
pub(crate) fn other_method(
    request: &HttpRequest,
    allowed: Cow<'static, str>,
) -> Result<HttpResponse, Problem> {
    if request.method() != Method::OPTIONS {
        return Err(Problem::method_not_allowed(allowed));
    }
    let mut answer = HttpResponse::NoContent();
    Ok(answer.insert_header(NO_STORE).insert_header((ALLOW, allowed.as_ref())).finish())
}
