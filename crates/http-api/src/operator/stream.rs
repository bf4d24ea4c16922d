//! `/admin/stream`: the whole service, told once a second to operators who watch.

mod control;
mod known;
mod told;

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse, body,
    http::{
        Method,
        header::{CONTENT_TYPE, HeaderValue},
    },
    web,
};

pub use self::control::Control;
pub(crate) use self::control::Watcher;
use self::{control::WATCHERS_MAX, told::ControlBody};
use super::{access::Operators, asks::Viewer as Asks};
use crate::{
    api::Api,
    caching::NO_STORE,
    connection::Connection,
    openapi::{Answer, Endpoint, Operation, Tag, header},
    params::Params,
    problem::Problem,
    stream::{EVENTS, NOT_BUFFERED, retry_ms},
    viewer::Viewer,
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::at("/admin/stream").reading(get_stream, describe)
}

fn describe() -> Operation {
    let events = "Events `control`, at once and then once a second, with the whole state as `data`. When \
                  whoever watches is signed out, or their token is gone, one event `end` follows, whose \
                  `data` is `{}`, and the connection is closed. First of all `retry` says how many \
                  milliseconds to wait before coming back.";
    Operation::new(Tag::Operators, "control", "Watch the service")
        .says(
            "Server-sent events. Rates, refusals, times and viewers are those of all processes that serve \
             from the ledger, within about the last second; while the live store is away, of this one alone, \
             which `processes` shows. A process that has no listener for operators counts nothing, and is none \
             of them. Who takes nothing for five seconds is left. At most 64 watch a process, and one more is told so.",
        )
        .answer(
            Answer::events::<ControlBody>(events)
                .headers([header::caching("no-store"), header::unbuffered()]),
        )
        .of_viewer()
        .refused_with(Problem::no_room_to_watch(WATCHERS_MAX))
}

/// Tells how the service does.
async fn get_stream(
    request: HttpRequest,
    _asks: Asks,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;
    let no_such_route = || Problem::no_such_route(request.path());
    let control = api.control.as_ref().ok_or_else(no_such_route)?;
    let operators = api.operators.clone().ok_or_else(no_such_route)?;
    let no_room = || Problem::no_room_to_watch(WATCHERS_MAX);
    let is_head = request.method() == Method::HEAD;
    // Whoever asks for the header fields alone watches nothing, and takes nobody's place.
    let watcher = if is_head {
        control.has_room().then_some(None).ok_or_else(no_room)?
    } else {
        let pass = Operators::pass_of(&request);
        Some(control.watch(&api, operators, pass).ok_or_else(no_room)?)
    };

    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(EVENTS)))
        .insert_header(NO_STORE)
        .insert_header(NOT_BUFFERED);
    let Some(watcher) = watcher else { return Ok(response.body(body::None::new())) };
    if let Some(connection) = request.conn_data::<Rc<Connection>>() {
        connection.show(Viewer::of_service(watcher));
    }
    Ok(response.body(format!("retry: {}\n\n", retry_ms())))
}
