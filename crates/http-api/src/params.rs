//! Reading parameters: from the query string, or from a JSON body with the same names.

use std::{fmt, future::poll_fn, pin::pin, rc::Rc, str::FromStr, task::Poll};

use actix_web::{
    HttpRequest,
    http::header,
    web::{Bytes, Payload},
};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    connection::{Connection, REQUEST_TIMEOUT},
    problem::{FieldError, Problem},
};

/// The largest body, in bytes; the largest request has a few hundred.
const BODY_BYTES_MAX: usize = 4_096;

/// The most parameters of a query string; the largest request has three. Each is compared with
/// those before it, and each that is wrong is named in the answer.
const PARAMETERS_MAX: usize = 16;

/// The parameters of a request and what is wrong with them, so that one answer names all.
pub(crate) struct Params {
    given: Vec<(String, Given)>,
    errors: Vec<FieldError>,
}

/// A parameter's value, as it was given.
enum Given {
    Text(String),
    Number(String),
    Other,
}

impl Params {
    /// The parameters of a request without a body.
    pub(crate) fn of_query(request: &HttpRequest) -> Self {
        let mut params = Self { given: Vec::new(), errors: Vec::new() };
        let mut pairs = form_urlencoded::parse(request.query_string().as_bytes());
        for (name, value) in pairs.by_ref().take(PARAMETERS_MAX) {
            params.give(name.into_owned(), Given::Text(value.into_owned()));
        }
        if pairs.next().is_some() {
            params.refuse("query", format!("has more than {PARAMETERS_MAX} parameters"));
        }
        params
    }

    /// The parameters of a request that may have a body.
    pub(crate) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        let mut params = Self::of_query(request);
        let headers = request.headers();
        let has_body = headers.contains_key(header::TRANSFER_ENCODING)
            || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
        if has_body {
            let body = params.read_body(request, payload).await?;
            if !body.is_empty() {
                if !is_json(request) {
                    return Err(Problem::unsupported_media_type());
                }
                params.take_json(&body);
            }
        }
        Ok(params)
    }

    /// The body, if it is here in time.
    async fn read_body(
        &mut self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Bytes, Problem> {
        let connection = request.conn_data::<Rc<Connection>>().map(|it| &**it);
        let deadline =
            connection.map_or_else(|| Instant::now() + REQUEST_TIMEOUT, Connection::deadline);
        let _receiving = connection.map(|it| it.receive_body());

        let mut body = pin!(payload.to_bytes_limited(BODY_BYTES_MAX));
        let body = poll_fn(|cx| match body.as_mut().poll(cx) {
            Poll::Ready(body) => Poll::Ready(Some(body)),
            // Others need its place.
            Poll::Pending if connection.is_some_and(Connection::is_cut) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match timeout_at(deadline, body).await {
            Ok(Some(Ok(Ok(body)))) => Ok(body),
            Ok(Some(Ok(Err(error)))) => {
                self.refuse("body", format!("cannot be read: {error}"));
                Err(Problem::invalid_request(&self.errors).closing())
            }
            Ok(Some(Err(_))) => Err(Problem::body_too_large(BODY_BYTES_MAX)),
            Ok(None) | Err(_) => {
                // The rest is not waited for.
                if let Some(connection) = connection {
                    connection.cut();
                }
                Err(Problem::request_timeout())
            }
        }
    }

    /// The parameter of this name, which must be there.
    pub(crate) fn required<T: FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let value = self.optional(field);
        if value.is_none() && !self.errors.iter().any(|error| error.field == field) {
            self.refuse(field, "is missing".to_owned());
        }
        value
    }

    /// The parameter of this name, if it is there.
    pub(crate) fn optional<T: FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let index = self.given.iter().position(|(name, _)| name == field)?;
        let (Given::Text(text) | Given::Number(text)) = self.given.swap_remove(index).1 else {
            self.refuse(field, "must be a text or a number".to_owned());
            return None;
        };
        text.parse().map_err(|error: T::Err| self.refuse(field, error.to_string())).ok()
    }

    /// The parameters that were read, if nothing is wrong and no others were given.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        for (name, _) in std::mem::take(&mut self.given) {
            self.refuse(&name, "is not a parameter of this request".to_owned());
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid_request(&self.errors)),
        }
    }

    fn give(&mut self, name: String, value: Given) {
        if self.given.iter().any(|(given, _)| *given == name) {
            self.refuse(&name, "is given twice".to_owned());
        } else {
            self.given.push((name, value));
        }
    }

    fn refuse(&mut self, field: &str, message: String) {
        /// A client's own text is repeated only so far.
        const CHARACTERS_MAX: usize = 64;
        let field = field.chars().take(CHARACTERS_MAX).collect();
        self.errors.push(FieldError { field, message });
    }

    fn take_json(&mut self, body: &[u8]) {
        match read_object(body) {
            Ok(members) => {
                for (name, value) in members {
                    let value = match value {
                        Value::String(text) => Given::Text(text),
                        Value::Number(number) => Given::Number(number.to_string()),
                        _ => Given::Other,
                    };
                    self.give(name, value);
                }
            }
            Err(error) => self.refuse("body", format!("must be a JSON object: {error}")),
        }
    }
}

/// A parameter that is part of the path.
pub(crate) fn of_path<T: FromStr<Err: fmt::Display>>(
    request: &HttpRequest,
    field: &str,
) -> Result<T, Problem> {
    let text = request.match_info().get(field).unwrap_or_default();
    text.parse().map_err(|error: T::Err| {
        let error = FieldError { field: field.to_owned(), message: error.to_string() };
        Problem::invalid_request(&[error])
    })
}

fn is_json(request: &HttpRequest) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let essence = content_type.and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The members of a JSON object, in order and with repetitions, which a map would hide.
fn read_object(body: &[u8]) -> Result<Vec<(String, Value)>, serde_json::Error> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Value)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    let mut json = serde_json::Deserializer::from_slice(body);
    let members = json.deserialize_map(Members)?;
    json.end()?;
    Ok(members)
}
