//! What operators have done over HTTP, what they are told, and what buyers see of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    admin::Shop,
    products::png,
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_sale_is_put_on_changed_paused_and_ended
    a_hold_is_given_back_and_the_trail_names_whose_token_it_was
    a_hold_is_given_back_by_whoever_has_seen_it_and_not_its_code
    the_same_order_again_does_nothing_more_and_its_name_is_good_for_no_other
    of_two_operators_at_once_one_is_told_what_the_other_did
    whoever_may_only_look_looks_and_orders_nothing
    what_is_wrong_with_an_order_is_named_and_nothing_is_done
    a_session_orders_for_its_own_page_alone
    bodies_have_sixty_four_kib_where_operators_listen
    a_token_of_operators_is_none_where_buyers_ask
    a_product_is_put_with_its_picture_and_archived
    what_is_wrong_with_a_product_is_named
}

pub(crate) const NAMES: [&str; 3] = [
    "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788",
    "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d789",
    "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d78a",
];

impl Shop {
    /// What Ann orders.
    pub(crate) fn order(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.ann.token).json(body)
    }

    pub(crate) async fn done(&self, method: Method, path: &str, body: &Value) -> Answer {
        answer(self.order(method, path, body)).await
    }

    /// What Bob looks at.
    pub(crate) async fn look(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(&self.bob.token)).await
    }

    pub(crate) async fn trail(&self) -> Vec<Value> {
        self.look("/admin/actions").await.body["actions"].as_array().unwrap().clone()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    Answer::read_as_operator(request).await.unwrap()
}

/// The parameters of a sale that is on for two hours from now.
pub(crate) fn new_sale(stock: u32) -> Value {
    let now = Timestamp::now();
    json!({
        "starts_at": now.to_string(),
        "ends_at": (now + SignedDuration::from_hours(2)).to_string(),
        "stock": stock,
        "per_user_limit": 1,
        "hold_ms": 60_000,
    })
}

async fn is_on(stack: &Stack, sale: i64) {
    stack
        .until("it is on", async |stack| {
            stack.get(&format!("/sales/{sale}")).await.body["state"] == "open"
        })
        .await;
}

async fn a_sale_is_put_on_changed_paused_and_ended(kind: Kind) {
    let shop = Shop::open(kind).await;
    shop.stack.operate(&["products", "put", "--sku", "lamp-7", "--name", "Amber Lamp"]);
    let mut of_product = new_sale(2);
    of_product["product"] = "lamp-7".into();

    let made = shop.done(Method::POST, "/admin/sales", &of_product).await;
    assert_eq!((made.status, &made.body["action"]["operator"]), (201, &"ann".into()), "{made:?}");
    let sale = made.body["action"]["sale_id"].as_i64().unwrap();
    is_on(&shop.stack, sale).await;
    let at = format!("/admin/sales/{sale}");
    for user in ["ann", "bob"] {
        assert_eq!(shop.stack.checkout(user, sale).await.name(), "ok");
    }
    assert_eq!(shop.stack.checkout("cid", sale).await.name(), "sold-out");

    let changed = shop.done(Method::PATCH, &at, &json!({ "stock": 3, "why": "one more" })).await;
    assert_eq!((changed.status, &changed.body["in_effect"]), (200, &true.into()), "{changed:?}");
    assert_eq!(changed.body["action"]["before"]["stock"], 2);
    assert_eq!(changed.body["action"]["after"]["stock"], 3);
    let granted = shop.stack.checkout("cid", sale).await;
    assert_eq!(granted.name(), "ok", "{granted:?}");

    let too_low = shop.done(Method::PATCH, &at, &json!({ "stock": 1 })).await;
    assert_eq!((too_low.status, too_low.name()), (409, "action-refused"), "{too_low:?}");
    assert_eq!(too_low.body["refused"], "stock-in-use");
    assert!(too_low.body["detail"].as_str().unwrap().contains("Unit 3 is on hold or sold"));

    // What is shown of a sale that sells is of a moment ago.
    let shown = shop
        .stack
        .once("the third hold is shown", async |_| {
            let shown = shop.look(&at).await;
            (shown.body["held"] == 3).then_some(shown)
        })
        .await;
    assert_eq!(shown.body["product"]["sku"], "lamp-7");
    assert_eq!(shown.body["version"], changed.body["action"]["number"]);
    let listed = shop.look("/admin/sales?limit=1").await;
    assert_eq!(listed.body["sales"][0]["id"], sale);
    assert_eq!(listed.body["next"], format!("/admin/sales?before={sale}&limit=1"));

    assert_eq!(shop.done(Method::POST, &format!("{at}/pause"), &json!({})).await.status, 200);
    assert_eq!(shop.stack.checkout("dan", sale).await.name(), "sale-paused");
    assert_eq!(shop.done(Method::POST, &format!("{at}/resume"), &json!({})).await.status, 200);
    assert_eq!(shop.stack.checkout("dan", sale).await.name(), "sold-out");
    assert_eq!(shop.done(Method::POST, &format!("{at}/end"), &json!({})).await.status, 200);
    assert_eq!(shop.stack.checkout("dan", sale).await.name(), "sale-ended");
    let bought = shop.stack.purchase(granted.code()).await;
    assert_eq!(bought.name(), "ok", "a code is a promise");
    let over = shop.done(Method::POST, &format!("{at}/resume"), &json!({})).await;
    assert_eq!((over.status, &over.body["refused"]), (409, &"sale-ended".into()));
}

