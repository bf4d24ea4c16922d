//! `/metrics`: what the process counts, for whoever watches it; and by what name requests count.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_TYPE, HeaderValue},
    web,
};
use domain::Phase;
use futures_util::future::{join, join_all};
use telemetry::{SALES_MAX, SaleFigures, show_sales};
use tokio::time::timeout;

use crate::{
    api::Api, caching::NO_STORE, checkout, health, items, problem::Kind, products, purchase,
};

/// How long the sales may take: whoever watches shall hear most just when the stores say nothing.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// How many sales are looked at: those that have figures of their own, and those on beside them.
const LOOKS_MAX: usize = 256;

/// What is counted for an answer that was given before.
pub(crate) const REPLAYED: &str = "replayed";

/// Where no route is.
const NO_ROUTE: &str = "none";

/// Has every outcome of checkouts and purchases counted from zero on.
pub fn count_from_zero() {
    let names = |kinds: &[Kind], own: [&'static str; 2]| {
        let refused = kinds.iter().chain(&[Kind::Unavailable, Kind::Overloaded]);
        refused.map(|kind| kind.name()).chain(own).collect::<Vec<_>>()
    };
    telemetry::count_from_zero(
        &names(&checkout::REFUSALS, [checkout::GRANTED, REPLAYED]),
        &names(&purchase::REFUSALS, [purchase::SOLD, REPLAYED]),
    );
}

/// Shows what is counted, after a look at the sales that are not closed and at the health. Of a sale that no store
/// says anything of there are no figures, as long as that is so.
pub(crate) async fn get_metrics(api: web::Data<Api>) -> HttpResponse {
    let calendar = api.services.catalog.calendar();
    // The first are those that began first. Of one that is not on yet nothing is held or sold.
    let at_hand = calendar.sales.iter().enumerate().filter(|(place, sale)| {
        *place < SALES_MAX || sale.phase_at(calendar.now) != Phase::Scheduled
    });
    let sales = at_hand.take(LOOKS_MAX).map(|(_, sale)| async {
        let shown = timeout(LOOK_LIMIT, api.board.of(sale.id)).await.ok()?.ok()??;
        let standing = &shown.standing;
        let units = [standing.available(), standing.held, standing.sold];
        Some(SaleFigures { sale: sale.id.get(), epoch: sale.epoch.0, units })
    });
    let (sales, ()) = join(join_all(sales), health::show(&api)).await;
    show_sales(sales.into_iter().flatten());
    HttpResponse::Ok()
        .insert_header(NO_STORE)
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(telemetry::CONTENT_TYPE)))
        .body(telemetry::render())
}

/// The pattern of the route that a path leads to. What the client wrote must not become a label, and
/// asking the router again for its pattern costs as much as routing.
#[must_use]
pub fn route_of(path: &str) -> &'static str {
    match path {
        "/" => "/",
        "/checkout" => "/checkout",
        "/me" => "/me",
        "/purchase" => "/purchase",
        "/sales" => "/sales",
        "/sales/current" => "/sales/current",
        "/stream" => "/stream",
        "/health" => "/health",
        "/health/live" => "/health/live",
        "/health/ready" => "/health/ready",
        "/metrics" => "/metrics",
        "/admin/me" => "/admin/me",
        "/admin/sales" => "/admin/sales",
        "/admin/actions" => "/admin/actions",
        "/admin/session" => "/admin/session",
        "/admin/enter" => "/admin/enter",
        "/admin/stream" => "/admin/stream",
        "/admin/openapi.json" => "/admin/openapi.json",
        "/admin/docs" => "/admin/docs",
        "/openapi.json" => "/openapi.json",
        "/docs" => "/docs",
        "/problems" => "/problems",
        _ if path.starts_with("/sales/") => "/sales/{id}",
        _ if path.starts_with("/checkouts/") => "/checkouts/{code}",
        _ if path.starts_with("/purchases/") => "/purchases/{code}",
        _ if path.starts_with("/items/") => items::PATTERN,
        _ if path.starts_with("/admin/sales/") => match path.rsplit_once('/') {
            Some((of, _)) if of.ends_with("/units") => "/admin/sales/{id}/units/{unit}",
            Some((_, "attempts")) => "/admin/sales/{id}/attempts",
            Some((_, "purchases")) => "/admin/sales/{id}/purchases",
            Some((of, "hold")) if of.contains("/units/") => "/admin/sales/{id}/units/{unit}/hold",
            Some((_, "history")) => "/admin/sales/{id}/history",
            Some((_, "pause")) => "/admin/sales/{id}/pause",
            Some((_, "resume")) => "/admin/sales/{id}/resume",
            Some((_, "end")) => "/admin/sales/{id}/end",
            _ => "/admin/sales/{id}",
        },
        "/admin/products" => "/admin/products",
        _ if path.starts_with("/admin/products/") && path.ends_with("/archive") => {
            "/admin/products/{sku}/archive"
        }
        _ if path.starts_with("/admin/products/") => "/admin/products/{sku}",
        _ if path.starts_with("/admin/users/") && path.ends_with("/attempts") => {
            "/admin/users/{user_id}/attempts"
        }
        _ if path.starts_with("/admin/users/") => "/admin/users/{user_id}",
        _ if path.starts_with("/admin/codes/") => "/admin/codes/{code}",
        _ if path.starts_with("/admin/purchases/") && path.ends_with("/cancel") => {
            "/admin/purchases/{code}/cancel"
        }
        _ if path.starts_with("/admin/holds/") => "/admin/holds/{code}",
        _ if path.starts_with("/admin/actions/") => "/admin/actions/{id}",
        _ if path.starts_with("/admin/docs/") => "/admin/docs/{file}",
        _ if path.starts_with("/products/images/") => products::PATTERN,
        _ if path.starts_with("/docs/") => "/docs/{file}",
        _ if path.starts_with("/pages/") => "/pages/{file}",
        _ if path.starts_with("/problems/") => "/problems/{name}",
        _ => NO_ROUTE,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{App, dev::Service, test};

    use super::*;

    /// The pattern the router has for a path, or none.
    async fn pattern_of(path: &str) -> String {
        let app = App::new().configure(crate::routes).configure(crate::operator_routes);
        let app = test::init_service(app).await;
        let request = test::TestRequest::get().uri(path).to_request();
        let answered = app.call(request).await.unwrap();
        answered.request().match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned())
    }

    /// A path that fits a pattern.
    fn path_of(pattern: &str) -> String {
        pattern.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).fold(
            String::new(),
            |path, part| {
                if path.is_empty() { part.to_owned() } else { format!("{path}7{part}") }
            },
        )
    }

    #[actix_web::test]
    async fn every_route_counts_by_its_pattern_and_nothing_else_by_its_path() {
        let endpoints = crate::endpoints().into_iter().chain(crate::operator::endpoints());
        let described = endpoints.map(|endpoint| path_of(endpoint.path()));
        for path in described.chain(["/metrics", "/no/such/path"].map(str::to_owned)) {
            assert_eq!(route_of(&path), pattern_of(&path).await, "{path}");
        }
    }
}
