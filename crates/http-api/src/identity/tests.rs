//! Tokens, good and bad.

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
fn a_token_says_who_asks_by_each_kind_of_key() {
    let (es256, eddsa) = (TokenIssuer::es256("one"), TokenIssuer::eddsa("two"));
    let jwks = by_jwks(&[&es256, &eddsa], rules());
    let hs256 = TokenIssuer::hs256(SECRET);

    for (issuer, identity) in [(&es256, &jwks), (&eddsa, &jwks), (&hs256, &by_secret(rules()))] {
        let token = issuer.token_of("ann", now_s() + 60);
        // Found out, and remembered.
        assert_eq!([said(identity, &token), said(identity, &token)], ["ann", "ann"]);
    }
}

#[test]
fn a_key_without_a_name_is_tried_for_every_token_of_its_kind() {
    let (one, other) = (TokenIssuer::es256("one"), TokenIssuer::es256("other"));
    let set = TokenIssuer::jwks(&[&one, &other]);
    let nameless = set.replace("\"kid\":\"one\",", "").replace("\"kid\":\"other\",", "");
    let identity = Identity::new(KeySource::Jwks, &nameless, rules(), clock).unwrap();

    let token = other.token_of("ann", now_s() + 60);
    let claims = format!("{{\"sub\":\"bob\",\"exp\":{}}}", now_s() + 60);
    let unnamed = one.token_headed("{\"alg\":\"ES256\"}", &claims);

    assert_eq!([said(&identity, &token), said(&identity, &unnamed)], ["ann", "bob"]);
    assert_eq!(said(&by_jwks(&[&one], rules()), &unnamed), "bob");
}

#[test]
fn a_token_that_is_not_signed_by_a_key_of_ours_for_its_algorithm_says_nothing() {
    let (ours, theirs) = (TokenIssuer::es256("one"), TokenIssuer::es256("one"));
    let unknown = TokenIssuer::es256("two");
    let identity = by_jwks(&[&ours], rules());
    let claims = format!("{{\"sub\":\"ann\",\"exp\":{}}}", now_s() + 60);
    let good = ours.token(&claims);
    let [head, body, signature] = [0, 1, 2].map(|part| good.split('.').nth(part).unwrap());
    let other_body = base64url(claims.replace("ann", "bob").as_bytes());
    let unsigned = base64url(b"{\"alg\":\"none\"}");
    // Whoever knows a public key knows what would be the secret, if it were taken for one.
    let set: Value = serde_json::from_str(&TokenIssuer::jwks(&[&ours])).unwrap();
    let as_secret = TokenIssuer::hs256(set["keys"][0]["x"].as_str().unwrap());
    let headed = |head: &str| ours.token_headed(head, &claims);

    assert_eq!(said(&identity, &good), "ann");
    for (token, what) in [
        (theirs.token(&claims), "signature"),
        (format!("{head}.{other_body}.{signature}"), "signature"),
        (format!("{head}.{body}."), "signature"),
        (format!("{head}.{body}.{}", base64url(&[0; 64])), "signature"),
        (unknown.token(&claims), "unknown_key"),
        (format!("{unsigned}.{body}."), "algorithm"),
        (format!("{unsigned}.{body}.{signature}"), "algorithm"),
        (as_secret.token(&claims), "algorithm"),
        (TokenIssuer::eddsa("one").token(&claims), "algorithm"),
        (headed("{\"alg\":\"RS256\",\"kid\":\"one\"}"), "algorithm"),
        (headed("{\"alg\":\"ES256\",\"kid\":\"one\",\"crit\":[\"exp\"]}"), "algorithm"),
        (headed("{\"kid\":\"one\"}"), "algorithm"),
        (headed("no head"), "malformed"),
        ("a.b".to_owned(), "malformed"),
        ("a b".to_owned(), "malformed"),
        (format!("{good}.{signature}"), "malformed"),
        (ours.token("[]"), "claims"),
        (format!("{good}{}", "x".repeat(TOKEN_BYTES_MAX)), "malformed"),
    ] {
        assert_eq!(said(&identity, &token), what, "{token}");
    }
    let of_secret = by_secret(rules());
    assert_eq!(said(&of_secret, &good), "algorithm");
    let hs512 = TokenIssuer::hs256(SECRET).token_headed("{\"alg\":\"HS512\"}", &claims);
    assert_eq!(said(&of_secret, &hs512), "algorithm");
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
fn a_token_says_what_the_rules_ask_for() {
    let audience = Some("shop".to_owned());
    let issuer = Some("https://id.example".to_owned());
    let identity = by_secret(Rules { audience, issuer, ..rules() });
    let free = by_secret(rules());
    let signed = TokenIssuer::hs256(SECRET);
    let good = json!({
        "sub": "ann", "exp": now_s() + 60, "nbf": now_s() - 60,
        "aud": ["other", "shop"], "iss": "https://id.example",
    });
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim] = value,
        }
        signed.token(&claims.to_string())
    };

    assert_eq!(said(&identity, &signed.token(&good.to_string())), "ann");
    assert_eq!(said(&identity, &with("aud", json!("shop"))), "ann");
    for (claim, value, what) in [
        ("exp", json!(now_s() - 40), "expired"),
        ("exp", json!(0), "expired"),
        ("exp", json!("tomorrow"), "claims"),
        ("exp", Value::Null, "claims"),
        ("nbf", json!(now_s() + 60), "not_yet"),
        ("nbf", json!("tomorrow"), "claims"),
        ("aud", json!("other"), "audience"),
        ("aud", json!([]), "audience"),
        ("aud", Value::Null, "audience"),
        ("iss", json!("https://id.example/"), "issuer"),
        ("iss", Value::Null, "issuer"),
        ("iss", json!(["https://id.example"]), "issuer"),
        ("sub", Value::Null, "claims"),
        ("sub", json!(["ann"]), "claims"),
        ("sub", json!(1.5), "claims"),
    ] {
        assert_eq!(said(&identity, &with(claim, value.clone())), what, "{claim}: {value}");
    }
    for claim in ["aud", "iss"] {
        assert_eq!(said(&free, &with(claim, json!("whoever"))), "ann", "{claim} is not looked at");
    }
}

