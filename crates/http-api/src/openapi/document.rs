//! Puts together what the endpoints say.
//!
//! A request whose parameters may come in a body is two operations, at `/checkout` and at
//! `/checkout#json`, of which what comes after `#` is never sent. One operation with both would have to
//! call every parameter and the body optional, for OpenAPI cannot say "the one or the other": a generated
//! client would let its user leave out all of it, and whoever tries the API by its description would take
//! a request with nothing in it for a good one. As it is, openapi-python-client 0.29 and OpenAPI Generator 7.26
//! (Python) make a method of each, with what it needs required, and both buy: neither escapes the `#`.

use std::collections::BTreeMap;

use actix_web::{
    ResponseError as _,
    http::{Method, StatusCode},
};
use serde_json::{Map, Value, json};

use super::{
    Access, Endpoint, Operation, Schemas, Tag,
    header::{self, Header},
    operation::{Answer, Parameter, Place, is_bodiless},
};
use crate::{
    body::BODY_BYTES_MAX,
    connection::{IDLE_TIMEOUT, REQUEST_TIMEOUT},
    operator::COOKIE_NAME,
    params::PARAMETERS_MAX,
    problem::{HEAD_BYTES_MAX, HEAD_FIELDS_MAX, Kind, LINE_BYTES_MAX, Problem},
};

const PROBLEM: &str = "application/problem+json";

/// Statuses that mean the same wherever they are answered.
const EVERYWHERE: [u16; 7] = [408, 413, 414, 415, 417, 429, 431];

/// What the answer to a path with a slash too many is called where all of them are kept.
const MOVED: &str = "PermanentRedirect";

/// What the tokens of buyers are called here.
const TOKEN: &str = "token";

/// What the session of an operator is called here.
const SESSION: &str = "session";

/// Whom a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whoever buys or sells, where buyers have tokens or are believed.
    Buyers { have_tokens: bool },
    /// Whoever operates.
    Operators,
}

impl Audience {
    const fn title(self) -> &'static str {
        match self {
            Self::Buyers { .. } => "flashsale",
            Self::Operators => "flashsale, for operators",
        }
    }

    fn introduction(self) -> String {
        match self {
            Self::Buyers { .. } => introduction(),
            Self::Operators => include_str!("introduction_for_operators.md").to_owned(),
        }
    }

    /// How whoever asks says who they are.
    fn security(self) -> Value {
        match self {
            Self::Buyers { .. } => json!({ TOKEN: {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "Who the buyer is, where the service is set to check that. Elsewhere no \
                                token is looked at, and `user_id` is believed.",
            } }),
            Self::Operators => json!({
                TOKEN: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Who the operator is.",
                },
                SESSION: {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE_NAME,
                    "description": "The session of an operator who signed in with a browser.",
                },
            }),
        }
    }

    /// An operation as it is for them: a limit of buyers is none of operators, and whoever shows a token
    /// need not say who they are.
    fn operation(self, operation: Operation) -> Operation {
        match (self, operation.access) {
            (Self::Operators, Access::Anybody) => operation.unlimited(),
            (Self::Buyers { have_tokens: true }, Access::Buyer) => operation.with_token(),
            _ => operation,
        }
    }

    /// Whether what is a buyer's needs their token.
    fn must_show_tokens(self) -> bool {
        self == Self::Buyers { have_tokens: true }
    }

    /// The statuses that a problem comes with for them: who is no operator is not told of a wrong host.
    fn statuses(self, kind: Kind) -> Vec<u16> {
        let of_operators = StatusCode::MISDIRECTED_REQUEST.as_u16();
        let mut statuses = kind.statuses();
        statuses.retain(|status| self == Self::Operators || *status != of_operators);
        statuses
    }
}

/// What is true of all requests, with the bounds there are.
fn introduction() -> String {
    format!(
        include_str!("introduction.md"),
        parameters = PARAMETERS_MAX,
        body_kib = BODY_BYTES_MAX / 1_024,
        line_kib = LINE_BYTES_MAX / 1_024,
        head_kib = HEAD_BYTES_MAX / 1_024,
        fields = HEAD_FIELDS_MAX,
        seconds = REQUEST_TIMEOUT.as_secs(),
        idle_seconds = IDLE_TIMEOUT.as_secs(),
    )
}

