//! Every error a client can see, as `application/problem+json` (RFC 9457).

use std::{
    borrow::Cow,
    error::Error,
    sync::atomic::{AtomicI64, Ordering},
};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{ALLOW, CACHE_CONTROL, RETRY_AFTER},
    },
};
use domain::{CheckoutRefusal, CodeRefusal, Failure, SaleId, StoreError};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

use crate::{connection::REQUEST_TIMEOUT, moment::rfc3339, receipt::ReceiptBody};

/// The most bytes before a body: where actix stops reading.
const HEAD_BYTES_MAX: usize = 131_072;

/// How long a client shall wait before it asks again a store that failed, in seconds.
pub(crate) const RETRY_AFTER_FAILURE_S: i64 = 1;

/// How long clients of a service that has too many shall wait at the most, in seconds.
const RETRY_AFTER_OVERLOAD_S_MAX: i64 = 4;

/// How long the next client shall wait of too many, in seconds: each another while, so that they
/// do not come again all at once.
fn spread() -> i64 {
    static TURNS: AtomicI64 = AtomicI64::new(0);
    TURNS.fetch_add(1, Ordering::Relaxed).rem_euclid(RETRY_AFTER_OVERLOAD_S_MAX) + 1
}

/// An error, as a client sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    retry_after_s: Option<i64>,
    allow: Option<&'static str>,
    /// Whether the connection is closed: what comes next on it is the rest of what was not read.
    closes: bool,
    more: Vec<(&'static str, Value)>,
}

/// What is wrong with one parameter.
#[derive(Debug, Serialize)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Problem {
    fn new(
        status: StatusCode,
        name: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (retry_after_s, allow, closes, more) = (None, None, false, Vec::new());
        Self { status, name, title, detail: detail.into(), retry_after_s, allow, closes, more }
    }

    /// The last part of its type.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    fn conflict(
        name: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::CONFLICT, name, title, detail)
    }

    fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((field, value.into()));
        self
    }

    fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The same, and the connection is closed after it.
    pub(crate) fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// A parameter is missing or malformed. No store was asked.
    pub(crate) fn invalid_request(errors: &[FieldError]) -> Self {
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("These parameters are wrong: {}", fields.join(", "));
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", "Invalid request", detail)
            .with("errors", json!(errors))
    }

    /// The body is larger than any request needs.
    pub(crate) fn body_too_large(bytes_max: usize) -> Self {
        let detail = format!("A body may have {bytes_max} bytes");
        Self::of_body(StatusCode::PAYLOAD_TOO_LARGE, "Body too large", &detail)
    }

    /// The body is not JSON.
    pub(crate) fn unsupported_media_type() -> Self {
        let detail = "Send parameters in the query string or as application/json";
        Self::of_body(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", detail)
    }

    fn of_body(status: StatusCode, title: &'static str, detail: &str) -> Self {
        Self::of_part("body", status, title, detail)
    }

    fn of_part(part: &str, status: StatusCode, title: &'static str, detail: &str) -> Self {
        let error = FieldError { field: part.to_owned(), message: detail.to_owned() };
        Self::new(status, "invalid-request", title, detail.to_owned())
            .with("errors", json!([error]))
    }

    /// A request did not arrive in time; the connection is closed. No store was asked.
    pub(crate) fn request_timeout() -> Self {
        let detail = format!(
            "A request must arrive within {} s; it was not read: send it again",
            REQUEST_TIMEOUT.as_secs()
        );
        Self::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", "Request timeout", detail)
            .closing()
    }

    /// What was sent is no HTTP request, and nothing after it can be read.
    fn malformed_request() -> Self {
        let detail = "This is no HTTP request, or one without the length of its body";
        Self::of_part("request", StatusCode::BAD_REQUEST, "Invalid request", detail)
    }

    /// The lines before the body are more than are read.
    fn head_too_large() -> Self {
        let detail = format!("A request may have {} KiB before its body", HEAD_BYTES_MAX / 1_024);
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::of_part("head", status, "Head too large", &detail)
    }

    pub(crate) fn sale_not_found(sale: Option<SaleId>) -> Self {
        let detail = sale.map_or_else(
            || "No sale is on and none is planned".to_owned(),
            |sale| format!("There is no sale {sale}"),
        );
        Self::new(StatusCode::NOT_FOUND, "sale-not-found", "Sale not found", detail)
    }

    pub(crate) fn no_such_route(path: &str) -> Self {
        let detail = format!("There is nothing at {path}");
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    pub(crate) fn item_not_found(sale: SaleId, stock: u32) -> Self {
        let detail = format!("The units of sale {sale} are numbered from 1 to {stock}");
        Self::new(StatusCode::NOT_FOUND, "item-not-found", "Item not found", detail)
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("Allowed here: {allow}");
        let name = "method-not-allowed";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self { allow: Some(allow), ..Self::new(status, name, "Method not allowed", detail) }
    }

    /// The answer of a checkout that is refused.
    pub(crate) fn of_checkout(refusal: CheckoutRefusal, sale: SaleId) -> Self {
        let refused = match refusal {
            CheckoutRefusal::UnknownSale => return Self::sale_not_found(Some(sale)),
            CheckoutRefusal::SoldOut { retry: None } => {
                Self::conflict("sold-out", "Sold out", "Every unit is sold or will be")
            }
            CheckoutRefusal::SoldOut { retry: Some(retry) } => {
                let detail = "No unit is free now; one comes back if a hold is not redeemed";
                Self::conflict("sold-out", "Sold out", detail)
                    .with("retry_at", rfc3339(retry.at()))
                    .retry_after(retry.after_s())
            }
            CheckoutRefusal::UserLimit { limit, held, bought } => {
                let detail = format!("One user may have {limit} units of this sale");
                Self::conflict("user-limit-reached", "User limit reached", detail)
                    .with("limit", limit)
                    .with("held", held)
                    .with("bought", bought)
            }
            CheckoutRefusal::NotOpen { starts_at } => {
                Self::conflict("sale-not-open", "Sale not open", "The sale has not started")
                    .with("starts_at", rfc3339(starts_at))
            }
            CheckoutRefusal::Ended { ends_at } => {
                let detail = "The sale is over; GET /sales/current names the next";
                Self::conflict("sale-ended", "Sale ended", detail).with("ends_at", rfc3339(ends_at))
            }
            CheckoutRefusal::Paused { ends_at } => {
                Self::conflict("sale-paused", "Sale paused", "The sale is stopped for now")
                    .with("ends_at", rfc3339(ends_at))
            }
        };
        refused.with("sale_id", sale.get())
    }
}

/// The document for a refusal that the HTTP server makes by itself, before there is a request to
/// hand on, by its status; `None` for a status it does not use so.
#[must_use]
pub fn document_of_server(status: u16) -> Option<Vec<u8>> {
    let problem = match status {
        400 => Problem::malformed_request(),
        408 => Problem::request_timeout(),
        431 => Problem::head_too_large(),
        _ => return None,
    };
    serde_json::to_vec(&problem).ok()
}

impl From<CodeRefusal> for Problem {
    fn from(refusal: CodeRefusal) -> Self {
        let expired = |detail: &'static str| {
            Self::new(StatusCode::GONE, "code-expired", "Code expired", detail)
        };
        let not_found = |detail: &'static str| {
            Self::new(StatusCode::NOT_FOUND, "code-not-found", "Code not found", detail)
        };
        match refusal {
            CodeRefusal::Unknown => not_found("No such code was ever given"),
            CodeRefusal::NotRedeemed => not_found("The code was not redeemed: it has no receipt"),
            CodeRefusal::Expired => expired("The hold ran out and the unit went back on sale"),
            CodeRefusal::Released => expired("The hold was given back"),
            CodeRefusal::AlreadyUsed(receipt) => {
                let detail = "The code was redeemed before; `purchase` is its receipt";
                Self::new(StatusCode::CONFLICT, "code-already-used", "Code already used", detail)
                    .with("purchase", json!(ReceiptBody::from(*receipt)))
            }
        }
    }
}

