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
        ("?user_id=ann&id=1&=%zz", &["query"][..]),
    ] {
        assert_eq!(fields_wrong_in(query, "").await, fields, "{query}");
    }
    // With a body it is one too many, and wrong.
    assert_eq!(fields_wrong_in("?note=%E9", r#"{"user_id":"ann","id":1}"#).await, ["note"]);
}

#[actix_web::test]
async fn what_is_wrong_many_times_is_said_once() {
    let query = format!("?{}id=1", "x=1&".repeat(12));
    let wrong = wrong_in(&query, "").await;
    let fields: Vec<_> = wrong.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["x", "user_id", "x"], "{wrong:?}");
}

#[actix_web::test]
async fn what_has_no_name_is_called_by_its_place() {
    for (query, body, place) in [
        ("?user_id=a&id=1&=", "", "query"),
        ("?user_id=a&id=1&=&=7", "", "query"),
        ("", r#"{"user_id":"a","id":1,"":2}"#, "body"),
    ] {
        let wrong = wrong_in(query, body).await;
        assert_eq!(wrong, [(place.to_owned(), "has a value without a name".to_owned())]);
    }
}

#[actix_web::test]
async fn json_in_json_in_json_is_too_deep_and_not_called_broken() {
    let body: &'static str = format!("{{\"id\":{}", "[".repeat(2_000)).leak();

    let wrong = wrong_in("", body).await;

    assert_eq!(wrong[0].0, "body");
    assert!(wrong[0].1.contains("nested too deeply at line 1"), "{wrong:?}");
}

#[test]
fn a_detail_says_what_is_wrong_with_one_and_names_each_of_many_once() {
    let error = |field: &str, message: &str| FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    };
    let detail = |errors: &[FieldError]| Problem::invalid_request(errors).detail.into_owned();

    assert_eq!(detail(&[error("id", "is missing")]), "id is missing");
    let many = [error("x", "is given twice"), error("id", "is missing"), error("x", UNKNOWN)];
    assert_eq!(detail(&many), "These are wrong: x, id");
}
