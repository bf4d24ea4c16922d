//! Who may ask, how often, and by which address.

use std::{net::IpAddr, sync::Arc, time::Duration};

use actix_web::{
    App,
    http::header::HeaderValue,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use fakes::World;
use proptest::prelude::*;
use tokio::time::advance;

use super::{client::block_of, table::KEYS_MAX, *};
use crate::{Api, routes, test_api::api_over};

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A field that proxies write, as often as there are values.
fn forwarded(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        let name = HeaderName::from_static("x-forwarded-for");
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn a_rate_is_requests_a_second_and_how_many_come_at_once() {
    for (text, per_second, burst, window_s) in
        [("20/s", 20, 20, 1), ("1/s:5", 1, 5, 5), ("20/s:1", 20, 1, 1), ("3/s:10", 3, 10, 4)]
    {
        let rate = rate(text);
        assert_eq!(
            (rate.per_second(), rate.burst(), rate.window_s()),
            (per_second, burst, window_s)
        );
        assert_eq!(rate.to_string(), text);
    }
    for wrong in [
        "",
        "20",
        "0/s",
        "20/s:0",
        "-1/s",
        "+1/s",
        "020/s",
        "20/s:+40",
        "20/s:040",
        "00/s",
        "1.5/s",
        "100001/s",
        "1/s:100001",
        "1/m",
        "1/s:",
    ] {
        assert_eq!(wrong.parse::<Rate>(), Err(RateError), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_come_at_once_as_may_and_then_one_at_a_time() {
    let table = Table::new(rate("2/s:4"));

    for left in [3, 2, 1, 0] {
        assert!(matches!(table.take(&"ann"), Taken::Yes { left: it, .. } if it == left));
    }
    assert_eq!(table.take(&"ann"), Taken::No { again_in_s: 1, full_in_s: 2 });
    assert!(matches!(table.take(&"bob"), Taken::Yes { left: 3, .. }), "others may");
    advance(Duration::from_millis(499)).await;
    assert!(matches!(table.take(&"ann"), Taken::No { .. }), "a refusal costs nothing");
    advance(Duration::from_millis(1)).await;
    assert_eq!(table.take(&"ann"), Taken::Yes { left: 0, full_in_s: 2 });
    assert!(matches!(table.take(&"ann"), Taken::No { .. }));
    advance(Duration::from_secs(60)).await;
    assert_eq!(table.take(&"ann"), Taken::Yes { left: 3, full_in_s: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_million_addresses_cost_what_a_few_do_and_keep_nobody_from_asking() {
    let table = Table::new(rate("1/s:2"));

    for number in 0..1_000_000_u32 {
        assert!(
            matches!(table.take(&number), Taken::Yes { .. }),
            "{number} asks for the first time"
        );
    }

    assert!(table.len() <= KEYS_MAX, "{}", table.len());
    assert!(table.len() > KEYS_MAX / 2, "{}", table.len());
    assert!(table.bytes() <= 3 << 20);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_most_is_forgotten_last() {
    let table = Table::new(rate("1/s:100"));
    for _ in 0..100 {
        table.take(&"eager");
    }

    for number in 0..1_000_000_u32 {
        table.take(&number);
    }

    assert!(matches!(table.take(&"eager"), Taken::No { .. }));
}

#[test]
fn a_client_is_who_connects_unless_a_proxy_of_ours_names_another() {
    let proxies: Proxies = "10.0.0.0/8, 192.0.2.7, fd00::/8".parse().unwrap();
    for (peer, fields, client) in [
        // Whoever is no proxy of ours may write what they like.
        ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
        ("203.0.113.9", &[], "203.0.113.9"),
        ("10.1.2.3", &[], "10.1.2.3"),
        ("10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
        // What a client wrote is left of what our proxies did.
        ("10.1.2.3", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", &["1.1.1.1, 198.51.100.1, 192.0.2.7 ,10.9.9.9"], "198.51.100.1"),
        ("10.1.2.3", &["10.7.7.7, 10.8.8.8"], "10.7.7.7"),
        ("10.1.2.3", &["198.51.100.1:4711"], "198.51.100.1"),
        ("10.1.2.3", &["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.1.2.3", &["[2001:db8::1]"], "2001:db8::1"),
        ("10.1.2.3", &["1.1.1.1, unknown"], "10.1.2.3"),
        ("10.1.2.3", &["1.1.1.1, unknown, 10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", &["1.1.1.1,"], "10.1.2.3"),
    ] {
        assert_eq!(proxies.client(ip(peer), &forwarded(fields)), ip(client), "{peer} {fields:?}");
    }
    let nobody = Proxies::default();
    assert_eq!(nobody.client(ip("10.1.2.3"), &forwarded(&["1.1.1.1"])), ip("10.1.2.3"));
    for wrong in ["10.0.0.0/33", "proxy", "10.0.0", "10.0.0.1 10.0.0.2"] {
        assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
    }
}

#[test]
fn that_everybody_is_trusted_is_noticed() {
    let are_everybody = |text: &str| text.parse::<Proxies>().unwrap().are_everybody();

    for all in
        ["0.0.0.0/0", "::/0", "10.0.0.0/8, ::/0", "0.0.0.0/1,128.0.0.0/1", "::ffff:0.0.0.0/96"]
    {
        assert!(are_everybody(all), "{all}");
    }
    for some in ["", "10.0.0.0/8", "0.0.0.0/1", "::1", "fd00::/8,0.0.0.0"] {
        assert!(!are_everybody(some), "{some}");
    }
}

#[test]
fn of_ipv6_a_network_of_64_bits_is_one_client() {
    assert_eq!(block_of(ip("2001:db8:1:2:3:4:5:6")), block_of(ip("2001:db8:1:2::")));
    assert_ne!(block_of(ip("2001:db8:1:2::1")), block_of(ip("2001:db8:1:3::1")));
    assert_ne!(block_of(ip("192.0.2.1")), block_of(ip("192.0.2.2")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_client_writes_it_is_itself(
        written in prop_oneof!["[ -~]{0,60}", "[1-9]\\.[1-9]\\.[1-9]\\.[1-9](, 10\\.1\\.1\\.1)?"]
    ) {
        let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
        let headers = forwarded(&[&written, "203.0.113.9"]);

        prop_assert_eq!(proxies.client(ip("10.1.2.3"), &headers), ip("203.0.113.9"));
        prop_assert_eq!(proxies.client(ip("203.0.113.9"), &headers), ip("203.0.113.9"));
    }
}

#[test]
fn what_is_no_text_hides_nothing_that_a_proxy_wrote_after_it() {
    let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
    let mut headers = HeaderMap::new();
    let field = HeaderValue::from_bytes(b"\xff, 203.0.113.9").unwrap();
    headers.append(HeaderName::from_static("x-forwarded-for"), field);

    assert_eq!(proxies.client(ip("10.1.2.3"), &headers), ip("203.0.113.9"));
}

#[test]
fn a_network_of_ipv4_may_be_written_as_one_of_ipv6() {
    let proxies: Proxies = "::ffff:10.0.0.0/104".parse().unwrap();

    assert_eq!(proxies, "10.0.0.0/8".parse().unwrap());
}

#[test]
fn a_client_is_told_what_is_left_and_refused_beyond_it_but_for_health_and_the_page() {
    let limits = Limits::new(Some(rate("1/s:2")), None, Proxies::default());
    let peer = Some("192.0.2.1:4711".parse().unwrap());
    let ask = |route| limits.admit_client(peer, &HeaderMap::new(), route);

    let left = [ask("/sales"), ask("none")].map(|it| it.unwrap().unwrap().requests);
    let refused = ask("/checkout").unwrap_err();

    assert_eq!(left, [1, 0]);
    assert_eq!(refused.status(), 429);
    let field = |name: &str| refused.headers().get(name).unwrap().to_str().unwrap();
    assert_eq!(field("ratelimit-policy"), "\"client\";q=2;w=2");
    assert_eq!(field("ratelimit"), "\"client\";r=0;t=2");
    assert_eq!(field("retry-after"), "1");
    for free in ["/health", "/health/ready", "/health/live", "/", "/pages/{file}"] {
        assert_eq!(ask(free).unwrap(), None);
    }
    let other = Some("192.0.2.2:4711".parse().unwrap());
    assert!(limits.admit_client(other, &HeaderMap::new(), "/sales").is_ok());
}

/// An API none of whose stores can be reached, with a limit for users.
fn out_of_reach(of_user: &str) -> Api {
    let world = World::new();
    world.ledger.faults().set_down(true);
    world.live.faults().set_down(true);
    let limits = Limits::new(None, Some(rate(of_user)), Proxies::default());
    Api { limits: Arc::new(limits), ..api_over(&world) }
}

/// Whoever asks a store here is answered 503.
#[actix_web::test]
async fn a_user_beyond_their_limit_asks_no_store_anything() {
    let app = App::new().app_data(web::Data::new(out_of_reach("1/s:2"))).configure(routes);
    let app = init_service(app).await;
    let mut statuses = Vec::new();

    for user in ["ann", "ann", "ann", "bob"] {
        let uri = format!("/checkout?id=1&user_id={user}");
        let request = TestRequest::post().uri(&uri).to_request();
        let response = call_service(&app, request).await;
        statuses.push(response.status().as_u16());
        let left = response.request().extensions().get::<LeftToUser>().map(|it| it.0);
        let expected = [1, 0, 0, 1][statuses.len() - 1];
        assert_eq!(left.map(|it| it.requests), Some(expected));
        let body: serde_json::Value = serde_json::from_slice(&read_body(response).await).unwrap();
        let is_limited = body["type"] == "/problems/too-many-requests" && body["limit"] == "user";
        assert_eq!(is_limited, statuses.last() == Some(&429), "{body}");
    }

    assert_eq!(statuses, [503, 503, 429, 503]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_wrong_too_often_is_not_looked_at_until_they_rest() {
    let guesses = Guesses::default();
    let address = |text: &str| Some(ip(text));
    let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));

    for _ in 0..1_000 {
        assert_eq!(guesses.check(one), Ok(()), "what is right does not count");
    }
    for _ in 0..20 {
        assert_eq!(guesses.check(one), Ok(()));
        guesses.was_wrong(one);
    }

    assert_eq!(guesses.check(one), Err(1));
    assert_eq!(guesses.check(address("::ffff:10.0.0.1")), Err(1), "the same address");
    assert_eq!((guesses.check(other), guesses.check(None)), (Ok(()), Ok(())));
    advance(Duration::from_secs(1)).await;
    assert_eq!(guesses.check(one), Ok(()));
    guesses.was_wrong(one);
    assert_eq!(guesses.check(one), Err(1));
}

#[tokio::test(start_paused = true)]
async fn any_number_of_addresses_that_are_wrong_take_the_same_memory() {
    let guesses = Guesses::default();
    let before = guesses.bytes();

    for number in 0..100_000_u32 {
        guesses.was_wrong(Some(std::net::Ipv4Addr::from(number).into()));
    }

    assert_eq!(guesses.bytes(), before);
    assert!(before < 128 * 1_024, "{before}");
}
