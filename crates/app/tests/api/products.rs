//! Sales of products: named, with a price and a picture, and kept in the receipt as they were.

use std::{fs, io::Write, path::PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::{
    crowd::assert_holds,
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_product_is_shown_and_sold_by_its_name_with_its_picture
    a_receipt_keeps_what_was_sold_as_it_was_whatever_becomes_of_the_product
    a_picture_is_served_as_what_it_is_for_ever_and_nothing_else_is
    a_product_without_a_picture_has_those_of_its_units
    metadata_is_passed_on_as_it_was_given_and_breaks_no_event
    what_is_wrong_with_a_product_is_said_and_nothing_is_made
    no_sale_is_made_of_a_product_that_is_not_there_or_archived
}

const METADATA: &str = "{\"colour\" : \"amber\",\n \"watts\":[40.0, 1e2]}";

/// As far a picture as anybody looks at it.
pub(crate) fn png(width: u8) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\0\0\0\0\x01\x08\x06\0\0\0".to_vec();
    file[19] = width;
    file.extend([0xff, 0x00, 0x80]);
    file
}

/// A file that is gone with the directory.
fn file(dir: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::File::create(&path).unwrap().write_all(content).unwrap();
    path
}

/// Makes an open sale of a product; returns its number.
pub(crate) fn sale_of(stack: &Stack, sku: &str) -> i64 {
    let starts_at = (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(1)).to_string();
    let said = stack.operate(&[
        "sales",
        "schedule",
        "--starts-at",
        &starts_at,
        "--lasts",
        "6h",
        "--product",
        sku,
    ]);
    said.lines().nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

/// The lamp, with all that a product may have, and an open sale of it.
async fn shop_with_a_lamp(kind: Kind) -> (Stack, i64) {
    let stack = Stack::start(Settings::on(kind)).await;
    let dir = tempfile::tempdir().unwrap();
    let image = file(&dir, "whatever.svg", &png(7));
    stack.operate(&[
        "products",
        "put",
        "--sku",
        "lamp-7",
        "--name",
        "Amber Lamp",
        "--price",
        "1999",
        "--currency",
        "EUR",
        "--metadata",
        METADATA,
        "--image",
        image.to_str().unwrap(),
    ]);
    let sale = sale_of(&stack, "lamp-7");
    stack
        .until("the sale is served", async |stack| {
            stack.checkout("first", sale).await.status == 200
        })
        .await;
    (stack, sale)
}

fn lamp(image: &Value) -> Value {
    json!({
        "sku": "lamp-7", "name": "Amber Lamp", "image": image,
        "price": { "amount": 1999, "currency": "EUR" },
        "metadata": { "colour": "amber", "watts": [40.0, 100.0] },
    })
}

async fn a_product_is_shown_and_sold_by_its_name_with_its_picture(kind: Kind) {
    let (stack, sale) = shop_with_a_lamp(kind).await;

    let shown = stack.get(&format!("/sales/{sale}")).await;
    let image = shown.body["product"]["image"].clone();
    assert_eq!(shown.body["product"], lamp(&image));
    let path = image.as_str().unwrap();
    let file = path.strip_prefix("/products/images/").and_then(|file| file.strip_suffix(".png"));
    assert!(file.is_some(), "{path}");

    let held = stack.checkout("ann", sale).await;
    let item = json!({ "name": format!("Amber Lamp No. {}", held.unit()), "image": image });
    assert_eq!(held.body["item"], item);
    let life = stack.get(&format!("/checkouts/{}", held.code())).await;
    assert_eq!(life.body["item"], item);
    let receipt = stack.purchase(held.code()).await;
    assert_eq!((receipt.status, &receipt.body["item"]), (200, &item));
    assert_eq!(receipt.body["product"], lamp(&image));

    // One that is of no product says nothing of any.
    let page = stack.get("/sales").await;
    let products = page.body["sales"].as_array().unwrap().iter().map(|sale| sale.get("product"));
    assert_eq!(products.collect::<Vec<_>>(), [Some(&lamp(&image)), None]);
    let generated = stack.checkout("ann", stack.sale().await).await;
    let receipt = stack.purchase(generated.code()).await;
    assert_eq!((receipt.status, receipt.body.get("product")), (200, None));
    assert_holds(&stack.audit());
}

async fn a_receipt_keeps_what_was_sold_as_it_was_whatever_becomes_of_the_product(kind: Kind) {
    let (mut stack, sale) = shop_with_a_lamp(kind).await;
    let sold = stack.checkout("ann", sale).await;
    let receipt = stack.purchase(sold.code()).await;
    let old = lamp(&receipt.body["product"]["image"]);

    stack.operate(&["products", "put", "--sku", "lamp-7", "--name", "Lantern"]);
    for _ in 0..stack.apps.len() {
        stack
            .until("it is shown as it is now", async |stack| {
                let shown = stack.get(&format!("/sales/{sale}")).await;
                shown.body["product"] == json!({ "sku": "lamp-7", "name": "Lantern" })
            })
            .await;
    }
    stack.operate(&["products", "archive", "lamp-7"]);
    // A process that has never heard of the version that was sold.
    if kind == Kind::Embedded {
        let status = block_in_place(|| stack.apps.remove(0).terminate().unwrap());
        assert!(status.success());
    }
    stack.start_app().await;
    let code = sold.code();

    for _ in 0..=stack.apps.len() {
        let again = stack.get(&format!("/purchases/{code}")).await;
        assert_eq!((&again.body, &again.body["product"]), (&receipt.body, &old));
        let life = stack.get(&format!("/checkouts/{code}")).await;
        assert_eq!(life.body["item"], receipt.body["item"]);
        let used = stack.purchase(code).await;
        assert_eq!((used.name(), &used.body["purchase"]), ("code-already-used", &receipt.body));
        // To the byte, also where it is in something else.
        assert!(used.text.contains(METADATA) && again.text.contains(METADATA), "{}", used.text);
        let kept = stack.delete(&format!("/checkout?code={code}")).await;
        assert_eq!((kept.name(), &kept.body["purchase"]), ("code-already-used", &receipt.body));
    }
    let next = stack.checkout("ann", sale).await;
    assert_eq!(next.body["item"]["name"], format!("Lantern No. {}", next.unit()));
    let next = stack.purchase(next.code()).await;
    assert_eq!(next.body["product"], json!({ "sku": "lamp-7", "name": "Lantern" }));
    assert_holds(&stack.audit());
}

async fn get_with(stack: &Stack, path: &str, tag: &str) -> Answer {
    let request = stack.http.get(format!("{}{path}", stack.url()));
    Answer::read(request.header("if-none-match", tag)).await.unwrap()
}

async fn a_picture_is_served_as_what_it_is_for_ever_and_nothing_else_is(kind: Kind) {
    let (stack, sale) = shop_with_a_lamp(kind).await;
    let shown = stack.get(&format!("/sales/{sale}")).await;
    let path = shown.body["product"]["image"].as_str().unwrap().to_owned();

    let raw = stack.http.get(format!("{}{path}", stack.url())).send().await.unwrap();
    assert_eq!(raw.headers()["content-length"], png(7).len().to_string().as_str());
    assert_eq!(*raw.bytes().await.unwrap(), png(7));
    let picture = stack.get(&path).await;
    assert_eq!(picture.header("content-type"), Some("image/png"));
    assert_eq!(picture.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(picture.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(picture.header("cross-origin-resource-policy"), Some("cross-origin"));
    let policy = "default-src 'none'; frame-ancestors 'none'";
    assert_eq!(picture.header("content-security-policy"), Some(policy));
    let tag = picture.header("etag").unwrap();
    let known = get_with(&stack, &path, tag).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));

    let (digest, _) = path.rsplit_once('.').unwrap();
    let none = format!("/products/images/{}.png", "0".repeat(64));
    for (other, name) in [
        (format!("{digest}.jpeg"), "not-found"),
        (none, "not-found"),
        (format!("{digest}.svg"), "invalid-request"),
        (format!("{digest}.PNG"), "invalid-request"),
        (digest.to_owned(), "invalid-request"),
        ("/products/images/..%2f..%2fsecret.png".to_owned(), "invalid-request"),
        // A cache may have added it.
        (format!("{path}?x=1"), "ok"),
    ] {
        assert_eq!(stack.get(&other).await.name(), name, "{other}");
    }
    for listing in ["/products", "/products/images", "/products/images/", "/products/lamp-7"] {
        assert_eq!(stack.get(listing).await.status, 404, "{listing}");
    }
}

async fn a_product_without_a_picture_has_those_of_its_units(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    stack.operate(&["products", "put", "--sku", "fox", "--name", "A \"fox\" <b>&</b> 狐"]);
    let sale = sale_of(&stack, "fox");
    stack
        .until("the sale is served", async |stack| stack.checkout("ann", sale).await.status == 200)
        .await;

    let held = stack.checkout("ann", sale).await;
    let unit = held.unit();

    let name = format!("A \"fox\" <b>&</b> 狐 No. {unit}");
    assert_eq!(
        held.body["item"],
        json!({ "name": name, "image": format!("/items/{sale}/{unit}.svg") })
    );
    let picture = stack.get(held.body["item"]["image"].as_str().unwrap()).await;
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    let receipt = stack.purchase(held.code()).await;
    let fox = json!({ "sku": "fox", "name": "A \"fox\" <b>&</b> 狐" });
    assert_eq!(receipt.body["product"], fox);
}

async fn metadata_is_passed_on_as_it_was_given_and_breaks_no_event(kind: Kind) {
    let (stack, sale) = shop_with_a_lamp(kind).await;

    let shown = stack.get(&format!("/sales/{sale}")).await;
    assert!(shown.text.contains(METADATA), "{}", shown.text);

    let url = format!("{}/stream?sale={sale}", stack.url());
    let mut stream = stack.http.get(url).send().await.unwrap();
    let mut received = String::new();
    while !received.contains("\n\ndata: ") && received.matches("\n\n").count() < 2 {
        received.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
    }
    let event = received.split("\n\n").find(|event| event.starts_with("event: sale")).unwrap();
    assert_eq!(event.lines().count(), 3, "{event}");
    let state = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let state: Value = serde_json::from_str(state).unwrap();
    assert_eq!(state["product"], shown.body["product"]);
}

async fn what_is_wrong_with_a_product_is_said_and_nothing_is_made(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let dir = tempfile::tempdir().unwrap();
    let page = file(&dir, "picture.png", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    let large = file(&dir, "large.png", &[png(1), vec![0; 512 * 1_024]].concat());
    let [page, large] = [&page, &large].map(|path| path.to_str().unwrap());
    let (long, deep) = ("x".repeat(201), format!("{{\"a\":\"{}\"}}", "x".repeat(4_096)));
    let put = |more: &[&str]| {
        let mut command = stack.command();
        command.args(["products", "put"]).args(more);
        let output = block_in_place(|| command.output().unwrap());
        assert!(!output.status.success(), "{more:?}");
        String::from_utf8(output.stderr).unwrap()
    };

    for (more, says) in [
        (&["--sku", "-a", "--name", "A"][..], "--sku"),
        (&["--sku=-a", "--name", "A"], "must begin with a letter or a digit"),
        (&["--sku", "a b", "--name", "A"], "unlike the character at position 2"),
        (&["--name", "A"], "--sku"),
        (&["--sku", "a"], "--name"),
        (&["--sku", "a", "--name", ""], "must not be empty"),
        (&["--sku", "a", "--name", " A"], "white space"),
        (&["--sku", "a", "--name", &long], "must have at most 200 characters, not 201"),
        (
            &["--sku", "a", "--name", "A", "--price", "-1", "--currency", "EUR"],
            "the price must be from 0",
        ),
        (&["--sku", "a", "--name", "A", "--price", "1.5", "--currency", "EUR"], "--price"),
        (&["--sku", "a", "--name", "A", "--price", "1"], "--currency"),
        (&["--sku", "a", "--name", "A", "--currency", "EUR"], "--price"),
        (&["--sku", "a", "--name", "A", "--price", "1", "--currency", "euro"], "ISO 4217"),
        (&["--sku", "a", "--name", "A", "--metadata", "[1]"], "must be a JSON object"),
        (&["--sku", "a", "--name", "A", "--metadata", "{\"a\":}"], "is no JSON at byte 6"),
        (&["--sku", "a", "--name", "A", "--metadata", &deep], "must have at most 4096 bytes"),
        (&["--sku", "a", "--name", "A", "--image", page], "must be a PNG, JPEG or WebP"),
        (&["--sku", "a", "--name", "A", "--image", large], "must have at most 524288 bytes"),
        (&["--sku", "a", "--name", "A", "--image", "/nowhere.png"], "cannot be read"),
    ] {
        let said = put(more);
        assert!(said.contains(says), "{more:?}: {said}");
    }

    assert_eq!(stack.count("SELECT count(*) FROM products"), 0);
    assert_eq!(stack.operate(&["products", "list"]).lines().count(), 1);
}

async fn no_sale_is_made_of_a_product_that_is_not_there_or_archived(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let said = stack.operate(&["products", "put", "--sku", "old", "--name", "Old"]);
    assert!(said.contains("old") && said.contains("Old"), "{said}");
    let said = stack.operate(&["products", "archive", "old"]);
    assert!(said.contains("Old (archived "), "{said}");
    let sales = stack.count("SELECT count(*) FROM sales");
    let refused = |arguments: &[&str]| {
        let mut command = stack.command();
        let output = block_in_place(|| command.args(arguments).output().unwrap());
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let schedule = |sku| {
        refused(&[
            "sales",
            "schedule",
            "--starts-at",
            "2126-11-27T09:00:00Z",
            "--lasts",
            "1h",
            "--product",
            sku,
        ])
    };

    assert!(schedule("old").contains("the product is archived"));
    assert!(schedule("new").contains("there is no product new"));
    let put = refused(&["products", "put", "--sku", "old", "--name", "New"]);
    assert!(put.contains("old: the product is archived"), "{put}");
    let archive = refused(&["products", "archive", "new"]);
    assert!(archive.contains("new: there is no such product"), "{archive}");

    assert_eq!(stack.count("SELECT count(*) FROM sales"), sales);
}

/// With its versions and its picture; the next sale is of the same product.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_of_a_product_moves_up_with_it() {
    let (mut shop, sale) = shop_with_a_lamp(Kind::Embedded).await;
    let receipt = shop.purchase(shop.checkout("ann", sale).await.code()).await;
    shop.operate(&["products", "put", "--sku", "lamp-7", "--name", "Lantern"]);
    shop.operate(&["products", "put", "--sku", "old", "--name", "Old"]);
    shop.operate(&["products", "archive", "old"]);
    let listed = shop.operate(&["products", "list"]);
    assert!(block_in_place(|| shop.apps.remove(0).terminate().unwrap()).success());
    let mut target =
        Stack::prepare(Settings { by_hand: false, processes: 1, ..Settings::default() });

    let mut import = target.command();
    import.args(["import", "--from"]).arg(shop.data_dir());
    let output = block_in_place(|| import.output().unwrap());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.start_app().await;

    assert_eq!(target.operate(&["products", "list"]), listed);
    let code = receipt.code();
    let again = target.get(&format!("/purchases/{code}")).await;
    assert_eq!(again.text, receipt.text);
    let path = receipt.body["product"]["image"].as_str().unwrap();
    assert_eq!(target.get(path).await.header("content-type"), Some("image/png"));
    let next = target.operate(&["products", "put", "--sku", "new", "--name", "New"]);
    assert!(next.contains("New"), "{next}");
    target.operate(&["products", "put", "--sku", "lamp-7", "--name", "Light"]);
    let sale = sale_of(&target, "lamp-7");
    target
        .until("it is shown as it is now", async |stack| {
            let shown = stack.get(&format!("/sales/{sale}")).await;
            shown.body["product"]["name"] == "Light"
        })
        .await;
    let held = target.checkout("ann", sale).await;
    assert_eq!(held.body["item"]["name"], format!("Light No. {}", held.unit()));
    assert_holds(&target.audit());
}