/// The document on these endpoints.
pub(super) fn of(audience: Audience, endpoints: &[Endpoint]) -> Value {
    let mut writer = Writer::new(audience);
    let mut tags = Vec::new();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let mut item = Map::new();
        let mut as_json = Map::new();
        for (method, operation) in endpoint.operations() {
            let operation = audience.operation(operation).by(method).finished();
            tags.push(operation.tag);
            let name = method.as_str().to_lowercase();
            if operation.may_be_json {
                as_json.insert(name.clone(), writer.operation(method, &operation, true));
            }
            item.insert(name, writer.operation(method, &operation, false));
        }
        paths.insert(endpoint.path().to_owned(), item.into());
        if !as_json.is_empty() {
            paths.insert(format!("{}#json", endpoint.path()), as_json.into());
        }
    }
    let tags = Tag::ALL.iter().filter(|tag| tags.contains(tag));
    let tags = tags.map(|tag| json!({ "name": tag.name(), "description": tag.says() }));
    let tags: Vec<_> = tags.collect();
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": audience.title(),
            "version": env!("CARGO_PKG_VERSION"),
            "description": audience.introduction(),
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/", "description": "Wherever this document is served from" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": writer.schemas.all(),
            "responses": writer.responses,
            "headers": headers(&header::of_every_answer()),
            "securitySchemes": audience.security(),
        },
    })
}

/// Writes, and keeps what is referred to.
struct Writer {
    audience: Audience,
    schemas: Schemas,
    responses: BTreeMap<String, Value>,
}

impl Writer {
    fn new(audience: Audience) -> Self {
        let (schemas, responses) = (Schemas::default(), BTreeMap::new());
        let mut writer = Self { audience, schemas, responses };
        let methods = writer.answer(&Method::OPTIONS, &methods());
        writer.responses.insert("Methods".to_owned(), methods);
        let moved = writer.answer(&Method::GET, &moved());
        writer.responses.insert(MOVED.to_owned(), moved);
        // Of no operation: what is answered where there is none.
        for kind in [Kind::NotFound, Kind::MethodNotAllowed] {
            let response = writer.problems(&Method::GET, &kind.samples());
            writer.responses.insert(kind.schema_name().to_owned(), response);
        }
        writer
    }

    fn operation(&mut self, method: &Method, operation: &Operation, as_json: bool) -> Value {
        let suffix = match (as_json, is_bodiless(method)) {
            (true, _) => "Json",
            (false, true) => "Head",
            (false, false) => "",
        };
        let mut written = json!({
            "tags": [operation.tag.name()],
            "operationId": format!("{}{suffix}", operation.id),
            "summary": operation.summary,
        });
        let mut says = operation.says.clone();
        if as_json {
            says += "\n\nThe same request with its parameters in a JSON body. What comes after `#` in \
                     the path is not sent: it tells this description from the other.";
        }
        if is_bodiless(method) {
            says += "\n\nThe headers of the same request with GET, and no body.";
        }
        written["description"] = says.trim().into();
        let is_shown = |it: &&Parameter| !as_json || it.place != Place::Query;
        let parameters = operation.parameters.iter().filter(is_shown);
        let parameters: Vec<_> = parameters.map(|it| self.parameter(it)).collect();
        if !parameters.is_empty() {
            written["parameters"] = parameters.into();
        }
        if as_json {
            written["requestBody"] = self.body(&operation.parameters);
        }
        match operation.access {
            Access::Anybody => {}
            Access::Buyer if !self.audience.must_show_tokens() => {
                written["security"] = json!([{}, { TOKEN: [] }]);
            }
            Access::Buyer | Access::Token => written["security"] = json!([{ TOKEN: [] }]),
            Access::Role(_) => {
                written["security"] = json!([{ TOKEN: [] }, { SESSION: [] }]);
            }
        }
        written["responses"] = self.answers(method, operation);
        written
    }