impl From<StoreError> for Problem {
    /// Asks the client to come back; the cause goes to the log alone.
    fn from(error: StoreError) -> Self {
        let (name, title, detail) = match error.failure() {
            Failure::Overloaded => {
                ("overloaded", "Overloaded", "Too many requests are waiting; nothing was done")
            }
            Failure::NotDone => ("unavailable", "Unavailable", "A store is down; nothing was done"),
            Failure::Unknown => {
                ("unavailable", "Unavailable", "A store gave no answer; it may have been done")
            }
            Failure::Rebuilding => {
                ("unavailable", "Unavailable", "The sale is being rebuilt; nothing was done")
            }
        };
        tracing::debug!(error = &error as &dyn Error, "answered 503");
        let retry_after_s = match error.failure() {
            Failure::Overloaded => spread(),
            _ => RETRY_AFTER_FAILURE_S,
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, name, title, detail).retry_after(retry_after_s)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status);
        // What is wrong now may be right in a moment, and a receipt may be inside.
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.allow {
            response.insert_header((ALLOW, allow));
        }
        if self.closes {
            response.force_close();
        }
        match serde_json::to_vec(self) {
            Ok(body) => response.content_type("application/problem+json").body(body),
            // Text and numbers can always be written.
            Err(_) => response.finish(),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry("type", &format_args!("/problems/{}", self.name))?;
        body.serialize_entry("title", self.title)?;
        body.serialize_entry("status", &self.status.as_u16())?;
        body.serialize_entry("detail", &self.detail)?;
        for (field, value) in &self.more {
            body.serialize_entry(field, value)?;
        }
        body.end()
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
