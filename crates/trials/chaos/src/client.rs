//! The service as its clients see it: one request, and what it was answered.

mod look;
mod watch;

use std::time::Duration;

use reqwest::{
    Method,
    header::{ETAG, IF_NONE_MATCH},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    error::ChaosError,
    history::{Answer, Ask, Granted},
    sightings::{Look, Sight},
};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a client names its request with, and what says that it was answered before.
const KEY: &str = "Idempotency-Key";
const REPLAYED: &str = "Idempotency-Replayed";

/// The processes of the service, each behind the network.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    urls: Vec<String>,
}

impl Client {
    /// A client of the processes that answer on these ports.
    pub(crate) fn at(ports: impl IntoIterator<Item = u16>) -> Result<Self, ChaosError> {
        Self::patient(ports, PATIENCE)
    }

    /// The same, of clients who wait so long for an answer.
    pub(crate) fn patient(
        ports: impl IntoIterator<Item = u16>,
        patience: Duration,
    ) -> Result<Self, ChaosError> {
        let http = reqwest::Client::builder().timeout(patience).no_proxy().build();
        let http = http.map_err(|error| failed("make an HTTP client", &error))?;
        let urls = ports.into_iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        Ok(Self { http, urls })
    }

    /// How many processes there are.
    pub(crate) fn len(&self) -> usize {
        self.urls.len()
    }

    /// Where a process answers.
    pub(crate) fn address(&self, service: usize) -> &str {
        self.urls[service].trim_start_matches("http://")
    }

    /// Looks at something of one process, with the tag of what the reader has, if anything.
    /// Returns the tag of what was seen, too.
    pub(crate) async fn look(
        &self,
        service: usize,
        look: Look,
        sale: i64,
        tag: Option<&str>,
    ) -> (Sight, Option<String>) {
        let path = match look {
            Look::Current => "/sales/current".to_owned(),
            Look::OneSale => format!("/sales/{sale}"),
            Look::Health => "/health".to_owned(),
        };
        let mut request = self.http.get(format!("{}{path}", self.urls[service]));
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let answered = async {
            let response = request.send().await?;
            let new_tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
            let (new_tag, status) = (new_tag.map(str::to_owned), response.status().as_u16());
            Ok((status, new_tag, response.text().await?))
        };
        match answered.await {
            Ok((status, new_tag, body)) => {
                (look::read(look, status, tag.is_some(), &body), new_tag)
            }
            Err(error) => (Sight::Unknown(cause(&error)), None),
        }
    }

    /// What one process says of its health, and with what status, if it answers.
    pub(crate) async fn health(&self, service: usize) -> Option<(u16, String)> {
        let response = self.http.get(format!("{}/health", self.urls[service])).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// Asks one process.
    pub(crate) async fn ask(&self, service: usize, sale: i64, user: &str, what: Ask) -> Answer {
        let (method, path) = match what {
            Ask::Checkout | Ask::Keyed(_) => {
                (Method::POST, format!("/checkout?user_id={user}&id={sale}"))
            }
            Ask::Purchase(code) | Ask::PurchaseAgain(code) => {
                (Method::POST, format!("/purchase?code={code}"))
            }
            Ask::Release(code) => (Method::DELETE, format!("/checkout?code={code}")),
        };
        let mut request = self.http.request(method, format!("{}{path}", self.urls[service]));
        match what {
            // The same of every buyer: they have nothing to do with each other.
            Ask::Keyed(number) => {
                request = request.header(KEY, format!("a-key-of-a-buyer-{number}"));
            }
            Ask::PurchaseAgain(_) => request = request.header(KEY, "once-more"),
            Ask::Checkout | Ask::Purchase(_) | Ask::Release(_) => {}
        }
        let answered = async {
            let response = request.send().await?;
            let is_replay = response.headers().get(REPLAYED).is_some_and(|value| value == "true");
            Ok((response.status().as_u16(), is_replay, response.text().await?))
        };
        match answered.await {
            Ok((status, is_replay, body)) => read(what, status, is_replay, &body),
            Err(error) => Answer::Unknown(cause(&error)),
        }
    }
}

fn failed(what: &'static str, error: &reqwest::Error) -> ChaosError {
    ChaosError::Failed { what, said: cause(error) }
}

/// The innermost reason, because the outer ones say only that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn read(what: Ask, status: u16, is_replay: bool, body: &str) -> Answer {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let problem = json["type"].as_str().and_then(|name| name.strip_prefix("/problems/"));
    let read = match (what, status, problem.unwrap_or_default()) {
        (_, 503, name) => Some(Answer::Unknown(name.to_owned())),
        // HTTP's own: a connection that carried nothing for a while is closed with it, also one
        // that a request is just on its way to.
        (_, 408, _) => Some(Answer::Unknown("the request came too late".to_owned())),
        (Ask::Keyed(_), 200, _) if is_replay => granted(&json).map(Answer::GrantedBefore),
        // Without the header nobody is told that they repeat themselves.
        (Ask::Checkout | Ask::Purchase(_), 200, _) if is_replay => None,
        (Ask::Checkout | Ask::Keyed(_), 200, _) => granted(&json).map(Answer::Granted),
        (Ask::Checkout | Ask::Keyed(_), 409, name) => refused(name).map(Answer::Refused),
        (Ask::Checkout | Ask::Keyed(_), 404, "sale-not-found") => {
            Some(Answer::Refused("unknown_sale"))
        }
        (Ask::Purchase(_), 200, _) => bought(&json, false),
        (Ask::PurchaseAgain(_), 200, _) => bought(&json, is_replay),
        (Ask::PurchaseAgain(_), 409, _) => None,
        (_, 409, "code-already-used") => bought(&json["purchase"], true),
        (Ask::Release(_), 204, _) => Some(Answer::Released),
        (_, 410, "code-expired") => Some(Answer::Expired),
        // With its receipt, which says why.
        (_, 410, "purchase-cancelled") => {
            let receipt = &json["purchase"];
            let is_marked = receipt["cancelled_at"].is_string() && receipt["reason"].is_string();
            is_marked.then_some(Answer::Cancelled)
        }
        (_, 404, "code-not-found") => Some(Answer::NotFound),
        _ => None,
    };
    read.unwrap_or_else(|| Answer::Wrong(format!("{status} {body}")))
}

