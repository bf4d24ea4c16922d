//! Reading what a reader was answered.

use serde_json::Value;

use crate::sightings::{Figures, Look, Sight};

/// Reads an answer to a look. Only who said what they have may be told that it is the same.
pub(super) fn read(look: Look, status: u16, had_tag: bool, body: &str) -> Sight {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let is_whole = json.as_ref().is_some_and(Value::is_object);
    let seen = match (look, status) {
        (_, 304) if had_tag && body.is_empty() => Some(Sight::Unchanged),
        (_, 503) if is_whole => Some(Sight::Busy),
        // HTTP's own: a connection that carried nothing for a while is closed with it, also one
        // that a request is just on its way to.
        (_, 408) => Some(Sight::Unknown("the request came too late".to_owned())),
        (Look::Health, 200) if is_whole => Some(Sight::Healthy),
        (Look::Current | Look::OneSale, 200) => json.as_ref().and_then(figures).map(Sight::Sale),
        _ => None,
    };
    seen.unwrap_or_else(|| Sight::Wrong(format!("{status} {body}")))
}

pub(super) fn figures(json: &Value) -> Option<Figures> {
    let number = |name: &str| json[name].as_i64();
    let server_time: jiff::Timestamp = json["server_time"].as_str()?.parse().ok()?;
    Some(Figures {
        sale: number("id")?,
        stock: number("stock")?,
        sold: number("sold")?,
        held: number("held")?,
        available: number("available")?,
        server_ms: server_time.as_millisecond(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALE: &str = r#"{"id":7,"state":"open","stock":5,"sold":1,"held":2,"available":2,
                           "server_time":"1970-01-01T00:00:01.500Z"}"#;

    #[test]
    fn a_look_is_read_by_what_was_looked_at() {
        let figures =
            Figures { sale: 7, stock: 5, sold: 1, held: 2, available: 2, server_ms: 1_500 };

        assert_eq!(read(Look::Current, 200, false, SALE), Sight::Sale(figures));
        assert_eq!(read(Look::OneSale, 200, true, SALE), Sight::Sale(figures));
        assert_eq!(read(Look::Health, 200, false, r#"{"status":"ready"}"#), Sight::Healthy);
        assert_eq!(read(Look::OneSale, 304, true, ""), Sight::Unchanged);
        assert_eq!(read(Look::Health, 503, false, r#"{"status":"not ready"}"#), Sight::Busy);
        assert!(matches!(read(Look::Current, 408, false, ""), Sight::Unknown(_)));
    }

    #[test]
    fn what_no_reader_may_see_is_wrong() {
        let half = &SALE[..SALE.len() / 2];
        for (look, status, had_tag, body) in [
            (Look::Current, 200, false, half),
            (Look::OneSale, 200, false, "{}"),
            (Look::Health, 200, false, ""),
            (Look::OneSale, 304, false, ""),
            (Look::OneSale, 304, true, SALE),
            (Look::Current, 503, false, "busy"),
            (Look::OneSale, 404, false, r#"{"type":"/problems/sale-not-found"}"#),
            (Look::Health, 500, false, "{}"),
        ] {
            let sight = read(look, status, had_tag, body);

            assert!(matches!(sight, Sight::Wrong(_)), "{status} {body}: {sight:?}");
        }
    }
}
