//! What is said of one method of a path.

use std::collections::BTreeMap;

use actix_web::{
    ResponseError as _,
    http::{Method, StatusCode},
};
use serde_json::{Map, Value, json};

use super::{MakeSchema, Scalar, Schemas, Shape};
use crate::{
    operator::{Refusal, Role},
    problem::{FieldError, Kind, Problem},
    samples,
};

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Buying,
    Sales,
    Operators,
    Health,
    Description,
}

impl Tag {
    /// All, in the order in which they are shown.
    pub(crate) const ALL: [Self; 5] =
        [Self::Buying, Self::Sales, Self::Operators, Self::Health, Self::Description];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Buying => "buying",
            Self::Sales => "sales",
            Self::Operators => "operators",
            Self::Health => "health",
            Self::Description => "description",
        }
    }

    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Buying => "From a free unit to its receipt.",
            Self::Sales => "How sales stand, and what their items look like.",
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
    pub(crate) fn problem(mut self, kind: Kind) -> Self {
        for sample in kind.samples() {
            self.problems.entry(sample.status_code().as_u16()).or_default().push(sample);
        }
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

    /// What it is as it is described: with what a request of it lacks when it is refused.
    pub(crate) fn finished(mut self) -> Self {
        let parameter = self.parameters.iter().find(|it| !it.refusal.is_empty());
        let problem = parameter.map_or_else(Problem::malformed_request, |parameter| {
            let is_missing = parameter.place == Place::Query && parameter.is_required();
            let message = if is_missing { "is missing" } else { parameter.refusal.as_str() };
            let (field, message) = (parameter.name.to_owned(), message.to_owned());
            Problem::invalid_request(&[FieldError { field, message }])
        });
        self.problems.entry(400).or_default().push(problem);
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

/// Where an answer leads: the parameters of another operation that are in it.
pub(crate) struct Link {
    pub(crate) to: &'static str,
    pub(crate) says: &'static str,
    /// Each by its name and where it is in the answer, as a JSON pointer.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
}

/// A header of an answer.
pub(crate) struct Header {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) schema: Value,
    pub(crate) example: Value,
    /// Whether each answer of the status has it.
    pub(crate) is_always: bool,
}

/// The headers there are.
pub(crate) mod header {
    use super::{Header, Value, json};
    use crate::manners::{NO_PAGE, NO_REFERRER, NOSNIFF, SAME_ORIGIN};

    fn text(name: &'static str, says: &'static str, example: &str) -> Header {
        let schema = json!({ "type": "string" });
        Header { name, says, schema, example: example.into(), is_always: true }
    }

    /// How long it may be kept.
    pub(crate) fn caching(example: &str) -> Header {
        text("Cache-Control", "Whether the answer may be kept, by whom, and for how long.", example)
    }

    /// Which state it shows.
    pub(crate) fn tag(example: &str) -> Header {
        text("ETag", "What is shown; ask with If-None-Match, and the same is a 304.", example)
    }

    /// What the answer depends on.
    pub(crate) fn varies() -> Header {
        let says = "The header of the request on which the form of the answer depends.";
        text("Vary", says, "Accept-Encoding")
    }

    /// Whether it is compressed.
    pub(crate) fn coding() -> Header {
        let says = "How the body is compressed, for a client that accepts it.";
        let schema = json!({ "type": "string", "const": "gzip" });
        let header = text("Content-Encoding", says, "gzip");
        Header { schema, is_always: false, ..header }
    }

    /// That it is not to be held back.
    pub(crate) fn unbuffered() -> Header {
        text("X-Accel-Buffering", "Asks proxies not to hold events back.", "no")
    }

    /// Where to go on.
    pub(crate) fn location(example: &str) -> Header {
        text("Location", "Where to go on.", example)
    }

    /// What a browser is to send along from now on.
    pub(crate) fn cookie() -> Header {
        let says = "The session, or that there is none any more. No program of a page can read it, and \
                    it is sent along by pages of this site alone.";
        text(
            "Set-Cookie",
            says,
            "flashsale_admin=5a1f0c2b6d1e4f57; HttpOnly; SameSite=Strict; Path=/",
        )
    }

    /// What the document may do.
    pub(crate) fn policy(example: &str) -> Header {
        text("Content-Security-Policy", "What a browser lets the document do.", example)
    }

    /// When to ask again.
    pub(crate) fn retry_after(is_always: bool) -> Header {
        let schema = json!({ "type": "integer", "minimum": 1 });
        let says = "In how many seconds to ask again.";
        let example = Value::from(1);
        Header { name: "Retry-After", says, schema, example, is_always }
    }

    /// Which methods there are.
    pub(crate) fn allow() -> Header {
        text("Allow", "The methods that the path has.", "POST, DELETE, OPTIONS")
    }

    /// Whether it was answered before.
    pub(crate) fn replayed() -> Header {
        let says = "There if the request was answered before: this is that answer.";
        let schema = json!({ "type": "string", "const": "true" });
        let header = text("Idempotency-Replayed", says, "true");
        Header { schema, is_always: false, ..header }
    }

    /// How to say who asks.
    pub(crate) fn challenge(example: &str) -> Header {
        text("WWW-Authenticate", "What is wrong with the token (RFC 6750).", example)
    }

    /// What answers have whatever they are, so it is said once.
    pub(crate) fn of_every_answer() -> Vec<Header> {
        let browsers = "What a browser may do with the answer.";
        let mut headers = vec![
            text("X-Request-Id", "What the request is called: as it said itself, or anew.", "7f3a"),
            text("X-Content-Type-Options", browsers, NOSNIFF),
            text("Referrer-Policy", browsers, NO_REFERRER),
            text("Content-Security-Policy", browsers, NO_PAGE),
            text("Cross-Origin-Resource-Policy", browsers, SAME_ORIGIN),
        ];
        headers.extend(limits());
        headers.extend(of_pages());
        headers
    }

    /// Which pages of other origins may hear the answer, if some may.
    fn of_pages() -> [Header; 3] {
        let who = "Which pages of other origins may hear the answer, if some may.";
        let what = "What they may hear of its headers.";
        let vary = "What the answer depends on in the request.";
        [
            optional(text("Access-Control-Allow-Origin", who, "https://shop.example")),
            optional(text("Access-Control-Expose-Headers", what, "ETag, Retry-After")),
            optional(text("Vary", vary, "Origin")),
        ]
    }

    /// What those pages may ask, for a browser that asks first.
    pub(crate) fn of_preflight() -> [Header; 3] {
        let says = "For a browser that asks on behalf of a page of another origin.";
        [
            optional(text("Access-Control-Allow-Methods", says, "POST, DELETE, OPTIONS")),
            optional(text("Access-Control-Allow-Headers", says, "Content-Type, Idempotency-Key")),
            optional(text("Access-Control-Max-Age", says, "7200")),
        ]
    }

    fn optional(header: Header) -> Header {
        Header { is_always: false, ..header }
    }

    /// How limits stand, in whatever counts for one.
    fn limits() -> [Header; 2] {
        let policy = "The limits that the request counts for, if there are some: `q` requests may come \
                      at once, and as many again in `w` seconds.";
        let left =
            "How they stand: `r` requests may come at once, and in `t` seconds all that ever may.";
        [
            optional(text("RateLimit-Policy", policy, "\"client\";q=40;w=2")),
            optional(text("RateLimit", left, "\"client\";r=39;t=1")),
        ]
    }

    /// Which codings there are.
    pub(crate) fn accept_encoding() -> Header {
        let says = "The only coding of a body that is read, if that is what was wrong.";
        Header { is_always: false, ..text("Accept-Encoding", says, "identity") }
    }
}

/// Whether an answer to this method has no body, whatever it says of one.
pub(crate) fn is_bodiless(method: &Method) -> bool {
    method == Method::HEAD
}
