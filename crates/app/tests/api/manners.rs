//! What every answer says, whatever it is an answer to: which request it is to, whether it may be kept,
//! what a browser may do with it, and which pages may hear it.

mod methods;
mod names;
mod origins;

use std::collections::BTreeMap;

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    whatever_is_answered_says_what_every_answer_does
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

/// The answer to a client that has what is shown at this path.
async fn known(stack: &Stack, path: &str) -> Answer {
    // What is shown may be a fifth of a second old: it changes once more after the last purchase.
    stack
        .once(&format!("{path} stays as it is"), async |stack| {
            let shown = ask(stack, Method::GET, path, &[]).await;
            let tag = [("if-none-match", shown.header("etag").unwrap())];
            let known = ask(stack, Method::GET, path, &tag).await;
            (known.status == 304).then_some(known)
        })
        .await
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
        let known = known(stack, &path).await;
        seen.insert(format!("GET {path}, known"), known);
    }
    for (name, sent) in [
        ("no request", "GET / HTTP/1.1\r\nhost: h\r\nbad name: x\r\n\r\n".to_owned()),
        ("a long line", format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "x".repeat(40_000))),
        ("many fields", format!("GET / HTTP/1.1\r\nhost: h\r\n{}\r\n", "x: y\r\n".repeat(97))),
        ("half a request", "GET / HTTP/1.1\r\nhost: h\r\n".to_owned()),
        ("a slash too many", "GET /sales/ HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".to_owned()),
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
    assert_eq!(statuses, [200, 204, 304, 308, 400, 404, 405, 408, 409, 410, 413, 414, 417, 431]);
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
