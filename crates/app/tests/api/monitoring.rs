//! The dashboard and the alerts of `packaging/monitoring`, by a real Prometheus that reads what the real service shows.
//!
//! What Grafana makes of the dashboard is not tried: here its queries are, and that it is laid out.

mod faults;
mod rules;
mod terms;

use std::collections::BTreeSet;

use dev_servers::Prometheus;
use serde_json::Value;
use tokio::task::block_in_place;

use self::rules::{RULES, rules};
use crate::{
    operators::{metrics, watched_with},
    stack::{Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    every_query_of_the_dashboard_finds_something_while_a_sale_sells
}

const SETTINGS: &str = include_str!("../../../../packaging/monitoring/prometheus.yml");
const DASHBOARD: &str = include_str!("../../../../packaging/monitoring/grafana/flashsale.json");
const COMPOSE: &str = include_str!("../../../../compose.yaml");

/// Where the service shows its figures in the compose stack.
const TARGET: &str = "app:8081";

/// How often Prometheus looks here, which is how long an answer may take: one that waits for silent stores takes a
/// second.
const LOOKS_EVERY: &str = "1500ms";

/// How often it judges, and for how long a rule must hold: a test has no minutes. One look that fails is no alert yet.
const JUDGES_EVERY: &str = "250ms";
const LASTS: &str = "1600ms";

/// What finds nothing while nothing is amiss or nobody asked for it, on which stack, and why.
const QUIET: [(&str, Option<Kind>, &str); 8] = [
    ("ALERTS", None, "nothing is amiss"),
    ("flashsale_limited_total", None, "nobody is limited: USER_RATE and CLIENT_RATE are not set"),
    ("flashsale_tokens_refused_total", None, "buyers have no tokens"),
    ("flashsale_ledger_sync_standbys", None, "LEDGER_DURABILITY asks for no standby"),
    ("flashsale_ledger_durability", Some(Kind::Embedded), "no server keeps the ledger"),
    ("flashsale_ledger_disk_", Some(Kind::Servers), "the disk is another machine's"),
    ("flashsale_pool_connections", Some(Kind::Embedded), "a directory needs no connections"),
    ("flashsale_pool_waiting", Some(Kind::Embedded), "a directory needs no connections"),
];

/// A Prometheus with our settings and rules, but for its haste, before the operators' listener of one process.
struct Watcher(Prometheus);

impl Watcher {
    fn of(operators: &str) -> Self {
        Self::by_rules(operators, RULES)
    }

    /// One with these rules.
    fn by_rules(operators: &str, rules: &str) -> Self {
        let address = operators.trim_start_matches("http://");
        let settings = replaced(SETTINGS, TARGET, address);
        let every = |what: &str, time: &str| format!("{what}_interval: {time}");
        let settings = replaced(&settings, &every("scrape", "5s"), &every("scrape", LOOKS_EVERY));
        let settings =
            replaced(&settings, &every("evaluation", "5s"), &every("evaluation", JUDGES_EVERY));
        let hastened = rules.lines().map(|line| match line.split_once("for: ") {
            Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: {LASTS}\n"),
            _ => format!("{line}\n"),
        });
        let rules = hastened.collect::<String>();
        Self(block_in_place(|| Prometheus::start(&settings, &[("alerts.yml", &rules)])).unwrap())
    }

    /// Asks it; returns the figures of all series that it finds.
    async fn ask(&self, stack: &Stack, query: &str) -> Vec<f64> {
        let request = stack.http.get(format!("{}/api/v1/query", self.0.url()));
        let answer = request.query(&[("query", query)]).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["status"], "success", "{query}: {body}");
        let series = body["data"]["result"].as_array().unwrap().iter();
        series.map(|it| it["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    /// The names of the alerts that fire.
    async fn firing(&self, stack: &Stack) -> BTreeSet<String> {
        let request = stack.http.get(format!("{}/api/v1/alerts", self.0.url()));
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        let alerts = body["data"]["alerts"].as_array().unwrap().iter();
        let firing = alerts.filter(|it| it["state"] == "firing");
        firing.map(|it| it["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until it has looked, and then has seen nothing amiss.
    async fn finds_all_well(&self, stack: &Stack) {
        stack
            .until("it has looked", async |stack| {
                self.ask(stack, "count_over_time(flashsale_can_sell[1m]) > 2").await.len() == 1
            })
            .await;
        assert_eq!(self.firing(stack).await, BTreeSet::new());
    }

    /// Waits until this alert fires.
    async fn until_fires(&self, stack: &Stack, alert: &str) {
        let what = format!("{alert} fires");
        stack.until(&what, async |stack| self.firing(stack).await.contains(alert)).await;
    }

    /// Waits until it fires no more.
    async fn until_is_over(&self, stack: &Stack, alert: &str) {
        let what = format!("{alert} fires no more");
        stack.until(&what, async |stack| !self.firing(stack).await.contains(alert)).await;
    }
}

/// The text with something else in the place of what is there: a test of what is not there is none.
fn replaced(text: &str, it: &str, by: &str) -> String {
    assert!(text.contains(it), "{it:?} is not in\n{text}");
    text.replace(it, by)
}

/// Panels, and what each of them asks.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

fn queries() -> Vec<String> {
    let targets = panels().into_iter().filter_map(|panel| panel["targets"].as_array().cloned());
    targets.flatten().map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// Someone buys, and others are refused.
async fn some_come(stack: &Stack, sale: i64, round: usize) {
    let held = stack.checkout(&format!("user-{round}"), sale).await;
    stack.purchase(held.code()).await;
    assert_eq!(stack.purchase(held.code()).await.name(), "code-already-used");
    assert_eq!(stack.checkout("ann", 77).await.name(), "sale-not-found");
}

async fn every_query_of_the_dashboard_finds_something_while_a_sale_sells(kind: Kind) {
    let settings = Settings { stock: 100_000, ..Settings::on(kind) };
    let (stack, operators) = watched_with(settings).await;
    let (watcher, sale) = (Watcher::of(&operators), stack.sale().await);
    watcher.finds_all_well(&stack).await;
    let mut round = 0;

    for query in queries() {
        // Grafana puts in what fits the time that is shown.
        let asked = query.replace("$__rate_interval", "5s").replace("$__range", "5m");
        assert!(!asked.contains('$'), "{query} asks for what nobody puts in");
        let is_quiet = |(of, on, _): &(&str, Option<Kind>, _)| {
            query.contains(of) && on.is_none_or(|it| it == kind)
        };
        if QUIET.iter().any(is_quiet) {
            assert_eq!(watcher.ask(&stack, &asked).await, Vec::<f64>::new(), "{query}");
            continue;
        }
        stack
            .until(&format!("there is something of {query}"), async |stack| {
                some_come(stack, sale, round).await;
                round += 1;
                watcher.ask(stack, &asked).await.iter().any(|figure| figure.is_finite())
            })
            .await;
    }

    assert_eq!(watcher.firing(&stack).await, BTreeSet::new());
}

#[test]
fn the_first_panel_of_the_dashboard_says_why_buyers_were_refused() {
    let first = &panels()[0];

    assert_eq!(first["title"], "Why were buyers refused?");
    assert!(first["targets"][0]["expr"].as_str().unwrap().contains("flashsale_checkouts_total"));
}

#[test]
fn the_panels_of_the_dashboard_have_each_a_place_and_a_word_of_its_own() {
    let (mut ids, mut titles, mut places) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(titles.insert(panel["title"].as_str().unwrap().to_owned()), "{panel}");
        assert!(at("x") + at("w") <= 24, "{panel}");
        for (x, y) in (0..at("w")).flat_map(|x| (0..at("h")).map(move |y| (x, y))) {
            assert!(places.insert((at("x") + x, at("y") + y)), "it lies upon another: {panel}");
        }
        // What every Grafana has.
        let kind = panel["type"].as_str().unwrap();
        assert!(["timeseries", "bargauge", "stat", "row"].contains(&kind), "{panel}");
        if kind != "row" {
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{panel}");
            assert_eq!(panel["datasource"]["uid"], "flashsale", "{panel}");
        }
    }
    assert!(ids.len() > 30, "{}", ids.len());
}

#[test]
fn queries_of_the_dashboard_and_of_the_alerts_ask_for_figures_that_there_are() {
    let rules = rules();
    let of_rules = rules.iter().map(|rule| rule.expr.clone());

    let unknown: Vec<_> = queries()
        .into_iter()
        .chain(of_rules)
        .filter_map(|query| terms::unknown_in(&query).map(|it| format!("{it} in {query}")))
        .collect();

    assert_eq!(unknown, Vec::<String>::new());
}

/// Where it is asked by another name than its own.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_shown_to_whoever_asks_by_the_name_in_the_compose_stack() {
    let (stack, operators) = watched_with(Settings::on(Kind::Embedded)).await;

    let request = stack.http.get(format!("{operators}/metrics")).header("host", TARGET);
    let answer = request.send().await.unwrap();

    assert_eq!(answer.status(), 200);
    assert!(metrics(&stack, &operators).await.contains("flashsale_can_sell 1"));
}

/// No engine is needed for it, and none is tried: each file that is mounted is there, and no tag moves.
#[test]
fn what_the_compose_stack_mounts_is_there_and_its_images_are_pinned() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mounted: Vec<_> = COMPOSE
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ./")?.split_once(':'))
        .map(|(file, _)| file)
        .collect();

    assert_eq!(mounted.len(), 5, "{mounted:?}");
    for file in mounted {
        assert!(root.join(file).is_file(), "{file} is not there");
    }
    for image in ["image: prom/prometheus:v", "image: grafana/grafana:"] {
        let (_, tag) = COMPOSE.split_once(image).unwrap();
        let tag = tag.lines().next().unwrap();
        assert_eq!(tag.split('.').filter(|it| it.parse::<u16>().is_ok()).count(), 3, "{tag}");
    }
    let ports: Vec<_> =
        COMPOSE.lines().filter_map(|line| line.trim().strip_prefix("- \"")).collect();
    assert_eq!(ports.len(), 5, "{ports:?}");
    assert!(ports.iter().all(|port| port.starts_with("127.0.0.1:")), "{ports:?}");
}
