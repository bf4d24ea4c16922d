//! What operators look up and take out over HTTP: the same as from the shell.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin::Shop,
    inspecting::masked,
    ordering::answer,
    stack::{Answer, Kind, on_both_stacks},
};

on_both_stacks! {
    what_is_looked_up_is_what_the_shell_shows
    what_cannot_be_looked_up_is_said
    an_export_is_sent_whole_and_goes_on_where_it_was_cut
    an_export_of_a_sale_without_rows_has_its_heading
    what_cannot_be_taken_out_is_said
    whoever_shows_no_token_is_shown_nothing
}

const NEVER_GIVEN: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

/// How many rows, so that they are sent in more pieces than one.
const ROWS: u32 = 12_000;

async fn what_is_looked_up_is_what_the_shell_shows(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let bought = shop.stack.checkout("ann:@x", sale).await;
    shop.stack.purchase(bought.code()).await;
    let held = shop.stack.checkout("ann:@x", sale).await;
    let id = sale.to_string();

    let user = shop.look("/admin/users/ann:@x").await;
    assert_eq!(user.body, shop.stack.look_up(&["users", "show", "ann:@x"]));
    assert_eq!(user.body["units"][1]["code"], masked(held.code()));
    let attempts = shop.look(&format!("/admin/users/ann:@x/attempts?sale={sale}")).await;
    let asked = ["users", "show", "ann:@x", "--attempts", "--sale", &id];
    assert_eq!(attempts.body, shop.stack.look_up(&asked));
    for code in [bought.code(), held.code()] {
        let shown = shop.look(&format!("/admin/codes/{code}")).await;
        assert_eq!(shown.body, shop.stack.look_up(&["codes", "show", code]));
    }
    let unit = held.unit().to_string();
    let holders = shop.look(&format!("/admin/sales/{sale}/units/{unit}")).await;
    assert_eq!(holders.body, shop.stack.look_up(&["units", "show", &id, &unit]));
    for shown in [&user, &attempts, &holders] {
        assert_eq!(shown.header("cache-control"), Some("no-store"));
        assert!(!shown.text.contains(held.code()), "{shown:?}");
    }

    let first = shop.look(&format!("/admin/users/ann:@x?sale={sale}&limit=1")).await;
    let next = first.body["next"].as_str().unwrap();
    assert!(next.starts_with(&format!("/admin/users/ann:@x?sale={sale}&after=")), "{next}");
    let second = shop.look(next).await;
    assert_eq!(
        (&second.body["units"][0], &second.body["next"]),
        (&user.body["units"][1], &Value::Null)
    );
}

async fn what_cannot_be_looked_up_is_said(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    shop.stack.checkout("ann", sale).await;

    assert_eq!(shop.look("/admin/users/nobody").await.body["units"], json!([]));
    for (path, status, name) in [
        (format!("/admin/codes/{NEVER_GIVEN}"), 404, "code-not-found"),
        ("/admin/codes/7".to_owned(), 400, "invalid-request"),
        ("/admin/users/al%20ice".to_owned(), 400, "invalid-request"),
        ("/admin/users/ann?sale=999".to_owned(), 404, "sale-not-found"),
        ("/admin/users/ann?limit=0".to_owned(), 400, "invalid-request"),
        ("/admin/users/ann?limit=1001".to_owned(), 400, "invalid-request"),
        ("/admin/users/ann?after=x".to_owned(), 400, "invalid-request"),
        ("/admin/users/ann?after=r1.1".to_owned(), 400, "invalid-request"),
        ("/admin/users/ann?more=1".to_owned(), 400, "invalid-request"),
        (format!("/admin/sales/{sale}/units/101"), 404, "item-not-found"),
        (format!("/admin/sales/{sale}/units/0"), 400, "invalid-request"),
        ("/admin/sales/999/units/1".to_owned(), 404, "sale-not-found"),
    ] {
        let refused = shop.look(&path).await;
        assert_eq!((refused.status, refused.name()), (status, name), "{path}: {refused:?}");
    }
}

/// The rows of an answer, each without its cursor, and the last cursor with the number of rows up to it.
fn rows_of(text: &str) -> (Vec<Value>, Option<(usize, String)>) {
    let mut last = None;
    let mut rows = Vec::new();
    // What is behind the last line's end was cut.
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    for (place, line) in lines.enumerate() {
        let mut row: Value = serde_json::from_str(line).unwrap();
        if let Some(cursor) = row.as_object_mut().unwrap().remove("cursor").unwrap().as_str() {
            last = Some((place + 1, cursor.to_owned()));
        }
        rows.push(row);
    }
    (rows, last)
}

