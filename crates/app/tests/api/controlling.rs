//! What operators who watch are told: `/admin/stream`, and how a sale went.

use std::collections::BTreeSet;

use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::{
    admin::Shop,
    ordering::answer,
    stack::{Answer, DOCUMENT_OF_OPERATORS, Kind, Settings, breach, on_both_stacks},
    watching::viewer::Viewer,
};

on_both_stacks! {
    an_operator_is_told_how_the_service_does_and_what_is_done
    sales_are_told_in_their_order_with_what_they_are_of
    a_stream_is_of_whoever_is_let_in_and_ends_when_they_are_no_more
    as_many_operators_watch_as_may_and_others_are_served_beside_them
    a_service_that_stops_ends_the_streams_of_operators
    what_is_left_of_a_closed_sale_is_told_as_soon_as_a_purchase_of_it_is_cancelled
    head_has_the_headers_of_get_where_operators_look
}

impl Shop {
    /// Somebody who watches, and shows this header line.
    async fn watch(&self, line: &str) -> Viewer {
        let host = self.url.strip_prefix("http://").unwrap();
        let request = format!("GET /admin/stream HTTP/1.1\r\nhost: {host}\r\n{line}\r\n\r\n");
        Viewer::after(&self.url, &request).await
    }

    /// What Bob is told of the header fields alone.
    async fn head(&self, path: &str) -> Answer {
        answer(self.request(Method::HEAD, path).bearer_auth(&self.bob.token)).await
    }

    async fn watch_as(&self, token: &str) -> Viewer {
        self.watch(&format!("authorization: Bearer {token}")).await
    }
}

/// The next event, which is as it is described.
async fn told(viewer: &mut Viewer) -> Value {
    let told = viewer.told().await.expect("the stream goes on");
    assert_eq!((told.name.as_str(), told.id.as_str()), ("control", ""));
    let answers = &DOCUMENT_OF_OPERATORS["paths"]["/admin/stream"]["get"]["responses"]["200"];
    let schema = &answers["content"]["text/event-stream"]["schema"]["x-data"];
    assert_eq!(breach(&DOCUMENT_OF_OPERATORS, schema, &told.data), None, "{}", told.data);
    told.data
}

/// The first event of which this is true.
async fn told_once(viewer: &mut Viewer, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut events = Vec::new();
    // More than a minute of them.
    while events.len() < 90 {
        let event = told(viewer).await;
        if is_so(&event) {
            return event;
        }
        events.push(event);
    }
    panic!("it was not told, but {:#?}", events.last());
}

async fn an_operator_is_told_how_the_service_does_and_what_is_done(kind: Kind) {
    let shop = Shop::open_with(Settings { per_user_limit: 1, ..single(kind) }).await;
    let sale = shop.stack.sale().await;
    let mut viewer = shop.watch_as(&shop.bob.token).await;

    for line in ["HTTP/1.1 200 OK", "content-type: text/event-stream", "cache-control: no-store"] {
        assert!(viewer.head.contains(line), "{line} in {}", viewer.head);
    }
    let first = told(&mut viewer).await;
    // Before the stores were compared, and anything was done.
    assert_no_null(&first);
    assert_eq!((&first["operator"], &first["role"]), (&json!("bob"), &json!("viewer")));
    let well = told_once(&mut viewer, |event| {
        let stores = event["stores"].as_array().unwrap();
        stores.len() == 2 && stores.iter().all(|store| store["state"] == "up")
    });
    let well = well.await;
    assert_eq!(names(&well["stores"]), ["ledger", "live"]);
    let address = shop.stack.url().strip_prefix("http://").unwrap();
    let [process] = well["processes"].as_array().unwrap().as_slice() else { panic!("{well}") };
    assert_eq!(process["address"], address);
    let checked = |event: &Value| event["drift"].is_object() && event["sweep_lag_ms"].is_u64();
    told_once(&mut viewer, checked).await;

    let held = shop.stack.checkout("ann", sale).await;
    shop.stack.checkout("ann", sale).await;
    shop.stack.purchase(held.code()).await;
    let is_counted = |event: &Value| event["rates"]["purchases"].as_f64() > Some(0.0);
    let busy = told_once(&mut viewer, is_counted).await;
    let sold = |event: &Value| event["sales"][0]["sold"] == 1 && event["sales"][0]["held"] == 0;
    let after = if sold(&busy) { busy.clone() } else { told_once(&mut viewer, sold).await };

    assert_eq!(
        (&after["sales"][0]["id"], &after["sales"][0]["state"]),
        (&json!(sale), &json!("open"))
    );
    let times = &busy["latency"]["purchase"];
    assert!(times["p50_ms"].as_f64() <= times["p99_ms"].as_f64(), "{busy}");
    assert!(times["p99_ms"].as_f64() > Some(0.0), "{busy}");
    let still = told_once(&mut viewer, |event| event["rates"]["purchases"] == 0.0).await;
    assert_eq!(still["latency"].get("purchase"), None, "{still}");
    assert_no_null(&still);
}

