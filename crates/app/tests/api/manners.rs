//! What every answer says, whatever it is an answer to: which request it is to, whether it may be kept,
//! what a browser may do with it, and which pages may hear it.

use std::collections::BTreeMap;

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    whatever_is_answered_says_what_every_answer_does
    a_request_has_the_name_its_client_gave_it_or_one_of_its_own
    lines_of_the_log_about_a_request_have_its_name
    head_has_the_headers_of_get
    each_route_says_what_methods_it_has
    a_page_of_an_origin_that_is_named_may_ask_and_hear
    pages_of_any_origin_may_ask_where_that_is_said
}

const SECURITY: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

const NEVER_GIVEN: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

async fn ask(stack: &Stack, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = stack.http.request(method, format!("{}{path}", stack.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request).await.unwrap()
}

async fn with_settings(kind: Kind, settings: &[(&'static str, &str)]) -> Stack {
    let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::on(kind) });
    stack.set_env(settings.iter().map(|&(name, value)| (name, value.to_owned())));
    stack.start_app().await;
    stack
}

/// An answer as bytes, to what no client of HTTP would send.
async fn raw(stack: &Stack, sent: &str) -> Answer {
    let address = stack.url().strip_prefix("http://").unwrap().to_owned();
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(sent.as_bytes()).await.unwrap();
    let mut received = String::new();
    socket.read_to_string(&mut received).await.unwrap();
    Answer::parse(&received)
}

/// Every route, with an outcome of each status that it has.
async fn every_outcome(stack: &Stack) -> BTreeMap<String, Answer> {
    let sale = stack.sale().await;
    let held = stack.checkout("ann", sale).await;
    let sold = stack.checkout("ann", sale).await;
    let given_back = stack.checkout("ann", sale).await;
    let mut seen = BTreeMap::new();
    for (method, path) in [
        (Method::POST, format!("/checkout?user_id=ann&id={sale}")),
        (Method::POST, "/checkout?user_id=ann&id=99".to_owned()),
        (Method::POST, "/checkout".to_owned()),
        (Method::PUT, "/checkout".to_owned()),
        (Method::DELETE, format!("/checkout?code={}", given_back.code())),
        (Method::DELETE, "/checkout?code=x".to_owned()),
        (Method::POST, format!("/purchase?code={}", sold.code())),
        (Method::POST, format!("/purchase?code={}", sold.code()) + "&"),
        (Method::POST, format!("/purchase?code={}", given_back.code())),
        (Method::POST, format!("/purchase?code={NEVER_GIVEN}")),
        (Method::GET, format!("/purchases/{}", sold.code())),
        (Method::GET, format!("/purchases/{NEVER_GIVEN}")),
        (Method::GET, format!("/checkouts/{}", held.code())),
        (Method::GET, format!("/checkouts/{NEVER_GIVEN}")),
        (Method::GET, "/checkouts/x".to_owned()),
        (Method::GET, format!("/me?sale={sale}&user_id=ann")),
        (Method::GET, "/me?sale=99&user_id=ann".to_owned()),
        (Method::GET, "/me".to_owned()),
        (Method::GET, "/sales".to_owned()),
        (Method::GET, "/sales?state=ended".to_owned()),
        (Method::GET, "/sales?state=x".to_owned()),
        (Method::GET, "/sales/current".to_owned()),
        (Method::GET, format!("/sales/{sale}")),
        (Method::GET, "/sales/99".to_owned()),
        (Method::GET, format!("/items/{sale}/1.svg")),
        (Method::GET, format!("/items/{sale}/9999.svg")),
        (Method::GET, format!("/products/images/{}.png", "0".repeat(64))),
        (Method::GET, "/products/images/x.svg".to_owned()),
        (Method::GET, "/health".to_owned()),
        (Method::GET, "/health/live".to_owned()),
        (Method::GET, "/health/ready".to_owned()),
        (Method::GET, "/nowhere".to_owned()),
        (Method::OPTIONS, "/checkout".to_owned()),
        (Method::OPTIONS, "/nowhere".to_owned()),
        (Method::HEAD, "/sales/current".to_owned()),
    ] {
        let answer = ask(stack, method.clone(), &path, &[]).await;
        seen.insert(format!("{method} {path}"), answer);
    }
    for path in ["/sales/current".to_owned(), format!("/items/{sale}/1.svg")] {
        let tag = seen[&format!("GET {path}")].header("etag").unwrap().to_owned();
        let known = ask(stack, Method::GET, &path, &[("if-none-match", &tag)]).await;
        assert_eq!(known.status, 304, "{path}");
        seen.insert(format!("GET {path}, known"), known);
    }
    for (name, sent) in [
        ("no request", "GET / HTTP/1.1\r\nhost: h\r\nbad name: x\r\n\r\n".to_owned()),
        ("a long line", format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "x".repeat(40_000))),
        (
            "an expectation",
            "POST /checkout HTTP/1.1\r\nhost: h\r\nconnection: close\r\nexpect: much\r\n\r\n".to_owned(),
        ),
        (
            "a large body",
            "POST /checkout HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 9999\r\n\r\n"
                .to_owned(),
        ),
    ] {
        seen.insert(name.to_owned(), raw(stack, &sent).await);
    }
    seen
}

