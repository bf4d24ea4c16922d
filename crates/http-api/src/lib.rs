//! The HTTP API: routes and their limits, parameters, answers and errors.
//!
//! One endpoint a file, and every error a client can see in `problem`. The handlers know the
//! domain's services and nothing of how they are put together: whoever serves makes an [`Api`]
//! for each of its threads and hands [`routes`] to its server.

mod api;
mod body;
mod caching;
mod checkout;
mod checkouts;
mod connection;
mod cors;
mod deadline;
mod expectation;
mod given_code;
mod health;
#[cfg(test)]
mod hostile;
mod identity;
mod items;
mod limits;
mod manners;
mod me;
mod metrics;
mod moment;
mod params;
mod problem;
mod purchase;
mod receipt;
mod request_id;
mod sales;
mod shown;
#[cfg(test)]
mod test_api;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, http::Method, web,
};

pub use self::{
    api::{Api, StoreNames},
    connection::{
        Allowance, Answering, Connection, IDLE_TIMEOUT, Overdue, Patience, REQUEST_TIMEOUT,
    },
    cors::{Origins, OriginsError},
    expectation::refusal_of_expectation,
    identity::{Identity, KeySource, KeysError, Rules},
    items::{Pictures, picture_path},
    limits::{Left, Limits, Proxies, ProxiesError, Rate, RateError},
    manners::{Asked, Manners, header_lines_of_server},
    metrics::route_of,
    moment::rfc3339,
    problem::{LINE_BYTES_MAX, document_of_server},
    request_id::{RequestId, current_request_id},
    shown::{SaleBoard, Written, sale_board},
};

use self::problem::Problem;

/// Every route of the API. The application's data must hold an [`Api`].
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/checkout", "POST, DELETE, OPTIONS")
                .route(web::post().to(checkout::post_checkout))
                .route(web::delete().to(checkout::delete_checkout)),
        )
        .service(
            resource("/purchase", "POST, OPTIONS").route(web::post().to(purchase::post_purchase)),
        )
        .service(reading("/checkouts/{code}", checkouts::get_checkout))
        .service(reading("/me", me::get_me))
        .service(reading("/purchases/{code}", purchase::get_purchase))
        .service(reading("/sales", sales::get_sales))
        .service(reading("/sales/current", sales::get_current_sale))
        .service(reading("/sales/{id}", sales::get_sale))
        .service(reading(items::PATTERN, items::get_item))
        .configure(health_routes)
        .default_service(web::to(no_such_route));
}

/// What whoever runs the service asks: the metrics, and the health. For a listener of its own; the
/// application's data must hold an [`Api`].
pub fn operator_routes(config: &mut web::ServiceConfig) {
    config
        .service(reading("/metrics", metrics::get_metrics))
        .configure(health_routes)
        .default_service(web::to(no_such_route));
}

fn health_routes(config: &mut web::ServiceConfig) {
    config
        .service(reading("/health", health::get_health))
        .service(reading("/health/live", health::get_live))
        .service(reading("/health/ready", health::get_ready));
}

/// A resource that answers OPTIONS, and methods that it does not have, with those it has.
fn resource(path: &str, allowed: &'static str) -> Resource {
    let other = move |request: HttpRequest| async move { manners::other_method(&request, allowed) };
    web::resource(path).default_service(web::to(other))
}

/// A resource that is only read: GET, and HEAD for the headers alone.
fn reading<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "GET, HEAD, OPTIONS")
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

/// What is asked of no resource; of all of them together (`OPTIONS *`) only what methods there are.
async fn no_such_route(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.method() == Method::OPTIONS && request.path() == "*" {
        return manners::other_method(&request, "GET, HEAD, POST, DELETE, OPTIONS");
    }
    Err(Problem::no_such_route(request.path()))
}
