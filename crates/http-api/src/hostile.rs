//! Requests as nobody should send them: each is refused by field, and no store is asked.

use actix_web::{
    App,
    http::{StatusCode, header},
    rt::System,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use domain::{Code, SaleId, Unit, UserId, code::ParseCodeError};
use form_urlencoded::{byte_serialize, parse};
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use serde_json::Value;

use crate::{Api, routes, test_api::api_over};
use fakes::World;

/// What came back: the status, and the body if it is JSON.
type Answer = (StatusCode, Value);

const REFUSED: StatusCode = StatusCode::BAD_REQUEST;

/// No store can be reached, so this is the answer of a request that asked one.
const ASKED_A_STORE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// A code that leads to no sale was never given, and no store need be asked for it.
const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;

/// An API none of whose stores can be reached.
fn out_of_reach() -> Api {
    let world = World::new();
    world.ledger.faults().set_down(true);
    world.live.faults().set_down(true);
    api_over(&world)
}

/// Checks the answer to each of so many requests.
fn check_all<T: std::fmt::Debug>(
    cases: u32,
    sent: impl Strategy<Value = T>,
    request: impl Fn(&T) -> TestRequest,
    check: impl Fn(&T, Answer) -> TestCaseResult,
) {
    let system = System::new();
    let app = system.block_on(async {
        let api = web::Data::new(out_of_reach());
        init_service(App::new().app_data(api).configure(routes)).await
    });
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&sent, |sent| {
            let answer = system.block_on(async {
                let response = call_service(&app, request(&sent).to_request()).await;
                let status = response.status();
                if status.is_client_error() {
                    let kind = response.headers().get(header::CONTENT_TYPE).unwrap();
                    assert_eq!(kind, "application/problem+json");
                }
                (status, serde_json::from_slice(&read_body(response).await).unwrap_or_default())
            });
            check(&sent, answer)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Checks that a request that is well-formed asked a store, and any other was refused by field.
fn check_one(is_well_formed: bool, (status, body): &Answer) -> TestCaseResult {
    if is_well_formed {
        prop_assert_eq!(*status, ASKED_A_STORE, "{}", body);
        return Ok(());
    }
    prop_assert_eq!(*status, REFUSED, "{}", body);
    prop_assert_eq!(&body["type"], "/problems/invalid-request");
    let errors = body["errors"].as_array().unwrap();
    prop_assert!(!errors.is_empty());
    for error in errors {
        let field = error["field"].as_str().unwrap();
        prop_assert!(field.chars().count() <= 64 && error["message"].is_string(), "{error}");
    }
    Ok(())
}

/// The spelling of any UUID: of a code that was never given, or mostly of none.
fn uuid() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..=SaleId::MAX, any::<u128>()).prop_map(|(number, random)| {
            Code::new(SaleId::try_from(number).unwrap(), random).to_string()
        }),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ]
}

/// Checks that a code asked a store, that a UUID which is none is not found, and that anything
/// else was refused by field.
fn check_code(text: &str, answer: &Answer) -> TestCaseResult {
    match text.parse::<Code>() {
        Err(ParseCodeError::Foreign(_)) => {
            prop_assert_eq!(answer.0, NOT_FOUND, "{}", answer.1);
            prop_assert_eq!(&answer.1["type"], "/problems/code-not-found");
            Ok(())
        }
        read => check_one(read.is_ok(), answer),
    }
}

/// A value of a parameter: one that is right somewhere, or any.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9._:@-]{1,8}",
        4 => "[1-9][0-9]{0,5}",
        1 => uuid(),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "user_id|id", 1 => "code|limit|ID| id|", 1 => any::<String>()]
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Whether these are the parameters of a checkout, each once and nothing else.
fn is_checkout<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_unstable();
    matches!(pairs[..], [("id", sale), ("user_id", user)]
        if sale.parse::<SaleId>().is_ok() && user.parse::<UserId>().is_ok())
}

#[test]
fn a_query_is_of_a_checkout_or_refused_by_field() {
    let pair = (name(), text()).prop_map(|(name, value)| (encoded(&name), encoded(&value)));
    let pairs = prop::collection::vec(pair, 0..4).prop_map(|pairs| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    });
    let query = prop_oneof![4 => pairs, 1 => "[a-z_A-Z0-9%&=+.:@~!*'();/?-]{0,80}"];

    check_all(
        1_000,
        query,
        |query| TestRequest::post().uri(&format!("/checkout?{query}")),
        |query, answer| {
            let pairs: Vec<_> = parse(query.as_bytes()).collect();
            let pairs = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
            check_one(is_checkout(pairs), &answer)
        },
    );
}

