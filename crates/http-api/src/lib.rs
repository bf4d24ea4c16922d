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
mod checkouts;
mod connection;
mod cors;
mod csv_lines;
mod deadline;
mod docs;
mod encoding;
mod expectation;
mod given_code;
mod health;
mod host;
#[cfg(test)]
mod hostile;
mod idempotency;
mod identity;
mod items;
mod limits;
mod manners;
mod me;
mod metrics;
mod moment;
mod openapi;
mod operator;
mod page_limit;
mod pages;
mod params;
mod problem;
mod products;
mod purchase;
mod receipt;
#[cfg(test)]
mod recorded;
mod records;
mod request_id;
mod sales;
mod samples;
mod shown;
mod stream;
#[cfg(test)]
mod test_api;
mod viewer;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder,
    http::{Method, header::LOCATION},
    web,
};

pub use self::{
    api::{Api, Records, StoreNames},
    body::SharedBody,
    connection::{
        Allowance, Answering, Connection, IDLE_TIMEOUT, Overdue, Patience, REQUEST_TIMEOUT,
    },
    cors::{Origins, OriginsError},
    csv_lines::write_csv_line,
    expectation::refusal_of_expectation,
    health::health_line,
    host::refusal_of_host,
    identity::{Identity, KeySource, KeysError, Rules},
    items::{Pictures, picture_path},
    limits::{Left, Limits, Proxies, ProxiesError, Rate, RateError},
    manners::{Asked, Manners, header_lines_of_server},
    metrics::{count_from_zero, route_of},
    moment::rfc3339,
    operator::{
        Control, Hosts, HostsError, LineError, NewToken, Operators, Role, TokenSource, TokensError,
        first_digits, metrics_routes, operator_routes, with_moments,
    },
    problem::{LINE_BYTES_MAX, document_of_server},
    products::product_image_path,
    records::{AttemptRecord, PurchaseRecord, Record, UnitRecord},
    request_id::{RequestId, current_request_id},
    shown::{SaleBoard, Written, sale_board},
    stream::Streams,
    viewer::Viewer,
};

use self::{caching::NO_STORE, manners::other_method, openapi::Endpoint, problem::Problem};

/// All that is served to buyers and shops, with what is said of it. Where two paths fit, the first is
/// meant.
fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![checkout::endpoint()];
    endpoints.extend(purchase::endpoints());
    endpoints.push(checkouts::endpoint());
    endpoints.push(me::endpoint());
    endpoints.extend(sales::endpoints());
    endpoints.push(stream::endpoint());
    endpoints.push(items::endpoint());
    endpoints.push(products::endpoint());
    endpoints.extend(health::endpoints());
    endpoints.push(openapi::endpoint());
    endpoints.extend(docs::endpoints());
    endpoints.extend(pages::endpoints());
    endpoints.extend(problem::endpoints());
    endpoints
}

/// Every route of the API. The application's data must hold an [`Api`].
pub fn routes(config: &mut web::ServiceConfig) {
    serve(config, endpoints());
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
    let other =
        |request: HttpRequest| async move { other_method(&request, "GET, HEAD, OPTIONS".into()) };
    web::resource(path)
        .default_service(web::to(other))
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

/// What is asked of no resource; of all of them together (`OPTIONS *`) only what methods there are.
async fn no_such_route(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.method() == Method::OPTIONS && request.path() == "*" {
        return other_method(&request, "GET, HEAD, POST, DELETE, OPTIONS".into());
    }
    match without_slash(&request) {
        Some(there) => Ok(HttpResponse::PermanentRedirect()
            .insert_header(NO_STORE)
            .insert_header((LOCATION, there))
            .finish()),
        None => Err(Problem::no_such_route(request.path())),
    }
}

/// Where a request belongs whose path has a slash too many at its end: no path ends with one.
fn without_slash(request: &HttpRequest) -> Option<String> {
    // What is not a path of this service may be another host to whoever reads it as a reference.
    let path =
        request.path().strip_suffix('/').filter(|it| request.resource_map().has_resource(it))?;
    let query = request.uri().query().map(|query| format!("?{query}"));
    Some(format!("{path}{}", query.unwrap_or_default()))
}
