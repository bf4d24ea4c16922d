//! Whatever is malformed is a 4xx problem that names the field: never a 5xx, never a record.

use reqwest::{
    Method,
    header::{ALLOW, CONTENT_TYPE},
};

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_malformed_query_is_refused_by_field
    what_is_looked_up_by_a_malformed_name_is_refused_by_field
    a_malformed_body_is_refused_by_field
    a_body_of_another_kind_or_size_is_refused
    another_method_is_answered_with_those_there_are
    another_path_is_a_problem_too
}

const CODE: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

/// Sends a request and checks that it is refused as `(status, name)`, for `field`.
async fn refused(stack: &Stack, request: reqwest::RequestBuilder, status: u16, field: &str) {
    let shown = format!("{request:?}");
    let answer = Answer::read(request).await.unwrap();

    assert_eq!((answer.status, answer.name()), (status, "invalid-request"), "{shown}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{shown}");
    assert_eq!(answer.body["status"], status, "{shown}");
    assert!(answer.body["title"].is_string() && answer.body["detail"].is_string(), "{shown}");
    let fields: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{shown}: {answer:?}"))
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert!(fields.contains(&field), "{shown}: {fields:?}");
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 0, "{shown}");
}

fn post(stack: &Stack, path: &str) -> reqwest::RequestBuilder {
    stack.http.post(format!("{}{path}", stack.url()))
}

fn post_json(stack: &Stack, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    post(stack, path).header(CONTENT_TYPE, "application/json").body(body)
}

async fn a_malformed_query_is_refused_by_field(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let long = "x".repeat(65);
    let huge = "9".repeat(400);

    for (path, field) in [
        ("/checkout", "user_id"),
        ("/checkout", "id"),
        ("/checkout?user_id=alice", "id"),
        ("/checkout?id=1", "user_id"),
        ("/checkout?user_id=&id=1", "user_id"),
        (&format!("/checkout?user_id={long}&id=1"), "user_id"),
        ("/checkout?user_id=al%20ice&id=1", "user_id"),
        ("/checkout?user_id=al+ice&id=1", "user_id"),
        ("/checkout?user_id=%00&id=1", "user_id"),
        ("/checkout?user_id=%ff%fe&id=1", "user_id"),
        ("/checkout?user_id=zo%C3%AB&id=1", "user_id"),
        ("/checkout?user_id=al%&id=1", "user_id"),
        ("/checkout?user_id=al%zzice&id=1", "user_id"),
        ("/checkout?user_id=alice&id=%2", "id"),
        ("/checkout?user_id=alice&id=1&note=%E9", "note"),
        ("/checkout?user_id=alice&id=1&n%zz=1", "n%zz"),
        ("/checkout?user_id='%3B--&id=1", "user_id"),
        ("/checkout?user_id=alice&id=", "id"),
        ("/checkout?user_id=alice&id=0", "id"),
        ("/checkout?user_id=alice&id=07", "id"),
        ("/checkout?user_id=alice&id=-1", "id"),
        ("/checkout?user_id=alice&id=1.5", "id"),
        ("/checkout?user_id=alice&id=one", "id"),
        ("/checkout?user_id=alice&id=9223372036854775808", "id"),
        (&format!("/checkout?user_id=alice&id={huge}"), "id"),
        ("/checkout?user_id=alice&id=1&id=1", "id"),
        ("/checkout?user_id=alice&user_id=bob&id=1", "user_id"),
        ("/checkout?user_id=alice&id=1&limit=99", "limit"),
        ("/checkout?user_id=alice&id=1&=", "query"),
        ("/purchase", "code"),
        ("/purchase?code=", "code"),
        ("/purchase?code=7", "code"),
        ("/purchase?code=00000000-0143-8ccf-a7f3-0b47c7ba617", "code"),
        ("/purchase?code=00000000-0143-8ccf-a7f3-0b47c7ba617g", "code"),
        ("/purchase?code=0000000001438ccfa7f30b47c7ba6177", "code"),
        (&format!("/purchase?code={{{CODE}}}"), "code"),
        (&format!("/purchase?code={CODE}&user_id=alice"), "user_id"),
    ] {
        refused(&stack, post(&stack, path), 400, field).await;
    }
    let delete = |path: &str| stack.http.delete(format!("{}{path}", stack.url()));
    refused(&stack, delete("/checkout"), 400, "code").await;
    refused(&stack, delete("/checkout?code=x"), 400, "code").await;
}

