//! What the service answers.

use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;

use super::described::{DOCUMENT, DOCUMENT_OF_OPERATORS, Given};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// `Null` if the body is not JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// Sends a request and reads the answer, which must be one that is described.
    pub(crate) async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        Self::held_to(&DOCUMENT, request).await
    }

    /// The same where operators listen, who have a description of their own. The metrics are in none.
    pub(crate) async fn read_as_operator(
        request: reqwest::RequestBuilder,
    ) -> reqwest::Result<Self> {
        Self::held_to(&DOCUMENT_OF_OPERATORS, request).await
    }

    /// The same of whatever listens.
    pub(crate) async fn read_anywhere(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        Self::of(request.send().await?).await
    }

    async fn held_to(
        document: &'static Value,
        request: reqwest::RequestBuilder,
    ) -> reqwest::Result<Self> {
        let (client, request) = request.build_split();
        let request = request?;
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = Self::of(client.execute(request).await?).await?;
        let Self { status, headers, text, .. } = &answer;
        Given { document, method: &method, path: &path, status: *status, headers, text }.check();
        Ok(answer)
    }

    async fn of(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, body, text })
    }

    /// Reads what came over a socket.
    pub(crate) fn parse(received: &str) -> Self {
        let (head, text) = received.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse().unwrap(), value.parse().unwrap())
        });
        let body = serde_json::from_str(text).unwrap_or(Value::Null);
        Self { status, headers: headers.collect::<HeaderMap>(), body, text: text.to_owned() }
    }

    /// The name of the problem, or `ok`.
    pub(crate) fn name(&self) -> &str {
        let name = self.body["type"].as_str().and_then(|name| name.strip_prefix("/problems/"));
        name.unwrap_or(if self.status < 300 { "ok" } else { "not a problem document" })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(HeaderName::as_str)
    }

    /// The code of a hold that was granted.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_else(|| panic!("no code in {self:?}"))
    }

    pub(crate) fn unit(&self) -> u64 {
        self.body["unit"].as_u64().unwrap_or_else(|| panic!("no unit in {self:?}"))
    }
}
