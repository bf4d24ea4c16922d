//! What requests are called, in their answers and in the log.

use reqwest::Method;
use tokio::task::JoinSet;

use super::{ask, raw, with_settings};
use crate::stack::{Answer, Kind, on_both_stacks};

on_both_stacks! {
    a_request_has_the_name_its_client_gave_it_or_one_of_its_own
    lines_of_the_log_about_a_request_have_its_name
    each_refusal_has_a_line_of_the_log_with_the_name_of_its_request
    what_is_no_request_has_a_name_of_ours_in_its_answer_and_in_the_log
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

async fn each_refusal_has_a_line_of_the_log_with_the_name_of_its_request(kind: Kind) {
    let stack = with_settings(kind, &[("RUST_LOG", "info,flashsale=debug")]).await;

    for (number, (method, path, line)) in [
        (Method::POST, "/checkout?user_id=ann&id=x", "answered 400 to POST /checkout"),
        (Method::GET, "/nowhere", "answered 404 to GET "),
        (Method::PUT, "/checkout", "answered 405 to PUT /checkout"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("mine-{number}");
        ask(&stack, method, path, &[("x-request-id", &name)]).await;
        let name = format!(" request_id={name}");
        stack
            .until("there is a line about the refusal", async |stack| {
                let log = stack.apps[0].log();
                log.lines().any(|it| it.contains(line) && it.ends_with(&name))
            })
            .await;
    }
    let log = stack.apps[0].log();
    assert!(!log.contains("answered 200"), "what is not refused is not told: {log}");
}

/// Of what cannot be read nothing is believed, also not the name that it gives itself.
async fn what_is_no_request_has_a_name_of_ours_in_its_answer_and_in_the_log(kind: Kind) {
    let stack = with_settings(kind, &[("RUST_LOG", "info,flashsale=debug")]).await;
    let named = "GET / HTTP/1.1\r\nhost: h\r\nx-request-id: mine\r\n";
    let long = "x".repeat(40_000);

    for (sent, status) in [
        (format!("{named}bad name: x\r\n\r\n"), 400),
        (format!("{named}{}\r\n", "x: y\r\n".repeat(97)), 431),
        (format!("{named}cookie: {long}\r\n\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\nhost: h\r\nx-request-id: mine\r\n\r\n"), 414),
        (named.to_owned(), 408),
    ] {
        let answer = raw(&stack, &sent).await;

        let id = answer.header("x-request-id").unwrap();
        assert!(answer.status == status && !id.is_empty() && id != "mine", "{answer:?}");
        let line = format!("answered {status} to what is no request request_id={id}");
        stack
            .until("there is a line with the name", async |stack| {
                stack.apps[0].log().contains(&line)
            })
            .await;
    }
}
