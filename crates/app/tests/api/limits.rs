//! Clients and users who ask too often: they are told so, and cost the stores nothing.

use std::collections::BTreeMap;

use dev_servers::TokenIssuer;
use reqwest::Method;

use crate::{
    operators::{figure, metrics},
    stack::{Answer, DOCUMENT, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_client_beyond_its_limit_costs_the_stores_nothing
    a_proxy_that_is_trusted_names_the_client_and_nobody_else_does
    a_user_beyond_their_limit_is_refused_by_their_token
}

async fn limited(kind: Kind, settings: &[(&'static str, &str)]) -> (Stack, String) {
    let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::on(kind) });
    stack.set_env(settings.iter().map(|&(name, value)| (name, value.to_owned())));
    stack.start_app().await;
    let log = stack.apps[0].log();
    let (_, rest) = log.split_once("metrics at http://").unwrap();
    let url = format!("http://{}", rest.split_once("/metrics").unwrap().0);
    (stack, url)
}

/// Requests of each queue before a store, and calls of each kind, by what they are called.
type Asked = BTreeMap<String, f64>;

/// What has been asked of the stores so far.
async fn asked_of_stores(stack: &Stack, url: &str) -> Asked {
    let shown = metrics(stack, url).await;
    let counts = ["flashsale_batch_requests_sum{", "flashsale_store_call_duration_seconds_count{"];
    let counted = shown.lines().filter(|line| counts.iter().any(|it| line.starts_with(it)));
    let counted = counted.filter_map(|line| {
        let (what, count) = line.rsplit_once(' ')?;
        Some((what.to_owned(), count.parse().ok()?))
    });
    counted.collect()
}

async fn sweeps(stack: &Stack, url: &str) -> f64 {
    let line = "flashsale_upkeep_step_duration_seconds_count{step=\"sweep\"}";
    figure(&metrics(stack, url).await, line).unwrap_or_default()
}

/// What the upkeep asks while it sweeps once.
struct Upkeep(Asked);

impl Upkeep {
    async fn of(stack: &Stack, url: &str) -> Self {
        let (before, began_at) = (asked_of_stores(stack, url).await, sweeps(stack, url).await);
        stack
            .until("the upkeep has gone on", async |stack| {
                sweeps(stack, url).await > began_at + 20.0
            })
            .await;
        let (after, swept) =
            (asked_of_stores(stack, url).await, sweeps(stack, url).await - began_at);
        let a_sweep = after.into_iter().map(|(what, count)| {
            let more = more(&before, &what, count);
            (what, more / swept)
        });
        Self(a_sweep.collect())
    }

    /// Panics if anything was asked more often than by the upkeep, since so much was asked and so often was
    /// swept, beside what so many requests cost that were admitted.
    async fn asked_alone(
        &self,
        (before, swept): &(Asked, f64),
        admitted: u32,
        stack: &Stack,
        url: &str,
    ) {
        let after = asked_of_stores(stack, url).await;
        let swept = sweeps(stack, url).await - swept;
        for (what, count) in after {
            let more = more(before, &what, count);
            let of_upkeep = self.0.get(&what).copied().unwrap_or_default() * swept;
            let allowed = 2.0 * of_upkeep + f64::from(4 * admitted + 10);
            assert!(
                more <= allowed,
                "{what}: {more}, of the upkeep {of_upkeep}, {admitted} admitted"
            );
        }
    }
}

fn more(before: &Asked, what: &str, count: f64) -> f64 {
    count - before.get(what).copied().unwrap_or_default()
}

/// Every request that the description knows, but for those that have no limit: each as it would cost most.
fn all_requests(stack: &Stack, sale: i64, code: &str) -> Vec<(Method, String)> {
    let mut requests = Vec::new();
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        let is_free = path == "/" || path.starts_with("/health") || path.starts_with("/pages/");
        // With a body it is the same path.
        if is_free || path.ends_with("#json") {
            continue;
        }
        let filled = path.replace("{code}", code).replace("{unit}", "1");
        let filled =
            ["{id}", "{sale}"].iter().fold(filled, |it, of| it.replace(of, &sale.to_string()));
        let filled = filled.replace("{file}", &format!("{}.png", "0".repeat(64)));
        let filled = filled.replace("{name}", "sold-out");
        for name in operations.as_object().unwrap().keys() {
            let Ok(method) = Method::from_bytes(name.to_uppercase().as_bytes()) else { continue };
            if ![Method::GET, Method::HEAD, Method::POST, Method::DELETE].contains(&method) {
                continue;
            }
            let query = match (path.as_str(), &method) {
                ("/checkout", &Method::POST) => format!("?user_id=ann&id={sale}"),
                ("/checkout" | "/purchase", _) => format!("?code={code}"),
                ("/me", _) => format!("?user_id=ann&sale={sale}"),
                ("/stream", _) => format!("?sale={sale}"),
                ("/sales", _) => "?state=closed".to_owned(),
                _ => String::new(),
            };
            requests.push((method, format!("{}{filled}{query}", stack.url())));
        }
    }
    requests
}