/// What has no value is left out, here as everywhere.
fn assert_no_null(event: &Value) {
    let text = event.to_string();
    assert!(!text.contains("null"), "{text}");
}

fn single(kind: Kind) -> Settings {
    Settings { processes: 1, ..Settings::on(kind) }
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

async fn sales_are_told_in_their_order_with_what_they_are_of(kind: Kind) {
    let shop = Shop::open(kind).await;
    let open = shop.stack.sale().await;
    shop.stack.operate(&["products", "put", "--sku", "lamp", "--name", "A lamp"]);
    let made = async |starts_in_min: i64, more: &[&str]| {
        let starts_at = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(starts_in_min);
        let starts_at = starts_at.to_string();
        let schedule = ["sales", "schedule", "--starts-at", &starts_at, "--lasts", "1h"];
        shop.stack.operate(&[&schedule[..], more].concat());
        let newest = shop.look("/admin/sales?limit=1").await;
        newest.body["sales"][0]["id"].as_i64().unwrap()
    };
    let later = made(120, &[]).await;
    let next = made(60, &["--product", "lamp"]).await;
    let paused = made(-1, &[]).await;
    shop.stack.operate(&["sales", "pause", &paused.to_string()]);
    let over = made(-1, &[]).await;
    shop.stack.operate(&["sales", "end", &over.to_string()]);

    let mut viewer = shop.watch_as(&shop.ann.token).await;
    let expected = json!([
        [open, "open"],
        [paused, "paused"],
        [next, "scheduled"],
        [later, "scheduled"],
        [over, "ended"],
    ]);
    let in_order = |event: &Value| {
        let sales = event["sales"].as_array().unwrap().iter();
        json!(sales.map(|sale| json!([sale["id"], sale["state"]])).collect::<Vec<_>>()) == expected
    };
    let event = told_once(&mut viewer, in_order).await;

    assert_eq!(event["sales"][0].get("product"), None, "{event}");
    assert_eq!(event["sales"][2]["product"], json!({ "sku": "lamp", "name": "A lamp" }));
    assert_eq!(event["sales"][0]["stock"], 100);
    // One that was closed before anybody watched is told, too.
    assert_eq!(event["operator"], "ann");
}

async fn a_stream_is_of_whoever_is_let_in_and_ends_when_they_are_no_more(kind: Kind) {
    let shop = Shop::open(kind).await;
    let nobody = answer(shop.request(Method::GET, "/admin/stream")).await;
    assert_eq!((nobody.status, nobody.name()), (401, "unauthorized"));
    let asked = shop.request(Method::GET, "/admin/stream?sale=1").bearer_auth(&shop.bob.token);
    assert_eq!(answer(asked).await.name(), "invalid-request");

    // Signed out.
    let cookie = shop.sign_in(&shop.ann.token).await;
    let mut of_session = shop.watch(&format!("cookie: {cookie}")).await;
    assert_eq!(told(&mut of_session).await["operator"], "ann");
    let out = shop.request(Method::DELETE, "/admin/session");
    let out = out.header(header::COOKIE, &cookie).header(header::ORIGIN, &shop.url);
    assert_eq!(answer(out).await.status, 204);
    ends(&mut of_session).await;

    // Another role, and then no token any more.
    let (mut of_ann, mut of_bob) =
        (shop.watch_as(&shop.ann.token).await, shop.watch_as(&shop.bob.token).await);
    assert_eq!(told(&mut of_ann).await["role"], "operator");
    shop.let_in([shop.ann.line_as("viewer").as_str()]);
    ends(&mut of_bob).await;
    told_once(&mut of_ann, |event| event["role"] == "viewer").await;
    shop.let_in([] as [&str; 0]);
    ends(&mut of_ann).await;
}

/// Waits for the end of a stream, which is told.
async fn ends(viewer: &mut Viewer) {
    loop {
        let told = viewer.told().await.expect("the end is told");
        if told.name == "end" {
            break;
        }
    }
    assert!(viewer.told().await.is_none());
}

async fn as_many_operators_watch_as_may_and_others_are_served_beside_them(kind: Kind) {
    let shop = Shop::open(kind).await;
    let mut viewers = Vec::new();
    for _ in 0..64 {
        viewers.push(shop.watch_as(&shop.bob.token).await);
    }
    for viewer in &mut viewers {
        told(viewer).await;
    }

    let refused = shop.look("/admin/stream").await;
    let refused_head = shop.head("/admin/stream").await;
    let beside = shop.look("/admin/me").await;
    drop(viewers.pop());
    let again = shop
        .stack
        .once("there is room again", async |_| {
            let viewer = shop.watch_as(&shop.bob.token).await;
            viewer.head.contains("200 OK").then_some(viewer)
        })
        .await;

    assert_eq!((refused.status, refused.name()), (503, "overloaded"));
    assert!(refused.header("retry-after").is_some());
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("64 operators watch this process"), "{detail}");
    assert_eq!((refused_head.status, refused_head.text.as_str()), (503, ""));
    assert_eq!(beside.status, 200);
    viewers.push(again);
    for viewer in &mut viewers {
        told(viewer).await;
    }
}

