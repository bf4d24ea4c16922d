//! What is no order, or is one that says something else than it seems to; and what the trail has of orders that come
//! to nothing, or that this version does not know.

use dev_servers::Place;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin::Shop,
    ordering::{NAMES, answer, new_sale},
    stack::{Kind, on_both_stacks},
};

on_both_stacks! {
    an_order_about_what_there_is_not_has_a_row_and_what_is_no_order_has_none
    what_cannot_be_decoded_is_refused_by_name_wherever_operators_ask
    a_text_that_does_not_say_what_it_seems_to_is_refused_by_its_field
    what_a_newer_version_did_is_listed_by_its_name
}

async fn what_cannot_be_decoded_is_refused_by_name_wherever_operators_ask(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let receipt = shop.stack.checkout("ann", sale).await;
    let (code, before) = (receipt.code(), shop.trail().await);
    let (get, post) = (Method::GET, Method::POST);

    for (method, path, field) in [
        (&post, format!("/admin/sales/{sale}/pause?why=caf%E9"), "why"),
        (&post, format!("/admin/sales/{sale}/end?why=50%+off"), "why"),
        (&post, format!("/admin/sales/{sale}/resume?version=%2"), "version"),
        (&post, "/admin/sales/%E9/pause".to_owned(), "id"),
        (&Method::PUT, "/admin/products/lamp-7?name=%E9t%E9".to_owned(), "name"),
        (&Method::PUT, "/admin/products/lamp%zz?name=x".to_owned(), "sku"),
        (&Method::DELETE, format!("/admin/holds/{code}?why=%ff"), "why"),
        (&Method::DELETE, format!("/admin/holds/{code}%E9"), "code"),
        (&post, format!("/admin/purchases/{code}/cancel?why=%E9"), "why"),
        (&get, "/admin/actions?sale=%zz".to_owned(), "sale"),
        (&get, "/admin/actions?%E9=1".to_owned(), "%E9"),
        (&get, "/admin/actions/%E9".to_owned(), "id"),
        (&get, "/admin/users/al%E9".to_owned(), "user_id"),
        (&get, "/admin/users/al%zz/attempts".to_owned(), "user_id"),
        (&get, "/admin/users/ann?after=%E9".to_owned(), "after"),
        (&get, "/admin/codes/%E9".to_owned(), "code"),
        (&get, format!("/admin/sales/{sale}/units/%E9"), "unit"),
        (&get, format!("/admin/sales/{sale}/history?step_ms=%E9"), "step_ms"),
        (&get, format!("/admin/sales/{sale}/attempts?format=%E9"), "format"),
        (&get, "/admin/stream?x=%zz".to_owned(), "x"),
    ] {
        let request = shop.request(method.clone(), &path).bearer_auth(&shop.ann.token);
        let refused = answer(request).await;
        assert_eq!((refused.status, refused.name()), (400, "invalid-request"), "{path}");
        let errors = refused.body["errors"].as_array().unwrap();
        let named = errors.iter().find(|error| error["field"] == field);
        let message = named.unwrap_or_else(|| panic!("{path}: {errors:?}"))["message"].as_str();
        let says = ["is not UTF-8 once it is decoded", "has a % that no two hexadecimal digits"];
        assert!(says.iter().any(|it| message.unwrap().starts_with(it)), "{path}: {errors:?}");
    }
    assert_eq!(shop.trail().await, before);
    assert_eq!(shop.look("/admin/users/%61nn").await.body["user_id"], "ann");
}

