//! `/health`: whether the process is alive, whether it can sell, and whether it can serve.

use std::{borrow::Cow, sync::Arc, time::Duration};

use actix_web::{HttpResponse, http::header::RETRY_AFTER, web};
use domain::health::{Checked, Reach, Unserved};
use serde_json::{Map, Value, json};
use telemetry::show_health;
use tokio::time::timeout;

use crate::{
    api::{Api, StoreNames},
    caching::{NO_STORE, not_stored},
    openapi::{Answer, Endpoint, Operation, Tag, bodies, header, scalars},
    problem::{Problem, RETRY_AFTER_FAILURE_S},
    shown::phase_name,
};

scalars! {
    /// What health comes to.
    Wellness is "HealthStatus": {
        "type": "string",
        "enum": [READY, NOT_READY],
        "description": "What the checks come to.",
    }
    /// That the process is alive.
    Alive is "LifeStatus": {
        "type": "string",
        "const": ALIVE,
        "description": "That the process is alive.",
    }
    /// What is checked.
    Checks is "Checks": {
        "type": "object",
        "additionalProperties": { "type": "string" },
        "description": "What is checked, by the names of the stores, `postgres` and `redis` or `sqlite` \
                        and `memory`, and `sale`; `not known yet` if a look takes more than a second and \
                        none was taken lately. Whatever else is missing has a name of its own, then and \
                        only then.",
    }
}

bodies! {
    /// Whether the service can do what it is there for.
    struct Health as "Health" {
        /// What it comes to.
        status: &'static str as Wellness,
        /// What is checked.
        checks: Map<String, Value> as Checks,
    }

    /// That the process is alive.
    struct Life as "Life" {
        /// That it is.
        status: &'static str as Alive,
    }
}

/// How long whoever asks waits for a look, as `docs/limits.md` has it.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

const READY: &str = "ready";
const NOT_READY: &str = "not ready";
const ALIVE: &str = "alive";
const NOT_KNOWN: &str = "not known yet";

/// `/health`.
pub(super) fn endpoints() -> [Endpoint; 3] {
    [
        Endpoint::at("/health").reading(get_health, describe_health),
        Endpoint::at("/health/live").reading(get_live, describe_live),
        Endpoint::at("/health/ready").reading(get_ready, describe_ready),
    ]
}

fn describe_health() -> Operation {
    described("health", "Say whether this process can sell")
        .says("For people and alerts. `checks` says what is missing.")
}

fn describe_ready() -> Operation {
    described("healthReady", "Say whether buyers can be sent here")
        .says("For balancers: purchases, or checkouts too, can be served.")
}

fn described(id: &'static str, summary: &'static str) -> Operation {
    let example = |status: &str, redis: &str| json!({ "status": status, "checks": { "postgres": "up", "redis": redis, "sale": "open" } });
    let well = Answer::json::<Health>(200, "It can.", example(READY, "up"));
    let ill = Answer::json::<Health>(503, "It cannot.", example(NOT_READY, "down"));
    Operation::new(Tag::Health, id, summary)
        .unlimited()
        .answer(well.headers([header::caching("no-store")]))
        .answer(ill.headers([header::caching("no-store"), header::retry_after(true)]))
        .asks_stores()
}

fn describe_live() -> Operation {
    let alive = Answer::json::<Life>(200, "It is.", json!(Life { status: ALIVE }));
    Operation::new(Tag::Health, "healthLive", "Say that the process is alive")
        .unlimited()
        .says("It asks no store: to restart the process would not help them.")
        .answer(alive.headers([header::caching("no-store")]))
}

/// Says that the process is alive, and nothing of the stores: restarting it would not help them.
async fn get_live() -> HttpResponse {
    not_stored(Life { status: ALIVE })
}

/// Says whether this process can sell now, and what is missing: for people, and for alerts.
async fn get_health(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    Ok(answer(look(&api).await?.as_deref(), Checked::can_sell, api.names))
}

/// Says whether buyers can be sent here now: for balancers.
async fn get_ready(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    Ok(answer(look(&api).await?.as_deref(), Checked::can_serve, api.names))
}

/// What a look finds, or if it takes too long, what was found lately, if anything was: whoever asks waits
/// less long than a store may be silent, and would take no answer for a fault of this process.
async fn look(api: &Api) -> Result<Option<Arc<Checked>>, Problem> {
    match timeout(LOOK_TIMEOUT, api.health.look()).await {
        Ok(looked) => Ok(Some(looked?)),
        Err(_) => Ok(api.health.found_lately()),
    }
}

fn answer(
    checked: Option<&Checked>,
    is_well: fn(&Checked) -> bool,
    names: StoreNames,
) -> HttpResponse {
    let is_well = checked.is_some_and(is_well);
    let checks = checked.map_or_else(|| not_known(names), |checked| checks(checked, names));
    let checks =
        checks.into_iter().map(|(name, is)| (name.to_owned(), is.into_owned().into())).collect();
    if is_well {
        not_stored(Health { status: READY, checks })
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(NO_STORE)
            .insert_header((RETRY_AFTER, RETRY_AFTER_FAILURE_S))
            .json(Health { status: NOT_READY, checks })
    }
}

