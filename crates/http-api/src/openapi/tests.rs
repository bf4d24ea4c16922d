//! What is described is what is served, and whatever is referred to is there.

use std::{collections::HashSet, env, fs, path::Path};

use actix_web::{
    App,
    dev::Service as _,
    http::{
        Method,
        header::{CACHE_CONTROL, HOST, HeaderMap, HeaderName},
    },
    test::{TestRequest, init_service},
    web::{Data, ServiceConfig},
};
use fakes::World;
use serde_json::{Value, json};

use super::*;
use crate::{Manners, problem::Kind, test_api::api_for};

/// The documents, each with where it is committed.
fn written_ones() -> [(String, &'static str); 2] {
    let of_operators = crate::operator::openapi();
    [
        (openapi(), concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json")),
        (of_operators, concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi-admin.json")),
    ]
}

pub(super) fn document() -> Value {
    serde_json::from_str(&openapi()).unwrap()
}

/// That of buyers, and that of operators.
fn documents() -> [Value; 2] {
    written_ones().map(|(text, _)| serde_json::from_str(&text).unwrap())
}

/// The operations, each with its path and its method.
pub(super) fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    })
}

/// Calls this for each object in a document.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Object(members) => members.values().for_each(|value| walk(value, visit)),
        Value::Array(values) => values.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

#[test]
fn the_committed_document_is_that_of_the_code() {
    for (written, at) in written_ones() {
        if env::var_os("UPDATE_OPENAPI").is_some() {
            fs::write(at, &written).unwrap();
        }

        let committed = fs::read_to_string(Path::new(at)).unwrap_or_default();

        assert!(committed == written, "{at} is not what the code says: `make openapi`");
    }
}

#[test]
fn whatever_is_referred_to_is_there() {
    for (document, least) in documents().iter().zip([100, 20]) {
        let mut references = Vec::new();

        walk(document, &mut |value| references.extend(value["$ref"].as_str()));

        assert!(references.len() > least, "{references:?}");
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_the_parameters_of_its_path() {
    let documents = documents();
    // A document each, though some operations are in both.
    let mut names = HashSet::new();
    let operations = documents.iter().zip(0..).flat_map(|(document, number)| {
        operations(document).map(move |(path, method, operation)| (number, path, method, operation))
    });

    for (number, path, method, operation) in operations {
        assert!(
            names.insert((number, operation["operationId"].as_str().unwrap())),
            "{method} {path}"
        );
        let of_path: HashSet<_> =
            path.split('{').skip(1).map(|part| part.split_once('}').unwrap().0).collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let declared = parameters.iter().filter(|it| it["in"] == "path");
        let declared: HashSet<_> = declared.map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(of_path, declared, "{method} {path}");
    }
}

#[test]
fn every_link_leads_to_an_operation_that_has_its_parameters() {
    let document = document();
    let mut links = Vec::new();
    walk(&document, &mut |value| {
        links.extend(value["links"].as_object().into_iter().flat_map(|links| links.values()));
    });

    assert!(links.len() > 10);
    for link in links {
        let (_, _, operation) = operations(&document)
            .find(|(_, _, operation)| operation["operationId"] == link["operationId"])
            .unwrap_or_else(|| panic!("{link}"));
        for name in link["parameters"].as_object().unwrap().keys() {
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|it| it["name"] == **name), "{link}");
        }
    }
}

/// Asks each path of a document by each method.
async fn check_methods(document: &Value, routes: fn(&mut ServiceConfig)) {
    let world = World::new();
    let api = Data::new(api_for(&world, "# nobody"));
    let app = init_service(App::new().app_data(api).configure(routes)).await;
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = Some(path).filter(|path| !path.contains('#')) else { continue };
        for method in &methods {
            let request = TestRequest::with_uri(&path.replace(['{', '}'], "0"));
            let request = request.method(method.clone()).insert_header((HOST, "localhost"));
            let answered = app.call(request.to_request()).await;

            let answered = answered.unwrap();
            let is_described = item.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(answered.request().match_pattern().as_ref(), Some(path), "{method} {path}");
            assert_eq!(answered.status() != 405, is_described, "{method} {path}");
        }
    }
}

#[actix_web::test]
async fn a_method_is_served_where_it_is_described_and_nowhere_else() {
    let [of_buyers, of_operators] = documents();
    check_methods(&of_buyers, crate::routes).await;
    check_methods(&of_operators, crate::operator_routes).await;
}

#[test]
fn a_number_that_is_described_as_a_user_is_one() {
    let schema = UserName::in_json().unwrap();

    assert_eq!(schema["type"], "integer");
    for bound in ["minimum", "maximum"] {
        assert!(schema[bound].is_i64(), "{schema}");
        assert!(schema[bound].to_string().parse::<domain::UserId>().is_ok(), "{schema}");
    }
}