async fn a_text_that_does_not_say_what_it_seems_to_is_refused_by_its_field(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let receipt = shop.stack.checkout("ann", sale).await;
    assert_eq!(shop.stack.purchase(receipt.code()).await.name(), "ok");
    let before = shop.trail().await;
    let pause = format!("/admin/sales/{sale}/pause");
    let cancel = format!("/admin/purchases/{}/cancel", receipt.code());
    let lamp = "/admin/products/lamp-7";

    for (spoiled, called) in [
        ("gift \u{202e}sdnufer on\u{202c}", "U+202E at position 6"),
        ("a\u{2067}b\u{2069}", "U+2067 at position 2"),
        ("lamp\u{200b}", "U+200B at position 5"),
        ("\u{feff}lamp", "U+FEFF at position 1"),
        ("la\u{ad}mp", "U+00AD at position 3"),
    ] {
        for (method, path, field) in [
            (Method::POST, pause.as_str(), "why"),
            (Method::POST, cancel.as_str(), "why"),
            (Method::PUT, lamp, "name"),
        ] {
            let refused = shop.done(method, path, &json!({ field: spoiled })).await;
            assert_eq!((refused.status, refused.name()), (400, "invalid-request"), "{refused:?}");
            let error = &refused.body["errors"][0];
            assert_eq!(error["field"], field);
            assert!(error["message"].as_str().unwrap().ends_with(called), "{error}");
        }
        let id = sale.to_string();
        for command in [
            &["sales", "pause", &id, "--why", spoiled][..],
            &["purchases", "cancel", receipt.code(), "--reason", spoiled],
            &["products", "put", "--sku", "lamp-7", "--name", spoiled],
        ] {
            let said = shop.stack.refused(command);
            assert!(said.contains(called), "{command:?}: {said}");
        }
    }
    assert_eq!(shop.trail().await, before);

    // What languages need is no disguise.
    let name = "چراغ می\u{200c}تابد 👩\u{200d}🔧";
    let put = shop.done(Method::PUT, lamp, &json!({ "name": name })).await;
    assert_eq!((put.status, &put.body["action"]["after"]["name"]), (200, &name.into()));
}

async fn an_order_about_what_there_is_not_has_a_row_and_what_is_no_order_has_none(kind: Kind) {
    let shop = Shop::open(kind).await;
    let unknown = "00000000-07d1-8c3e-9a5b-2f6e0c41d788";
    let mut of_none = new_sale(5);
    of_none["product"] = "none".into();
    let why = json!({ "why": "a slip" });
    let rows = async || shop.trail().await.len();
    let before = rows().await;

    for (method, path, body, name) in [
        (Method::POST, "/admin/sales/999/pause".to_owned(), &why, "sale-not-found"),
        (Method::POST, "/admin/products/none/archive".to_owned(), &why, "product-not-found"),
        (Method::DELETE, format!("/admin/holds/{unknown}"), &why, "code-not-found"),
        (Method::POST, format!("/admin/purchases/{unknown}/cancel"), &why, "code-not-found"),
    ] {
        let rows_before = rows().await;
        let order = || shop.order(method.clone(), &path, body);
        let refused = answer(order()).await;
        assert_eq!((refused.status, refused.name()), (404, name), "{path}: {refused:?}");
        let trail = shop.trail().await;
        assert_eq!((trail.len(), &trail[0]["refused"]["refused"]), (rows_before + 1, &name.into()));
    }
    assert_eq!(rows().await, before + 4);

    for (method, path, body, status) in [
        (Method::POST, "/admin/sales".to_owned(), &of_none, 404),
        (Method::DELETE, format!("/admin/holds/{}", NAMES[0]), &why, 404),
        (Method::POST, format!("/admin/purchases/{}/cancel", NAMES[0]), &why, 404),
        (Method::POST, "/admin/purchases/7/cancel".to_owned(), &why, 400),
    ] {
        let order = shop.order(method, &path, body).header("idempotency-key", NAMES[1]);
        let refused = answer(order).await;
        assert_eq!(refused.status, status, "{path}: {refused:?}");
    }
    assert_eq!(rows().await, before + 4);
    // The name is free.
    assert_eq!(shop.look(&format!("/admin/actions/{}", NAMES[1])).await.status, 404);
}