async fn a_service_that_stops_ends_the_streams_of_operators(kind: Kind) {
    let shop = Shop::open(kind).await;
    let mut viewer = shop.watch_as(&shop.bob.token).await;
    told(&mut viewer).await;

    let ended = block_in_place(|| shop.stack.apps[0].terminate().unwrap());

    assert!(ended.success(), "{ended:?}");
    while let Some(event) = viewer.told().await {
        assert_eq!(event.name, "control");
    }
    let log = shop.stack.apps[0].log();
    assert!(!log.contains("could not be finished in time"), "{log}");
}

async fn what_is_left_of_a_closed_sale_is_told_as_soon_as_a_purchase_of_it_is_cancelled(
    kind: Kind,
) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let mut codes = Vec::new();
    for user in ["ann", "bob"] {
        let held = shop.stack.checkout(user, sale).await;
        assert_eq!(shop.stack.purchase(held.code()).await.name(), "ok");
        codes.push(held.code().to_owned());
    }
    shop.stack.operate(&["sales", "end", &sale.to_string()]);
    let state = "SELECT state FROM sales";
    shop.stack.until("it is closed", async |stack| stack.sql(state).trim() == "closed").await;
    let sold = async || shop.look(&format!("/admin/sales/{sale}")).await.body["sold"].clone();
    assert_eq!(sold().await, 2);
    let mut viewer = shop.watch_as(&shop.bob.token).await;
    let is_told = |event: &Value, sold: i64| {
        let mut sales = event["sales"].as_array().unwrap().iter();
        sales.any(|it| it["id"] == sale && it["state"] == "ended" && it["sold"] == sold)
    };
    told_once(&mut viewer, |event| is_told(event, 2)).await;

    let at = format!("/admin/purchases/{}/cancel", codes[0]);
    let done = shop.done(Method::POST, &at, &json!({ "why": "it came back" })).await;

    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(sold().await, 1);
    // One was on its way, and on a slow machine a look may be late.
    let mut events = Vec::new();
    while !events.last().is_some_and(|event| is_told(event, 1)) {
        assert!(events.len() < 6, "{events:#?}");
        events.push(told(&mut viewer).await);
    }
}

async fn head_has_the_headers_of_get_where_operators_look(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let hold = shop.stack.checkout("ann", sale).await;
    let names = |answer: &Answer| {
        let mut names: Vec<_> = answer.header_names().map(str::to_owned).collect();
        names.sort_unstable();
        names
    };

    for path in [
        "/admin/me".to_owned(),
        "/admin/sales".to_owned(),
        format!("/admin/sales/{sale}"),
        "/admin/sales/777/history".to_owned(),
        "/admin/actions".to_owned(),
        "/admin/actions/7".to_owned(),
        "/admin/products".to_owned(),
        "/admin/users/ann".to_owned(),
        "/admin/users/ann/attempts".to_owned(),
        format!("/admin/codes/{}", hold.code()),
        format!("/admin/sales/{sale}/units/{}", hold.unit()),
        format!("/admin/sales/{sale}/history"),
        format!("/admin/sales/{sale}/history?step_ms=7"),
        "/admin/openapi.json".to_owned(),
        "/problems/overloaded".to_owned(),
        "/".to_owned(),
    ] {
        let (get, head) = shop
            .stack
            .once(&format!("{path} is the same twice"), async |_| {
                let (get, head) = (shop.look(&path).await, shop.head(&path).await);
                // Something may become of the sale between the two.
                let length = get.text.len().to_string();
                let is_same = head.header("content-length") == Some(length.as_str());
                is_same.then_some((get, head))
            })
            .await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        assert_eq!(names(&head), names(&get), "{path}");
    }

    // A stream has no length.
    let head = shop.head("/admin/stream").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for (name, value) in [
        ("content-type", Some("text/event-stream")),
        ("cache-control", Some("no-store")),
        ("content-length", None),
    ] {
        assert_eq!(head.header(name), value, "{head:?}");
    }
    // What begins something is no look.
    for path in [format!("/admin/sales/{sale}/attempts"), "/admin/enter?ticket=x".to_owned()] {
        let head = shop.head(&path).await;
        assert_eq!((head.status, head.header("allow")), (405, Some("GET, OPTIONS")), "{path}");
    }
}