#[test]
fn a_clock_may_be_off_by_the_leeway_and_no_more() {
    let identity = by_secret(rules());
    let signed = TokenIssuer::hs256(SECRET);
    let with = |exp: i64, nbf: i64| {
        let claims = json!({ "sub": "ann", "exp": now_s() + exp, "nbf": now_s() + nbf });
        said(&identity, &signed.token(&claims.to_string()))
    };

    assert_eq!([with(-20, -60), with(60, 20)], ["ann", "ann"]);
    assert_eq!([with(-40, -60), with(60, 40)], ["expired", "not_yet"]);
}

#[test]
fn a_token_is_good_until_just_before_its_second_and_the_leeway_by_our_clock() {
    static NOW_S: AtomicI64 = AtomicI64::new(0);
    let at = || UnixMillis(NOW_S.load(Ordering::Relaxed) * 1_000 + 1);
    let expires_at_s = now_s() + 1_000;
    let token = TokenIssuer::hs256(SECRET).token_of("ann", expires_at_s);

    for leeway_s in [0_i64, 30] {
        let leeway = Duration::from_secs(leeway_s.unsigned_abs());
        let rules = || Rules { leeway, ..rules() };
        let fresh = || Identity::new(KeySource::Secret, SECRET, rules(), at).unwrap();
        let (remembers, end_s) = (fresh(), expires_at_s + leeway_s);

        NOW_S.store(end_s - 1, Ordering::Relaxed);
        assert_eq!([said(&fresh(), &token), said(&remembers, &token)], ["ann", "ann"]);
        NOW_S.store(end_s, Ordering::Relaxed);
        assert_eq!([said(&fresh(), &token), said(&remembers, &token)], ["expired", "expired"]);
    }
}

#[test]
fn what_is_said_of_a_token_is_what_is_wrong_with_it() {
    let identity = by_jwks(&[&TokenIssuer::es256("one")], rules());
    let issuer = TokenIssuer::es256("one");
    let says = |token: &str| identity.user_of(&bearing(token)).unwrap_err().says();
    let headed = |head: &str| says(&issuer.token_headed(head, "{}"));
    let signed = TokenIssuer::hs256(SECRET);
    let of_secret = by_secret(rules());
    let claiming =
        |claims: &str| of_secret.user_of(&bearing(&signed.token(claims))).unwrap_err().says();

    for head in ["{\"alg\":\"ES256\",\"kid\":7}", "{\"alg\":\"ES256\",\"crit\":\"exp\"}"] {
        assert!(headed(head).contains("kid"), "{head}: {}", headed(head));
    }
    for head in ["{\"kid\":7}", "{\"alg\":7}", "{\"alg\":\"none\",\"kid\":7}"] {
        assert!(headed(head).contains("not signed in a way"), "{head}: {}", headed(head));
    }
    for head in ["7", "[]", "\"ES256\""] {
        assert!(headed(head).contains("can be read"), "{head}: {}", headed(head));
    }
    for (claims, named) in [
        ("{\"sub\":\"ann\"}", "exp"),
        ("{\"sub\":\"ann\",\"exp\":\"9999999999\"}", "exp"),
        ("{\"sub\":\"ann\",\"exp\":-1}", "exp"),
        ("{\"sub\":\"ann\",\"exp\":9999999999,\"nbf\":\"1\"}", "nbf"),
        ("{\"exp\":9999999999}", "the claim that names its user"),
        ("{\"sub\":null,\"exp\":9999999999}", "the claim that names its user"),
        ("[]", "no JSON object"),
    ] {
        assert!(claiming(claims).contains(named), "{claims}: {}", claiming(claims));
    }
}

