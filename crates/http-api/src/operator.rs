//! What operators are served, on a listener of their own: who they are, and what they may see and do.
//!
//! A handler takes a [`Viewer`](asks::Viewer) or an [`Operator`](asks::Operator), as one of buyers takes
//! a `Buyer`, and is not called for anybody else. What takes neither is for everybody who has a way to
//! the listener: a test names it.

mod access;
mod actions;
mod asks;
mod codes;
mod description;
mod exports;
mod history;
mod holds;
mod hosts;
mod long;
mod lookups;
mod products;
mod refusal;
mod sales;
mod secret;
mod session;
mod sessions;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::{Next, from_fn},
    web,
};

#[cfg(test)]
pub(crate) use self::description::openapi;
pub(crate) use self::{
    access::COOKIE_NAME, actions::ActionBody, refusal::Refusal, stream::Watcher,
};
pub use self::{
    access::{Operators, TokenSource},
    actions::{first_digits, with_moments},
    hosts::{Hosts, HostsError},
    stream::Control,
    tokens::{LineError, NewToken, Role, TokensError},
};

use crate::{
    api::Api,
    health, items, no_such_route,
    openapi::Endpoint,
    pages,
    problem::{self, Problem},
    products as goods, reading, serve,
};

/// All that operators are served, with what is said of it.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = Vec::from(session::endpoints());
    endpoints.extend(sales::endpoints());
    endpoints.push(holds::endpoint());
    endpoints.extend(actions::endpoints());
    endpoints.extend(products::endpoints());
    endpoints.extend(codes::endpoints());
    endpoints.extend(lookups::endpoints());
    endpoints.extend(exports::endpoints());
    endpoints.push(history::endpoint());
    endpoints.push(stream::endpoint());
    endpoints.extend(description::endpoints());
    endpoints.extend(pages::endpoints_of_operators());
    endpoints.extend([items::endpoint(), goods::endpoint()]);
    endpoints.extend(problem::endpoints());
    endpoints.extend(health::endpoints());
    endpoints
}

/// Where health is, and the metrics: for machines, which ask by whatever name they know.
fn for_machines(endpoint: &Endpoint) -> bool {
    endpoint.path().starts_with("/health")
}

/// What machines ask of whoever runs the service: the metrics, and the health. For a listener of its own;
/// the application's data must hold an [`Api`].
pub fn metrics_routes(config: &mut web::ServiceConfig) {
    config.service(reading("/metrics", crate::metrics::get_metrics));
    serve(config, health::endpoints());
    config.default_service(web::to(no_such_route));
}

/// The same, and what operators ask. For a listener of its own; the application's data must hold an
/// [`Api`] that knows who operates.
pub fn operator_routes(config: &mut web::ServiceConfig) {
    metrics_routes(config);
    let by_name = web::scope("").wrap(from_fn(check_host)).configure(|config| {
        serve(config, endpoints().into_iter().filter(|it| !for_machines(it)));
        config.default_service(web::to(no_such_route));
    });
    config.service(by_name);
}

/// Answers whoever asks by a name that is not ours.
async fn check_host(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let operators = request.app_data::<web::Data<Api>>().and_then(|api| api.operators.as_ref());
    if operators.is_some_and(|it| it.host_of(request.head()).is_some()) {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    telemetry::operator_refused("host");
    Ok(request.error_response(Problem::wrong_host()))
}