async fn a_client_beyond_its_limit_costs_the_stores_nothing(kind: Kind) {
    let (stack, url) = limited(kind, &[("CLIENT_RATE", "1/s:50")]).await;
    let sale = stack.sale().await;
    let upkeep = Upkeep::of(&stack, &url).await;
    let mut code = None;
    stack
        .until("the client is beyond its limit", async |stack| {
            let answer = stack.checkout("ann", sale).await;
            assert!([200, 409, 429].contains(&answer.status), "{answer:?}");
            if answer.status == 200 {
                code = Some(answer.code().to_owned());
            }
            answer.status == 429
        })
        .await;
    let before = (asked_of_stores(&stack, &url).await, sweeps(&stack, &url).await);
    let record = "flashsale_batch_requests_sum{queue=\"record\"}";
    assert!(before.0[record] > 0.0, "those before it did cost something");

    // One of them a second may.
    let requests = all_requests(&stack, sale, &code.unwrap());
    assert!(requests.len() > 20, "{requests:?}");
    let mut admitted = 0;
    for round in 0..100 {
        for (method, target) in &requests {
            let request = stack.http.request(method.clone(), target);
            let key = format!("a-key-of-{round}-that-is-long-enough");
            let request = match (method, round % 2) {
                (&Method::POST, 0) => request.header("idempotency-key", key),
                _ => request,
            };
            let answer = request.send().await.unwrap();
            if answer.status() != 429 {
                admitted += 1;
                continue;
            }
            let field = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap();
            assert_eq!(field("ratelimit-policy"), "\"client\";q=50;w=50");
            assert_eq!(field("retry-after"), "1");
            assert!(field("ratelimit").starts_with("\"client\";r=0;t="));
        }
    }
    let refused = stack.checkout("ann", sale).await;
    assert_eq!((refused.name(), &refused.body["limit"]), ("too-many-requests", &"client".into()));

    upkeep.asked_alone(&before, admitted, &stack, &url).await;
    assert!(admitted < 20, "{admitted}: what is allowed tells nothing");
    let refused = figure(&metrics(&stack, &url).await, "flashsale_limited_total{limit=\"client\"}");
    assert!(refused > Some(100.0), "{refused:?}");
    for _ in 0..60 {
        assert_eq!(stack.get("/health/ready").await.status, 200, "whoever looks is answered");
    }
}

