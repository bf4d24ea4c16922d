//! Where operators listen: the metrics, and the health.

use dev_servers::Service;
use tokio::{net::TcpStream, task::block_in_place};

use crate::stack::{Answer, Kind, PATIENCE, Settings, Stack, on_both_stacks};

on_both_stacks! {
    what_happens_is_counted_where_operators_listen
    every_figure_that_is_shown_is_described
    of_more_sales_than_have_figures_the_others_are_shown_together
    connections_are_counted_while_they_last
    buyers_find_no_metrics_and_operators_nothing_to_buy
    sales_are_listed_in_their_phase_and_none_is_made_that_is_over
    a_ledger_that_is_not_there_is_made_by_no_command_but_migrate
    no_log_of_any_level_has_a_code_or_a_user
}

/// The service as one process, and where its operators listen.
async fn watched(kind: Kind) -> (Stack, String) {
    watched_with(Settings::on(kind)).await
}

/// The same, with these settings.
pub(crate) async fn watched_with(settings: Settings) -> (Stack, String) {
    let stack = Stack::start(Settings { processes: 1, ..settings }).await;
    let url = operators_of(&stack.apps[0]);
    (stack, url)
}

/// Where the operators of a process listen.
pub(crate) fn operators_of(app: &Service) -> String {
    let log = app.log();
    let (_, rest) = log.split_once("metrics at http://").unwrap();
    let (address, _) = rest.split_once("/metrics").unwrap();
    format!("http://{address}")
}

pub(crate) async fn metrics(stack: &Stack, url: &str) -> String {
    stack.http.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap()
}

/// The figure of a line that begins so.
pub(crate) fn figure(metrics: &str, start: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(start)?.trim().parse().ok())
}

async fn what_happens_is_counted_where_operators_listen(kind: Kind) {
    let (stack, url) = watched(kind).await;
    let sale = stack.sale().await;
    let code = stack.checkout("ann.of.ours", sale).await.body["code"].as_str().unwrap().to_owned();
    stack.purchase(&code).await;
    stack.purchase(&code).await;
    stack.checkout("ann.of.ours", 77).await;

    stack
        .until("the sale's figures are those of now", async |stack| {
            let label = format!("flashsale_sale_units{{sale=\"{sale}\",state=\"sold\"}}");
            figure(&metrics(stack, &url).await, &label) == Some(1.0)
        })
        .await;
    let metrics = metrics(&stack, &url).await;

    for (line, least) in [
        ("flashsale_checkouts_total{outcome=\"granted\"}", 1.0),
        ("flashsale_checkouts_total{outcome=\"sale-not-found\"}", 1.0),
        ("flashsale_purchases_total{outcome=\"sold\"}", 1.0),
        ("flashsale_purchases_total{outcome=\"code-already-used\"}", 1.0),
        ("flashsale_batch_requests_count{queue=\"record\"}", 2.0),
        ("flashsale_upkeep_step_duration_seconds_count{step=\"sweep\"}", 1.0),
        ("flashsale_upkeep_events_total{event=\"sale_loaded\"}", 1.0),
        ("http_server_active_requests", 0.0),
        (
            "http_server_request_duration_seconds_count{http_request_method=\"POST\",\
             http_response_status_code=\"409\",http_route=\"/purchase\"}",
            1.0,
        ),
    ] {
        let counted = figure(&metrics, line);
        assert!(
            counted.is_some_and(|counted| counted >= least),
            "{line} is {counted:?}\n{metrics}"
        );
    }
    let store = match kind {
        Kind::Servers => "{call=\"record_grants\",store=\"postgres\"}",
        Kind::Embedded => "{call=\"write\",store=\"sqlite\"}",
    };
    let calls = format!("flashsale_store_call_duration_seconds_count{store}");
    assert!(figure(&metrics, &calls) >= Some(1.0), "{metrics}");
    assert!(!metrics.contains("ann.of.ours") && !metrics.contains(&code), "{metrics}");
}

/// Against what `telemetry` has, the document is held there.
async fn every_figure_that_is_shown_is_described(kind: Kind) {
    let described = include_str!("../../../../docs/metrics.md");
    let (stack, url) = watched(kind).await;
    let sale = stack.sale().await;
    let held = stack.checkout("ann", sale).await;
    stack.purchase(held.code()).await;

    let metrics = metrics(&stack, &url).await;

    let shown = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        format!("| `{name}` | {kind} |")
    });
    let unknown: Vec<_> = shown.filter(|row| !described.contains(row)).collect();
    assert_eq!(unknown, Vec::<String>::new());
}

