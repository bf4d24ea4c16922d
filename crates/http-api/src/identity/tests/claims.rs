//! What a token must say, until when it is good, and what is said of one that is not.

use super::*;

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
    for head in ["{\"kid\":7}", "{\"alg\":\"none\",\"kid\":7}", "{\"alg\":\"NONE\"}"] {
        assert_eq!(headed(head), "the token is not signed", "{head}");
    }
    for head in ["{\"alg\":\"HS999\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"es256\"}"] {
        assert_eq!(headed(head), "the token is signed in a way that is not taken here", "{head}");
    }
    assert!(headed("{\"alg\":7}").contains("member of the wrong kind"));
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

/// What is wrong in as many ways is said in as many words, and none of them is in the token.
#[test]
fn each_refusal_of_a_token_says_which_it_is_and_nothing_of_what_is_in_it() {
    let (audience, issuer) = (Some("our-shop".to_owned()), Some("https://id.example".to_owned()));
    let rules = Rules { audience, issuer, ..rules() };
    let ours = TokenIssuer::es256("one");
    let identity = by_jwks(&[&ours], rules);
    let good = json!({
        "sub": "ann", "exp": now_s() + 60, "aud": "our-shop", "iss": "https://id.example",
    });
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        ours.token(&claims.to_string())
    };
    let lacking = |claim: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(claim);
        ours.token(&claims.to_string())
    };
    let headed = |head: &str| ours.token_headed(head, &good.to_string());
    let good_one = ours.token(&good.to_string());
    let mut said = Vec::new();

    for (token, words) in [
        (with("exp", json!(1)), "has expired"),
        (with("nbf", json!(now_s() + 600)), "is not good yet"),
        (with("aud", json!("another-shop")), "for somebody else, by its aud"),
        (lacking("aud"), "lacks aud"),
        (with("iss", json!("https://evil.example")), "not believed here, by its iss"),
        (lacking("iss"), "lacks iss"),
        (lacking("exp"), "needs exp"),
        (lacking("sub"), "lacks the claim that names its user"),
        (headed("{\"alg\":\"none\"}"), "is not signed"),
        (headed("{\"alg\":\"RS256\",\"kid\":\"one\"}"), "a way that is not taken here"),
        (headed("{\"alg\":\"ES256\",\"kid\":\"one\",\"crit\":[\"x\"]}"), "by crit"),
        (TokenIssuer::es256("two").token(&good.to_string()), "a key that is not known here"),
        (TokenIssuer::es256("one").token(&good.to_string()), "signature of the token is wrong"),
        (format!("{good_one}{}", "x".repeat(TOKEN_BYTES_MAX)), "longer than 8 KiB"),
        ("ann".to_owned(), "no token that can be read"),
    ] {
        let says = identity.user_of(&bearing(&token)).unwrap_err().says();
        assert!(says.contains(words), "{words}: {says}");
        for secret in ["ann", "our-shop", "another-shop", "example", "\"", "\\"] {
            assert!(!says.contains(secret), "{secret}: {says}");
        }
        assert!(!said.contains(&says), "it is said of something else: {says}");
        said.push(says);
    }
    assert_eq!(identity.user_of(&bearing(&good_one)).unwrap().to_string(), "ann");
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
