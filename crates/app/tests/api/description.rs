//! What the service says of itself: `/openapi.json`, `/docs` and `/problems`, and the page for people. That it is true is seen
//! wherever an answer is read: `stack/described.rs`.

use std::{collections::BTreeSet, io::Read as _};

use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use serde_json::Value;

use crate::stack::{
    Answer, DOCUMENT, DOCUMENT_OF_OPERATORS, Kind, Settings, Stack, breach, on_both_stacks,
};

on_both_stacks! {
    the_document_is_the_committed_one
    pages_need_nothing_from_another_host
    every_type_of_problem_leads_to_its_page
    what_a_client_has_is_not_sent_again
    what_a_client_cannot_unpack_is_sent_plain
}

async fn the_document_is_the_committed_one(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    let document = stack.get("/openapi.json").await;

    assert_eq!((document.status, &document.body), (200, &*DOCUMENT));
    assert_eq!(document.body["openapi"], "3.1.1");
}

/// What a page refers to by these attributes.
fn references(page: &str) -> Vec<&str> {
    let after =
        |attribute| page.split(attribute).skip(1).filter_map(|it: &str| it.split('"').next());
    after(" src=\"").chain(after(" href=\"")).collect()
}

async fn pages_need_nothing_from_another_host(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for at in ["/docs", "/"] {
        let page = stack.get(at).await;

        let html = Some("text/html; charset=utf-8");
        assert_eq!((page.status, page.header("content-type")), (200, html), "{at}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let references = references(&page.text);
        assert!(references.len() >= 5, "{references:?}");
        for reference in references.into_iter().filter(|it| *it != "data:,") {
            assert!(!reference.contains(':') && !reference.starts_with('/'), "{reference}");
            let file = stack.get(&format!("/{reference}")).await;
            assert_eq!(file.status, 200, "{reference}");
        }
    }
    for path in ["/docs/swagger-ui.js", "/pages/page.html", "/pages/none.js"] {
        let missing = stack.get(path).await;
        assert_eq!((missing.status, missing.name()), (404, "not-found"), "{path}");
    }
}

async fn every_type_of_problem_leads_to_its_page(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let documents = [&*DOCUMENT, &*DOCUMENT_OF_OPERATORS];
    let schemas = documents.iter().flat_map(|it| it["components"]["schemas"].as_object().unwrap());
    let types = schemas.filter_map(|(_, it)| it["properties"]["type"]["const"].as_str());
    let types: BTreeSet<_> = types.collect();

    let mut seen = 0;
    for name in types {
        let page = stack.get(name).await;
        assert_eq!(page.status, 200, "{name}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{name}");
        assert!(page.text.contains(&format!("<code>{name}</code>")), "{name}: {}", page.text);
        seen += 1;
    }
    assert!(seen >= 16, "{seen}");
    let refused = stack.checkout("alice", 999).await;
    assert_eq!(stack.get(refused.body["type"].as_str().unwrap()).await.status, 200);
    let list = stack.get("/problems").await;
    let leads = |reference: &&str| reference.starts_with("problems/");
    assert_eq!(
        (list.status, references(&list.text).into_iter().filter(leads).count()),
        (200, seen)
    );
    let unknown = stack.get("/problems/no-such-problem").await;
    assert_eq!((unknown.status, unknown.name()), (404, "not-found"));
}

async fn what_a_client_has_is_not_sent_again(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for path in [
        "/openapi.json",
        "/docs",
        "/docs/swagger-ui-bundle.js",
        "/",
        "/pages/shop.js",
        "/pages/besley.woff2",
        "/problems",
        "/problems/sold-out",
        "/items/1/1.svg",
    ] {
        let first = stack.get(path).await;
        let tag = first.header("etag").unwrap().to_owned();
        let request = stack.http.get(format!("{}{path}", stack.url())).header(IF_NONE_MATCH, &tag);
        let again = Answer::read(request).await.unwrap();

        assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
        // A browser takes them for those of what it has, and goes by them.
        for (name, value) in &again.headers {
            let is_its_own = ["date", "x-request-id"].contains(&name.as_str());
            assert!(
                is_its_own || first.headers.get(name) == Some(value),
                "{path}: {name}: {value:?}"
            );
        }
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
    }
}

async fn what_a_client_cannot_unpack_is_sent_plain(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for path in [
        "/openapi.json",
        "/docs",
        "/docs/swagger-ui.css",
        "/",
        "/pages/shop.css",
        "/pages/back.svg",
        "/problems/sold-out",
    ] {
        let url = format!("{}{path}", stack.url());
        let plain = stack.get(path).await;
        // Read as bytes: it is no text.
        let packed = stack.http.get(url).header(ACCEPT_ENCODING, "gzip").send().await.unwrap();

        assert_eq!(packed.headers()["content-encoding"], "gzip", "{path}");
        assert_ne!(packed.headers()["etag"], plain.header("etag").unwrap(), "{path}");
        let (mut text, bytes) = (String::new(), packed.bytes().await.unwrap());
        GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert!(text == plain.text && bytes.len() < text.len(), "{path}");
    }
}

/// Calls this for each schema with an example, which is beside it.
fn for_each_example(value: &Value, check: &mut impl FnMut(&Value, &Value)) {
    if let (Some(schema), Some(example)) = (value.get("schema"), value.get("example")) {
        check(schema, example);
    }
    if let (Some(schema), Some(examples)) = (value.get("schema"), value["examples"].as_object()) {
        examples.values().for_each(|example| check(schema, &example["value"]));
    }
    match value {
        Value::Object(members) => members.values().for_each(|it| for_each_example(it, check)),
        Value::Array(values) => values.iter().for_each(|it| for_each_example(it, check)),
        _ => {}
    }
}

#[test]
fn every_example_of_the_document_is_of_its_schema() {
    for (document, least) in [(&*DOCUMENT, 100), (&*DOCUMENT_OF_OPERATORS, 20)] {
        let mut seen = 0;

        for_each_example(document, &mut |schema, example| {
            if let Some(why) = breach(document, schema, example) {
                panic!("{why}: {example}");
            }
            seen += 1;
        });

        assert!(seen > least, "{seen}");
    }
}

#[test]
fn every_answer_in_json_has_an_example() {
    let documents = [&*DOCUMENT, &*DOCUMENT_OF_OPERATORS];
    for (path, item) in documents.iter().flat_map(|it| it["paths"].as_object().unwrap()) {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let none = serde_json::Map::new();
                for (kind, content) in response["content"].as_object().unwrap_or(&none) {
                    let has_one = content.get("example").or(content.get("examples")).is_some();
                    let is_file = path.contains("/docs") || path.ends_with("/openapi.json");
                    assert!(
                        has_one || is_file || !(kind.ends_with("/json") || kind.ends_with("+json")),
                        "{method} {path} {status}"
                    );
                }
            }
        }
    }
}
