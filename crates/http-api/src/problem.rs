//! Every error a client can see, as `application/problem+json` (RFC 9457).

mod buyers;
mod kind;
mod operators;
mod page;
mod refusals;
mod requests;
mod samples;

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{
            ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
        },
    },
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::receipt::ReceiptBody;

pub use self::requests::{LINE_BYTES_MAX, document_of_server};
pub(crate) use self::{
    kind::Kind,
    page::endpoints,
    refusals::RETRY_AFTER_FAILURE_S,
    requests::{FieldError, HEAD_BYTES_MAX, HEAD_FIELDS_MAX},
};

/// An error, as a client sees it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: Kind,
    title: &'static str,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) retry_after_s: Option<u32>,
    pub(crate) allow: Option<Cow<'static, str>>,
    /// Whether the connection is closed: what comes next on it is the rest of what was not read.
    closes: bool,
    /// Whether the answer names the only content coding of a body.
    names_coding: bool,
    /// How a client says who it is, where it did not. Boxed, for it is rare and this is not.
    pub(crate) challenge: Option<Box<HeaderValue>>,
    more: Vec<(&'static str, Value)>,
    /// The receipt of a code that was redeemed before: as it is written elsewhere, to the byte.
    purchase: Option<Box<ReceiptBody>>,
}

impl Problem {
    fn new(
        status: StatusCode,
        kind: Kind,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            kind,
            title,
            detail: detail.into(),
            retry_after_s: None,
            allow: None,
            closes: false,
            names_coding: false,
            challenge: None,
            more: Vec::new(),
            purchase: None,
        }
    }

    /// The last part of its type.
    pub(crate) const fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Its type.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((field, value.into()));
        self
    }

    fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after_s = Some(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX));
        self
    }

    /// The same, and the connection is closed after it.
    pub(crate) fn closing(mut self) -> Self {
        self.closes = true;
        self
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
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, allow.as_ref()));
        }
        if self.names_coding {
            response.insert_header((ACCEPT_ENCODING, "identity"));
        }
        if let Some(challenge) = &self.challenge {
            response.insert_header((WWW_AUTHENTICATE, HeaderValue::clone(challenge)));
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
        body.serialize_entry("type", &self.kind.path())?;
        body.serialize_entry("title", self.title)?;
        body.serialize_entry("status", &self.status.as_u16())?;
        body.serialize_entry("detail", &self.detail)?;
        for (field, value) in &self.more {
            body.serialize_entry(field, value)?;
        }
        if let Some(purchase) = &self.purchase {
            body.serialize_entry("purchase", purchase)?;
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
