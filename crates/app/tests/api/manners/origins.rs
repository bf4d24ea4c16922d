//! Which pages of other origins may ask, and what they hear.

use reqwest::Method;

use super::{ask, with_settings};
use crate::stack::{Kind, on_both_stacks};

on_both_stacks! {
    a_page_of_an_origin_that_is_named_may_ask_and_hear
    pages_of_any_origin_may_ask_where_that_is_said
}

const SHOP: &str = "https://shop.example";

async fn a_page_of_an_origin_that_is_named_may_ask_and_hear(kind: Kind) {
    let origins = "https://other.example,https://shop.example";
    let settings = [("CORS_ORIGINS", origins), ("CLIENT_RATE", "1/s:9")];
    let stack = with_settings(kind, &settings).await;
    let asks = [
        ("origin", SHOP),
        ("access-control-request-method", "DELETE"),
        ("access-control-request-headers", "idempotency-key"),
    ];

    let first = ask(&stack, Method::OPTIONS, "/checkout", &asks).await;
    assert_eq!(first.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", SHOP),
        ("access-control-allow-methods", "POST, DELETE, OPTIONS"),
        (
            "access-control-allow-headers",
            "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-Id",
        ),
        ("access-control-max-age", "7200"),
        ("vary", "Origin"),
    ] {
        assert_eq!(first.header(name), Some(value), "{first:?}");
    }
    assert_eq!(first.header("access-control-expose-headers"), None);

    let mut limited = None;
    for _ in 0..30 {
        let answer = ask(&stack, Method::GET, "/sales", &[("origin", SHOP)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP), "{answer:?}");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in [
            "ETag",
            "Idempotency-Replayed",
            "RateLimit",
            "Retry-After",
            "WWW-Authenticate",
            "X-Request-Id",
        ] {
            assert!(exposed.contains(name), "{exposed}");
        }
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    assert!(limited.is_some(), "a page hears that it asks too often");
    for foreign in ["https://shop.example.evil", "http://shop.example", "null"] {
        for method in [Method::OPTIONS, Method::GET] {
            let asks = [("origin", foreign), ("access-control-request-method", "GET")];
            let answer = ask(&stack, method, "/sales", &asks).await;
            assert_eq!(answer.header("vary"), Some("Origin"), "{foreign}");
            let allowed = answer.header_names().any(|it| it.starts_with("access-control"));
            assert!(!allowed, "{foreign}: {answer:?}");
        }
    }
    let no_page = ask(&stack, Method::GET, "/health", &[]).await;
    assert_eq!((no_page.status, no_page.header("vary")), (200, Some("Origin")));
}

async fn pages_of_any_origin_may_ask_where_that_is_said(kind: Kind) {
    let stack = with_settings(kind, &[("CORS_ORIGINS", "*")]).await;
    let sale = stack.sale().await;
    let path = format!("/items/{sale}/1.svg");

    for headers in [&[][..], &[("origin", SHOP)]] {
        let answer = ask(&stack, Method::GET, &path, headers).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
    }
    let asks = [("origin", SHOP), ("access-control-request-method", "POST")];
    let nowhere = ask(&stack, Method::OPTIONS, "/nowhere", &asks).await;
    assert_eq!((nowhere.status, nowhere.header("access-control-allow-methods")), (404, None));
}