/// What processes did, of which only one is asked.
#[tokio::test(flavor = "multi_thread")]
async fn what_all_processes_do_is_told_by_each() {
    let mut shop = Shop::open_with(single(Kind::Servers)).await;
    shop.stack.start_app().await;
    let sale = shop.stack.sale().await;
    let mut viewer = shop.watch_as(&shop.bob.token).await;
    let addresses: BTreeSet<_> =
        shop.stack.apps.iter().map(|app| app.url().strip_prefix("http://").unwrap()).collect();
    let all_are_there = |event: &Value| {
        let processes = event["processes"].as_array().unwrap().iter();
        processes.map(|it| it["address"].as_str().unwrap()).collect::<BTreeSet<_>>() == addresses
    };
    told_once(&mut viewer, all_are_there).await;

    let other = shop.stack.apps[1].url();
    let buyers_viewer = Viewer::at(other, "/stream", "").await;
    let post = async |path: &str| {
        Answer::read(shop.stack.http.post(format!("{other}{path}"))).await.unwrap()
    };
    let held = post(&format!("/checkout?user_id=ann&id={sale}")).await;
    post(&format!("/purchase?code={}", held.code())).await;
    post("/checkout?user_id=ann&id=777").await;
    let is_told = |event: &Value| event["refused"]["sale-not-found"] == 1;
    told_once(&mut viewer, is_told).await;
    told_once(&mut viewer, |event| event["viewers"] == 1).await;
    drop(buyers_viewer);
    told_once(&mut viewer, |event| event["viewers"] == 0).await;

    block_in_place(|| shop.stack.apps[1].kill().unwrap());

    let is_alone = |event: &Value| event["processes"].as_array().unwrap().len() == 1;
    told_once(&mut viewer, is_alone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_a_process_tells_of_itself_and_says_so() {
    let mut shop = Shop::open_with(single(Kind::Servers)).await;
    shop.stack.start_app().await;
    let mut viewer = shop.watch_as(&shop.bob.token).await;
    let processes = |event: &Value| event["processes"].as_array().unwrap().len();
    told_once(&mut viewer, |event| processes(event) == 2).await;

    block_in_place(|| shop.stack.redis().kill().unwrap());
    let down = |event: &Value| event["stores"][1]["state"] == "down";
    let lost = told_once(&mut viewer, |event| down(event) && processes(event) == 1).await;
    assert_eq!(lost["stores"][0]["state"], "up");
    assert!(lost["stores"][1]["why"].is_string(), "{lost}");
    assert!(!lost["sales"].as_array().unwrap().is_empty(), "{lost}");

    block_in_place(|| shop.stack.redis().start_again().unwrap());
    let up = |event: &Value| event["stores"][1]["state"] == "up";
    let back = told_once(&mut viewer, |event| up(event) && processes(event) == 2).await;
    assert!(back["stores"][1].get("why").is_none(), "{back}");
    let [since, before] = [&back, &lost].map(|event| event["stores"][1]["changed_at"].as_str());
    assert!(since.is_some() && since > before, "{back}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_processes_leave_in_redis_is_bounded_and_goes_with_them() {
    let shop = Shop::open_with(single(Kind::Servers)).await;
    let mut viewer = shop.watch_as(&shop.bob.token).await;
    for _ in 0..4 {
        told(&mut viewer).await;
    }

    let keys = shop.stack.redis_keys("sale:processes:*").await;
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    let client = deadpool_redis::redis::Client::open(shop.stack.redis().url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let asked = |name: &str| {
        let mut command = deadpool_redis::redis::cmd(name);
        command.arg(key);
        command
    };
    let members: usize = asked("ZCARD").query_async(&mut redis).await.unwrap();
    let lasts_ms: i64 = asked("PTTL").query_async(&mut redis).await.unwrap();

    // What it says next takes the place of what it said before, in one call.
    assert_eq!(members, 1);
    assert!((1..=60_000).contains(&lasts_ms), "{lasts_ms}");
}
