//! The HTTP API: routes and their limits, parameters, answers and errors.
//!
//! One endpoint a file, and every error a client can see in `problem`. The handlers know the
//! domain's services and nothing of how they are put together: whoever serves makes an [`Api`]
//! for each of its threads and hands [`routes`] to its server.

mod api;
mod asset;
mod body;
mod caching;
mod checkout;
mod connection;
mod deadline;
mod docs;
mod expectation;
mod given_code;
mod health;
#[cfg(test)]
mod hostile;
mod idempotency;
mod identity;
mod items;
mod limits;
mod metrics;
mod moment;
mod openapi;
mod params;
mod problem;
mod purchase;
mod receipt;
mod sales;
mod samples;
mod shown;
#[cfg(test)]
mod test_api;

use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, web};

pub use self::{
    api::{Api, StoreNames},
    connection::{
        Allowance, Answering, Connection, IDLE_TIMEOUT, Overdue, Patience, REQUEST_TIMEOUT,
    },
    expectation::refusal_of_expectation,
    identity::{Identity, KeySource, KeysError, Rules},
    items::{Pictures, picture_path},
    limits::{Left, Limits, Proxies, ProxiesError, Rate, RateError},
    metrics::route_of,
    moment::rfc3339,
    problem::{LINE_BYTES_MAX, document_of_server},
    shown::{SaleBoard, Written, sale_board},
};

use self::{openapi::Endpoint, problem::Problem};

/// All that is served to buyers and shops, with what is said of it. Where two paths fit, the first is
/// meant.
fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![checkout::endpoint()];
    endpoints.extend(purchase::endpoints());
    endpoints.extend(sales::endpoints());
    endpoints.push(items::endpoint());
    endpoints.extend(health::endpoints());
    endpoints.push(openapi::endpoint());
    endpoints.extend(docs::endpoints());
    endpoints.push(problem::endpoint());
    endpoints
}

/// Every route of the API. The application's data must hold an [`Api`].
pub fn routes(config: &mut web::ServiceConfig) {
    serve(config, endpoints());
    config.default_service(web::to(no_such_route));
}

/// What whoever runs the service asks: the metrics, and the health. For a listener of its own; the
/// application's data must hold an [`Api`].
pub fn operator_routes(config: &mut web::ServiceConfig) {
    config.service(reading("/metrics", metrics::get_metrics));
    serve(config, health::endpoints());
    config.default_service(web::to(no_such_route));
}

fn serve(config: &mut web::ServiceConfig, endpoints: impl IntoIterator<Item = Endpoint>) {
    for endpoint in endpoints {
        config.service(endpoint.resource());
    }
}

/// A resource that is only read, and is described elsewhere: GET, and HEAD for the headers alone.
fn reading<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let other = || async { Problem::method_not_allowed("GET, HEAD".into()) };
    web::resource(path)
        .default_service(web::to(other))
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

async fn no_such_route(request: HttpRequest) -> Problem {
    Problem::no_such_route(request.path())
}