    fn parameter(&mut self, parameter: &Parameter) -> Value {
        let place = match parameter.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        json!({
            "name": parameter.name,
            "in": place,
            "description": parameter.says,
            "required": parameter.is_required(),
            "schema": (parameter.schema)(&mut self.schemas),
            "example": parameter.example,
        })
    }

    fn body(&mut self, parameters: &[Parameter]) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        let mut example = Map::new();
        for parameter in parameters.iter().filter(|it| it.place == Place::Query) {
            let schema = (parameter.schema)(&mut self.schemas);
            let schema = match &parameter.in_json {
                Some(other) => json!({ "anyOf": [schema, other] }),
                None => schema,
            };
            properties.insert(parameter.name.to_owned(), schema);
            example.insert(parameter.name.to_owned(), parameter.example.clone());
            if parameter.is_required() {
                required.push(parameter.name);
            }
        }
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        json!({
            "required": true,
            "content": { "application/json": { "schema": schema, "example": example } },
        })
    }

    fn answers(&mut self, method: &Method, operation: &Operation) -> Value {
        let moved = json!({ "$ref": format!("#/components/responses/{MOVED}") });
        let mut by_status = BTreeMap::from([(308, moved)]);
        for answer in &operation.answers {
            by_status.insert(answer.status, self.answer(method, answer));
        }
        for (status, problems) in &operation.problems {
            let mut written = self.problems(method, problems);
            if EVERYWHERE.contains(status) && !is_bodiless(method) {
                let name = name_of(*status);
                let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                self.responses.insert(name, written);
                written = reference;
            } else if let Some(answer) = by_status.remove(status) {
                written = merged(answer, &written);
            }
            by_status.insert(*status, written);
        }
        let by_status = by_status.into_iter().map(|(status, it)| (status.to_string(), it));
        Value::Object(by_status.collect())
    }

    fn answer(&mut self, method: &Method, answer: &Answer) -> Value {
        let mut written = json!({ "description": answer.says });
        written["headers"] = headers(&answer.headers);
        if is_bodiless(method) {
            return written;
        }
        for content in &answer.contents {
            let mut described = json!({ "schema": (content.schema)(&mut self.schemas) });
            if let Some(example) = &content.example {
                described["example"] = example.clone();
            }
            written["content"][content.kind] = described;
        }
        for link in &answer.links {
            let found = |at: &str| json!(format!("$response.body#{at}"));
            let parameters =
                link.parameters.iter().map(|(name, at)| ((*name).to_owned(), found(at)));
            written["links"][link.to] = json!({
                "operationId": link.to,
                "description": link.says,
                "parameters": parameters.collect::<Map<_, _>>(),
            });
        }
        written
    }

    /// The answer with a status whose problems these may be.
    fn problems(&mut self, method: &Method, problems: &[Problem]) -> Value {
        let mut kinds: Vec<_> = problems.iter().map(Problem::kind).collect();
        kinds.dedup();
        let names: Vec<_> = kinds.iter().map(|kind| format!("`{}`", kind.name())).collect();
        let mut written =
            json!({ "description": format!("{}: {}", title_of(problems), names.join(", ")) });
        let mut described = vec![header::caching("no-store")];
        if problems.iter().any(|it| it.retry_after_s.is_some()) {
            let is_always = problems.iter().all(|it| it.retry_after_s.is_some());
            described.push(header::retry_after(is_always));
        }
        if problems.iter().any(|it| it.allow.is_some()) {
            described.push(header::allow());
        }
        if let Some(challenge) = problems.iter().find_map(|it| it.challenge.as_ref()) {
            described.push(header::challenge(challenge.to_str().unwrap_or_default()));
        }
        if problems.iter().any(|it| it.status_code() == StatusCode::UNSUPPORTED_MEDIA_TYPE) {
            described.push(header::accept_encoding());
        }
        written["headers"] = headers(&described);
        if is_bodiless(method) {
            return written;
        }
        let mut schemas: Vec<_> = kinds.iter().map(|kind| self.kind(*kind)).collect();
        let schema = match schemas.len() {
            1 => schemas.remove(0),
            _ => json!({ "oneOf": schemas }),
        };
        let mut examples = Map::new();
        for (index, problem) in problems.iter().enumerate() {
            let seen = problems[..index].iter().filter(|it| it.kind() == problem.kind()).count();
            let number = if seen == 0 { String::new() } else { format!("-{}", seen + 1) };
            let name = format!("{}{number}", problem.name());
            examples.insert(name, json!({ "summary": problem.detail, "value": problem }));
        }
        written["content"] = json!({ PROBLEM: { "schema": schema, "examples": examples } });
        written
    }

    /// A reference to the schema of a kind.
    fn kind(&mut self, kind: Kind) -> Value {
        let mut properties = json!({
            "type": { "type": "string", "format": "uri-reference", "const": kind.path() },
            "title": { "type": "string", "description": "The type, in words: the same for each." },
            "status": status_of(kind, &self.audience.statuses(kind)),
            "detail": { "type": "string", "description": "What happened this time." },
        });
        let mut required = vec!["type", "title", "status", "detail"];
        for member in kind.members() {
            let mut schema = (member.schema)(&mut self.schemas);
            schema["description"] = member.says.into();
            properties[member.name] = schema;
            if member.is_always {
                required.push(member.name);
            }
        }
        let about = kind.about();
        let schema = json!({
            "type": "object",
            "title": kind.schema_name(),
            "description": format!("{}{} {}", kind.is_for(), about.means, about.remedy),
            "properties": properties,
            "required": required,
            "externalDocs": { "url": kind.path() },
        });
        self.schemas.keep(kind.schema_name(), schema);
        Schemas::reference(kind.schema_name())
    }
}