async fn a_hold_is_given_back_and_the_trail_names_whose_token_it_was(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let held = shop.stack.checkout("ann", sale).await;
    let at = format!("/admin/holds/{}", held.code());

    let order = shop.request(Method::DELETE, &format!("{at}?why=they+called"));
    let order = order.bearer_auth(&shop.ann.token).header("x-request-id", "call-17");
    let given = answer(order).await;

    assert_eq!((given.status, &given.body["action"]["action"]), (200, &"hold-released".into()));
    assert_eq!(shop.stack.purchase(held.code()).await.name(), "code-expired");
    let row = &shop.trail().await[0];
    assert_eq!((&row["operator"], &row["why"]), (&"ann".into(), &"they called".into()));
    assert_eq!(row["request_id"], "call-17");
    assert_eq!(row["code"], format!("{}…", &held.code()[..13]));
    let id = row["id"].as_str().unwrap();
    assert_eq!(shop.look(&format!("/admin/actions/{id}")).await.body, *row);
    let again = shop.done(Method::DELETE, &at, &json!({})).await;
    assert_eq!((again.status, &again.body["refused"]), (409, &"not-on-hold".into()));
    let unknown =
        shop.done(Method::DELETE, &format!("/admin/holds/{}", NAMES[0]), &json!({})).await;
    assert_eq!((unknown.status, unknown.name()), (404, "code-not-found"));
    let unknown = shop.look(&format!("/admin/actions/{}", NAMES[0])).await;
    assert_eq!((unknown.status, unknown.name()), (404, "not-found"));
}

async fn a_hold_is_given_back_by_whoever_has_seen_it_and_not_its_code(kind: Kind) {
    let settings = Settings { stock: 2, processes: 1, ..Settings::on(kind) };
    let shop = Shop::open_with(settings).await;
    let sale = shop.stack.sale().await;
    let (first, held) =
        (shop.stack.checkout("ann", sale).await, shop.stack.checkout("ann", sale).await);
    let unit = held.body["unit"].clone();
    let at = format!("/admin/sales/{sale}/units/{unit}/hold");
    let order = |user: &str, name: &str| {
        let order = shop.order(Method::DELETE, &at, &json!({ "user_id": user }));
        order.header("idempotency-key", name)
    };
    let seen = shop.look("/admin/users/ann").await;
    assert!(!seen.text.contains(held.code()), "{seen:?}");
    let before = shop.trail().await.len();

    let of_nobody = shop.done(Method::DELETE, &at, &json!({})).await;
    assert_eq!((of_nobody.status, &of_nobody.body["errors"][0]["field"]), (400, &"user_id".into()));
    let of_another = answer(order("bob", NAMES[0])).await;
    assert_eq!((of_another.status, of_another.name()), (404, "code-not-found"), "{of_another:?}");
    assert_eq!(shop.trail().await.len(), before);

    let given = answer(order("ann", NAMES[0])).await;

    assert_eq!((given.status, &given.body["action"]["action"]), (200, &"hold-released".into()));
    assert!(!given.text.contains(held.code()), "{given:?}");
    assert_eq!(shop.stack.purchase(held.code()).await.name(), "code-expired");
    // Somebody else has it by now, and then Ann again: the same order is not about those.
    let next = shop.stack.checkout("bob", sale).await;
    assert_eq!(next.body["unit"], unit);
    let again = answer(order("ann", NAMES[0])).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    let given =
        shop.done(Method::DELETE, &format!("/admin/holds/{}", next.code()), &json!({})).await;
    assert_eq!(given.status, 200, "{given:?}");
    let next = shop.stack.checkout("ann", sale).await;
    assert_eq!(next.body["unit"], unit);
    let again = answer(order("ann", NAMES[0])).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    let other = answer(order("bob", NAMES[0])).await;
    assert_eq!((other.status, other.name()), (422, "idempotency-key-used"), "{other:?}");
    for code in [first.code(), next.code()] {
        assert_eq!(shop.stack.purchase(code).await.name(), "ok");
    }
    let bought = answer(order("ann", NAMES[1])).await;
    assert_eq!((bought.status, bought.name()), (404, "code-not-found"), "{bought:?}");
}

