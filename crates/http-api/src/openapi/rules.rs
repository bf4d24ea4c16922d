//! What holds for every route that is described, tried on each: without a test of its own it holds for
//! the next one, too.

use actix_web::{
    App,
    body::to_bytes,
    dev::{Service, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, LOCATION},
    },
    test::{TestRequest, init_service},
    web,
};
use fakes::World;
use serde_json::Value;

use super::tests::{document, operations};
use crate::test_api::api_over;

/// A request of each operation, with the parameters it must have: its method, its path, and its query.
fn requests(document: &Value) -> Vec<(Method, String, String)> {
    let mut requests = Vec::new();
    for (path, method, operation) in operations(document) {
        if path.contains('#') {
            continue;
        }
        let (mut path, mut query) = (path.clone(), Vec::new());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
            let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            match parameter["in"].as_str().unwrap() {
                "path" => path = path.replace(&format!("{{{name}}}"), &example),
                "query" if parameter["required"] == true => query.push(format!("{name}={example}")),
                _ => {}
            }
        }
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        requests.push((method, path, query.join("&")));
    }
    assert!(requests.len() > 30, "{requests:?}");
    requests
}

/// Whatever is asked of a store is a 503.
fn out_of_reach() -> World {
    let world = World::new();
    world.ledger.faults().set_down(true);
    world.live.faults().set_down(true);
    world
}

async fn app()
-> impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error> {
    let api = web::Data::new(api_over(&out_of_reach()));
    init_service(App::new().app_data(api).configure(crate::routes)).await
}

/// Whether people come to this path by links, or balancers and caches by addresses that they have added to.
fn is_for_people(path: &str) -> bool {
    let parts = [
        "/health",
        "/docs",
        "/problems",
        "/pages/",
        "/openapi.json",
        "/items/",
        "/products/images/",
    ];
    path == "/" || parts.iter().any(|part| path.starts_with(part))
}

#[actix_web::test]
async fn a_parameter_that_is_not_one_of_a_route_is_refused_by_name_before_any_store_is_asked() {
    let app = app().await;

    for (method, path, query) in requests(&document()) {
        // Also if it cannot be read.
        for value in ["1", "%E9", "%zz"] {
            let uri = format!("{path}?{query}&surely_unknown={value}");
            let request = TestRequest::with_uri(&uri).method(method.clone()).to_request();
            let answered = app.call(request).await.unwrap();

            if is_for_people(&path) {
                // Whoever led them there has added it.
                let status = answered.status().as_u16();
                assert!([200, 503].contains(&status), "{method} {uri}: {status}");
                continue;
            }
            assert_eq!(answered.status(), StatusCode::BAD_REQUEST, "{method} {uri}");
            let body = to_bytes(answered.into_body()).await.unwrap();
            let problem: Value = serde_json::from_slice(&body).unwrap();
            let errors = problem["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{method} {uri}: {problem}");
            assert_eq!(errors[0]["field"], "surely_unknown", "{method} {uri}");
        }
    }
}

#[actix_web::test]
async fn a_slash_too_many_at_the_end_of_a_path_leads_to_the_path_without() {
    let app = app().await;

    let document = document();
    for (method, path, query) in requests(&document) {
        let query = if query.is_empty() { query } else { format!("?{query}") };
        let uri = format!("{path}/{query}");
        let request = TestRequest::with_uri(&uri).method(method.clone()).to_request();
        let answered = app.call(request).await.unwrap();

        assert_eq!(answered.status(), StatusCode::PERMANENT_REDIRECT, "{method} {uri}");
        let header = |name| answered.headers().get(name)?.to_str().ok();
        let there = format!("{path}{query}");
        assert_eq!(header(LOCATION), Some(there.as_str()), "{method} {uri}");
        assert_eq!(header(CACHE_CONTROL), Some("no-store"), "{method} {uri}");
        let described = described_308(&document, &method, &path);
        for (name, described) in described["headers"].as_object().unwrap() {
            assert_eq!(described["required"], true, "{name}");
            assert!(answered.headers().contains_key(name.as_str()), "{method} {uri}: {name}");
        }
        let headers = answered.headers().keys();
        for name in headers.filter(|it| *it != CONTENT_LENGTH) {
            let mut names = described["headers"].as_object().unwrap().keys();
            assert!(names.any(|it| name.as_str().eq_ignore_ascii_case(it)), "{name}");
        }
    }
}

