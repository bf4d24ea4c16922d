//! `Idempotency-Key`: a client's name for a request, so that it may send it again.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderName, HeaderValue},
};
use domain::IdempotencyKey;

use crate::params::Params;

/// What the header is called in a problem.
const FIELD: &str = "Idempotency-Key";

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that the answer is that of a request which came before.
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));

/// How many characters a key has at the least where `user_id` is believed: whoever guesses both is
/// answered the code.
const LENGTH_MIN: usize = 16;

/// The key of a request for a unit, if it has one. What is wrong with it is noted beside what is wrong
/// with the parameters.
pub(crate) fn key_of(request: &HttpRequest, params: &mut Params) -> Option<IdempotencyKey> {
    let key = any_key_of(request, params)?;
    if key.length() < LENGTH_MIN {
        let told = format!(
            "must have at least {LENGTH_MIN} characters, not {}: user_id and key together are as good \
             as the code",
            key.length()
        );
        params.refuse(FIELD, told);
        return None;
    }
    Some(key)
}

/// The key of a request whose code is its name already: that there is one says that the client may
/// be repeating itself.
pub(crate) fn any_key_of(request: &HttpRequest, params: &mut Params) -> Option<IdempotencyKey> {
    // Most have none, and pay for one look.
    let mut given = request.headers().get_all(&KEY);
    let value = given.next()?;
    if given.next().is_some() {
        params.refuse(FIELD, "is given twice".to_owned());
        return None;
    }
    let key = IdempotencyKey::try_from(value.as_bytes());
    key.map_err(|error| params.refuse(FIELD, error.to_string())).ok()
}

/// Marks an answer that was given before.
pub(crate) fn replayed(mut answer: HttpResponse) -> HttpResponse {
    let (name, value) = REPLAYED;
    answer.headers_mut().insert(name, value);
    answer
}
