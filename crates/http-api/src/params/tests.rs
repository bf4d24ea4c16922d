//! What is said of parameters that are wrong: of each one thing, in the order in which they came.

use actix_web::{
    App,
    http::header,
    test::{TestRequest, call_and_read_body_json, init_service},
    web,
};
use fakes::World;
use serde_json::json;

use super::*;
use crate::{routes, test_api::api_over};

/// What is wrong with a checkout with this query and this body, by field.
async fn wrong_in(query: &str, body: &'static str) -> Vec<(String, String)> {
    let api = web::Data::new(api_over(&World::new()));
    let app = init_service(App::new().app_data(api).configure(routes)).await;
    let request = TestRequest::post()
        .uri(&format!("/checkout{query}"))
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CONTENT_LENGTH, body.len()))
        .set_payload(body);

    let problem: Value = call_and_read_body_json(&app, request.to_request()).await;

    assert_eq!(problem["status"], json!(400), "{problem}");
    let errors = problem["errors"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors.map(|error| (text(&error["field"]), text(&error["message"]))).collect()
}

async fn fields_wrong_in(query: &str, body: &'static str) -> Vec<String> {
    wrong_in(query, body).await.into_iter().map(|(field, _)| field).collect()
}

#[actix_web::test]
async fn parameters_beside_a_body_are_refused_by_name() {
    for (query, body, fields) in [
        ("?user_id=alice", r#"{"id":1}"#, &["user_id"][..]),
        ("?user_id=alice&id=1", "{}", &["user_id", "id"][..]),
        ("?id=1", r#"{"user_id":"alice","id":1}"#, &["id"][..]),
        ("?unit=1", r#"{"user_id":"alice","id":1}"#, &["unit"][..]),
    ] {
        let wrong = wrong_in(query, body).await;

        let said: Vec<_> = wrong.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(said, fields, "{query} {body}");
        assert!(wrong.iter().all(|(_, message)| message.contains("query")), "{wrong:?}");
    }
}

#[actix_web::test]
async fn of_a_body_that_cannot_be_read_nothing_else_is_said() {
    for body in [r#"{"user_id":"alice","id":1"#, "{", "[]", r#"{"id":1,}"#] {
        assert_eq!(fields_wrong_in("", body).await, ["body"], "{body}");
    }
}

#[actix_web::test]
async fn what_is_no_parameter_is_named_in_the_order_in_which_it_came() {
    let query = "?zeta=1&user_id=al+ice&alpha=2&id=1&mu=3&beta=4";
    assert_eq!(fields_wrong_in(query, "").await, ["user_id", "zeta", "alpha", "mu", "beta"]);

    let body = r#"{"zeta":1,"id":1,"alpha":2,"user_id":"alice","mu":3,"beta":4}"#;
    assert_eq!(fields_wrong_in("", body).await, ["zeta", "alpha", "mu", "beta"]);
}

/// A mark in the place of what cannot be read would be another text, and one that is right.
#[actix_web::test]
async fn what_cannot_be_decoded_is_named_once_and_is_no_other_value() {
    let said = "is not UTF-8 once it is decoded";
    let owned = |field: &str, message: &str| (field.to_owned(), message.to_owned());
    assert_eq!(wrong_in("?user_id=%E9&id=1", "").await, [owned("user_id", said)]);
    assert_eq!(wrong_in("?id=1&note=%E9&user_id=ann", "").await, [owned("note", said)]);

    for (query, fields) in [
        ("?user_id=a%&id=1", &["user_id"][..]),
        ("?user_id=a%zz&id=%2", &["user_id", "id"][..]),
        ("?user_id=ann&id=1&%zz=1", &["%zz"][..]),
        ("?user_id=ann&id=1&=%zz", &[""][..]),
    ] {
        assert_eq!(fields_wrong_in(query, "").await, fields, "{query}");
    }
    // With a body it is one too many, and wrong.
    assert_eq!(fields_wrong_in("?note=%E9", r#"{"user_id":"ann","id":1}"#).await, ["note"]);
}