async fn what_is_looked_up_by_a_malformed_name_is_refused_by_field(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for (path, field) in [
        ("/purchases/x", "code"),
        ("/sales/x", "id"),
        ("/sales/0", "id"),
        ("/sales/-1", "id"),
        ("/sales?limit=0", "limit"),
        ("/sales?limit=101", "limit"),
        ("/sales?limit=05", "limit"),
        ("/sales?limit=%2B5", "limit"),
        ("/sales?before=x", "before"),
        ("/sales?page=2", "page"),
        ("/sales/current?x=1", "x"),
        ("/sales/current?=%E9", "query"),
        ("/sales?state=%zz", "state"),
        ("/me?sale=1&user_id=%E9", "user_id"),
        ("/stream?sale=%E9", "sale"),
        ("/sales/%E9", "id"),
        ("/sales/%zz", "id"),
        ("/purchases/%E9", "code"),
        ("/checkouts/x%", "code"),
        ("/items/1/%E9.svg", "unit"),
        ("/items/%zz/1.svg", "sale"),
        ("/pages/%E9", "file"),
        ("/problems/%zz", "name"),
        ("/items/x/1.svg", "sale"),
        ("/items/1/x.svg", "unit"),
        ("/items/1/0.svg", "unit"),
    ] {
        refused(&stack, stack.http.get(format!("{}{path}", stack.url())), 400, field).await;
    }
}

async fn a_malformed_body_is_refused_by_field(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for (body, field) in [
        ("{", "body"),
        ("[]", "body"),
        ("null", "body"),
        ("\"alice\"", "body"),
        (r#"{"user_id":"alice","id":1} trailing"#, "body"),
        ("\u{feff}{}", "body"),
        ("{}", "user_id"),
        (r#"{"user_id":"alice"}"#, "id"),
        (r#"{"user_id":null,"id":1}"#, "user_id"),
        (r#"{"user_id":["alice"],"id":1}"#, "user_id"),
        (r#"{"user_id":"","id":1}"#, "user_id"),
        (r#"{"user_id":9007199254740992,"id":1}"#, "user_id"),
        (r#"{"user_id":1.5,"id":1}"#, "user_id"),
        (r#"{"user_id":"alice","id":-1}"#, "id"),
        (r#"{"user_id":"alice","id":1.5}"#, "id"),
        (r#"{"user_id":"alice","id":1e99}"#, "id"),
        (r#"{"user_id":"alice","id":true}"#, "id"),
        (r#"{"user_id":"alice","id":1,"id":1}"#, "id"),
        (r#"{"user_id":"alice","id":1,"unit":7}"#, "unit"),
    ] {
        refused(&stack, post_json(&stack, "/checkout", body), 400, field).await;
    }
    // The same name in the query and in the body.
    let twice = post_json(&stack, "/checkout?id=1", r#"{"user_id":"alice","id":1}"#);
    refused(&stack, twice, 400, "id").await;
    refused(&stack, post_json(&stack, "/purchase", vec![0xff, 0xfe]), 400, "body").await;
}

async fn a_body_of_another_kind_or_size_is_refused(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let body = r#"{"user_id":"alice","id":1}"#;

    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let request = post(&stack, "/checkout").header(CONTENT_TYPE, kind).body(body);
        refused(&stack, request, 415, "body").await;
    }
    refused(&stack, post(&stack, "/checkout").body(body), 415, "body").await;
    for bytes in [4_097, 1 << 20] {
        let large = format!(r#"{{"user_id":"{}","id":1}}"#, "x".repeat(bytes));
        refused(&stack, post_json(&stack, "/checkout", large.clone()), 413, "body").await;
        refused(&stack, post_json(&stack, "/purchase", large), 413, "body").await;
    }
}

async fn another_method_is_answered_with_those_there_are(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for (method, path, allow) in [
        (Method::GET, "/checkout", "POST, DELETE, OPTIONS"),
        (Method::PUT, "/checkout", "POST, DELETE, OPTIONS"),
        (Method::GET, "/purchase", "POST, OPTIONS"),
        (Method::DELETE, "/purchase", "POST, OPTIONS"),
        (Method::POST, "/sales", "GET, HEAD, OPTIONS"),
        (Method::DELETE, "/sales/1", "GET, HEAD, OPTIONS"),
        (Method::POST, "/sales/current", "GET, HEAD, OPTIONS"),
        (Method::PATCH, "/items/1/1.svg", "GET, HEAD, OPTIONS"),
        (Method::POST, "/health", "GET, HEAD, OPTIONS"),
        (Method::POST, "/purchases/00000000-0143-8ccf-a7f3-0b47c7ba6177", "GET, HEAD, OPTIONS"),
    ] {
        let url = format!("{}{path}", stack.url());
        let answer = Answer::read(stack.http.request(method.clone(), url)).await.unwrap();

        assert_eq!(
            (answer.status, answer.name()),
            (405, "method-not-allowed"),
            "{method} {path}: {answer:?}"
        );
        assert_eq!(answer.header(ALLOW.as_str()), Some(allow), "{method} {path}");
    }
}

async fn another_path_is_a_problem_too(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for path in ["/nowhere", "/nowhere/", "/sales/1/2", "/items/1/1.png", "/%00"] {
        let answer = stack.get(path).await;
        assert_eq!((answer.status, answer.name()), (404, "not-found"), "{path}: {answer:?}");
    }
}
