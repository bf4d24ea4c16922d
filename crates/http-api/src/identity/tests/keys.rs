//! Which keys sign a token that is believed, and how they change.

use super::*;

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
