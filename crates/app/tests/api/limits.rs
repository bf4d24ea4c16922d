//! Clients and users who ask too often: they are told so, and cost the stores nothing.

use dev_servers::TokenIssuer;

use crate::{
    operators::{figure, metrics},
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
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

/// Calls of stores so far that only buyers and readers cause.
async fn asked_of_stores(stack: &Stack, url: &str) -> f64 {
    let shown = metrics(stack, url).await;
    let requests = |queue: &str| {
        let line = format!("flashsale_batch_requests_sum{{queue=\"{queue}\"}}");
        figure(&shown, &line).unwrap_or_default()
    };
    ["place_hold", "record", "find_unit", "redeem", "find_code", "release"]
        .map(requests)
        .iter()
        .sum()
}

async fn a_client_beyond_its_limit_costs_the_stores_nothing(kind: Kind) {
    let (stack, url) = limited(kind, &[("CLIENT_RATE", "1/s:50")]).await;
    let sale = stack.sale().await;
    stack
        .until("the client is beyond its limit", async |stack| {
            let answer = stack.checkout("ann", sale).await;
            assert!([200, 409, 429].contains(&answer.status), "{answer:?}");
            answer.status == 429
        })
        .await;
    let before = asked_of_stores(&stack, &url).await;
    assert!(before > 0.0, "those before it did cost something");

    // One of them a second may.
    let mut admitted = 0;
    for round in 0..200 {
        let answer = stack.checkout(&format!("u{round}"), sale).await;
        if answer.status != 429 {
            admitted += 1;
            continue;
        }
        assert_eq!(answer.name(), "too-many-requests");
        assert_eq!(
            (answer.body["limit"].as_str(), answer.header("retry-after")),
            (Some("client"), Some("1"))
        );
        assert_eq!(answer.header("ratelimit-policy"), Some("\"client\";q=50;w=50"));
        assert!(answer.header("ratelimit").unwrap().starts_with("\"client\";r=0;t="));
    }

    let cost = asked_of_stores(&stack, &url).await - before;
    assert!(admitted < 100, "{admitted}");
    assert!(cost <= f64::from(2 * admitted), "{cost} for {admitted}");
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
    let (stack, _) = limited(kind, &settings).await;
    let sale = stack.sale().await;
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
}