async fn of_more_sales_than_have_figures_the_others_are_shown_together(kind: Kind) {
    const OWN: usize = 32;
    let mut stack = Stack::prepare(Settings { processes: 1, stock: 10, ..Settings::on(kind) });
    for _ in 0..=OWN {
        let now = jiff::Timestamp::now().to_string();
        stack.operate(&["sales", "schedule", "--lasts", "6h", "--starts-at", &now]);
    }
    stack.operate(&["sales", "schedule", "--lasts", "1h", "--starts-at", "2100-01-01T00:00:00Z"]);
    stack.start_app().await;
    let url = operators_of(&stack.apps[0]);
    // The last two that are on; and nothing of the one that is not.
    for sale in [33, 34] {
        let held = stack.checkout("ann", sale).await;
        stack.purchase(held.code()).await;
        stack.checkout("bob", sale).await;
    }

    let others = |state| format!("flashsale_sale_units{{sale=\"other\",state=\"{state}\"}}");
    stack
        .until("the figures of the others are those of now", async |stack| {
            let metrics = metrics(stack, &url).await;
            let figures = ["free", "held", "sold"].map(|state| figure(&metrics, &others(state)));
            figures == [Some(16.0), Some(2.0), Some(2.0)]
        })
        .await;

    let metrics = metrics(&stack, &url).await;
    assert_eq!(metrics.matches("flashsale_sale_epoch{").count(), OWN, "{metrics}");
    assert_eq!(metrics.matches("flashsale_sale_units{").count(), 3 * (OWN + 1), "{metrics}");
}

async fn connected(stack: &Stack, url: &str) -> f64 {
    let line = "flashsale_http_connections{listener=\"buyers\"}";
    figure(&metrics(stack, url).await, line).unwrap_or_default()
}

