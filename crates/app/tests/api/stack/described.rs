//! Holds whatever the service answers to its description, `docs/openapi.json`: a path, a status, a
//! header or a field that is in one and not in the other fails the test that met it.

use std::sync::LazyLock;

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use super::schema::breach;

/// The description, as it is committed.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap()
});

/// That of what operators are served, likewise.
pub(crate) static DOCUMENT_OF_OPERATORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../docs/openapi-admin.json")).unwrap()
});

/// What HTTP itself says about an answer.
const OF_HTTP: [&str; 5] =
    ["connection", "content-length", "content-type", "date", "transfer-encoding"];

/// An answer, to be held to what is said of it.
pub(super) struct Given<'a> {
    /// What is said.
    pub(super) document: &'static Value,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) text: &'a str,
}

impl Given<'_> {
    /// Panics if the answer is not one of those that are described.
    pub(super) fn check(&self) {
        let response = self.described().unwrap_or_else(|| self.fail("is not described"));
        self.check_headers(response);
        self.check_content(response);
    }

    /// What is said of answers with this status.
    fn described(&self) -> Option<&'static Value> {
        let Some(item) = item_of(self.document, self.path) else {
            return self.is(404).then(|| &self.document["components"]["responses"]["NotFound"]);
        };
        let method = self.method.as_str().to_lowercase();
        let Some(operation) = item.get(&method) else {
            if self.method == Method::OPTIONS {
                return self.is(204).then(|| &self.document["components"]["responses"]["Methods"]);
            }
            return self
                .is(405)
                .then(|| &self.document["components"]["responses"]["MethodNotAllowed"]);
        };
        let response = operation["responses"].get(self.status.to_string())?;
        match response["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')),
            None => Some(response),
        }
    }

    fn is(&self, status: u16) -> bool {
        self.status == status
    }

    fn check_headers(&self, response: &Value) {
        let of_every_answer = &self.document["components"]["headers"];
        let described = [&response["headers"], of_every_answer];
        let described =
            || described.into_iter().flat_map(|it| it.as_object().into_iter().flatten());
        for name in self.headers.keys().filter(|name| !OF_HTTP.contains(&name.as_str())) {
            if !described().any(|(it, _)| name.as_str().eq_ignore_ascii_case(it)) {
                self.fail(&format!("has the header {name}, which is not described"));
            }
        }
        for (name, header) in described() {
            if header["required"] == true && !self.headers.contains_key(name.as_str()) {
                self.fail(&format!("lacks the header {name}"));
            }
        }
    }

    fn check_content(&self, response: &'static Value) {
        // What has no body may have none for its method.
        if self.text.is_empty() {
            return;
        }
        let kind = self.headers.get("content-type").and_then(|it| it.to_str().ok()).unwrap_or("");
        let content = response["content"].get(kind);
        let content = content.unwrap_or_else(|| self.fail(&format!("is {kind:?}")));
        // Lines of JSON are no document.
        if !kind.ends_with("/json") && !kind.ends_with("+json") {
            return;
        }
        let body = serde_json::from_str(self.text).unwrap();
        if let Some(why) = breach(self.document, &content["schema"], &body) {
            self.fail(&format!("is not of its schema: {why}"));
        }
    }

    fn fail(&self, what: &str) -> ! {
        let Self { method, path, status, text, .. } = self;
        panic!(
            "{method} {path}: an answer with {status} {what}, in {}: {text}",
            self.document["info"]["title"]
        )
    }
}

/// What is said of a path: by the pattern it fits best.
fn item_of(document: &'static Value, path: &str) -> Option<&'static Value> {
    let paths = document["paths"].as_object().unwrap();
    let fitting = paths.iter().filter(|(pattern, _)| fits(path, pattern));
    let best = fitting.min_by_key(|(pattern, _)| pattern.matches('{').count());
    best.map(|(_, item)| item)
}

fn fits(path: &str, pattern: &str) -> bool {
    let (segments, parts): (Vec<_>, Vec<_>) =
        (path.split('/').collect(), pattern.split('/').collect());
    segments.len() == parts.len()
        && segments.iter().zip(parts).all(|(segment, part)| match part.split_once('}') {
            Some((_, end)) => segment.len() > end.len() && segment.ends_with(end),
            None => *segment == part,
        })
}