async fn the_same_order_again_does_nothing_more_and_its_name_is_good_for_no_other(kind: Kind) {
    let shop = Shop::open(kind).await;
    let (body, before) = (new_sale(5), shop.trail().await.len());
    let order = |path: &str, body: &Value| {
        shop.order(Method::POST, path, body).header("idempotency-key", NAMES[0])
    };

    let first = answer(order("/admin/sales", &body)).await;
    let again = answer(order("/admin/sales", &body)).await;

    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.body["action"], first.body["action"]);
    assert_eq!(first.body["action"]["id"], NAMES[0]);
    let sale = first.body["action"]["sale_id"].as_i64().unwrap();
    let other = answer(order(&format!("/admin/sales/{sale}/pause"), &json!({}))).await;
    assert_eq!((other.status, other.name()), (422, "idempotency-key-used"), "{other:?}");
    assert_eq!(other.body["action"], first.body["action"]);
    let differs = &other.body["differs"];
    assert!(differs[0] == "action" && differs[1] == "sale_id", "{other:?}");
    for (field, value, differs) in [
        ("why", json!("on a whim"), "why"),
        ("stock", json!(6), "stock"),
        ("hold_ms", json!(61_000), "hold_ms"),
    ] {
        let mut body = body.clone();
        body[field] = value;
        let other = answer(order("/admin/sales", &body)).await;
        assert_eq!((other.status, other.name()), (422, "idempotency-key-used"), "{other:?}");
        assert_eq!(
            (&other.body["differs"], &other.body["action"]),
            (&json!([differs]), &first.body["action"])
        );
        assert!(other.body["detail"].as_str().unwrap().contains(&format!("in {differs};")));
    }
    assert_eq!(shop.trail().await.len(), before + 1);
    // The shell knows it by the same name.
    let id = sale.to_string();
    let said = shop.stack.refused(&["sales", "pause", &id, "--id", NAMES[0]]);
    assert!(said.contains("sale-scheduled by ann, which differs in operator, action"), "{said}");
    // A refusal is kept, too.
    let at = format!("/admin/sales/{sale}");
    let too_late = json!({ "ends_at": "2020-01-01T00:00:00Z" });
    for _ in 0..2 {
        let order = shop.order(Method::PATCH, &at, &too_late);
        let refused = answer(order.header("idempotency-key", NAMES[1])).await;
        assert_eq!((refused.status, refused.name()), (409, "action-refused"), "{refused:?}");
    }
    let mut other = too_late.clone();
    other["why"] = "once more".into();
    let other = shop.order(Method::PATCH, &at, &other).header("idempotency-key", NAMES[1]);
    let other = answer(other).await;
    assert_eq!((other.status, &other.body["differs"]), (422, &json!(["why"])), "{other:?}");
    assert_eq!(shop.trail().await.len(), before + 2);
    let paused = ["sales", "pause", &id, "--id", NAMES[2], "--as", "ann", "--why"];
    shop.stack.operate(&[&paused[..], &["a pause"]].concat());
    let said = shop.stack.refused(&[&paused[..], &["another pause"]].concat());
    assert!(said.contains("sale-paused by ann, which differs in why"), "{said}");
}

