//! Tokens, good and bad.

mod claims;
mod keys;
mod over_http;

use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderValue};
use dev_servers::{TokenIssuer, base64url};
use serde_json::json;

use super::{
    verified::{VERIFIED_MAX, fingerprint},
    *,
};

const SECRET: &str = "a secret of a shop, of thirty-two bytes and more";

fn clock() -> UnixMillis {
    UnixMillis(jiff::Timestamp::now().as_millisecond())
}

/// Now, in seconds, as tokens have it.
fn now_s() -> i64 {
    clock().0 / 1_000
}

fn rules() -> Rules {
    let leeway = Duration::from_secs(30);
    Rules { claim: "sub".to_owned(), audience: None, issuer: None, leeway }
}

fn by_jwks(issuers: &[&TokenIssuer], rules: Rules) -> Identity {
    Identity::new(KeySource::Jwks, &TokenIssuer::jwks(issuers), rules, clock).unwrap()
}

fn by_secret(rules: Rules) -> Identity {
    Identity::new(KeySource::Secret, SECRET, rules, clock).unwrap()
}

fn bearing(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    headers.insert(AUTHORIZATION, value);
    headers
}

/// What is said of a token: the user, or what is wrong.
fn said(identity: &Identity, token: &str) -> String {
    match identity.user_of(&bearing(token)) {
        Ok(user) => user.to_string(),
        Err(refusal) => refusal.name().to_owned(),
    }
}

#[test]
fn a_token_comes_once_as_bearer_credentials() {
    let identity = by_secret(rules());
    let token = TokenIssuer::hs256(SECRET).token_of("ann", now_s() + 60);
    let with = |values: &[String]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        identity.user_of(&headers).map_err(TokenRefusal::name).map(|user| user.to_string())
    };

    assert_eq!(with(&[format!("bearer   {token} ")]), Ok("ann".to_owned()));
    assert_eq!(with(&[]), Err("missing"));
    assert_eq!(with(&["Basic YW5uOmFubg==".to_owned()]), Err("missing"));
    assert_eq!(with(&["Bearer".to_owned()]), Err("malformed"));
    let bearer = format!("Bearer {token}");
    assert_eq!(with(&[bearer.clone(), bearer]), Err("malformed"));
}

#[test]
fn a_token_that_is_remembered_ends_with_its_time() {
    static LATER_MS: AtomicI64 = AtomicI64::new(0);
    let later = || UnixMillis(clock().0 + LATER_MS.load(Ordering::Relaxed));
    let identity = Identity::new(KeySource::Secret, SECRET, rules(), later).unwrap();
    let token = TokenIssuer::hs256(SECRET).token_of("ann", now_s() + 1_000);

    assert_eq!(said(&identity, &token), "ann");
    LATER_MS.store(1_025_000, Ordering::Relaxed);
    assert_eq!(said(&identity, &token), "ann");
    LATER_MS.store(1_035_000, Ordering::Relaxed);
    assert_eq!(said(&identity, &token), "expired");
}

#[test]
fn as_many_tokens_are_remembered_as_there_is_room_for_and_those_that_are_used() {
    let verified = Verified::new();
    let user: UserId = "ann".parse().unwrap();
    let found = Found { user, key: 7, good_before_s: 9 };
    let in_use = fingerprint("used");
    verified.put(in_use, found.clone());

    for number in 0..3 * VERIFIED_MAX {
        verified.put(fingerprint(&number.to_string()), found.clone());
        if number % 1_000 == 0 {
            assert_eq!(verified.get(&in_use), Some(found.clone()), "after {number}");
        }
    }

    assert!(verified.len() <= VERIFIED_MAX, "{}", verified.len());
    assert!(verified.len() > VERIFIED_MAX / 3, "{}", verified.len());
    assert_eq!(verified.get(&fingerprint("0")), None);
}