#[test]
fn a_claim_of_the_shops_choice_names_the_user_by_text_or_number() {
    let identity = by_secret(Rules { claim: "customer".to_owned(), ..rules() });
    let signed = TokenIssuer::hs256(SECRET);
    let with = |customer: Value| {
        let claims = json!({ "sub": "ann", "customer": customer, "exp": now_s() + 60 });
        said(&identity, &signed.token(&claims.to_string()))
    };

    assert_eq!([with(json!("c-7")), with(json!(4711))], ["c-7", "4711"]);
    assert_eq!([with(json!("auth0|7")), with(json!(""))], ["user", "user"]);
    assert_eq!(with(Value::Null), "claims");
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
fn a_token_ends_with_its_key_and_those_of_others_stay_known() {
    let (old, both, new) =
        (TokenIssuer::es256("old"), TokenIssuer::eddsa("both"), TokenIssuer::es256("new"));
    let identity = by_jwks(&[&old, &both], rules());
    let [of_old, of_both, of_new] =
        [&old, &both, &new].map(|issuer| issuer.token_of("ann", now_s() + 60));
    assert_eq!([&of_old, &of_both].map(|token| said(&identity, token)), ["ann", "ann"]);
    assert_eq!(said(&identity, &of_new), "unknown_key");

    let renewed = TokenIssuer::jwks(&[&both, &new]);
    assert_eq!(identity.renew(&renewed), Ok(Some(2)));
    assert_eq!(identity.renew(&renewed), Ok(None), "it is the same");

    assert!(identity.verified.get(&fingerprint(&of_both)).is_some());
    assert_eq!(said(&identity, &of_old), "unknown_key");
    assert_eq!([&of_both, &of_new].map(|token| said(&identity, token)), ["ann", "ann"]);
}

#[test]
fn another_key_under_the_same_name_ends_what_the_first_signed() {
    let (first, second) = (TokenIssuer::es256("one"), TokenIssuer::es256("one"));
    let identity = by_jwks(&[&first], rules());
    let token = first.token_of("ann", now_s() + 60);
    assert_eq!(said(&identity, &token), "ann");

    identity.renew(&TokenIssuer::jwks(&[&second])).unwrap();

    assert_eq!(said(&identity, &token), "signature");
}

#[test]
fn keys_of_no_use_change_nothing() {
    let issuer = TokenIssuer::es256("one");
    let identity = by_jwks(&[&issuer], rules());
    let many: Vec<_> = (0..17).map(|number| TokenIssuer::eddsa(&number.to_string())).collect();
    let many = TokenIssuer::jwks(&many.iter().collect::<Vec<_>>());

    for (text, error) in [
        ("", KeysError::NotJwks),
        ("{\"keys\":", KeysError::NotJwks),
        ("[]", KeysError::NotJwks),
        ("{\"keys\":[]}", KeysError::NoKey),
        (&many, KeysError::TooMany),
    ] {
        assert_eq!(identity.renew(text), Err(error), "{text}");
    }

    assert_eq!(said(&identity, &issuer.token_of("ann", now_s() + 60)), "ann");
    let short = &SECRET[..31];
    assert_eq!(by_secret(rules()).renew(short), Err(KeysError::ShortSecret));
    assert_eq!(by_secret(rules()).renew(&SECRET[..32]), Ok(Some(1)));
}

#[test]
fn of_a_set_only_public_keys_are_taken_that_are_there_to_check_signatures() {
    let jwk = TokenIssuer::es256("one").jwk();
    let set = |entry: &str| format!("{{\"keys\":[{entry}]}}");
    let read = |entry: &str| Keys::read(KeySource::Jwks, &set(entry)).map(|keys| keys.len());

    assert_eq!(read(&jwk), Ok(1));
    assert_eq!(read(&jwk.replace("\"use\":\"sig\"", "\"key_ops\":[\"verify\"]")), Ok(1));
    assert_eq!(read(&jwk.replace("\"use\":\"sig\"", "\"alg\":\"ES256\"")), Ok(1));
    let k = base64url(SECRET.as_bytes());
    for unfit in [
        format!("{{\"kty\":\"oct\",\"k\":\"{k}\",\"alg\":\"HS256\"}}"),
        format!("{{\"kty\":\"RSA\",\"n\":\"{k}\",\"e\":\"AQAB\"}}"),
        jwk.replace("\"use\":\"sig\"", "\"use\":\"enc\""),
        jwk.replace("\"use\":\"sig\"", "\"key_ops\":[\"sign\"]"),
        jwk.replace("\"use\":\"sig\"", "\"alg\":\"ES384\""),
        jwk.replace("P-256", "P-384"),
        jwk.replace("\"x\":\"", "\"x\":\"AAAA"),
        "7".to_owned(),
    ] {
        assert_eq!(read(&unfit), Err(KeysError::NoKey), "{unfit}");
        assert_eq!(read(&format!("{unfit},{jwk}")), Ok(1), "the rest is taken");
    }
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