async fn of_two_operators_at_once_one_is_told_what_the_other_did(kind: Kind) {
    let shop = Shop::open(kind).await;
    let at = format!("/admin/sales/{}", shop.stack.sale().await);
    let version = shop.look(&at).await.body["version"].clone();
    let order = async |stock: u32| {
        let body = json!({ "stock": stock, "version": version });
        shop.done(Method::PATCH, &at, &body).await
    };

    let (one, other) = tokio::join!(order(150), order(200));

    let (done, refused) = if one.status == 200 { (one, other) } else { (other, one) };
    assert_eq!((done.status, refused.status), (200, 409), "{done:?} {refused:?}");
    assert_eq!(refused.body["refused"], "sale-changed-since");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("sale-changed by ann"), "{detail}");
    let shown = shop.look(&at).await;
    assert_eq!(shown.body["version"], done.body["action"]["number"]);
    assert_eq!(shown.body["stock"], done.body["action"]["after"]["stock"]);
    // Whoever says nothing of what they have seen is told what that may not have been.
    assert_eq!(done.body.get("change_before"), None);
    let blind = shop.done(Method::PATCH, &at, &json!({ "stock": 250 })).await;
    let before = &blind.body["change_before"];
    assert_eq!(before["number"], done.body["action"]["number"], "{blind:?}");
    assert_eq!(before["acted_at"], done.body["action"]["acted_at"]);
    assert_eq!((&before["operator"], &before["action"]), (&"ann".into(), &"sale-changed".into()));
}

async fn whoever_may_only_look_looks_and_orders_nothing(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let held = shop.stack.checkout("ann", sale).await;
    let (at, code) = (format!("/admin/sales/{sale}"), held.code());
    let before = shop.trail().await;

    for (method, path) in [
        (Method::POST, "/admin/sales".to_owned()),
        (Method::PATCH, at.clone()),
        (Method::POST, format!("{at}/pause")),
        (Method::POST, format!("{at}/resume")),
        (Method::POST, format!("{at}/end")),
        (Method::DELETE, format!("/admin/holds/{code}")),
        (Method::DELETE, format!("{at}/units/1/hold?user_id=ann")),
    ] {
        let body = json!({ "stock": 7 });
        let of_viewer = shop.request(method.clone(), &path).bearer_auth(&shop.bob.token);
        let refused = answer(of_viewer.json(&body)).await;
        assert_eq!((refused.status, refused.name()), (403, "forbidden"), "{method} {path}");
        assert!(refused.body["detail"].as_str().unwrap().contains("bob has the role viewer"));
        for token in [None, Some("x".repeat(68))] {
            let of_nobody = shop.request(method.clone(), &path).json(&body);
            let of_nobody = match &token {
                Some(token) => of_nobody.bearer_auth(token),
                None => of_nobody,
            };
            let refused = answer(of_nobody).await;
            assert_eq!((refused.status, refused.name()), (401, "unauthorized"), "{method} {path}");
        }
    }

    for path in ["/admin/sales", at.as_str(), "/admin/actions"] {
        assert_eq!(shop.look(path).await.status, 200, "{path}");
    }
    assert_eq!(shop.trail().await, before);
    assert_eq!(shop.stack.purchase(code).await.name(), "ok");
}

async fn what_is_wrong_with_an_order_is_named_and_nothing_is_done(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let before = shop.trail().await;
    let mut backwards = new_sale(5);
    backwards["ends_at"] = "2020-01-01T00:00:00Z".into();
    let at = format!("/admin/sales/{sale}");
    let (at, pause) = (at.as_str(), format!("{at}/pause"));
    let all = "starts_at, ends_at, stock, per_user_limit, hold_ms, product, why, version, more";
    let wrong = json!({
        "starts_at": "noon", "ends_at": 7, "stock": -1, "per_user_limit": "1.5", "hold_ms": [],
        "product": "", "why": "", "version": "x", "more": 1,
    });

    for (method, path, body, fields) in [
        (Method::POST, "/admin/sales", &wrong, all),
        (
            Method::POST,
            "/admin/sales",
            &json!({}),
            "starts_at, ends_at, stock, per_user_limit, hold_ms",
        ),
        (Method::POST, "/admin/sales", &backwards, "ends_at"),
        (Method::PATCH, at, &json!({}), "body"),
        (Method::PATCH, at, &json!({ "stock": 0 }), "stock"),
        (Method::PATCH, at, &json!({ "state": "ended" }), "state, body"),
        (Method::PATCH, "/admin/sales/0", &json!({ "stock": 5 }), "id"),
        (Method::POST, pause.as_str(), &json!({ "now": true }), "now"),
        (Method::DELETE, "/admin/holds/7", &json!({}), "code"),
    ] {
        let refused = shop.done(method.clone(), path, body).await;
        assert_eq!((refused.status, refused.name()), (400, "invalid-request"), "{method} {path}");
        let mut named: Vec<_> = refused.body["errors"].as_array().unwrap().iter().collect();
        named.retain(|error| !fields.split(", ").any(|field| error["field"] == field));
        assert!(named.is_empty(), "{method} {path}: {named:?}");
        for field in fields.split(", ") {
            let errors = refused.body["errors"].as_array().unwrap();
            assert!(errors.iter().any(|it| it["field"] == field), "{method} {path} {field}");
        }
    }
    for key in ["7", "00000000-0000-0000-0000-000000000000"] {
        let order = shop.order(Method::POST, &pause, &json!({}));
        let refused = answer(order.header("idempotency-key", key)).await;
        assert_eq!(refused.body["errors"][0]["field"], "Idempotency-Key", "{refused:?}");
    }
    let mut of_none = new_sale(5);
    of_none["product"] = "none".into();
    let refused = shop.done(Method::POST, "/admin/sales", &of_none).await;
    assert_eq!((refused.status, refused.name()), (404, "product-not-found"));
    assert_eq!(shop.trail().await, before);
    let unknown = shop.done(Method::PATCH, "/admin/sales/999", &json!({ "stock": 5 })).await;
    assert_eq!((unknown.status, unknown.name()), (404, "sale-not-found"));
    assert_eq!(shop.look("/admin/sales/999").await.name(), "sale-not-found");
}

