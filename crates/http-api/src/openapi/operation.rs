//! What is said of one method of a path.

use std::collections::BTreeMap;

use actix_web::{
    ResponseError as _,
    http::{Method, StatusCode},
};
use serde_json::{Map, Value, json};

use super::{
    MakeSchema, Scalar, Schemas, Shape,
    header::{Header, REQUEST_ID},
};
use crate::{
    idempotency::{self, KEY_FIELD},
    identity::USER_ID,
    operator::{Refusal, Role},
    params::UNKNOWN,
    problem::{FieldError, Kind, Problem},
    samples,
    stream::EVENTS,
};

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Buying,
    Sales,
    Actions,
    Records,
    Operators,
    Health,
    Description,
}

impl Tag {
    /// All, in the order in which they are shown.
    pub(crate) const ALL: [Self; 7] = [
        Self::Buying,
        Self::Sales,
        Self::Actions,
        Self::Records,
        Self::Operators,
        Self::Health,
        Self::Description,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Buying => "buying",
            Self::Sales => "sales",
            Self::Actions => "actions",
            Self::Records => "records",
            Self::Operators => "operators",
            Self::Health => "health",
            Self::Description => "description",
        }
    }

    /// Whether a request may have parameters that nobody knows: links to pages get some on their way, and
    /// to health that of whoever keeps caches away.
    pub(crate) const fn passes_over_queries(self) -> bool {
        matches!(self, Self::Health | Self::Description)
    }

    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Buying => "From a free unit to its receipt.",
            Self::Sales => "How sales stand, and what their items look like.",
            Self::Actions => "What operators do with sales and holds, and its trail.",
            Self::Records => "What the ledger has of users, codes, units and sales, row by row.",
            Self::Operators => "Who operates, and how they sign in.",
            Self::Health => "Whether the service can sell: for people, alerts and balancers.",
            Self::Description => "This API, for programs and for people.",
        }
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Anybody,
    /// The buyer of a token, where buyers have some.
    Buyer,
    /// An operator, by their token alone.
    Token,
    /// An operator who has this role at least.
    Role(Role),
}

/// What is said of one method of a path.
pub(crate) struct Operation {
    pub(crate) tag: Tag,
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) says: String,
    pub(crate) parameters: Vec<Parameter>,
    /// Whether what is in the query may come as a JSON body instead.
    pub(crate) may_be_json: bool,
    pub(crate) access: Access,
    pub(crate) answers: Vec<Answer>,
    /// By status, in the order they were named.
    pub(crate) problems: BTreeMap<u16, Vec<Problem>>,
}

impl Operation {
    /// An operation that answers nothing yet but what any request may be answered: that it is not
    /// one, did not arrive, or is one too many.
    pub(crate) fn new(tag: Tag, id: &'static str, summary: &'static str) -> Self {
        let operation = Self {
            tag,
            id,
            summary,
            says: String::new(),
            parameters: Vec::new(),
            may_be_json: false,
            access: Access::Anybody,
            answers: Vec::new(),
            problems: BTreeMap::new(),
        };
        let statuses = [
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::URI_TOO_LONG,
            StatusCode::EXPECTATION_FAILED,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ];
        statuses
            .into_iter()
            .fold(operation, Self::invalid)
            .refused_as(&[Kind::RequestTimeout, Kind::TooManyRequests])
    }

    /// Its requests count for no limit.
    pub(crate) fn unlimited(mut self) -> Self {
        self.problems.remove(&StatusCode::TOO_MANY_REQUESTS.as_u16());
        self
    }

    /// It is asked by this method. Nothing is read of a body where a request has none, nor is one asked for:
    /// it is never too large.
    pub(crate) fn by(mut self, method: &Method) -> Self {
        if [Method::GET, Method::HEAD].contains(method) {
            self.problems.remove(&StatusCode::PAYLOAD_TOO_LARGE.as_u16());
        }
        self
    }

    /// The same where buyers have tokens: the token says who asks, and a key need not be hard to guess.
    pub(crate) fn with_token(mut self) -> Self {
        for parameter in &mut self.parameters {
            match parameter.name {
                USER_ID => parameter.is_optional = true,
                KEY_FIELD if self.id == "checkout" => {
                    *parameter = idempotency::parameter_with_token();
                }
                _ => {}
            }
        }
        self
    }

    pub(crate) fn says(mut self, says: impl Into<String>) -> Self {
        self.says = says.into();
        self
    }

