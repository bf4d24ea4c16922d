//! What each route may be asked, and that HEAD is GET without the body.

use reqwest::Method;

use super::{ask, raw, with_settings};
use crate::stack::{Kind, on_both_stacks};

on_both_stacks! {
    head_has_the_headers_of_get
    each_route_says_what_methods_it_has
}

async fn head_has_the_headers_of_get(kind: Kind) {
    let stack = with_settings(kind, &[]).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("ann", sale).await;
    let code = hold.code();

    for path in [
        "/sales".to_owned(),
        format!("/sales/{sale}"),
        "/sales/current".to_owned(),
        "/sales/99".to_owned(),
        format!("/items/{sale}/1.svg"),
        format!("/checkouts/{code}"),
        format!("/me?sale={sale}&user_id=ann"),
        format!("/purchases/{code}"),
        "/health".to_owned(),
        "/health/live".to_owned(),
        "/health/ready".to_owned(),
        "/".to_owned(),
        "/pages/shop.js".to_owned(),
    ] {
        let get = ask(&stack, Method::GET, &path, &[("x-request-id", "same")]).await;
        let head = ask(&stack, Method::HEAD, &path, &[("x-request-id", "same")]).await;

        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        let length = get.text.len().to_string();
        assert_eq!(head.header("content-length"), Some(length.as_str()), "{path}");
        let [of_head, of_get] = [&head, &get].map(|answer| {
            let mut names: Vec<_> = answer.header_names().map(str::to_owned).collect();
            names.sort_unstable();
            names
        });
        assert_eq!(of_head, of_get, "{path}");
    }
}

async fn each_route_says_what_methods_it_has(kind: Kind) {
    let stack = with_settings(kind, &[("CLIENT_RATE", "1/s:50")]).await;

    for (path, allow) in [
        ("/checkout", "POST, DELETE, OPTIONS"),
        ("/purchase", "POST, OPTIONS"),
        ("/purchases/x", "GET, HEAD, OPTIONS"),
        ("/checkouts/x", "GET, HEAD, OPTIONS"),
        ("/me", "GET, HEAD, OPTIONS"),
        ("/sales", "GET, HEAD, OPTIONS"),
        ("/sales/current", "GET, HEAD, OPTIONS"),
        ("/sales/7", "GET, HEAD, OPTIONS"),
        ("/items/7/1.svg", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/health/live", "GET, HEAD, OPTIONS"),
        ("/health/ready", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/pages/x", "GET, HEAD, OPTIONS"),
    ] {
        // However often it is asked: no store is.
        for _ in 0..10 {
            let answer = ask(&stack, Method::OPTIONS, path, &[]).await;
            assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)), "{path}");
            assert_eq!(answer.text, "");
            assert_eq!(answer.header("access-control-allow-methods"), None);
        }
    }
    assert_eq!(ask(&stack, Method::OPTIONS, "/nowhere", &[]).await.status, 404);
    let of_all = "OPTIONS * HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let of_all = raw(&stack, of_all).await;
    let all = Some("GET, HEAD, POST, DELETE, OPTIONS");
    assert_eq!((of_all.status, of_all.header("allow")), (204, all));
}
