//! What a client is told that a program can act on, where the stores gave no answer.

use actix_web::{
    App,
    dev::{Service, ServiceResponse},
    http::Method,
    test::{TestRequest, call_and_read_body_json, init_service},
    web,
};
use fakes::{Fault, Operation, World};
use serde_json::{Value, json};

use super::*;
use crate::{routes, test_api::api_over};

/// An answer, as JSON.
async fn ask(
    app: &impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
    method: &Method,
    uri: &str,
) -> Value {
    let request = TestRequest::with_uri(uri).method(method.clone());
    call_and_read_body_json(app, request.to_request()).await
}

#[actix_web::test]
async fn a_store_that_refused_has_done_nothing_and_one_that_fell_silent_may_have() {
    let world = World::new();
    let sale = world.open_sale(5, 5);
    let api = web::Data::new(api_over(&world));
    let app = init_service(App::new().app_data(api).configure(routes)).await;
    let buy = format!("/checkout?user_id=alice&id={}", sale.id);
    let code = ask(&app, &Method::POST, &buy).await["code"].as_str().unwrap().to_owned();
    let redeem = format!("/purchase?code={code}");
    let release = format!("/checkout?code={code}");

    for (operation, method, uri) in [
        (Operation::Record, Method::POST, &buy),
        (Operation::Release, Method::DELETE, &release),
        (Operation::Redeem, Method::POST, &redeem),
    ] {
        for (fault, may_have_been_done) in
            [(Fault::Refuse, false), (Fault::Lose, true), (Fault::LoseReply, true)]
        {
            if fault == Fault::LoseReply && operation == Operation::Release {
                // The code is redeemed next.
                continue;
            }
            world.ledger.faults().plan(operation, fault);

            let problem = ask(&app, &method, uri).await;

            assert_eq!(problem["type"], "/problems/unavailable", "{problem}");
            assert_eq!(problem["may_have_been_done"], may_have_been_done, "{fault:?} {problem}");
        }
    }
    let sold = ask(&app, &Method::POST, &redeem).await;
    assert_eq!(sold["type"], "/problems/code-already-used", "it was done: {sold}");
}

#[test]
fn who_is_turned_away_before_anything_was_done_is_told_so() {
    for (failure, may_have_been_done) in [
        (Failure::Overloaded, false),
        (Failure::NotDone, false),
        (Failure::Rebuilding, false),
        (Failure::Unknown, true),
    ] {
        let problem = json!(Problem::of_failure(failure, RETRY_AFTER_FAILURE_S));

        assert_eq!(problem["may_have_been_done"], may_have_been_done, "{problem}");
    }
}
