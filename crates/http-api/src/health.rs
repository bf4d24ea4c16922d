//! `/health`: whether the process is alive, whether it can sell, and whether it can serve.

use std::borrow::Cow;

use actix_web::{HttpResponse, http::header::RETRY_AFTER, web};
use domain::health::{Checked, Reach, Unserved};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    api::{Api, StoreNames},
    caching::{NO_STORE, not_stored},
    deadline::in_time,
    problem::{Problem, RETRY_AFTER_FAILURE_S},
    shown::phase_name,
};

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// What is checked, by the names of the stores: `postgres` and `redis`, or `sqlite` and
    /// `memory`; and `sale`. Whatever else is missing has a name of its own, then and only then.
    checks: Map<String, Value>,
}

/// Says that the process is alive, and nothing of the stores: restarting it would not help them.
pub(super) async fn get_live() -> HttpResponse {
    not_stored(serde_json::json!({ "status": "alive" }))
}

/// Says whether this process can sell now, and what is missing: for people, and for alerts.
pub(super) async fn get_health(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let checked = in_time(api.health.look()).await?;
    Ok(answer(checked.can_sell(), &checked, api.names))
}

/// Says whether buyers can be sent here now: for balancers.
pub(super) async fn get_ready(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let checked = in_time(api.health.look()).await?;
    Ok(answer(checked.can_serve(), &checked, api.names))
}

fn answer(is_well: bool, checked: &Checked, names: StoreNames) -> HttpResponse {
    let checks = checks(checked, names)
        .into_iter()
        .map(|(name, is)| (name.to_owned(), is.into_owned().into()))
        .collect();
    if is_well {
        not_stored(Health { status: "ready", checks })
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(NO_STORE)
            .insert_header((RETRY_AFTER, RETRY_AFTER_FAILURE_S))
            .json(Health { status: "not ready", checks })
    }
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
        checks.push(("served", said.collect::<Vec<_>>().join("; ").into()));
    }
    if checked.stands_still {
        checks.push(("requests", "waiting for more than 3 s".into()));
    } else if checked.is_failing {
        checks.push(("requests", "failing for want of a store".into()));
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