/// Shows what `/health` would answer to whoever reads the figures.
pub(crate) async fn show(api: &Api) {
    // No look, and none lately: it cannot be said to sell, and nothing is known of the stores.
    let checked = look(api).await.unwrap_or_else(|_| api.health.found_lately());
    let can_sell = checked.as_deref().is_some_and(Checked::can_sell);
    let stores = checked
        .map(|it| [(api.names.ledger, state_of(it.ledger)), (api.names.live, state_of(it.live))]);
    show_health(can_sell, stores.as_ref().map_or(&[], |stores| stores));
}

/// The state of a store, in a word.
pub(crate) const fn state_of(reach: Reach) -> &'static str {
    match reach {
        Reach::Up => "up",
        Reach::Refuses => "refuses",
        Reach::Down => "down",
    }
}

/// What was found, in a line, as systemd shows it.
#[must_use]
pub fn health_line(checked: &Checked, names: StoreNames) -> String {
    let can = match (checked.can_sell(), checked.can_serve()) {
        (true, _) => "sells",
        (false, true) => "redeems codes, and does not sell",
        (false, false) => NOT_READY,
    };
    let checks = checks(checked, names).into_iter().map(|(name, is)| format!("{name} {is}"));
    format!("{can}: {}", checks.collect::<Vec<_>>().join(", "))
}

/// What is said while the first look takes its time, or one that nobody asked for lately.
fn not_known(names: StoreNames) -> Vec<(&'static str, Cow<'static, str>)> {
    Vec::from([names.ledger, names.live, "sale"].map(|name| (name, Cow::Borrowed(NOT_KNOWN))))
}

fn checks(checked: &Checked, names: StoreNames) -> Vec<(&'static str, Cow<'static, str>)> {
    let sale = match checked.sale {
        Err(()) => "unknown",
        Ok(None) => "none",
        Ok(Some(phase)) => phase_name(phase),
    };
    let mut checks = vec![
        (names.ledger, reach(checked.ledger, checked.ledger_remedy.as_deref())),
        (names.live, reach(checked.live, checked.live_remedy.as_deref())),
        ("sale", sale.into()),
    ];
    if !checked.unserved.is_empty() {
        let said = checked.unserved.iter().map(|(sale, why)| format!("sale {sale} {}", said(*why)));
        let why = checked.unserved_remedy.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
        checks.push(("served", format!("{}{why}", said.collect::<Vec<_>>().join("; ")).into()));
    }
    if checked.stands_still {
        checks.push(("requests", "waiting for more than 3 s".into()));
    } else if checked.is_failing {
        let why = checked.failing_remedy.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
        checks.push(("requests", format!("failing for want of a store{why}").into()));
    }
    checks
}

fn reach(reach: Reach, remedy: Option<&str>) -> Cow<'static, str> {
    match (reach, remedy) {
        (Reach::Up, _) => "up".into(),
        (Reach::Refuses, None) => "refuses writes".into(),
        (Reach::Refuses, Some(remedy)) => format!("refuses writes: {remedy}").into(),
        (Reach::Down, _) => "down".into(),
    }
}

const fn said(why: Unserved) -> &'static str {
    match why {
        Unserved::NotServed => "is not served by the live store",
        Unserved::LedgerBehind => "is served at an epoch the ledger never issued: it has lost data",
        Unserved::Outdated => "is served at an epoch that the ledger has replaced",
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, sync::Mutex};

    use actix_web::{
        App,
        test::{TestRequest, call_service, init_service, read_body_json},
    };
    use domain::ports::Tasks;
    use fakes::World;

    use super::*;
    use crate::{routes, test_api::api_over};

    type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Puts tasks off as long as it has a place for them.
    #[derive(Default)]
    struct PutOff(Mutex<Option<Vec<Task>>>);

    impl Tasks for PutOff {
        fn start(&self, task: Task) {
            match &mut *self.0.lock().unwrap() {
                Some(put_off) => put_off.push(task),
                None => drop(actix_web::rt::spawn(task)),
            }
        }
    }

    /// As `docs/limits.md` has it.
    #[actix_web::test]
    async fn a_look_is_waited_for_a_second_and_then_what_is_known_is_told() {
        tokio::time::pause();
        for known in [NOT_KNOWN, "up"] {
            let world = World::new();
            let tasks = Arc::new(PutOff::default());
            let health = world.services(1).health(world.live.clone(), tasks.clone(), true);
            let api = Api { health, ..api_over(&world) };
            let app =
                init_service(App::new().app_data(web::Data::new(api)).configure(routes)).await;
            let ask = async |path: &str| {
                // Later than what was found before is good for.
                world.clock.advance_ms(1_000);
                let began = tokio::time::Instant::now();
                let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
                assert_eq!(answer.status(), 503, "there is no sale yet");
                let body: Value = read_body_json(answer).await;
                let ledger = body["checks"]["ledger"].as_str().unwrap().to_owned();
                (ledger, began.elapsed().as_secs())
            };
            if known == "up" {
                assert_eq!(ask("/health").await.0, known);
            }

            *tasks.0.lock().unwrap() = Some(Vec::new());

            for path in ["/health", "/health/ready"] {
                assert_eq!(ask(path).await, (known.to_owned(), 1), "{path}");
            }
        }
    }
}
