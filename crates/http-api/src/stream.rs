//! `/stream`: how a sale stands, told to whoever watches as it changes (server-sent events).
//!
//! An event has the whole state, and its id is that of the state: whoever comes back says which one
//! it has, to whichever process, and gets only what is new. Nothing is kept for a viewer.

mod feed;

use std::{
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
};

use actix_web::{
    HttpRequest, HttpResponse, body,
    http::{
        Method,
        header::{CONTENT_TYPE, HeaderName, HeaderValue},
    },
    web,
};
use domain::{Phase, SaleId, Standing, sale::SaleState};

pub use self::feed::Streams;
use self::feed::Subject;
pub(crate) use self::feed::Viewer as SaleViewer;
use crate::{
    api::Api,
    caching::NO_STORE,
    connection::Connection,
    deadline::in_time,
    openapi::{Answer, Endpoint, Operation, Parameter, SaleNumber, Tag, header},
    params::Params,
    problem::{Kind, Problem},
    shown::Written,
    viewer::Viewer,
};

/// What the last event says: there will be no other.
pub(crate) const END: &str = "event: end\ndata: {}\n\n";

/// How long a viewer is told to wait before it comes back, in milliseconds: each for another while,
/// so that those of a process that stops do not come to the next one all at once.
const RETRY_MS_MIN: u64 = 1_000;
const RETRY_MS_SPREAD: u64 = 4_000;

/// No part of the spread, so that the next one is far off.
const RETRY_MS_STEP: u64 = 1_237;

/// Asks proxies not to hold events back.
pub(crate) const NOT_BUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// What events come as.
pub(crate) const EVENTS: &str = "text/event-stream";

/// `/stream`.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::at("/stream").reading(get_stream, describe)
}

fn describe() -> Operation {
    let has = "The `id` of the last event that the client has: if that is still the state, it is not \
               sent again. With any other `id`, or an unknown one, the state is sent at once. Browsers \
               send the header by themselves.";
    let events = "Events `sale`: `data` is what GET /sales/{id} answers, and `id` names the state. With \
                  `sale`, when it has ended and its last hold is over, one event `end` follows, whose \
                  `data` is `{}`, and the connection is closed. First of all `retry` says how many \
                  milliseconds to wait before coming back, 1,000 to 4,999, another number for each \
                  client. After 15 s without an event there is a comment (`:`).";
    Operation::new(Tag::Sales, "stream", "Watch a sale")
        .says(
            "Server-sent events: the state at once, and again whenever it has changed, at most once a \
             second. With `sale`, of that sale until nothing more can become of it: after its end it \
             goes on until the last hold is sold or over. Without `sale`, of the sale that `GET \
             /sales/current` shows, one after the other, with no `end`: it goes on to the next sale \
             when one has ended, with an event that says so, and tells nothing of its last holds. While there \
             is no such sale the answer is 404, after which a browser does not ask again by itself. What \
             is sent on the connection after this request is not answered.",
        )
        .parameter(Parameter::query::<SaleNumber>("sale", "The sale, to its end.").optional())
        .parameter(Parameter::header("Last-Event-ID", has, "5d1c3f0a9e7b2468"))
        .answer(
            Answer::text(events, EVENTS)
                .headers([header::caching("no-store"), header::unbuffered()]),
        )
        .answer(
            Answer::empty(204, "`Last-Event-ID` is the last state of the sale: do not come back.")
                .headers([header::caching("no-store")]),
        )
        .problem(Kind::SaleNotFound)
        .asks_stores()
}

/// Tells how a sale stands, now and whenever that changes: of one sale to its end, or else of the
/// one that is on or the next, and so on.
async fn get_stream(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let sale: Option<SaleId> = params.optional("sale");
    params.finish(Some(()))?;
    let subject = sale.map_or(Subject::Current, Subject::Sale);

    let shown = in_time(subject.look(&api.board)).await?;

    let shown = shown.ok_or_else(|| Problem::sale_not_found(sale))?;
    let is_last = subject.ends_with(&shown.standing);
    let is_known = is_known(&request, &shown.form);
    if is_last && is_known {
        // A viewer comes back until it is told so.
        return Ok(HttpResponse::NoContent().insert_header(NO_STORE).finish());
    }
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(EVENTS)))
        .insert_header(NO_STORE)
        .insert_header(NOT_BUFFERED);
    if request.method() == Method::HEAD {
        // A stream has no length, and actix would write the end of a body that has none.
        return Ok(response.body(body::None::new()));
    }
    let mut opening = format!("retry: {}\n\n", retry_ms());
    if !is_known {
        telemetry::viewer_told();
        opening.push_str(&shown.form.event());
    }
    if is_last {
        opening.push_str(END);
    } else if let Some(connection) = request.conn_data::<Rc<Connection>>() {
        connection.show(Viewer::of_sale(api.streams.viewer(subject, &shown, &api.board)));
    }
    Ok(response.body(opening))
}

/// Whether the viewer says that it has this already.
fn is_known(request: &HttpRequest, state: &Written) -> bool {
    let last = request.headers().get("last-event-id");
    last.is_some_and(|last| last.as_bytes() == state.id().as_bytes())
}

/// How long the next viewer is told to wait before it comes back, in milliseconds.
pub(crate) fn retry_ms() -> u64 {
    static TURNS: AtomicU64 = AtomicU64::new(0);
    let turn = TURNS.fetch_add(1, Ordering::Relaxed);
    RETRY_MS_MIN + turn.wrapping_mul(RETRY_MS_STEP) % RETRY_MS_SPREAD
}

/// Whether nothing more can become of a sale: nobody can buy, nor redeem what they hold.
fn is_final(standing: &Standing) -> bool {
    let is_closed = standing.sale.state == SaleState::Closed;
    is_closed || standing.phase() == Phase::Ended && standing.held == 0
}