/// What the status of a problem of a kind is. With a title, a generated client calls it by that.
fn status_of(kind: Kind, statuses: &[u16]) -> Value {
    let says = "The status of the answer.";
    let title = format!("{}Status", kind.schema_name());
    match statuses {
        [status] => {
            json!({ "type": "integer", "title": title, "const": status, "description": says })
        }
        _ => json!({ "type": "integer", "title": title, "enum": statuses, "description": says }),
    }
}

/// The answer to OPTIONS, wherever there is something.
fn methods() -> Answer {
    Answer::empty(204, "To OPTIONS: the methods that the path has.")
        .headers([header::caching("no-store"), header::allow()])
        .headers(header::of_preflight())
}

/// The answer to any method where a path has a slash too many at its end.
fn moved() -> Answer {
    Answer::empty(308, "The path had a slash added: ask at `Location`, with the same method.")
        .headers([header::caching("no-store"), header::location("/sales")])
}

/// An answer that may be a problem of the same status, too.
fn merged(mut answer: Value, problem: &Value) -> Value {
    for part in ["headers", "content"] {
        if let Some(members) = problem[part].as_object() {
            for (name, value) in members {
                answer[part][name] = value.clone();
            }
        }
    }
    let says = [&answer, problem].map(|it| it["description"].as_str().unwrap_or_default());
    let says = format!("{}; or a problem: {}", says[0], says[1]);
    answer["description"] = says.into();
    answer
}

fn headers(headers: &[Header]) -> Value {
    let written = |header: &Header| {
        json!({
            "description": header.says,
            "required": header.is_always,
            "schema": header.schema,
            "example": header.example,
        })
    };
    Value::Object(headers.iter().map(|it| (it.name.to_owned(), written(it))).collect())
}

fn title_of(problems: &[Problem]) -> &'static str {
    let status = problems.first().map(Problem::status_code);
    status.and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// What an answer with this status is called where all of them are kept.
fn name_of(status: u16) -> String {
    let status = StatusCode::from_u16(status).ok();
    status.and_then(|it| it.canonical_reason()).unwrap_or_default().replace([' ', '-'], "")
}