/// What is said of a 308 where this is described.
fn described_308<'a>(document: &'a Value, method: &Method, path: &str) -> &'a Value {
    let (_, _, operation) = operations(document)
        .find(|(pattern, name, _)| {
            let pattern = pattern.split('{').next().unwrap();
            name.eq_ignore_ascii_case(method.as_str()) && path.starts_with(pattern)
        })
        .unwrap();
    let reference = operation["responses"]["308"]["$ref"].as_str().unwrap();
    document.pointer(reference.trim_start_matches('#')).unwrap()
}

/// The examples of an answer, of any type.
fn examples(answer: &Value) -> impl Iterator<Item = &Value> {
    let content = answer["content"]["application/problem+json"]["examples"].as_object();
    content.into_iter().flatten().map(|(_, example)| &example["value"])
}

#[actix_web::test]
async fn the_example_of_a_path_or_a_parameter_that_is_none_is_what_is_answered_beside_its_route() {
    let (app, document) = (app().await, document());
    let mut seen = [0; 2];

    for (path, method, operation) in operations(&document) {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let (missing, refused) = (&operation["responses"]["404"], &operation["responses"]["400"]);
        let missing = examples(missing).filter(|it| it["type"] == "/problems/not-found");
        let there = |it: &Value| {
            it["detail"].as_str().unwrap().strip_prefix("There is nothing at ").unwrap().to_owned()
        };
        let unknown = examples(refused).filter(|it| it["errors"][0]["field"] == "page");
        let asked = missing.map(|it| (0, there(it), it));
        let asked = asked
            .chain(unknown.map(|it| (1, format!("{}?page=1", path.replace(['{', '}'], "0")), it)));
        for (which, uri, example) in asked.collect::<Vec<_>>() {
            let stem = path.split('{').next().unwrap();
            assert!(uri.starts_with(stem), "{method} {path}: {uri}");
            let request = TestRequest::with_uri(&uri).method(method.clone()).to_request();
            let answered = app.call(request).await.unwrap();

            let body = to_bytes(answered.into_body()).await.unwrap();
            assert_eq!(&serde_json::from_slice::<Value>(&body).unwrap(), example, "{uri}");
            seen[which] += 1;
        }
        assert!(examples(refused).all(|it| it["errors"][0]["field"] != "request"), "{path}");
    }
    assert!(seen[0] >= 6 && seen[1] >= 1, "{seen:?}");
}

#[test]
fn where_nobody_names_a_sale_the_example_names_none() {
    let document = document();
    let found = &document["paths"]["/sales/current"]["get"]["responses"]["404"];

    let details: Vec<_> = examples(found).map(|it| &it["detail"]).collect();

    assert_eq!(details, ["No sale is on and none is planned"]);
}

#[test]
fn every_operation_may_be_given_a_name() {
    for (path, method, operation) in operations(&document()) {
        let parameters = operation["parameters"].as_array().unwrap();
        let named = parameters.iter().find(|it| it["name"] == "X-Request-Id");
        let named = named.unwrap_or_else(|| panic!("{method} {path}"));
        assert_eq!((&named["in"], &named["required"]), (&"header".into(), &false.into()));
    }
}

#[actix_web::test]
async fn a_path_that_is_none_leads_nowhere_with_a_slash_either() {
    let app = app().await;

    // Some of them would be another host to whoever reads them as references.
    for path in [
        "///",
        "/nowhere/",
        "/docs//",
        "//docs/",
        "//shop.example/",
        "/sales//",
        "//sales/1/",
        "/items/1/",
        "/%2F/",
    ] {
        let answered = app.call(TestRequest::with_uri(path).to_request()).await.unwrap();

        assert_eq!(answered.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answered.headers().get(LOCATION).is_none(), "{path}");
    }
}