fn granted(json: &Value) -> Option<Granted> {
    let expires_at: jiff::Timestamp = json["expires_at"].as_str()?.parse().ok()?;
    Some(Granted {
        code: Uuid::try_parse(json["code"].as_str()?).ok()?,
        unit: unit(json)?,
        expires_ms: expires_at.as_millisecond(),
    })
}

fn bought(json: &Value, is_replay: bool) -> Option<Answer> {
    let item = json["item"]["name"].as_str()?.to_owned();
    Some(Answer::Bought { unit: unit(json)?, item, is_replay })
}

fn unit(json: &Value) -> Option<i32> {
    json["unit"].as_i64()?.try_into().ok()
}

/// The outcome in the ledger of a checkout refused by this name.
fn refused(problem: &str) -> Option<&'static str> {
    Some(match problem {
        "sold-out" => "sold_out",
        "user-limit-reached" => "user_limit",
        "sale-not-open" => "not_open",
        "sale-ended" => "ended",
        "sale-paused" => "paused",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: &str = r#"{"code":"00000000-0000-0000-0000-000000000007","sale_id":1,
                           "user_id":"a","unit":3,"expires_at":"1970-01-01T00:00:01.500Z"}"#;
    const RECEIPT: &str = r#"{"unit":3,"item":{"name":"A","image":"/i"}}"#;

    #[test]
    fn an_answer_is_read_by_what_was_asked() {
        let code = Uuid::from_u128(7);
        let (hold, receipt) = (HOLD, RECEIPT);
        let used = format!(r#"{{"type":"/problems/code-already-used","purchase":{receipt}}}"#);

        let granted = Granted { code, unit: 3, expires_ms: 1_500 };
        let bought = |is_replay| Answer::Bought { unit: 3, item: "A".to_owned(), is_replay };
        assert_eq!(read(Ask::Checkout, 200, false, hold), Answer::Granted(granted));
        assert_eq!(read(Ask::Keyed(1), 200, false, hold), Answer::Granted(granted));
        assert_eq!(read(Ask::Keyed(1), 200, true, hold), Answer::GrantedBefore(granted));
        assert_eq!(read(Ask::Purchase(code), 200, false, receipt), bought(false));
        assert_eq!(read(Ask::Purchase(code), 409, false, &used), bought(true));
        assert_eq!(read(Ask::PurchaseAgain(code), 200, false, receipt), bought(false));
        assert_eq!(read(Ask::PurchaseAgain(code), 200, true, receipt), bought(true));
        assert_eq!(
            read(Ask::Checkout, 409, false, r#"{"type":"/problems/sold-out"}"#),
            Answer::Refused("sold_out")
        );
        let cancelled = r#"{"type":"/problems/purchase-cancelled","purchase":
                            {"unit":3,"cancelled_at":"1970-01-01T00:00:02Z","reason":"sent back"}}"#;
        for what in [Ask::Purchase(code), Ask::PurchaseAgain(code), Ask::Release(code)] {
            assert_eq!(read(what, 410, false, cancelled), Answer::Cancelled);
        }
        assert!(read(Ask::Checkout, 503, false, "").is_unknown());
        assert!(read(Ask::Checkout, 408, false, "").is_unknown());
    }

    #[test]
    fn what_is_no_answer_of_the_service_is_wrong() {
        let (hold, receipt) = (HOLD, RECEIPT);
        let used = format!(r#"{{"type":"/problems/code-already-used","purchase":{receipt}}}"#);
        let code = Uuid::nil();
        for (what, status, is_replay, body) in [
            (Ask::Checkout, 200, false, "{}"),
            (Ask::Checkout, 200, true, hold),
            (Ask::Checkout, 500, false, ""),
            (Ask::Purchase(code), 200, true, receipt),
            (Ask::Purchase(code), 409, false, r#"{"type":"/problems/sold-out"}"#),
            (Ask::Purchase(code), 400, false, r#"{"type":"/problems/invalid-request"}"#),
            (Ask::PurchaseAgain(code), 409, false, &used),
            (Ask::Purchase(code), 410, false, r#"{"type":"/problems/purchase-cancelled"}"#),
        ] {
            let answer = read(what, status, is_replay, body);

            assert!(matches!(answer, Answer::Wrong(_)), "{what:?} {status} {body}: {answer:?}");
        }
    }
}
