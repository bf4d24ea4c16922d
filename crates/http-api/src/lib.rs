//! The HTTP API: routes and their limits, parameters, answers and errors.
//!
//! One endpoint a file, and every error a client can see in `problem`. The handlers know the
//! domain's services and nothing of how they are put together: whoever serves makes an [`Api`]
//! for each of its threads and hands [`routes`] to its server.

mod api;
mod body;
mod caching;
mod checkout;
mod connection;
mod deadline;
mod expectation;
mod given_code;
mod health;
#[cfg(test)]
mod hostile;
mod items;
mod metrics;
mod moment;
mod params;
mod problem;
mod purchase;
mod receipt;
mod sales;
mod shown;
mod stream;

use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, web};

pub use self::{
    api::{Api, StoreNames},
    connection::{
        Allowance, Answering, Connection, IDLE_TIMEOUT, Overdue, Patience, REQUEST_TIMEOUT,
    },
    expectation::refusal_of_expectation,
    items::{Pictures, picture_path},
    metrics::route_of,
    moment::rfc3339,
    problem::{LINE_BYTES_MAX, document_of_server},
    shown::{SaleBoard, Written, sale_board},
    stream::{Streams, Viewer},
};

use self::problem::Problem;

/// Every route of the API. The application's data must hold an [`Api`].
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/checkout", "POST, DELETE")
                .route(web::post().to(checkout::post_checkout))
                .route(web::delete().to(checkout::delete_checkout)),
        )
        .service(resource("/purchase", "POST").route(web::post().to(purchase::post_purchase)))
        .service(reading("/purchases/{code}", purchase::get_purchase))
        .service(reading("/sales", sales::get_sales))
        .service(reading("/sales/current", sales::get_current_sale))
        .service(reading("/sales/{id}", sales::get_sale))
        .service(reading("/stream", stream::get_stream))
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

/// A resource that answers other methods with those it has.
fn resource(path: &str, allowed: &'static str) -> Resource {
    web::resource(path)
        .default_service(web::to(move || async move { Problem::method_not_allowed(allowed) }))
}

/// A resource that is only read: GET, and HEAD for the headers alone.
fn reading<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "GET, HEAD").route(web::get().to(handler.clone())).route(web::head().to(handler))
}

async fn no_such_route(request: HttpRequest) -> Problem {
    Problem::no_such_route(request.path())
}