/// Writes a row of the trail that is about a sale: what it is called, and what came of it.
fn write_row(shop: &Shop, sale: i64, number: u8, action: &str, came: [&str; 2]) {
    let ms = Timestamp::now().as_millisecond();
    let (id, at) = match shop.stack.place() {
        Place::Servers { .. } => (
            format!("'00000000-0000-4000-8000-0000000000{number:02}'"),
            format!("to_timestamp({ms} / 1000.0)"),
        ),
        Place::Embedded { .. } => {
            (format!("x'000000000000400080000000000000{number:02}'"), ms.to_string())
        }
    };
    let [after, refused] =
        came.map(|it| if it.is_empty() { "NULL".to_owned() } else { format!("'{it}'") });
    // What an action that is known is asked with is of the form that is known.
    let asked = match action {
        "sale-paused" => "{}",
        _ => r#"{"paper": {"sheets": [1, 2]}, "ends_at": 0}"#,
    };
    shop.stack.sql(&format!(
        "INSERT INTO operator_actions (id, acted_at, sale_id, operator, action, asked, after, refused) \
         VALUES ({id}, {at}, {sale}, 'cleo', '{action}', '{asked}', {after}, {refused})"
    ));
}

/// It served beside this one, or did before somebody took a step back.
async fn what_a_newer_version_did_is_listed_by_its_name(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let at = format!("/admin/sales/{sale}");
    let before = shop.look(&at).await.body["version"].as_i64().unwrap();

    write_row(&shop, sale, 1, "sale-paused", [r#"{"state": "asleep", "dreams": 7}"#, ""]);
    write_row(&shop, sale, 2, "sale-paused", ["", r#"{"refused": "too-loud", "decibels": 90}"#]);
    write_row(&shop, sale, 3, "sale-wrapped", ["", r#"{"refused": "no-paper", "of": []}"#]);
    write_row(&shop, sale, 4, "sale-wrapped", [r#"{"state": {"bow": true}}"#, ""]);

    let rows = shop.trail().await;
    let told =
        |row: &Value| json!([row["action"], row["after"]["state"], row["refused"]["refused"]]);
    let expected = [
        json!(["sale-wrapped", { "bow": true }, null]),
        json!(["sale-wrapped", null, "no-paper"]),
        json!(["sale-paused", null, "too-loud"]),
        json!(["sale-paused", "asleep", null]),
    ];
    assert_eq!(rows[..4].iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!((&rows[0]["operator"], &rows[0]["sale_id"]), (&"cleo".into(), &sale.into()));
    assert_eq!(rows[0]["asked"]["paper"]["sheets"], json!([1, 2]));
    let id = rows[0]["id"].as_str().unwrap();
    assert_eq!(shop.look(&format!("/admin/actions/{id}")).await.body, rows[0]);
    let listed = shop.stack.operate(&["actions", "list"]);
    for name in ["sale-wrapped", "a newer version refused it: no-paper", "too-loud"] {
        assert!(listed.contains(name), "{name} in {listed}");
    }

    // It counts as a change of its sale, and its name as that of another order.
    let number = rows[0]["number"].as_i64().unwrap();
    assert_eq!(shop.look(&at).await.body["version"], number);
    let pause = |seen: i64| json!({ "version": seen });
    let late = shop.done(Method::POST, &format!("{at}/pause"), &pause(before)).await;
    assert_eq!(
        (late.status, &late.body["refused"]),
        (409, &"sale-changed-since".into()),
        "{late:?}"
    );
    assert_eq!(late.body["action"]["refused"]["action"], "sale-wrapped");
    let order = shop.order(Method::POST, &format!("{at}/pause"), &pause(number));
    let used = answer(order.header("idempotency-key", id)).await;
    assert_eq!((used.status, used.name()), (422, "idempotency-key-used"), "{used:?}");
    let paused = shop.done(Method::POST, &format!("{at}/pause"), &pause(number)).await;
    assert_eq!(paused.status, 200, "{paused:?}");
}
