//! Buyers with tokens: what is theirs alone, keys that change while the service sells, and settings
//! that cannot be meant.

use std::{fs, path::PathBuf};

use dev_servers::{Program, TokenIssuer};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::{
    operators::{figure, metrics},
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    what_a_buyer_has_is_theirs_alone
    keys_are_rotated_while_the_service_sells
    no_log_of_any_level_has_a_token
}

const SECRET: &str = "a secret of a shop, of thirty-two bytes and more";

const NEVER_GIVEN: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

fn in_a_minute() -> i64 {
    jiff::Timestamp::now().as_second() + 60
}

/// A service whose buyers have tokens, by what is in a file.
struct Shop {
    stack: Stack,
    metrics_at: String,
    file: PathBuf,
    _dir: TempDir,
}

impl Shop {
    async fn open(kind: Kind, setting: &'static str, keys: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys");
        fs::write(&file, keys).unwrap();
        let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::on(kind) });
        let file_named = file.to_str().unwrap().to_owned();
        stack.set_env([(setting, file_named), ("RUST_LOG", "trace".to_owned())]);
        stack.start_app().await;
        let log = stack.apps[0].log();
        let (_, rest) = log.split_once("metrics at http://").unwrap();
        let needs = format!("buyers need tokens, checked by {} ({setting})", file.display());
        assert!(log.contains(&needs), "{log}");
        let metrics_at = format!("http://{}", rest.split_once("/metrics").unwrap().0);
        Self { stack, metrics_at, file, _dir: dir }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, token: &str) -> Answer {
        let request = self.stack.http.request(method, format!("{}{path}", self.stack.url()));
        Answer::read(request.bearer_auth(token)).await.unwrap()
    }

    async fn checkout(&self, sale: i64, token: &str) -> Answer {
        self.ask(reqwest::Method::POST, &format!("/checkout?id={sale}"), token).await
    }

    /// Asks with a code in each of the ways there are.
    async fn use_code(&self, code: &str, token: &str) -> [Answer; 4] {
        [
            self.ask(reqwest::Method::POST, &format!("/purchase?code={code}"), token).await,
            self.ask(reqwest::Method::DELETE, &format!("/checkout?code={code}"), token).await,
            self.ask(reqwest::Method::GET, &format!("/purchases/{code}"), token).await,
            self.ask(reqwest::Method::GET, &format!("/checkouts/{code}"), token).await,
        ]
    }

    async fn figure(&self, start: &str) -> Option<f64> {
        figure(&metrics(&self.stack, &self.metrics_at).await, start)
    }
}

