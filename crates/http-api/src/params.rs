//! Reading parameters: from the query string, or from a JSON body with the same names.

use std::{fmt, str::FromStr};

use actix_web::{HttpRequest, web::Payload};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Number, Value, error::Category};

use crate::{
    body,
    encoding::{check_path, decoded_in_form},
    problem::{FieldError, Problem},
};

/// The most parameters of a query string; the largest request has three. Each is compared with
/// those before it, and each that is wrong is named in the answer.
pub(crate) const PARAMETERS_MAX: usize = 16;

/// What is said of a parameter that a request does not have.
pub(crate) const UNKNOWN: &str = "is not a parameter of this request";

/// The largest number of JSON up to which all whole ones are the same for whoever reads them as floats,
/// as many do (RFC 8259, 6). What two users' numbers are must not depend on that.
pub(crate) const WHOLE_MAX: i64 = (1 << 53) - 1;

/// The parameters of a request and what is wrong with them, so that one answer names all.
pub(crate) struct Params {
    given: Vec<(String, Given)>,
    errors: Vec<FieldError>,
    /// Whether there is a body that cannot be read: nobody knows what is missing.
    is_broken: bool,
}

/// A parameter's value, as it was given.
enum Given {
    Text(String),
    Number(String),
    /// A number that is not whole, or not the same for everybody who reads it.
    Inexact,
    Other,
}

impl Params {
    /// The parameters of a request without a body.
    pub(crate) fn of_query(request: &HttpRequest) -> Self {
        let mut params = Self { given: Vec::new(), errors: Vec::new(), is_broken: false };
        let mut pairs = request.query_string().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs.by_ref().take(PARAMETERS_MAX) {
            params.give_encoded(pair);
        }
        if pairs.next().is_some() {
            params.refuse("query", format!("has more than {PARAMETERS_MAX} parameters"));
        }
        params
    }

    /// The parameters of a request that may have a body.
    pub(crate) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        let mut params = Self::of_query(request);
        let body = body::read(request, payload).await?;
        if !body.is_empty() {
            params.refuse_query();
            params.take_json(&body);
        }
        Ok(params)
    }

    /// The parameter of this name, which must be there.
    pub(crate) fn required<T: FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let value = self.optional(field);
        let is_said = self.is_broken || self.errors.iter().any(|error| error.field == field);
        if value.is_none() && !is_said {
            self.refuse(field, "is missing".to_owned());
        }
        value
    }

    /// The parameter of this name, if it is there.
    pub(crate) fn optional<T: FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let index = self.given.iter().position(|(name, _)| name == field)?;
        let text = match self.given.remove(index).1 {
            Given::Text(text) | Given::Number(text) => text,
            Given::Inexact => {
                let message = format!("as a number must be whole, and {WHOLE_MAX} at most");
                self.refuse(field, message);
                return None;
            }
            Given::Other => {
                self.refuse(field, "must be a text or a number".to_owned());
                return None;
            }
        };
        text.parse().map_err(|error: T::Err| self.refuse(field, error.to_string())).ok()
    }

    /// The parameters that were read, if nothing is wrong and no others were given.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        for (name, _) in std::mem::take(&mut self.given) {
            self.refuse(&name, UNKNOWN.to_owned());
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid_request(&self.errors)),
        }
    }

    /// A pair of a query string, if it can be read.
    fn give_encoded(&mut self, pair: &str) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decoded_in_form(name), decoded_in_form(value)) {
            (Ok(name), Ok(value)) => {
                self.give("query", name.into_owned(), Given::Text(value.into_owned()));
            }
            (Ok(name), Err(error)) => {
                self.refuse(if name.is_empty() { "query" } else { &name }, error.to_string());
            }
            // It can be named only as it was sent.
            (Err(error), _) => self.refuse(name, error.to_string()),
        }
    }

    /// Notes a value that is in this place.
    fn give(&mut self, place: &str, name: String, value: Given) {
        if name.is_empty() {
            self.refuse(place, "has a value without a name".to_owned());
        } else if self.given.iter().any(|(given, _)| *given == name) {
            self.refuse(&name, "is given twice".to_owned());
        } else {
            self.given.push((name, value));
        }
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_right(&self) -> bool {
        self.errors.is_empty()
    }

    /// Notes what is wrong, once.
    pub(crate) fn refuse(&mut self, field: &str, message: String) {
        /// A client's own text is repeated only so far.
        const CHARACTERS_MAX: usize = 64;
        let field: String = field.chars().take(CHARACTERS_MAX).collect();
        if !self.errors.iter().any(|error| error.field == field && error.message == message) {
            self.errors.push(FieldError { field, message });
        }
    }

    /// Notes that parameters are in the query where there is a body: all of them belong into it.
    fn refuse_query(&mut self) {
        for (name, _) in std::mem::take(&mut self.given) {
            self.refuse(&name, "is in the query of a request that has a body".to_owned());
        }
    }

    fn take_json(&mut self, body: &[u8]) {
        match read_object(body) {
            Ok(members) => {
                for (name, value) in members {
                    let value = match value {
                        Value::String(text) => Given::Text(text),
                        Value::Number(number) => whole(&number)
                            .map_or(Given::Inexact, |whole| Given::Number(whole.to_string())),
                        _ => Given::Other,
                    };
                    self.give("body", name, value);
                }
            }
            Err(error) => {
                self.is_broken = true;
                self.refuse("body", no_object(&error));
            }
        }
    }
}

/// The whole number that a number of JSON is, however it is written: `1.0` is one, too.
fn whole(number: &Number) -> Option<i64> {
    let written_otherwise = || {
        let float = number.as_f64().filter(|it| it.fract() == 0.0)?;
        format!("{float:.0}").parse().ok()
    };
    let is_exact = |whole: &i64| (-WHOLE_MAX..=WHOLE_MAX).contains(whole);
    number.as_i64().or_else(written_otherwise).filter(is_exact)
}

/// A parameter that is part of the path.
pub(crate) fn of_path<T: FromStr<Err: fmt::Display>>(
    request: &HttpRequest,
    field: &str,
) -> Result<T, Problem> {
    let text = request.match_info().get(field).unwrap_or_default();
    let read = match check_path(request, field) {
        Ok(()) => text.parse().map_err(|error: T::Err| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    read.map_err(|message| {
        let error = FieldError { field: field.to_owned(), message };
        Problem::invalid_request(&[error])
    })
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

/// Says what is wrong with a body that is no JSON object, and where.
fn no_object(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof => "must be a JSON object, and ends before it does".to_owned(),
        Category::Data => "must be a JSON object, and is another value".to_owned(),
        // The library has no other word for it.
        Category::Syntax if error.to_string().starts_with("recursion limit") => {
            format!(
                "must be a JSON object, and is nested too deeply at line {line}, column {column}"
            )
        }
        Category::Syntax | Category::Io => {
            format!("must be a JSON object, and is no JSON at line {line}, column {column}")
        }
    }
}

#[cfg(test)]
mod tests;