async fn connections_are_counted_while_they_last(kind: Kind) {
    let (stack, url) = watched(kind).await;
    let address = stack.url().trim_start_matches("http://").to_owned();
    let before = connected(&stack, &url).await;

    stack
        .until("they are counted", async |stack| {
            // Anew for each look: who says nothing is closed after a while.
            let mut crowd = Vec::new();
            for _ in 0..100 {
                crowd.push(TcpStream::connect(&address).await.unwrap());
            }
            let counted = connected(stack, &url).await;
            drop(crowd);
            counted >= before + 100.0
        })
        .await;

    stack
        .until("they are counted no more", async |stack| {
            connected(stack, &url).await <= before + 1.0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_to_both_servers_are_shown() {
    let (stack, url) = watched(Kind::Servers).await;
    let sale = stack.sale().await;
    stack.checkout("ann", sale).await;

    let metrics = metrics(&stack, &url).await;

    for (store, kept) in [("postgres", 2.0), ("redis", 2.0)] {
        let of = |pool: &str| format!("pool=\"{pool}\",store=\"{store}\"}}");
        let in_use = format!(
            "flashsale_pool_connections{{pool=\"kept\",state=\"in_use\",store=\"{store}\"}}"
        );
        assert!(figure(&metrics, &in_use) >= Some(kept), "{metrics}");
        for pool in ["kept", "upkeep"] {
            let waiting = format!("flashsale_pool_waiting{{{}", of(pool));
            assert_eq!(figure(&metrics, &waiting), Some(0.0), "{metrics}");
            let max = format!("flashsale_pool_connections_max{{{}", of(pool));
            assert!(figure(&metrics, &max) > Some(1.0), "{metrics}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_a_request_had_to_load_is_counted_and_logged() {
    let (stack, url) = watched(Kind::Servers).await;
    let sale = stack.sale().await;
    let line = "flashsale_upkeep_events_total{event=\"sale_loaded_by_request\"}";

    // Now and then the upkeep is there first.
    stack
        .until("a request was first", async |stack| {
            block_in_place(|| stack.redis().flush_all().unwrap());
            assert_ne!(stack.checkout("ann", sale).await.status, 500);
            figure(&metrics(stack, &url).await, line) >= Some(1.0)
        })
        .await;

    let log = stack.apps[0].log();
    assert!(log.contains("a request found a sale lost, and loaded it"), "{log}");
}

async fn buyers_find_no_metrics_and_operators_nothing_to_buy(kind: Kind) {
    let (stack, url) = watched(kind).await;
    let at = async |path: &str| {
        let request = stack.http.get(format!("{url}{path}"));
        Answer::read_as_operator(request).await.unwrap()
    };

    assert_eq!(stack.get("/metrics").await.status, 404);
    assert_eq!(at("/sales/current").await.status, 404);
    assert_eq!(at("/health").await.status, 200);
    assert_eq!(at("/health/live").await.status, 200);
    assert_eq!(stack.get("/health").await.status, 200);
}

/// Whoever says where to listen is told that it is taken; whoever does not gets another place.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_taken_is_an_error_for_whoever_chose_it_and_off_is_nowhere() {
    let stack = Stack::prepare(Settings::on(Kind::Embedded));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let output = stack.command().args(["serve", "--admin-addr", &address]).output().unwrap();
    let off = stack.start_app_in_shell("exec \"$0\" serve --admin-addr off");
    off.await_ready(PATIENCE).unwrap();

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("ADMIN_ADDR"), "{said}");
    assert!(!off.log().contains("metrics at"), "{}", off.log());
}

async fn sales_are_listed_in_their_phase_and_none_is_made_that_is_over(kind: Kind) {
    let stack = Stack::prepare(Settings::on(kind));
    let schedule = ["sales", "schedule", "--lasts", "1h", "--starts-at"];
    stack.operate(&[schedule.as_slice(), &["2100-01-01T00:00:00Z"]].concat());

    let over = stack.command().args(schedule).arg("2020-01-01T00:00:00Z").output().unwrap();
    let list = stack.operate(&["sales", "list"]);

    let said = String::from_utf8_lossy(&over.stderr);
    assert!(!over.status.success() && said.contains("over already"), "{said}");
    assert_eq!(list.matches(" scheduled ").count(), 1, "{list}");
    assert_eq!(list.matches(" open ").count(), 1, "{list}");
    assert_eq!(list.lines().count(), 3, "{list}");
}

async fn no_log_of_any_level_has_a_code_or_a_user(kind: Kind) {
    let mut stack = Stack::prepare(Settings { processes: 1, ..Settings::on(kind) });
    let talkative =
        stack.start_app_in_shell("RUST_LOG=trace,tokio_postgres::query=trace exec \"$0\" serve");
    talkative.await_ready(PATIENCE).unwrap();
    stack.apps.push(talkative);
    let sale = stack.sale().await;

    let held = stack.checkout("zebedee-17", sale).await;
    let code = held.body["code"].as_str().unwrap();
    stack.purchase(code).await;
    stack.delete(&format!("/checkout?code={code}")).await;

    let log = stack.apps[0].log();
    assert!(log.contains("TRACE"), "{}", &log[..log.len().min(500)]);
    for secret in [code, "zebedee-17"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}

async fn a_ledger_that_is_not_there_is_made_by_no_command_but_migrate(kind: Kind) {
    let stack = Stack::prepare(Settings { by_hand: false, ..Settings::on(kind) });
    let nowhere = tempfile::tempdir().unwrap();
    let mistyped = nowhere.path().join("mistyped");
    let run = |arguments: &[&str]| {
        let mut command = stack.command();
        match kind {
            Kind::Servers => command.env("DATABASE_URL", stack.postgres().url("mistyped")),
            Kind::Embedded => command.env("DATA_DIR", &mistyped),
        };
        let output = block_in_place(|| command.args(arguments).output().unwrap());
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    if kind == Kind::Servers {
        stack.sql("CREATE DATABASE mistyped");
    }

    for arguments in [
        &["sales", "list"][..],
        &["sales", "pause", "1"],
        &["sales", "resume", "1"],
        &["sales", "hand-over"],
        &["sales", "accept-restore", "1"],
        &["sales", "schedule", "--lasts", "1h", "--starts-at", "2100-01-01T00:00:00Z"],
        &["audit"],
    ] {
        let (done, said) = run(arguments);

        let is_named = said.contains("there is no ledger in ") || said.contains("migrate first");
        assert!(!done && is_named, "{arguments:?}: {said}");
    }

    match kind {
        Kind::Servers => {
            let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
            assert_eq!(stack.postgres().psql("mistyped", tables).unwrap().trim(), "0");
        }
        Kind::Embedded => assert!(!mistyped.exists()),
    }
    assert!(run(&["migrate"]).0 && run(&["sales", "list"]).0);
}
