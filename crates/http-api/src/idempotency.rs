//! `Idempotency-Key`: a client's name for a request, so that it may send it again.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderName, HeaderValue},
};
use domain::IdempotencyKey;
use serde_json::Value;

use crate::{
    identity::Buyer,
    openapi::{Parameter, Scalar, scalars},
    params::Params,
    samples,
};

/// What the header is called in a problem.
pub(crate) const KEY_FIELD: &str = "Idempotency-Key";

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that the answer is that of a request which came before.
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));

/// How many characters the key of a checkout has at the least where `user_id` is believed: whoever guesses both is
/// answered the code.
const LENGTH_MIN: usize = 16;

/// What is said of the key of a checkout.
const KEY_SAYS: &str = "The same key of the same user in the same sale gets the same hold, once a unit was \
    granted, for as long as the sale is in the ledger: draw a new one for each unit. Where buyers have \
    tokens, one character is enough.";

scalars! {
    /// A client's name for a request for a unit.
    Key is "IdempotencyKey": {
        "type": "string",
        "minLength": LENGTH_MIN,
        "maxLength": IdempotencyKey::LENGTH_MAX,
        "pattern": "^[!-~]+$",
        "description": "A name that the client draws for one request, such as a UUID. With `user_id` it is \
                        as good as the code: keep it as you keep that.",
    }
    /// A client's name for a request for a unit, whose user is known.
    TokensKey is "IdempotencyKey": {
        "type": "string",
        "minLength": 1,
        "maxLength": IdempotencyKey::LENGTH_MAX,
        "pattern": "^[!-~]+$",
        "description": "A name that the client draws for one request, such as a UUID.",
    }
    /// A client's name for a request that has one already.
    AnyKey is "AnyIdempotencyKey": {
        "type": "string",
        "minLength": 1,
        "maxLength": IdempotencyKey::LENGTH_MAX,
        "pattern": "^[!-~]+$",
        "description": "Any visible characters: the code is the name of the request.",
    }
}

impl Scalar for Key {
    fn example() -> Value {
        samples::KEY.into()
    }

    fn refusal() -> String {
        too_short(samples::KEY.len() / 4)
    }
}

impl Scalar for TokensKey {
    fn example() -> Value {
        AnyKey::example()
    }

    fn refusal() -> String {
        AnyKey::refusal()
    }
}

impl Scalar for AnyKey {
    fn example() -> Value {
        samples::KEY.into()
    }

    fn refusal() -> String {
        IdempotencyKey::try_from(&b""[..]).err().map(|it| it.to_string()).unwrap_or_default()
    }
}

/// The header of a request for a unit.
pub(crate) fn parameter() -> Parameter {
    Parameter::checked_header::<Key>(KEY_FIELD, KEY_SAYS)
}

/// The same where buyers have tokens.
pub(crate) fn parameter_with_token() -> Parameter {
    Parameter::checked_header::<TokensKey>(KEY_FIELD, KEY_SAYS)
}

/// The header of a request that is safe to repeat without it.
pub(crate) fn parameter_of_any() -> Parameter {
    let says = "If it is there, a code that was redeemed before is answered with 200, not 409.";
    Parameter::checked_header::<AnyKey>(KEY_FIELD, says)
}

/// What is said of a key that can be guessed.
fn too_short(length: usize) -> String {
    format!(
        "must have at least {LENGTH_MIN} characters, not {length}: user_id and key together are as good \
         as the code"
    )
}

/// The key of a request for a unit, if it has one. What is wrong with it is noted beside what is wrong
/// with the parameters.
pub(crate) fn key_of(
    request: &HttpRequest,
    buyer: &Buyer,
    params: &mut Params,
) -> Option<IdempotencyKey> {
    let key = any_key_of(request, params)?;
    if !buyer.is_known() && key.length() < LENGTH_MIN {
        params.refuse(KEY_FIELD, too_short(key.length()));
        return None;
    }
    Some(key)
}

/// The key of a request whose code is its name already: that there is one says that the client may
/// be repeating itself.
pub(crate) fn any_key_of(request: &HttpRequest, params: &mut Params) -> Option<IdempotencyKey> {
    let value = only_key_of(request, params).ok()??;
    let key = IdempotencyKey::try_from(value.as_bytes());
    key.map_err(|error| params.refuse(KEY_FIELD, error.to_string())).ok()
}

/// The header of a request as it is, if it has one, and not two.
pub(crate) fn only_key_of<'r>(
    request: &'r HttpRequest,
    params: &mut Params,
) -> Result<Option<&'r HeaderValue>, ()> {
    // Most have none, and pay for one look.
    let mut given = request.headers().get_all(&KEY);
    let value = given.next();
    if given.next().is_some() {
        params.refuse(KEY_FIELD, "is given twice".to_owned());
        return Err(());
    }
    Ok(value)
}

/// Marks an answer that was given before.
pub(crate) fn replayed(mut answer: HttpResponse) -> HttpResponse {
    let (name, value) = REPLAYED;
    answer.headers_mut().insert(name, value);
    answer
}