async fn whatever_is_answered_says_what_every_answer_does(kind: Kind) {
    let stack = with_settings(kind, &[]).await;

    let outcomes = every_outcome(&stack).await;

    let mut statuses: Vec<_> = outcomes.values().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, [200, 204, 304, 400, 404, 405, 409, 410, 413, 414, 417]);
    let mut ids = Vec::new();
    for (request, answer) in &outcomes {
        let is_picture = request.contains("1.svg");
        for (name, value) in SECURITY {
            let is_shared = is_picture && name == "cross-origin-resource-policy";
            let value = if is_shared { "cross-origin" } else { value };
            assert_eq!(answer.header(name), Some(value), "{request}: {answer:?}");
        }
        let policy = answer.header("content-security-policy");
        // Also of a picture that its client has: a browser takes the fields of a 304 for its own.
        let is_drawn = is_picture && [200, 304].contains(&answer.status);
        assert_eq!(is_drawn, policy != Some(NO_PAGE), "{request}: {answer:?}");
        assert_eq!(answer.header("server"), None, "{request}");
        assert_eq!(answer.header("vary"), is_picture.then_some("Accept-Encoding"), "{request}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{request}");
        let caching = answer.header("cache-control").unwrap_or_else(|| panic!("{request}"));
        let may_be_kept =
            [200, 304].contains(&answer.status) && (request.contains(" /sales") || is_picture);
        assert_eq!(caching != "no-store", may_be_kept, "{request}: {caching}");
        ids.push(answer.header("x-request-id").unwrap_or_else(|| panic!("{request}")));
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "each has a name of its own");
}

async fn a_request_has_the_name_its_client_gave_it_or_one_of_its_own(kind: Kind) {
    let stack = with_settings(kind, &[]).await;
    let longest = "x".repeat(128);

    for (path, name) in [("/sales", "shop/7:a@b"), ("/nowhere", &longest), ("/checkout", "a")] {
        let answer = ask(&stack, Method::GET, path, &[("x-request-id", name)]).await;
        assert_eq!(answer.header("x-request-id"), Some(name), "{path}");
    }
    for name in ["a b", "\"", &format!("{longest}x"), ""] {
        let answer = ask(&stack, Method::GET, "/sales", &[("x-request-id", name)]).await;
        let made = answer.header("x-request-id").unwrap();
        assert!(!made.is_empty() && made != name && made.len() < 28, "{made}");
    }
}

async fn lines_of_the_log_about_a_request_have_its_name(kind: Kind) {
    for format in ["text", "json"] {
        let settings =
            [("RUST_LOG", "info,http_api=debug"), ("LOG_FORMAT", format), ("QUEUE_MAX", "1")];
        let stack = with_settings(kind, &settings).await;
        let sale = stack.sale().await;
        let url = format!("{}/checkout?user_id=ann&id={sale}", stack.url());

        // More than one queue of one place takes.
        let mut refused = None;
        while refused.is_none() {
            let all = (0..64).map(|number| {
                let name = format!("mine-{number}");
                let request = stack.http.post(&url).header("x-request-id", &name);
                async move { (Answer::read(request).await.unwrap().status, name) }
            });
            let all = all.collect::<JoinSet<_>>().join_all().await;
            refused = all.into_iter().find(|(status, _)| *status == 503).map(|(_, name)| name);
        }
        let name = refused.unwrap();

        let is_about = |line: &&str| {
            if format == "text" {
                return line.ends_with(&format!(" request_id={name}"));
            }
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            line["request_id"] == name.as_str()
        };
        stack
            .until("there is a line about the request", async |stack| {
                let log = stack.apps[0].log();
                log.lines().any(|line| line.contains("answered 503") && is_about(&line))
            })
            .await;
        let log = stack.apps[0].log();
        let listening = log.lines().find(|line| line.contains("listening on")).unwrap();
        assert!(!listening.contains("request_id"), "{listening}");
    }
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
            "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id",
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
        for name in ["ETag", "Idempotency-Replayed", "RateLimit", "Retry-After", "X-Request-Id"] {
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