    pub(crate) fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(crate) fn parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// What is in the query may come as a JSON body instead, which may be of another kind.
    pub(crate) fn or_as_json(mut self) -> Self {
        self.may_be_json = true;
        self.invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    /// It needs the token of a buyer, where buyers have some.
    pub(crate) fn of_buyer(mut self) -> Self {
        self.access = Access::Buyer;
        self.refused_as(&[Kind::Unauthorized, Kind::Forbidden])
    }

    /// It needs somebody who may look.
    pub(crate) fn of_viewer(self) -> Self {
        self.of_role(Role::Viewer)
    }

    /// It needs somebody who may act.
    pub(crate) fn of_operator(self) -> Self {
        self.of_role(Role::Operator)
    }

    /// It needs the token of an operator, and no session will do.
    pub(crate) fn of_token(mut self) -> Self {
        self.access = Access::Token;
        self.refused(&[
            Refusal::Missing,
            Refusal::Malformed,
            Refusal::Unknown,
            Refusal::Origin,
            Refusal::Guesses(1),
        ])
    }

    fn of_role(mut self, role: Role) -> Self {
        self.access = Access::Role(role);
        let known = [Refusal::Missing, Refusal::Unknown, Refusal::Session, Refusal::Guesses(1)];
        let Some(name) = samples::operator() else { return self };
        let lesser = Refusal::Role { name, has: Role::Viewer, needs: Role::Operator };
        match role {
            Role::Viewer => self.refused(&known),
            Role::Operator => self.refused(&known).refused(&[Refusal::Origin, lesser]),
        }
    }

    /// Operators may be refused so; what buyers may be in its place is none of theirs.
    pub(crate) fn refused(self, refusals: &[Refusal]) -> Self {
        let mut operation = self.unlimited();
        for problem in refusals.iter().map(Problem::of_operator).chain([Problem::wrong_host()]) {
            let problems = operation.problems.entry(problem.status_code().as_u16()).or_default();
            problems.push(problem);
        }
        operation
    }

    pub(crate) fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    pub(crate) fn answers(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.answers.extend(answers);
        self
    }

    /// It may be refused so.
    pub(crate) fn problem(self, kind: Kind) -> Self {
        kind.samples().into_iter().fold(self, Self::refused_with)
    }

    /// It may be refused in this one way of its kind.
    pub(crate) fn refused_with(mut self, sample: Problem) -> Self {
        self.problems.entry(sample.status_code().as_u16()).or_default().push(sample);
        self
    }

    /// It may be refused in each of these ways.
    pub(crate) fn refused_as(self, kinds: &[Kind]) -> Self {
        kinds.iter().fold(self, |operation, kind| operation.problem(*kind))
    }

    /// It asks the stores, which may not answer.
    pub(crate) fn asks_stores(self) -> Self {
        self.refused_as(&[Kind::Unavailable, Kind::Overloaded])
    }

    /// What it is as it is described: with what a request of it lacks when it is refused, and with a
    /// name.
    pub(crate) fn finished(self) -> Self {
        let parameter = self.parameters.iter().find(|it| !it.refusal.is_empty());
        if parameter.is_none() && self.tag.passes_over_queries() {
            return self.refused_with(Problem::malformed_host()).named();
        }
        let (field, message) = parameter.map_or(("page", UNKNOWN), |parameter| {
            let is_missing = parameter.place == Place::Query && parameter.is_required();
            let message = if is_missing { "is missing" } else { parameter.refusal.as_str() };
            (parameter.name, message)
        });
        let (field, message) = (field.to_owned(), message.to_owned());
        self.refused_with(Problem::invalid_request(&[FieldError { field, message }])).named()
    }

    /// It may be given a name.
    fn named(self) -> Self {
        self.parameter(Parameter::header(
            REQUEST_ID,
            "A name for the request: 1 to 128 letters, digits and `- . _ ~ : / + = @`. The answer has it, \
             and so has what the log says of the request: each refusal, where the service logs at \
             `debug`. In the place of any other the service makes one.",
            "7f3a",
        ))
    }

    /// What it is at this path: the example of a path that leads nowhere is one beside it.
    pub(crate) fn at(mut self, pattern: &str) -> Self {
        let mut path = pattern.to_owned();
        for parameter in self.parameters.iter().filter(|it| it.place == Place::Path) {
            let example = match &parameter.example {
                // Of a few names, what is none of them leads nowhere.
                _ if parameter.refusal.is_empty() => "unknown".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            path = path.replace(&format!("{{{}}}", parameter.name), &example);
        }
        if !path.ends_with("/unknown") {
            path.push_str("/unknown");
        }
        for problem in self.problems.values_mut().flatten() {
            if problem.kind() == Kind::NotFound {
                *problem = Problem::no_such_route(&path);
            }
        }
        self
    }

    fn invalid(mut self, status: StatusCode) -> Self {
        let sample = Kind::InvalidRequest.sample(status);
        self.problems.entry(status.as_u16()).or_default().extend(sample);
        self
    }
}

/// Where a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// A parameter of a request.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) says: &'static str,
    pub(crate) schema: MakeSchema,
    pub(crate) example: Value,
    pub(crate) in_json: Option<Value>,
    is_optional: bool,
    /// What is said of one that is wrong; nothing if there is none.
    refusal: String,
}

impl Parameter {
    /// In the path.
    pub(crate) fn path<T: Scalar>(name: &'static str, says: &'static str) -> Self {
        Self {
            name,
            place: Place::Path,
            says,
            schema: Schemas::of::<T>,
            example: T::example(),
            in_json: T::in_json(),
            is_optional: false,
            refusal: T::refusal(),
        }
    }

