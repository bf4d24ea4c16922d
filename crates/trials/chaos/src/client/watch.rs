//! Watching a sale: server-sent events, as a program reads them.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Client, look::figures};
use crate::sightings::{Event, Farewell, Visit};

/// After so much silence a viewer comes back, perhaps to another process: sooner than a comment would
/// come, for a sale is short, and a connection may be dead.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// Longer than a viewer stays.
const STAYS_MAX: Duration = Duration::from_secs(120);

/// Events as they come, as far as there is a whole one.
#[derive(Default)]
struct Reader {
    text: String,
}

/// A whole event, or a comment, which has nothing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Frame {
    event: String,
    id: String,
    data: String,
}

impl Client {
    /// Watches a sale at one process until this moment, or until there is no more.
    pub(crate) async fn watch(
        &self,
        service: usize,
        sale: i64,
        had: Option<String>,
        until: Instant,
    ) -> Visit {
        let mut events = Vec::new();
        let watching = self.hear(service, sale, had.as_deref(), &mut events);
        // Whoever leaves by themselves was not sent away.
        let farewell = timeout_at(until, watching).await.unwrap_or(Farewell::Broken);
        Visit { service, had, events, farewell }
    }

    async fn hear(
        &self,
        service: usize,
        sale: i64,
        had: Option<&str>,
        events: &mut Vec<Event>,
    ) -> Farewell {
        let url = format!("{}/stream?sale={sale}", self.urls[service]);
        let mut request = self.http.get(url).timeout(STAYS_MAX);
        if let Some(id) = had {
            request = request.header("Last-Event-ID", id);
        }
        let Ok(Ok(response)) = timeout(SILENCE_MAX, request.send()).await else {
            return Farewell::Broken;
        };
        match response.status().as_u16() {
            200 => hear_events(response, events).await,
            204 if had.is_some() => Farewell::Over,
            // HTTP's own: see the other answers.
            408 => Farewell::Broken,
            503 => Farewell::Busy,
            status => Farewell::Wrong(format!("a stream is answered {status}")),
        }
    }
}

async fn hear_events(mut response: Response, events: &mut Vec<Event>) -> Farewell {
    let mut reader = Reader::default();
    while let Ok(Ok(Some(bytes))) = timeout(SILENCE_MAX, response.chunk()).await {
        reader.text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(frame) = reader.next() {
            match read(&frame) {
                Ok(Some(event)) => events.push(event),
                Ok(None) if frame.event == "end" => return Farewell::Over,
                Ok(None) => {}
                Err(said) => return Farewell::Wrong(said),
            }
        }
    }
    Farewell::Broken
}

impl Reader {
    fn next(&mut self) -> Option<Frame> {
        let end = self.text.find("\n\n")?;
        let rest = self.text.split_off(end + 2);
        let text = std::mem::replace(&mut self.text, rest);
        let mut frame = Frame::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            match name {
                "event" => value.clone_into(&mut frame.event),
                "id" => value.clone_into(&mut frame.id),
                "data" => value.clone_into(&mut frame.data),
                _ => {}
            }
        }
        Some(frame)
    }
}

/// The event in a frame, if it has one; what it says if it is none that the service may send.
fn read(frame: &Frame) -> Result<Option<Event>, String> {
    let json: Option<Value> = serde_json::from_str(&frame.data).ok();
    match (frame.event.as_str(), json.as_ref().and_then(figures)) {
        ("sale", Some(figures)) if !frame.id.is_empty() => {
            Ok(Some(Event { id: frame.id.clone(), figures }))
        }
        ("" | "end", _) => Ok(None),
        _ => Err(format!("{frame:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sightings::Figures;

    const STATE: &str = r#"{"id":7,"stock":5,"sold":1,"held":2,"available":2,
                            "server_time":"1970-01-01T00:00:01.500Z"}"#;

    fn frames(parts: &[&str]) -> Vec<Frame> {
        let mut reader = Reader::default();
        let mut frames = Vec::new();
        for part in parts {
            reader.text.push_str(part);
            frames.extend(std::iter::from_fn(|| reader.next()));
        }
        frames
    }

    #[test]
    fn an_event_is_read_when_all_of_it_is_there() {
        let state = STATE.replace(char::is_whitespace, "");
        let text = format!(
            "retry: 9\n\nevent: sale\nid: a1\ndata: {state}\n\n:\n\nevent: end\ndata: {{}}\n\n"
        );
        let (one, other) = text.split_at(40);

        let read: Vec<_> = frames(&[one, other]).iter().map(read).collect();

        let figures =
            Figures { sale: 7, stock: 5, sold: 1, held: 2, available: 2, server_ms: 1_500 };
        let event = Event { id: "a1".to_owned(), figures };
        assert_eq!(read, [Ok(None), Ok(Some(event)), Ok(None), Ok(None)]);
        assert_eq!(frames(&[one, other])[3].event, "end");
    }

    #[test]
    fn what_no_viewer_may_be_sent_is_wrong() {
        for text in [
            "event: sale\nid: a1\ndata: {}\n\n",
            "event: sale\ndata: {\"id\":7}\n\n",
            "event: sold\nid: a1\ndata: {}\n\n",
        ] {
            assert!(frames(&[text]).iter().all(|frame| read(frame).is_err()), "{text}");
        }
    }
}