async fn a_session_orders_for_its_own_page_alone(kind: Kind) {
    let shop = Shop::open(kind).await;
    let at = format!("/admin/sales/{}/pause", shop.stack.sale().await);
    let before = shop.trail().await.len();
    let cookie = shop.sign_in(&shop.ann.token).await;
    let order = || shop.request(Method::POST, &at).header("cookie", &cookie);

    for (origin, site) in [
        ("http://evil.example", "cross-site"),
        ("null", "cross-site"),
        (shop.stack.url(), "same-site"),
        (shop.url.as_str(), "cross-site"),
    ] {
        let refused = order().header("origin", origin).header("sec-fetch-site", site);
        let refused = answer(refused).await;
        assert_eq!((refused.status, refused.name()), (403, "forbidden"), "{origin} {site}");
    }
    assert_eq!(answer(order()).await.status, 403, "a browser says whose page it is");
    let by_other_name = order().header("origin", &shop.url).header("host", "evil.example");
    assert_eq!(answer(by_other_name).await.status, 421);
    assert_eq!(shop.trail().await.len(), before);

    let own = order().header("origin", &shop.url).header("sec-fetch-site", "same-origin");
    let own = answer(own).await;

    assert_eq!((own.status, &own.body["action"]["operator"]), (200, &"ann".into()), "{own:?}");
}

async fn bodies_have_sixty_four_kib_where_operators_listen(kind: Kind) {
    let shop = Shop::open(kind).await;
    let at = format!("/admin/sales/{}/pause", shop.stack.sale().await);
    let padded = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2));
    let order = |bytes| {
        let order = shop.request(Method::POST, &at).bearer_auth(&shop.ann.token);
        order.header("content-type", "application/json").body(padded(bytes))
    };

    let largest = answer(order(65_536)).await;
    let larger = answer(order(65_537)).await;

    assert_eq!(largest.status, 200, "{largest:?}");
    assert_eq!((larger.status, larger.name()), (413, "invalid-request"));
    assert!(larger.body["detail"].as_str().unwrap().contains("65536 bytes"), "{larger:?}");
}

async fn a_token_of_operators_is_none_where_buyers_ask(kind: Kind) {
    let shop = Shop::open_with(Settings { processes: 1, ..Settings::on(kind) }).await;
    let at = format!("/admin/sales/{}", shop.stack.sale().await);

    for (method, path) in [
        (Method::GET, "/admin/sales".to_owned()),
        (Method::GET, at.clone()),
        (Method::PATCH, at.clone()),
        (Method::POST, format!("{at}/end")),
        (Method::GET, "/admin/actions".to_owned()),
    ] {
        let url = format!("{}{path}", shop.stack.url());
        let public = shop.stack.http.request(method.clone(), url).bearer_auth(&shop.ann.token);
        let public = Answer::read(public.json(&json!({ "stock": 7 }))).await.unwrap();
        assert_eq!((public.status, public.name()), (404, "not-found"), "{method} {path}");
    }

    assert!(!shop.stack.apps[0].log().contains(&shop.ann.token));
    assert_eq!(shop.look(&at).await.body["state"], "open");
}