async fn what_a_buyer_has_is_theirs_alone(kind: Kind) {
    let issuer = TokenIssuer::es256("one");
    let shop = Shop::open(kind, "BUYER_JWKS_FILE", &TokenIssuer::jwks(&[&issuer])).await;
    let sale = shop.stack.sale().await;
    let [ann, bob] = ["ann", "bob"].map(|user| issuer.token_of(user, in_a_minute()));
    let hold = shop.checkout(sale, &ann).await;
    assert_eq!((hold.status, hold.body["user_id"].as_str()), (200, Some("ann")));
    let records = "SELECT user_id, state FROM checkout_attempts";

    for after in ["held", "sold"] {
        let expected = format!("ann|{after}");
        assert_eq!(shop.stack.sql(records).trim(), expected);
        let foreign = shop.use_code(hold.code(), &bob).await;
        let made_up = shop.use_code(NEVER_GIVEN, &bob).await;
        for (foreign, made_up) in foreign.into_iter().zip(made_up) {
            assert_eq!((foreign.status, foreign.name()), (404, "code-not-found"));
            assert_eq!(foreign.text, made_up.text);
        }
        assert_eq!(shop.stack.sql(records).trim(), expected);
        let path = format!("/purchase?code={}", hold.code());
        let own = shop.ask(reqwest::Method::POST, &path, &ann).await;
        assert_eq!(own.status, if after == "held" { 200 } else { 409 });
    }

    let [again, given_back, receipt, life] = shop.use_code(hold.code(), &ann).await;
    assert_eq!((life.status, life.body["state"].as_str()), (200, Some("sold")));
    assert_eq!((again.status, given_back.status, receipt.status), (409, 409, 200));
    assert_eq!(again.body["purchase"], receipt.body);
    let other = shop.checkout(sale, &ann).await;
    let me = format!("/me?sale={sale}");
    let of_ann = shop.ask(reqwest::Method::GET, &me, &ann).await.body;
    assert_eq!((of_ann["held"].as_i64(), of_ann["bought"].as_i64()), (Some(1), Some(1)));
    let of_hold = &of_ann["holds"][0];
    for field in ["code", "unit", "expires_at"] {
        assert_eq!(of_hold[field], other.body[field], "{field}");
    }
    assert_eq!(of_ann["purchases"], serde_json::json!([receipt.body]));
    let of_bob = shop.ask(reqwest::Method::GET, &me, &bob).await.body;
    assert_eq!(
        (&of_bob["user_id"], of_bob["holds"].as_array().map(Vec::len)),
        (&"bob".into(), Some(0))
    );
    let as_ann = shop.ask(reqwest::Method::GET, &format!("{me}&user_id=ann"), &bob).await;
    assert_eq!((as_ann.status, as_ann.name()), (403, "forbidden"));
    let path = format!("/checkout?code={}", other.code());
    assert_eq!(shop.ask(reqwest::Method::DELETE, &path, &ann).await.status, 204);
    shop.stack.operate(&["purchases", "cancel", hold.code(), "--reason", "it came back"]);
    let receipt =
        shop.ask(reqwest::Method::GET, &format!("/purchases/{}", hold.code()), &ann).await;
    assert_eq!(receipt.body["reason"], "it came back");
    let of_ann = shop.ask(reqwest::Method::GET, &me, &ann).await.body;
    assert_eq!((of_ann["bought"].as_i64(), of_ann["cancelled"].as_i64()), (Some(0), Some(1)));
    assert_eq!(of_ann["purchases"], serde_json::json!([]));
    assert_eq!(of_ann["cancelled_purchases"], serde_json::json!([receipt.body]));
    let of_bob = shop.ask(reqwest::Method::GET, &me, &bob).await.body;
    assert_eq!(of_bob["cancelled_purchases"], serde_json::json!([]));
    crate::crowd::assert_holds(&shop.stack.audit());
}

async fn keys_are_rotated_while_the_service_sells(kind: Kind) {
    let (old, new) = (TokenIssuer::es256("old"), TokenIssuer::eddsa("new"));
    let shop = Shop::open(kind, "BUYER_JWKS_FILE", &TokenIssuer::jwks(&[&old])).await;
    let sale = shop.stack.sale().await;
    let [of_old, of_new] = [&old, &new].map(|it| it.token_of("ann", in_a_minute()));
    assert_eq!(shop.checkout(sale, &of_old).await.status, 200);
    assert_eq!(shop.checkout(sale, &of_new).await.status, 401);
    assert_eq!(
        shop.figure("flashsale_tokens_refused_total{reason=\"algorithm\"}").await,
        Some(1.0)
    );

    fs::write(&shop.file, TokenIssuer::jwks(&[&old, &new])).unwrap();
    shop.stack
        .until("the new key is known", async |_| shop.checkout(sale, &of_new).await.status == 200)
        .await;
    assert_eq!(shop.checkout(sale, &of_old).await.status, 200);

    fs::write(&shop.file, "{\"keys\":[]}").unwrap();
    shop.stack
        .until("a file of no use is told of", async |_| {
            shop.figure("flashsale_token_keys_outdated").await == Some(1.0)
        })
        .await;
    assert_eq!(shop.checkout(sale, &of_old).await.status, 200);
    let log = shop.stack.apps[0].log();
    assert!(log.contains("the keys of buyers' tokens stay as they were"), "{log}");
    assert!(log.contains("BUYER_JWKS_FILE: "), "{log}");

    fs::write(&shop.file, TokenIssuer::jwks(&[&new])).unwrap();
    shop.stack
        .until("the old key is gone", async |_| {
            let answer = shop.checkout(sale, &of_old).await;
            assert!([200, 401, 409].contains(&answer.status), "{answer:?}");
            answer.status == 401
        })
        .await;
    assert_ne!(shop.checkout(sale, &of_new).await.status, 401);
    assert_eq!(shop.figure("flashsale_token_keys_outdated").await, Some(0.0));
}

