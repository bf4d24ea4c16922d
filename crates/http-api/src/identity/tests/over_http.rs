//! What a buyer with a token is answered, and one without: over the routes, on stores in memory.

use std::sync::Arc;

use actix_web::{
    App,
    dev::{Service, ServiceResponse},
    http::header::{HeaderMap, WWW_AUTHENTICATE},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use fakes::{Fault, Operation, World};

use super::*;
use crate::{Api, Limits, routes, test_api::api_over};

/// What came back.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    body: Value,
    challenge: Option<String>,
}

impl Answer {
    fn name(&self) -> &str {
        self.body["type"].as_str().unwrap_or("ok").trim_start_matches("/problems/")
    }
}

/// A shop whose buyers have tokens.
struct Shop {
    world: World,
    sale: i64,
}

impl Shop {
    fn open() -> Self {
        let world = World::new();
        let sale = world.open_sale(5, 5);
        Self { sale: sale.id.get(), world }
    }

    fn api(&self) -> Api {
        let identity = Some(Arc::new(by_secret(rules())));
        Api { identity, limits: Arc::new(Limits::default()), ..api_over(&self.world) }
    }

    /// All that the ledger has, as text.
    fn records(&self) -> String {
        format!("{:?} {:?}", self.world.ledger.attempts(), self.world.ledger.purchases())
    }
}

async fn ask(
    app: &impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
    request: TestRequest,
    token: Option<&str>,
) -> Answer {
    let request = match token {
        Some(token) => request.insert_header((AUTHORIZATION, format!("Bearer {token}"))),
        None => request,
    };
    let response = call_service(app, request.to_request()).await;
    let challenge =
        |headers: &HeaderMap| Some(headers.get(WWW_AUTHENTICATE)?.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        challenge: challenge(response.headers()),
        body: serde_json::from_slice(&read_body(response).await).unwrap_or_default(),
    }
}

fn token(user: &str) -> String {
    TokenIssuer::hs256(SECRET).token_of(user, now_s() + 60)
}

fn post(uri: &str) -> TestRequest {
    TestRequest::post().uri(uri)
}

fn delete(uri: &str) -> TestRequest {
    TestRequest::delete().uri(uri)
}

fn get(uri: &str) -> TestRequest {
    TestRequest::get().uri(uri)
}

/// Every request that takes or shows a code.
fn with_code(code: &str) -> [TestRequest; 3] {
    [
        post(&format!("/purchase?code={code}")),
        delete(&format!("/checkout?code={code}")),
        get(&format!("/purchases/{code}")),
    ]
}

const NEVER_GIVEN: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

macro_rules! serve {
    ($shop:expr) => {
        init_service(App::new().app_data(web::Data::new($shop.api())).configure(routes)).await
    };
}

#[actix_web::test]
async fn a_buyer_is_the_user_of_their_token_and_of_no_other() {
    let shop = Shop::open();
    let app = serve!(shop);
    let (ann, sale) = (token("ann"), shop.sale);
    let ann = Some(ann.as_str());

    let unnamed = ask(&app, post(&format!("/checkout?id={sale}")), ann).await;
    let named = ask(&app, post(&format!("/checkout?id={sale}&user_id=ann")), ann).await;
    let before = shop.records();
    let other = ask(&app, post(&format!("/checkout?id={sale}&user_id=bob")), ann).await;
    let wrong = ask(&app, post(&format!("/checkout?id={sale}&user_id=b+b")), ann).await;
    let unfit = token("auth0|7");
    let unfit = ask(&app, post(&format!("/checkout?id={sale}")), Some(&unfit)).await;

    for hold in [unnamed, named] {
        assert_eq!((hold.status, &hold.body["user_id"]), (200, &json!("ann")), "{hold:?}");
    }
    assert_eq!((other.status, other.name()), (403, "forbidden"));
    assert!(other.body["detail"].as_str().unwrap().starts_with("user_id is not the user"));
    assert_eq!((wrong.status, wrong.name()), (400, "invalid-request"));
    assert_eq!((unfit.status, unfit.name()), (403, "forbidden"));
    let sentence = "auth0|7".parse::<UserId>().unwrap_err().to_string();
    assert!(unfit.body["detail"].as_str().unwrap().ends_with(&sentence), "{unfit:?}");
    assert_eq!(shop.records(), before, "what was refused did nothing");
}

