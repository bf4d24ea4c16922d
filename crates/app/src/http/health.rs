//! `/health`: whether the process is alive, and whether it can serve.

use actix_web::{HttpResponse, web};
use domain::{Phase, ports::SaleRegister};
use serde::Serialize;

use crate::compose::Api;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    checks: Checks,
}

#[derive(Serialize)]
struct Checks {
    postgres: &'static str,
    redis: &'static str,
    sale: &'static str,
}

/// Says that the process is alive, and nothing of the stores: restarting it would not help them.
pub(super) async fn get_live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "alive" }))
}

/// Says whether buyers can be served now, and what is missing.
pub(super) async fn get_ready(api: web::Data<Api>) -> HttpResponse {
    let (redis, postgres, sale) =
        futures_util::future::join3(api.redis.ping(), api.ledger.now(), api.standings.current())
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
    let is_ready = redis.is_ok() && postgres.is_ok() && !matches!(sale, "none" | "unknown");
    let checks = Checks { postgres: up(postgres.is_ok()), redis: up(redis.is_ok()), sale };
    if is_ready {
        HttpResponse::Ok().json(Health { status: "ready", checks })
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "1"))
            .json(Health { status: "not ready", checks })
    }
}
