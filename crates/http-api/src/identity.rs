//! Who asks: whom a token says, if the service is told to believe tokens.
//!
//! The library checks a token, once; after that it is known until its time is over, or its key is no
//! longer among those of the file. Nothing here keeps a token or writes one down.

mod buyer;
mod keys;
mod provider;
mod refusal;
#[cfg(test)]
mod tests;
mod verified;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use domain::{UnixMillis, UserId};
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};

pub use self::keys::{KeySource, KeysError};
pub(crate) use self::{
    buyer::{Buyer, USER_ID},
    refusal::TokenRefusal,
};

use self::{
    keys::{Key, Keys},
    verified::{Found, Verified, fingerprint},
};

/// The largest token, in bytes. What has hundreds of claims is none of a buyer.
const TOKEN_BYTES_MAX: usize = 8_192;

/// What a token must say to be believed.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The claim that names the user.
    pub claim: String,
    /// Whom it must be for (`aud`), if that is looked at.
    pub audience: Option<String>,
    /// Of whom it must be (`iss`), if that is looked at.
    pub issuer: Option<String>,
    /// How far the clock of whoever made it may be off.
    pub leeway: Duration,
}

/// Says of whom a request is.
pub struct Identity {
    source: KeySource,
    rules: Rules,
    /// The keys, and the text that they were read from.
    keys: RwLock<(Arc<Keys>, String)>,
    verified: Verified,
    clock: fn() -> UnixMillis,
}

impl Identity {
    /// Believes tokens by the keys in `text`, and by a clock that says when their time is over.
    pub fn new(
        source: KeySource,
        text: &str,
        rules: Rules,
        clock: fn() -> UnixMillis,
    ) -> Result<Self, KeysError> {
        provider::install();
        let keys = Arc::new(Keys::read(source, text)?);
        let (keys, verified) = (RwLock::new((keys, text.to_owned())), Verified::new());
        Ok(Self { source, rules, keys, verified, clock })
    }

    /// From now on the keys are those in `text`; says how many, or `None` if it is what they were read
    /// from before. A token of a key that is not among them is good no longer.
    ///
    /// # Errors
    ///
    /// The keys stay as they are.
    pub fn renew(&self, text: &str) -> Result<Option<usize>, KeysError> {
        if self.keys.read().unwrap_or_else(PoisonError::into_inner).1 == text {
            return Ok(None);
        }
        let keys = Keys::read(self.source, text)?;
        let count = keys.len();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) =
            (Arc::new(keys), text.to_owned());
        Ok(Some(count))
    }

    /// Of whom a request with these headers is.
    pub(crate) fn user_of(&self, headers: &HeaderMap) -> Result<UserId, TokenRefusal> {
        let token = token_of(headers)?;
        let (keys, name) = (self.keys(), fingerprint(token));
        let now_s = (self.clock)().0.div_euclid(1_000);
        if let Some(found) = self.verified.get(&name) {
            if !keys.have(found.key) {
                // It may be good by another: that is found out as if it had never come.
                self.verified.forget(&name);
            } else if now_s >= found.good_before_s {
                return Err(TokenRefusal::Expired);
            } else {
                return Ok(found.user);
            }
        }
        let found = self.check(&keys, token)?;
        // The library's second is a second longer, and by a clock of its own.
        if now_s >= found.good_before_s {
            return Err(TokenRefusal::Expired);
        }
        self.verified.put(name, found.clone());
        Ok(found.user)
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Has a token checked that is not known.
    fn check(&self, keys: &Keys, token: &str) -> Result<Found, TokenRefusal> {
        let head = decode_header(token).map_err(|_| TokenRefusal::of_head(token))?;
        // What must be understood and is not known must not be passed over (RFC 7515, 4.1.11).
        if !keys.are_for(head.alg) {
            return Err(TokenRefusal::Algorithm);
        }
        if head.crit.is_some() {
            return Err(TokenRefusal::Critical);
        }
        let mut refusal = TokenRefusal::UnknownKey;
        for key in keys.of(head.alg, head.kid.as_deref()) {
            match decode::<Map<String, Value>>(token, &key.key, &self.validation(key)) {
                Ok(token) => return self.found(key, &token.claims),
                Err(error) => refusal = TokenRefusal::of(&error),
            }
            // It is of this key, whatever else is wrong.
            if refusal != TokenRefusal::Signature {
                break;
            }
        }
        Err(refusal)
    }

    fn validation(&self, key: &Key) -> Validation {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.rules.leeway.as_secs();
        validation.validate_nbf = true;
        // Without a name of its own the service cannot tell whether it is meant.
        validation.validate_aud = self.rules.audience.is_some();
        let mut required = vec!["exp"];
        if let Some(audience) = &self.rules.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.rules.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    /// What a token says that was signed with this key.
    fn found(&self, key: &Key, claims: &Map<String, Value>) -> Result<Found, TokenRefusal> {
        let user = match claims.get(&self.rules.claim) {
            Some(Value::String(name)) => name.parse(),
            // Shops that number their users have numbers here.
            Some(Value::Number(number)) if !number.is_f64() => number.to_string().parse(),
            _ => return Err(TokenRefusal::Nobody),
        };
        let user = user.map_err(TokenRefusal::User)?;
        // The library takes a list of which one is right; an issuer is one (RFC 7519, 4.1.1).
        if self.rules.issuer.is_some() && !claims.get("iss").is_some_and(Value::is_string) {
            return Err(TokenRefusal::Issuer);
        }
        let expires_at_s = claims.get("exp").and_then(seconds).ok_or(TokenRefusal::Expiry)?;
        let leeway_s = i64::try_from(self.rules.leeway.as_secs()).unwrap_or(0);
        Ok(Found { user, key: key.mark, good_before_s: expires_at_s.saturating_add(leeway_s) })
    }
}

/// A moment as tokens have it, in whole seconds.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "what is beyond all time is the end of it")]
    let rounded = |seconds: f64| seconds as i64;
    value.as_i64().or_else(|| value.as_f64().map(rounded))
}

/// The token that a request came with.
fn token_of(headers: &HeaderMap) -> Result<&str, TokenRefusal> {
    let mut given = headers.get_all(AUTHORIZATION);
    let credentials = given.next().ok_or(TokenRefusal::Missing)?;
    if given.next().is_some() {
        return Err(TokenRefusal::Twice);
    }
    let credentials = credentials.to_str().map_err(|_| TokenRefusal::Malformed)?;
    let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenRefusal::Missing);
    }
    let token = token.trim_matches(' ');
    match token.len() {
        0 => Err(TokenRefusal::Malformed),
        1..=TOKEN_BYTES_MAX => Ok(token),
        _ => Err(TokenRefusal::TooLong),
    }
}