/// A body: members that may be right, anything JSON, and bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        4 => any::<i64>().prop_map(Value::from),
        2 => (1..1_000_000u32).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let value = leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            (name(), inner).prop_map(|(name, inner)| serde_json::json!({ name: inner })),
        ]
    });
    let member =
        (name(), value.clone()).prop_map(|(name, value)| format!("{}:{value}", Value::from(name)));
    let right = ("[a-z]{1,5}", 1..1_000u32)
        .prop_map(|(user, sale)| vec![format!("\"user_id\":\"{user}\""), format!("\"id\":{sale}")]);
    let members = (prop_oneof![right, Just(Vec::new())], prop::collection::vec(member, 0..3));
    let object = members
        .prop_map(|(right, any)| [right, any].concat())
        .prop_shuffle()
        .prop_map(|members| format!("{{{}}}", members.join(",")))
        .boxed();
    prop_oneof![
        6 => object.clone().prop_map(String::into_bytes),
        2 => (object, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(object, place, byte)| {
            let mut bytes = object.into_bytes();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            bytes
        }),
        1 => value.prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 1..40),
    ]
}

#[test]
fn a_body_is_of_a_checkout_or_refused_by_field() {
    let request = |body: &Vec<u8>| {
        TestRequest::post()
            .uri("/checkout")
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .insert_header((header::CONTENT_LENGTH, body.len()))
            .set_payload(body.clone())
    };

    check_all(1_000, body(), request, |body, answer| {
        // This reader hides that a member comes twice, so it may take more for right.
        let members = serde_json::from_slice::<serde_json::Map<_, _>>(body).unwrap_or_default();
        let members = members.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, text),
            // A whole number is one however it is written.
            Value::Number(number) if number.is_f64() => {
                let float = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 1e15);
                (name, float.map_or_else(|| number.to_string(), |it| format!("{it:.0}")))
            }
            other => (name, other.to_string()),
        });
        let members: Vec<_> = members.collect();
        let pairs = members.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        check_one(is_checkout(pairs) && answer.0 != REFUSED, &answer)
    });
}

#[test]
fn a_number_is_a_user_as_far_as_it_is_the_same_for_everybody_who_reads_it() {
    let numbers = [
        ("0", true),
        ("9007199254740991", true),
        ("-9007199254740991", true),
        ("9007199254740992", false),
        ("-9007199254740992", false),
        ("9223372036854775808", false),
        ("1.5", false),
        ("1e99", false),
        ("1.0", true),
        ("1e3", true),
        ("-0", true),
        ("9007199254740992.0", false),
    ];

    for (number, is_good) in numbers {
        let body = format!("{{\"user_id\":{number},\"id\":1}}");
        let request = |body: &String| {
            TestRequest::post()
                .uri("/checkout")
                .insert_header((header::CONTENT_TYPE, "application/json"))
                .insert_header((header::CONTENT_LENGTH, body.len()))
                .set_payload(body.clone())
        };
        check_all(1, Just(body), request, |_, answer| check_one(is_good, &answer));
    }
}

#[test]
fn a_code_is_redeemed_if_it_is_one() {
    let code = prop_oneof![uuid(), "[0-9a-fA-F-]{34,38}", text(),];

    check_all(
        300,
        code,
        |code| TestRequest::post().uri(&format!("/purchase?code={}", encoded(code))),
        |code, answer| check_code(code, &answer),
    );
}

#[test]
fn a_path_names_a_sale_a_unit_or_a_code_or_is_refused_by_field() {
    let words = prop_oneof![text(), any::<String>()].prop_filter("a segment", |word| {
        !word.is_empty() && !word.contains(['/', '.']) && word != "current"
    });

    check_all(
        600,
        (words.clone(), words, 0..4usize),
        |(one, other, route)| {
            let (one, other) = (encoded(one), encoded(other));
            let routes = [
                format!("/sales/{one}"),
                format!("/purchases/{one}"),
                format!("/checkouts/{one}"),
                format!("/items/{one}/{other}.svg"),
            ];
            TestRequest::get().uri(&routes[*route])
        },
        |(one, other, route), answer| {
            let is_sale = one.parse::<SaleId>().is_ok();
            let is_well_formed = match route {
                0 => is_sale,
                1 | 2 => return check_code(one, &answer),
                _ => is_sale && other.parse::<Unit>().is_ok(),
            };
            check_one(is_well_formed, &answer)
        },
    );
}

#[test]
fn a_query_of_thousands_of_parameters_is_refused_without_reading_them_all() {
    let query = (0..13_000).map(|number| format!("{number:x}")).collect::<Vec<_>>().join("&");

    check_all(
        1,
        Just(query),
        |query| TestRequest::post().uri(&format!("/checkout?{query}")),
        |_, answer| {
            check_one(false, &answer)?;
            let errors = answer.1["errors"].as_array().unwrap();
            prop_assert!(errors.len() < 32, "{} errors", errors.len());
            prop_assert!(errors.iter().any(|error| error["field"] == "query"));
            Ok(())
        },
    );
}