async fn an_export_is_sent_whole_and_goes_on_where_it_was_cut(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await.to_string();
    shop.stack.record_refusals(kind, &sale, ROWS);
    let path = format!("/admin/sales/{sale}/attempts?format=ndjson");
    let from_shell = ["attempts", "--sale", &sale, "--format", "ndjson"];
    let (expected, _) = shop.stack.exported(&from_shell);
    let expected: Vec<Value> =
        expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let whole = shop.look(&path).await;
    assert_eq!(whole.header("content-type"), Some("application/x-ndjson"));
    let named = format!("attachment; filename=\"sale-{sale}-attempts.ndjson\"");
    assert_eq!(whole.header("content-disposition"), Some(named.as_str()));
    let (rows, last) = rows_of(&whole.text);
    assert_eq!((rows.len(), &rows), (ROWS as usize, &expected));
    let (length, end) = last.unwrap();
    assert_eq!(length, rows.len(), "the last row says where the end is");

    let request = shop.request(Method::GET, &path).bearer_auth(&shop.bob.token);
    let mut cut = request.send().await.unwrap();
    let mut received = Vec::new();
    let (kept, cursor) = loop {
        received.extend_from_slice(&cut.chunk().await.unwrap().unwrap());
        if let (_, Some(last)) = rows_of(&String::from_utf8_lossy(&received)) {
            break last;
        }
    };
    drop(cut);
    assert!(kept < rows.len(), "it is sent in pieces");
    let rest = shop.look(&format!("{path}&after={cursor}")).await;
    let (rest, _) = rows_of(&rest.text);
    assert_eq!([&rows[..kept], &rest].concat(), expected);
    let over = shop.look(&format!("{path}&after={end}")).await;
    assert_eq!((over.status, over.text.as_str()), (200, ""));

    // The cursors are those of the command, and a place is free again for each that has left.
    let resumed = [&from_shell[..], &["--after", &cursor]].concat();
    let (resumed, _) = shop.stack.exported(&resumed);
    assert_eq!(resumed.lines().count(), rows.len() - kept);
}

async fn an_export_of_a_sale_without_rows_has_its_heading(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let path = format!("/admin/sales/{sale}/purchases");

    let empty = shop.look(&path).await;
    assert_eq!(empty.header("content-type"), Some("text/csv; charset=utf-8"));
    let heading = "sale_id,purchased_at,user_id,code,unit,item_name,item_image,cancelled_at,reason,cursor\r\n";
    assert_eq!(empty.text, heading);

    let held = shop.stack.checkout("-ann", sale).await;
    shop.stack.purchase(held.code()).await;
    let one = shop.look(&path).await;
    let row = one.text.strip_prefix(heading).unwrap();
    assert!(row.contains(&format!(",'-ann,{},", held.code())), "{row}");
    assert!(row.trim_end().rsplit(',').next().unwrap().starts_with("purchases."), "{row}");
}

async fn what_cannot_be_taken_out_is_said(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    shop.stack.checkout("ann", sale).await;
    let of = format!("/admin/sales/{sale}/attempts");

    for (path, status, name, field) in [
        ("/admin/sales/999/attempts".to_owned(), 404, "sale-not-found", ""),
        (format!("{of}?format=xml"), 400, "invalid-request", "format"),
        (format!("{of}?after=x"), 400, "invalid-request", "after"),
        (format!("{of}?after=purchases.{sale}.r1.1"), 400, "invalid-request", "after"),
        (format!("{of}?after=attempts.999.r1.1"), 400, "invalid-request", "after"),
        (format!("{of}?after=attempts.{sale}.m1.1"), 400, "invalid-request", "after"),
        (format!("{of}?after=attempts.{sale}.r999.1"), 400, "invalid-request", "after"),
    ] {
        // More often than there are places: one that is refused keeps none.
        for _ in 0..3 {
            let refused = shop.look(&path).await;
            assert_eq!((refused.status, refused.name()), (status, name), "{path}: {refused:?}");
            let named = refused.body["errors"][0]["field"].as_str().unwrap_or_default();
            assert_eq!(named, field, "{path}");
        }
    }
}

async fn whoever_shows_no_token_is_shown_nothing(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let held = shop.stack.checkout("ann", sale).await;

    for path in [
        "/admin/users/ann".to_owned(),
        "/admin/users/ann/attempts".to_owned(),
        format!("/admin/codes/{}", held.code()),
        format!("/admin/sales/{sale}/units/{}", held.unit()),
        format!("/admin/sales/{sale}/attempts"),
        format!("/admin/sales/{sale}/purchases"),
        "/admin/products".to_owned(),
    ] {
        let refused = answer(shop.request(Method::GET, &path)).await;
        assert_eq!((refused.status, refused.name()), (401, "unauthorized"), "{path}");
        let url = format!("{}{path}", shop.stack.url());
        let public = shop.stack.http.get(url).bearer_auth(&shop.ann.token);
        let public = Answer::read(public).await.unwrap();
        assert_eq!((public.status, public.name()), (404, "not-found"), "{path}");
    }
}