    /// In the query.
    pub(crate) fn query<T: Scalar>(name: &'static str, says: &'static str) -> Self {
        Self { place: Place::Query, ..Self::path::<T>(name, says) }
    }

    /// In a header, which may be left out and is not refused.
    pub(crate) fn header(name: &'static str, says: &'static str, example: &str) -> Self {
        Self {
            name,
            place: Place::Header,
            says,
            schema: Schemas::of::<String>,
            example: example.into(),
            in_json: None,
            is_optional: true,
            refusal: String::new(),
        }
    }

    /// In a header, which may be left out, and is refused if it is wrong.
    pub(crate) fn checked_header<T: Scalar>(name: &'static str, says: &'static str) -> Self {
        Self { place: Place::Header, is_optional: true, ..Self::path::<T>(name, says) }
    }

    /// The same, and it may be left out.
    pub(crate) fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    pub(crate) const fn is_required(&self) -> bool {
        !self.is_optional
    }
}

/// An answer that is no problem.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) says: String,
    pub(crate) contents: Vec<Content>,
    pub(crate) headers: Vec<Header>,
    pub(crate) links: Vec<Link>,
}

/// What is in an answer.
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) schema: MakeSchema,
    pub(crate) example: Option<Value>,
}

impl Answer {
    /// One without a body.
    pub(crate) fn empty(status: u16, says: impl Into<String>) -> Self {
        let (contents, headers, links) = (Vec::new(), Vec::new(), Vec::new());
        Self { status, says: says.into(), contents, headers, links }
    }

    /// One in JSON.
    pub(crate) fn json<T: Shape>(status: u16, says: &'static str, example: Value) -> Self {
        let schema = Schemas::of::<T>;
        let content = Content { kind: "application/json", schema, example: Some(example) };
        Self { contents: vec![content], ..Self::empty(status, says) }
    }

    /// One that is text of another kind.
    pub(crate) fn text(says: impl Into<String>, kind: &'static str) -> Self {
        Self::empty(200, says).or_text(kind)
    }

    /// One of events, each with such data.
    pub(crate) fn events<T: Shape>(says: impl Into<String>) -> Self {
        let content = Content { kind: EVENTS, schema: events_of::<T>, example: None };
        Self { contents: vec![content], ..Self::empty(200, says) }
    }

    /// The same, or text of this kind; JSON is an object.
    pub(crate) fn or_text(mut self, kind: &'static str) -> Self {
        let schema = match kind {
            // Of which nothing more is said.
            "application/json" => Schemas::of::<Map<String, Value>>,
            _ => Schemas::of::<String>,
        };
        self.contents.push(Content { kind, schema, example: None });
        self
    }

    /// The same, or a file of this kind.
    pub(crate) fn or_file(mut self, kind: &'static str) -> Self {
        // What is in it, its kind says.
        self.contents.push(Content { kind, schema: |_| json!({}), example: None });
        self
    }

    pub(crate) fn headers(mut self, headers: impl IntoIterator<Item = Header>) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }
}

/// Events as text. There is no word for what is in each.
fn events_of<T: Shape>(schemas: &mut Schemas) -> Value {
    json!({ "type": "string", "x-data": schemas.of::<T>() })
}

/// Where an answer leads: the parameters of another operation that are in it.
pub(crate) struct Link {
    pub(crate) to: &'static str,
    pub(crate) says: &'static str,
    /// Each by its name and where it is in the answer, as a JSON pointer.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
}

/// Whether an answer to this method has no body, whatever it says of one.
pub(crate) fn is_bodiless(method: &Method) -> bool {
    method == Method::HEAD
}
