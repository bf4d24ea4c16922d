//! The routes and their limits; one endpoint a file, and every error a client can see in
//! [`problem`].

mod checkout;
mod given_code;
mod health;
#[cfg(test)]
mod hostile;
mod items;
mod params;
mod problem;
mod purchase;
mod receipt;
mod sales;

use std::time::Duration;

use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, web};
use domain::{Failure, StoreError, UnixMillis};
use jiff::fmt::temporal::DateTimePrinter;
use problem::Problem;

/// How long a request may take. The stores have limits of their own; this one bounds what they
/// add up to when queues are long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Every route of the API.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
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
        .service(reading("/items/{sale}/{unit}.svg", items::get_item))
        .service(reading("/health", health::get_ready))
        .service(reading("/health/live", health::get_live))
        .service(reading("/health/ready", health::get_ready))
        .default_service(web::to(no_such_route));
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

/// Waits for the stores, but not for ever.
async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
        Ok(done) => done,
        Err(elapsed) => Err(StoreError::new("the request", Failure::Unknown, elapsed)),
    }
}

/// A moment as the API writes it: RFC 3339, UTC, with milliseconds.
pub(crate) fn rfc3339(moment: UnixMillis) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    match jiff::Timestamp::from_millisecond(moment.0) {
        Ok(moment) => PRINTER.timestamp_to_string(&moment),
        // Further off than any calendar reaches: the number is all there is to say.
        Err(_) => moment.0.to_string(),
    }
}
