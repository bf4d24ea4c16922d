//! `/health`: whether the process is alive, and whether it can serve.

use actix_web::{HttpResponse, http::header::RETRY_AFTER, web};
use domain::Phase;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{api::Api, problem::RETRY_AFTER_FAILURE_S};

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// What is checked, by the names of the stores: `postgres` and `redis`, or `sqlite` and
    /// `memory`; and `sale`.
    checks: Map<String, Value>,
}

/// Says that the process is alive, and nothing of the stores: restarting it would not help them.
pub(super) async fn get_live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "alive" }))
}

/// Says whether buyers can be served now, and what is missing.
pub(super) async fn get_ready(api: web::Data<Api>) -> HttpResponse {
    let (live, ledger, sale) = futures_util::future::join3(
        api.live.ping(),
        api.register.now(),
        api.services.standings.current(),
    )
    .await;
    let up = |is_up| if is_up { "up" } else { "down" };
    let sale = match sale {
        Err(_) => "unknown",
        Ok(None) => "none",
        Ok(Some(standing)) => match standing.phase() {
            Phase::Open => "open",
            Phase::Scheduled => "scheduled",
            Phase::Paused => "paused",
            Phase::Ended => "ended",
        },
    };
    let lacks_a_sale = match sale {
        // Where an operator makes every sale, none is no fault, once it is known that there is none.
        "none" => api.has_timetable || !api.services.catalog.was_refreshed(),
        sale => sale == "unknown",
    };
    let is_ready = live.is_ok() && ledger.is_ok() && !lacks_a_sale;
    let checks = [
        (api.names.ledger, up(ledger.is_ok())),
        (api.names.live, up(live.is_ok())),
        ("sale", sale),
    ];
    let checks = checks.into_iter().map(|(name, is)| (name.to_owned(), is.into())).collect();
    if is_ready {
        HttpResponse::Ok().json(Health { status: "ready", checks })
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, RETRY_AFTER_FAILURE_S))
            .json(Health { status: "not ready", checks })
    }
}