#[actix_web::test]
async fn nobody_without_a_good_token_gets_to_any_code_or_unit() {
    let shop = Shop::open();
    let app = serve!(shop);
    let sale = shop.sale;
    let hold = ask(&app, post(&format!("/checkout?id={sale}")), Some(&token("ann"))).await;
    let code = hold.body["code"].as_str().unwrap();
    let before = shop.records();
    let expired = TokenIssuer::hs256(SECRET).token_of("ann", now_s() - 60);
    let foreign = TokenIssuer::hs256("another secret of thirty-two bytes or more");
    let foreign = foreign.token_of("ann", now_s() + 60);

    for (token, error) in [
        (None, None),
        (Some(expired.as_str()), Some("the token has expired")),
        (Some(&foreign), Some("the signature of the token is wrong")),
        (Some("x"), Some("this is no token that can be read")),
    ] {
        let asked = [post(&format!("/checkout?id={sale}&user_id=ann")), post("/checkout")];
        for request in with_code(code).into_iter().chain(asked) {
            let answer = ask(&app, request, token).await;

            assert_eq!((answer.status, answer.name()), (401, "unauthorized"), "{answer:?}");
            let error =
                error.map(|it| format!(", error=\"invalid_token\", error_description=\"{it}\""));
            let expected = format!("Bearer realm=\"flashsale\"{}", error.unwrap_or_default());
            assert_eq!(answer.challenge, Some(expected));
        }
    }

    assert_eq!(shop.records(), before);
    let open = ask(&app, get(&format!("/sales/{sale}")), None).await;
    assert_eq!(open.status, 200, "how a sale stands is for everybody");
}

#[actix_web::test]
async fn a_code_of_somebody_else_is_answered_as_one_that_was_never_given_and_stays() {
    let shop = Shop::open();
    let app = serve!(shop);
    let (ann, bob, sale) = (token("ann"), token("bob"), shop.sale);
    let hold = ask(&app, post(&format!("/checkout?id={sale}")), Some(&ann)).await;
    let code = hold.body["code"].as_str().unwrap().to_owned();

    // While it is on hold, and after it was sold: the receipt in a 409 is its buyer's alone, too.
    for status in [200, 409] {
        let before = shop.records();
        for (foreign, made_up) in with_code(&code).into_iter().zip(with_code(NEVER_GIVEN)) {
            let foreign = ask(&app, foreign, Some(&bob)).await;

            assert_eq!((foreign.status, foreign.name()), (404, "code-not-found"));
            assert_eq!(foreign, ask(&app, made_up, Some(&bob)).await);
        }
        assert_eq!(shop.records(), before);
        let bought = ask(&app, post(&format!("/purchase?code={code}")), Some(&ann)).await;
        assert_eq!(bought.status, status);
    }

    let receipt = ask(&app, get(&format!("/purchases/{code}")), Some(&ann)).await;
    assert_eq!((receipt.status, &receipt.body["user_id"]), (200, &json!("ann")));
    let sold = ask(&app, delete(&format!("/checkout?code={code}")), Some(&ann)).await;
    assert_eq!((sold.status, &sold.body["purchase"]), (409, &receipt.body));
    let other = ask(&app, post(&format!("/checkout?id={sale}")), Some(&ann)).await;
    let given_back = format!("/checkout?code={}", other.body["code"].as_str().unwrap());
    assert_eq!(ask(&app, delete(&given_back), Some(&ann)).await.status, 204);
}

#[actix_web::test]
async fn while_the_ledger_cannot_say_whose_a_code_is_nothing_is_done_with_it() {
    let shop = Shop::open();
    let app = serve!(shop);
    let ann = token("ann");
    let hold = ask(&app, post(&format!("/checkout?id={}", shop.sale)), Some(&ann)).await;
    let code = hold.body["code"].as_str().unwrap().to_owned();
    let before = shop.records();

    for request in with_code(&code) {
        // The rest of the ledger would answer.
        shop.world.ledger.faults().plan(Operation::FindOwner, Fault::Lose);
        assert_eq!(ask(&app, request, Some(&token("bob"))).await.status, 503);
    }
    assert_eq!(shop.records(), before);
    let bought = ask(&app, post(&format!("/purchase?code={code}")), Some(&ann)).await;
    assert_eq!(bought.status, 200);
}