#[test]
fn what_every_answer_has_is_described_as_what_each_has() {
    let (manners, mut given) = (Manners::default(), HeaderMap::new());
    manners.finish(manners.asked(&Method::GET, &HeaderMap::new()), &mut given);
    // Of this each answer says its own.
    given.remove(CACHE_CONTROL);

    let document = document();
    let described = document["components"]["headers"].as_object().unwrap();
    let required = described.iter().filter(|(_, header)| header["required"] == true);
    let mut required: Vec<_> = required.map(|(name, _)| name.to_lowercase()).collect();
    let mut given: Vec<_> = given.keys().map(HeaderName::as_str).collect();
    required.sort_unstable();
    given.sort_unstable();

    assert_eq!(required, given);
}

#[test]
fn every_type_of_problem_is_described_with_all_its_members_and_shown() {
    let documents = documents();
    let mut shown = Vec::new();
    for document in &documents {
        walk(document, &mut |value| {
            let examples = value["examples"].as_object().into_iter().flat_map(|it| it.values());
            shown.extend(examples.map(|example| &example["value"]));
        });
    }

    for kind in Kind::ALL {
        let schemas = documents.iter().map(|it| &it["components"]["schemas"][kind.schema_name()]);
        let schema = schemas.clone().find(|it| it.is_object()).unwrap();
        let of_kind: Vec<_> = shown.iter().filter(|it| it["type"] == kind.path()).collect();
        assert!(!of_kind.is_empty(), "{kind:?} is answered nowhere");
        for member in schema["properties"].as_object().unwrap().keys() {
            let is_required = schema["required"].as_array().unwrap().contains(&json!(member));
            let has_it = of_kind.iter().filter(|it| it.get(member).is_some()).count();
            assert!(has_it > 0, "no {kind:?} has {member}");
            assert_eq!(has_it == of_kind.len(), is_required, "{kind:?}: {member}");
        }
    }
}

#[test]
fn where_buyers_have_tokens_the_document_requires_them_and_no_user() {
    let of_tokens: Value = serde_json::from_str(&openapi_of_tokens()).unwrap();

    for (document, has_tokens) in [(document(), false), (of_tokens, true)] {
        for (path, method) in [("/checkout", "post"), ("/me", "get")] {
            let operation = &document["paths"][path][method];
            let mut parameters = operation["parameters"].as_array().unwrap().iter();
            let user = parameters.find(|it| it["name"] == "user_id").unwrap();
            assert_eq!(user["required"], !has_tokens, "{path}");
            let may_be_nobodys = operation["security"].as_array().unwrap().contains(&json!({}));
            assert_eq!(may_be_nobodys, !has_tokens, "{path}");
        }
        let json = &document["paths"]["/checkout#json"]["post"]["requestBody"]["content"];
        let required = json["application/json"]["schema"]["required"].as_array().unwrap();
        assert_eq!(required.contains(&json!("user_id")), !has_tokens, "{required:?}");
        let key = &document["components"]["schemas"]["IdempotencyKey"];
        assert_eq!(key["minLength"], if has_tokens { 1 } else { 16 });
    }
}

#[test]
fn what_only_operators_are_answered_is_not_described_to_buyers_as_theirs() {
    let document = document();
    let status = &document["components"]["schemas"]["InvalidRequest"]["properties"]["status"];
    assert!(!status["enum"].as_array().unwrap().contains(&json!(421)), "{status}");
    let says = document["components"]["schemas"]["ProblemName"]["description"].as_str().unwrap();
    for name in ["product-not-found", "action-refused", "idempotency-key-used"] {
        assert!(says.contains(&format!("`{name}`")), "{says}");
    }
}

#[test]
fn only_what_may_have_a_body_may_have_one_that_is_too_large() {
    for document in documents() {
        for (path, method, operation) in operations(&document) {
            let may_be_too_large = operation["responses"].get("413").is_some();
            assert_eq!(may_be_too_large, !["get", "head"].contains(&&**method), "{method} {path}");
        }
    }
}

#[test]
fn a_status_that_is_the_only_one_is_said_as_that() {
    let document = document();
    let status =
        |kind: Kind| &document["components"]["schemas"][kind.schema_name()]["properties"]["status"];
    assert_eq!(status(Kind::SoldOut)["const"], 409);
    assert_eq!(status(Kind::SoldOut)["title"], "SoldOutStatus");
    assert!(status(Kind::InvalidRequest)["enum"].is_array());
}