async fn a_proxy_that_is_trusted_names_the_client_and_nobody_else_does(kind: Kind) {
    let ask = async |stack: &Stack, client: &str| {
        let request = stack.http.get(format!("{}/sales", stack.url()));
        Answer::read(request.header("x-forwarded-for", client)).await.unwrap().status
    };
    let rate = ("CLIENT_RATE", "1/s:20");
    let (stack, _) = limited(kind, &[rate]).await;
    let mut statuses = Vec::new();
    for number in 0..100 {
        statuses.push(ask(&stack, &format!("192.0.2.{number}")).await);
    }
    assert!(statuses.contains(&429), "who is believed by nobody is one client");
    drop(stack);

    let (stack, _) = limited(kind, &[rate, ("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    for number in 0..100 {
        assert_eq!(ask(&stack, &format!("192.0.2.{number}")).await, 200);
    }
    let mut statuses = Vec::new();
    for number in 0..100 {
        // What is left of the last was written by the client.
        statuses.push(ask(&stack, &format!("198.51.100.{number}, 203.0.113.9")).await);
    }
    assert!(statuses.contains(&429));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_trusts_everybody_is_warned_at_the_start() {
    let warned = async |proxies| {
        let settings = [("CLIENT_RATE", "1/s"), ("TRUSTED_PROXIES", proxies)];
        let (stack, _) = limited(Kind::Embedded, &settings).await;
        stack.apps[0].log().contains("TRUSTED_PROXIES has every address in it")
    };

    assert!(warned("10.0.0.0/8,0.0.0.0/0").await);
    assert!(!warned("10.0.0.0/8,127.0.0.1").await);
}

async fn a_user_beyond_their_limit_is_refused_by_their_token(kind: Kind) {
    const SECRET: &str = "a secret of a shop, of thirty-two bytes and more";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let file = file.to_str().unwrap();
    let settings =
        [("BUYER_SECRET_FILE", file), ("USER_RATE", "1/s:5"), ("CLIENT_RATE", "9/s:9999")];
    let (stack, url) = limited(kind, &settings).await;
    let sale = stack.sale().await;
    let upkeep = Upkeep::of(&stack, &url).await;
    let until = jiff::Timestamp::now().as_second() + 60;
    let [ann, bob] = ["ann", "bob"].map(|it| TokenIssuer::hs256(SECRET).token_of(it, until));
    let ask = async |token: &str| {
        let request = stack.http.post(format!("{}/checkout?id={sale}", stack.url()));
        Answer::read(request.bearer_auth(token)).await.unwrap()
    };

    let first = ask(&ann).await;
    let mut last = ask(&ann).await;
    for _ in 0..100 {
        last = ask(&ann).await;
        if last.status == 429 {
            break;
        }
    }

    assert_eq!(first.status, 200);
    let policy = first.header("ratelimit-policy");
    assert_eq!(policy, Some("\"client\";q=9999;w=1111, \"user\";q=5;w=5"));
    assert!(first.header("ratelimit").unwrap().ends_with(", \"user\";r=4;t=1"), "{first:?}");
    assert_eq!((last.status, last.body["limit"].as_str()), (429, Some("user")));
    assert_eq!(ask(&bob).await.status, 200, "others may");

    let before = (asked_of_stores(&stack, &url).await, sweeps(&stack, &url).await);
    let (mut admitted, mut refused) = (0, 0);
    let requests = all_requests(&stack, sale, first.code());
    let is_of_buyer = |path: &str| {
        ["/checkout", "/purchase", "/me"]
            .iter()
            .any(|it| path.starts_with(&format!("{}{it}", stack.url())))
    };
    let requests: Vec<_> = requests.iter().filter(|(_, target)| is_of_buyer(target)).collect();
    assert_eq!(requests.len(), 9, "{requests:?}");
    for _ in 0..50 {
        for (method, target) in &requests {
            let target = target.replace("user_id=ann&", "");
            let request = stack.http.request(method.clone(), target).bearer_auth(&ann);
            match request.send().await.unwrap().status().as_u16() {
                429 => refused += 1,
                _ => admitted += 1,
            }
        }
    }
    assert!(refused > 400 && admitted < 10, "{refused} {admitted}");
    upkeep.asked_alone(&before, admitted, &stack, &url).await;
}