#[actix_web::test]
async fn without_identity_a_token_is_not_looked_at_and_whoever_has_a_code_may_use_it() {
    let shop = Shop::open();
    let api = api_over(&shop.world);
    let app = init_service(App::new().app_data(web::Data::new(api)).configure(routes)).await;
    let checkout = format!("/checkout?id={}&user_id=ann", shop.sale);

    let hold = ask(&app, post(&checkout), Some("no token")).await;
    let code = hold.body["code"].as_str().unwrap();
    let unnamed =
        ask(&app, post(&format!("/checkout?id={}", shop.sale)), Some(&token("ann"))).await;
    let bought = ask(&app, post(&format!("/purchase?code={code}")), Some(&token("bob"))).await;

    assert_eq!((hold.status, bought.status), (200, 200));
    assert_eq!((unnamed.status, &unnamed.body["errors"][0]["field"]), (400, &json!("user_id")));
}

#[test]
fn nothing_that_is_written_down_has_a_token_in_it() {
    let (identity, token) = (by_secret(rules()), token("ann"));
    let parts: Vec<_> = token.split('.').collect();
    let bad = format!("{token}x");
    let refusal = identity.user_of(&bearing(&bad)).unwrap_err();
    let problem = crate::problem::Problem::of_token(refusal);
    let found = identity.user_of(&bearing(&token)).map(|_| fingerprint(&token));

    let written = format!("{refusal:?} {problem:?} {problem} {found:?} {:?}", identity.rules);

    assert!(parts.iter().all(|part| !written.contains(part)), "{written}");
    assert!(!written.contains(SECRET));
}

/// Ten seconds, as `docs/limits.md` has it.
#[actix_web::test]
async fn whose_a_code_is_and_what_becomes_of_it_are_waited_for_no_longer_than_for_one() {
    let shop = Shop::open();
    let app = serve!(shop);
    let ann = token("ann");
    let hold = ask(&app, post(&format!("/checkout?id={}", shop.sale)), Some(&ann)).await;
    let code = hold.body["code"].as_str().unwrap();
    let faults = shop.world.ledger.faults();
    tokio::time::pause();

    for (request, operation) in with_code(code).into_iter().zip([
        Operation::Redeem,
        Operation::Release,
        Operation::FindCode,
    ]) {
        faults.plan(Operation::FindOwner, Fault::Pause);
        faults.plan(operation, Fault::Pause);
        let began = tokio::time::Instant::now();
        let the_owner_comes_late = async {
            tokio::time::sleep(std::time::Duration::from_secs(7)).await;
            assert!(faults.resume());
        };

        let (answer, ()) = tokio::join!(ask(&app, request, Some(&ann)), the_owner_comes_late);

        assert_eq!((answer.status, began.elapsed().as_secs()), (503, 10), "{operation}");
        faults.clear();
    }
}

/// It is the first thing that a purchase does.
#[actix_web::test]
async fn a_purchase_that_cannot_learn_whose_its_code_is_is_one_that_fails_to_health() {
    let shop = Shop::open();
    let app = serve!(shop);
    let ann = token("ann");
    let hold = ask(&app, post(&format!("/checkout?id={}", shop.sale)), Some(&ann)).await;
    let purchase = format!("/purchase?code={}", hold.body["code"].as_str().unwrap());
    let requests = async || {
        // Later than what was found before is good for.
        shop.world.clock.advance_ms(1_000);
        ask(&app, get("/health"), None).await.body["checks"]["requests"].clone()
    };
    assert_eq!(requests().await, Value::Null);

    shop.world.ledger.faults().plan(Operation::FindOwner, Fault::Lose);
    assert_eq!(ask(&app, post(&purchase), Some(&ann)).await.status, 503);
    assert_eq!(requests().await, "failing for want of a store");

    assert_eq!(ask(&app, post(&purchase), Some(&ann)).await.status, 200);
    assert_eq!(requests().await, Value::Null);
}