async fn a_product_is_put_with_its_picture_and_archived(kind: Kind) {
    let shop = Shop::open(kind).await;
    let (at, metadata) = ("/admin/products/lamp-7", "{\"watts\": 4e1}");
    let mut lamp = json!({
        "name": "Amber Lamp", "price": 1999, "currency": "EUR", "metadata": metadata,
        "image_base64": STANDARD.encode(png(7)), "why": "a new line",
    });

    let made = shop.done(Method::PUT, at, &lamp).await;
    assert_eq!(
        (made.status, &made.body["action"]["action"]),
        (200, &"product-put".into()),
        "{made:?}"
    );
    assert_eq!(made.body["action"]["before"], Value::Null);
    let shown = shop.look(at).await;
    assert!(shown.text.contains(metadata), "to the byte: {}", shown.text);
    assert_eq!(shown.body["id"], made.body["action"]["product_id"]);
    let image = shown.body["product"]["image"].as_str().unwrap().to_owned();
    assert_eq!(shop.stack.get(&image).await.header("content-type"), Some("image/png"));

    lamp.as_object_mut().unwrap().remove("image_base64");
    (lamp["name"], lamp["image"]) = ("Lantern".into(), image.as_str().into());
    let changed = shop.done(Method::PUT, at, &lamp).await;
    assert_eq!(changed.body["action"]["before"]["name"], "Amber Lamp", "{changed:?}");
    let listed = shop.look("/admin/products?limit=1").await;
    let product = &listed.body["products"][0]["product"];
    assert_eq!((&product["name"], &product["image"]), (&"Lantern".into(), &image.into()));

    let mut of_lamp = new_sale(5);
    of_lamp["product"] = "lamp-7".into();
    assert_eq!(shop.done(Method::POST, "/admin/sales", &of_lamp).await.status, 201);
    let archived = shop.done(Method::POST, &format!("{at}/archive"), &json!({})).await;
    assert_eq!(archived.status, 200, "{archived:?}");
    assert!(shop.look(at).await.body["archived_at"].is_string());
    for (method, path, body) in [(Method::PUT, at, &lamp), (Method::POST, "/admin/sales", &of_lamp)]
    {
        let refused = shop.done(method, path, body).await;
        assert_eq!((refused.status, &refused.body["refused"]), (409, &"product-archived".into()));
    }
}

async fn what_is_wrong_with_a_product_is_named(kind: Kind) {
    let shop = Shop::open(kind).await;
    let before = shop.trail().await;
    let at = "/admin/products/lamp-7";
    let none = format!("/products/images/{}.png", "0".repeat(64));

    for (path, body, field) in [
        (at, json!({}), "name"),
        (at, json!({ "name": " x" }), "name"),
        (at, json!({ "name": "x", "price": 5 }), "currency"),
        (at, json!({ "name": "x", "currency": "EUR" }), "price"),
        (at, json!({ "name": "x", "price": -5, "currency": "EUR" }), "price"),
        (at, json!({ "name": "x", "price": 5, "currency": "euro" }), "currency"),
        (at, json!({ "name": "x", "metadata": "7" }), "metadata"),
        (at, json!({ "name": "x", "image": "lamp.png" }), "image"),
        (at, json!({ "name": "x", "image_base64": "?" }), "image_base64"),
        (at, json!({ "name": "x", "image_base64": STANDARD.encode("<svg/>") }), "image_base64"),
        (
            at,
            json!({ "name": "x", "image": none, "image_base64": STANDARD.encode(png(7)) }),
            "image_base64",
        ),
        (at, json!({ "name": "x", "version": 1 }), "version"),
        ("/admin/products/-x", json!({ "name": "x" }), "sku"),
    ] {
        let refused = shop.done(Method::PUT, path, &body).await;
        assert_eq!(
            (refused.status, refused.name()),
            (400, "invalid-request"),
            "{body}: {refused:?}"
        );
        assert_eq!(refused.body["errors"][0]["field"], field, "{body}: {refused:?}");
        assert_eq!(refused.body["errors"].as_array().unwrap().len(), 1, "{body}: {refused:?}");
    }
    assert_eq!(shop.trail().await, before);
    let unknown = shop.done(Method::PUT, at, &json!({ "name": "x", "image": none })).await;
    assert_eq!((unknown.status, &unknown.body["refused"]), (409, &"image-not-found".into()));
    let unknown = shop.done(Method::POST, &format!("{at}/archive"), &json!({})).await;
    assert_eq!((unknown.status, unknown.name()), (404, "product-not-found"));
    assert_eq!(shop.look(at).await.name(), "product-not-found");
    let huge = json!({ "name": "x", "image_base64": "A".repeat(800_000) });
    assert_eq!(shop.done(Method::PUT, at, &huge).await.status, 413);
}
