//! How sales stand, as they are written: once for all who read them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, HeaderValue},
    web::Bytes,
};
use domain::{Board, Phase, Services, Standing, board::Forms, ports::Tasks, sale::SaleState};
use serde::Serialize;

use crate::{caching::is_known, moment::rfc3339};

/// How long an answer may be old, in milliseconds, when it is sent: a cache must not keep it so
/// much longer.
const AGE_MS_MAX: i64 = 200;

/// For a sale that goes on: pages that are open ask every second or so.
const BRIEFLY: HeaderValue = HeaderValue::from_static("public, max-age=1");
/// For one that is about to open or to end.
const NOT_AT_ALL: HeaderValue = HeaderValue::from_static("no-cache");
/// For a closed one, which changes no more.
const LONG: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The board of a process, with its answers as they are sent.
pub type SaleBoard = Board<Written>;

/// Makes the board of the process that `services` are of.
pub fn sale_board(services: &Services, tasks: Arc<dyn Tasks>) -> Arc<SaleBoard> {
    services.board(tasks, Forms { sale: Written::of_sale, page: Written::of_page })
}

/// An answer as it is sent.
#[derive(Debug, Clone)]
pub struct Written {
    body: Bytes,
    tag: EntityTag,
    tag_header: HeaderValue,
    caching: HeaderValue,
}

/// What is true of a sale as long as nothing happens to it.
#[derive(Serialize, Hash)]
struct SaleBody {
    id: i64,
    state: &'static str,
    starts_at: String,
    ends_at: String,
    stock: u32,
    sold: u32,
    held: u32,
    available: u32,
    per_user_limit: u16,
    hold_ms: i64,
}

/// A sale at a moment.
#[derive(Serialize)]
struct TimedBody<'a> {
    #[serde(flatten)]
    sale: &'a SaleBody,
    server_time: String,
}

/// A page of sales, the newest first.
#[derive(Serialize)]
struct PageBody<'a> {
    sales: Vec<TimedBody<'a>>,
    /// Where the next page is, if there may be one.
    next: &'a Option<String>,
}

impl Written {
    fn of_sale(standing: &Standing) -> Self {
        let sale = SaleBody::from(standing);
        let body = TimedBody { sale: &sale, server_time: rfc3339(standing.at) };
        Self::of(&body, &sale, caching(std::slice::from_ref(standing)))
    }

    fn of_page(standings: &[Standing], limit: usize) -> Self {
        let last = standings.last().filter(|_| standings.len() == limit);
        let next = last.map(|last| format!("/sales?before={}&limit={limit}", last.sale.id));
        let sales: Vec<_> = standings.iter().map(SaleBody::from).collect();
        let timed = sales
            .iter()
            .zip(standings)
            .map(|(sale, standing)| TimedBody { sale, server_time: rfc3339(standing.at) });
        let body = PageBody { sales: timed.collect(), next: &next };
        // A page that is not full, or of open sales, has another one on it soon.
        let caching = if next.is_some() { caching(standings) } else { brief(standings) };
        Self::of(&body, &(&sales, &next), caching)
    }

    /// `state` is what the tag is of: the body but for its time.
    fn of(body: &impl Serialize, state: &impl Hash, caching: HeaderValue) -> Self {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        let tag = EntityTag::new_weak(format!("{:016x}", hasher.finish()));
        // Text and numbers can always be written, and hexadecimal digits are a header.
        let body = serde_json::to_vec(body).unwrap_or_default().into();
        let tag_header = HeaderValue::try_from(tag.to_string()).unwrap_or(NOT_AT_ALL);
        Self { body, tag, tag_header, caching }
    }

    /// The answer; or, to a client that has it, that it has.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_known = is_known(request, &self.tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((ETAG, self.tag_header.clone()))
            .insert_header((CACHE_CONTROL, self.caching.clone()));
        if is_known {
            return response.finish();
        }
        response
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(self.body.clone())
    }
}

impl Written {
    /// What the state is known by: the same for the same state, whichever process shows it.
    pub(crate) fn id(&self) -> &str {
        self.tag.tag()
    }

    /// A sale as an event of a stream.
    pub(crate) fn event(&self) -> String {
        let state = String::from_utf8_lossy(&self.body);
        format!("event: sale\nid: {}\ndata: {state}\n\n", self.id())
    }
}

/// How long these may be kept.
fn caching(standings: &[Standing]) -> HeaderValue {
    let is_closed = |standing: &Standing| standing.sale.state == SaleState::Closed;
    if standings.iter().all(is_closed) { LONG } else { brief(standings) }
}

/// How long these may be kept if something may happen to them: a second, but not beyond an
/// opening or an end.
fn brief(standings: &[Standing]) -> HeaderValue {
    let left_ms =
        standings.iter().filter_map(|standing| Some(standing.next_change()? - standing.at));
    let changes_within_ms = left_ms.min().unwrap_or(i64::MAX);
    if changes_within_ms < 1_000 + AGE_MS_MAX { NOT_AT_ALL } else { BRIEFLY }
}

impl From<&Standing> for SaleBody {
    fn from(standing: &Standing) -> Self {
        let sale = standing.sale;
        Self {
            id: sale.id.get(),
            state: phase_name(standing.phase()),
            starts_at: rfc3339(sale.window.starts_at()),
            ends_at: rfc3339(sale.window.ends_at()),
            stock: sale.terms.stock(),
            sold: standing.sold,
            held: standing.held,
            available: standing.available(),
            per_user_limit: sale.terms.per_user_limit(),
            hold_ms: sale.terms.hold_ms(),
        }
    }
}

/// What a phase is called.
pub(crate) const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Scheduled => "scheduled",
        Phase::Open => "open",
        Phase::Paused => "paused",
        Phase::Ended => "ended",
    }
}