async fn no_log_of_any_level_has_a_token(kind: Kind) {
    let shop = Shop::open(kind, "BUYER_SECRET_FILE", SECRET).await;
    let sale = shop.stack.sale().await;
    let issuer = TokenIssuer::hs256(SECRET);
    let good = issuer.token_of("ann", in_a_minute());
    let expired = issuer.token_of("ann", in_a_minute() - 3_600);
    let foreign = TokenIssuer::hs256("another secret of thirty-two bytes or more");
    let foreign = foreign.token_of("ann", in_a_minute());

    let hold = shop.checkout(sale, &good).await;
    shop.use_code(hold.code(), &good).await;
    for bad in [&expired, &foreign, &good[1..].to_owned()] {
        let refused = shop.checkout(sale, bad).await;
        assert_eq!((refused.status, refused.name()), (401, "unauthorized"));
        assert!(!refused.text.contains(bad.as_str()));
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer "));
    }

    let said = shop.stack.apps[0].log();
    assert!(said.contains("TRACE") || said.contains("DEBUG"), "there is something to look at");
    let shown = metrics(&shop.stack, &shop.metrics_at).await;
    for token in [&good, &expired, &foreign] {
        for part in token.split('.').skip(1) {
            assert!(!said.contains(part) && !shown.contains(part), "{part}");
        }
    }
    assert!(!said.contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_could_not_know_its_buyers_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (secret, short) = (write("secret", SECRET), write("short", "easy"));
    let jwks = write("jwks", &TokenIssuer::jwks(&[&TokenIssuer::es256("one")]));
    let absent = dir.path().join("absent").to_str().unwrap().to_owned();
    let data_dir = dir.path().join("data").to_str().unwrap().to_owned();
    let fails = |settings: &[(&'static str, &str)]| {
        let program = Program::at(env!("CARGO_BIN_EXE_flashsale"));
        let program = program
            .on(&dev_servers::Place::Embedded { data_dir: data_dir.clone().into() })
            .env("HTTP_ADDR", "127.0.0.1:0")
            .env("ADMIN_ADDR", "off");
        let set = settings.iter().map(|&(name, value)| (name, value));
        let output = block_in_place(|| program.envs(set).command(["serve"]).output().unwrap());
        assert!(!output.status.success(), "{settings:?}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };

    for (settings, words) in [
        (
            &[("BUYER_JWKS_FILE", jwks.as_str()), ("BUYER_SECRET_FILE", &secret)][..],
            &["BUYER_JWKS_FILE and BUYER_SECRET_FILE are both set"][..],
        ),
        (&[("BUYER_JWKS_FILE", &absent)], &["BUYER_JWKS_FILE: ", "cannot be read"]),
        (&[("BUYER_JWKS_FILE", &secret)], &["BUYER_JWKS_FILE: ", "is no JWK set"]),
        (&[("BUYER_SECRET_FILE", &short)], &["BUYER_SECRET_FILE: ", "fewer than 32 bytes"]),
        (&[("BUYER_AUDIENCE", "shop")], &["BUYER_AUDIENCE is set, but BUYER_JWKS_FILE or "]),
        (&[("TRUSTED_PROXIES", "10.0.0.0/8")], &["TRUSTED_PROXIES is set, but CLIENT_RATE is"]),
    ] {
        let said = fails(settings);
        assert!(words.iter().all(|it| said.contains(it)), "{settings:?}: {said}");
        assert!(!said.contains(SECRET) && !said.contains("easy"), "{said}");
    }
    assert!(!dir.path().join("data").exists(), "nothing was made");
}
