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
use domain::{
    Board, NextSale, Phase, ProductVersion, SaleId, Services, Standing, Terms,
    board::{Forms, Page},
    ports::Tasks,
    sale::SaleState,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    caching::is_known,
    moment::rfc3339,
    openapi::{
        Answer, Count, Link, Millis, Moment, SaleNumber, Schemas, Shape, bodies, header, scalars,
    },
    products::ProductBody,
    samples,
};

/// What a tag looks like.
pub(crate) const TAG_EXAMPLE: &str = "W/\"5d1c3f0a9e7b2468\"";

/// How long an answer may be old, in milliseconds, when it is sent: a cache must not keep it so
/// much longer.
const AGE_MS_MAX: i64 = 200;

/// For a sale that goes on: pages that are open ask every second or so.
const BRIEFLY: HeaderValue = HeaderValue::from_static("public, max-age=1");
/// For one that is about to open or to end.
const NOT_AT_ALL: HeaderValue = HeaderValue::from_static("no-cache");
/// For a closed one, whose figures change with a purchase that is cancelled, and with nothing else.
const LONG: HeaderValue = HeaderValue::from_static("public, max-age=60");

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

scalars! {
    /// Where a sale is in its life.
    PhaseName is "SaleState": {
        "type": "string",
        "enum": PHASES.map(phase_name),
        "description": "Where a sale is in its life: `scheduled` has not started, `open` gives units, \
                        `paused` is stopped by an operator for now and gives none, `ended` gives none \
                        any more. Codes stay good in each.",
    }
    /// How many units one user may have.
    PerUserLimit is "PerUserLimit": {
        "type": "integer",
        "format": "int32",
        "minimum": Terms::PER_USER_LIMIT.start(),
        "maximum": Terms::PER_USER_LIMIT.end(),
        "description": "How many units one user may have.",
    }
}

bodies! {
    /// What is true of a sale as long as nothing happens to it.
    #[derive(Hash)]
    struct SaleBody as "StandingSale" {
        /// Its number.
        id: i64 as SaleNumber,
        /// Where it is in its life.
        state: &'static str as PhaseName,
        /// Its first moment.
        starts_at: String as Moment,
        /// The first moment after it.
        ends_at: String as Moment,
        /// How many units there are.
        stock: u32 as Count,
        /// How many of them are sold.
        sold: u32 as Count,
        /// How many are on hold.
        held: u32 as Count,
        /// How many are free. Of a sale that has ended: how many were not sold, or are not yet.
        available: u32 as Count,
        /// How many one user may have, on hold and bought.
        per_user_limit: u16 as PerUserLimit,
        /// How long a unit is held.
        hold_ms: i64 as Millis,
        /// What it is of, as that is now; left out where its items are generated.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<ProductBody> as Option<ProductBody>,
        /// What follows it, if that is planned and it has not ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_sale: Option<NextSaleBody> as Option<NextSaleBody>,
    }

    /// The sale that follows another.
    #[derive(Hash)]
    struct NextSaleBody as "NextSale" {
        /// Its number.
        id: i64 as SaleNumber,
        /// Its first moment.
        starts_at: String as Moment,
    }
}

/// A sale at a moment.
#[derive(Serialize)]
struct TimedBody<'a> {
    #[serde(flatten)]
    sale: &'a SaleBody,
    server_time: String,
}

impl Shape for TimedBody<'_> {
    const NAME: Option<&'static str> = Some("Sale");

    fn schema(schemas: &mut Schemas) -> Value {
        let mut schema = SaleBody::schema(schemas);
        schema["description"] = "A sale at a moment.".into();
        let says = "The moment, by the clock of the stores. `ETag` does not depend on it.";
        schema["properties"]["server_time"] = schemas.of::<Moment>();
        schema["properties"]["server_time"]["description"] = says.into();
        if let Some(required) = schema["required"].as_array_mut() {
            required.push("server_time".into());
        }
        schema
    }
}

/// A page of sales, the newest first.
#[derive(Serialize)]
struct PageBody<'a> {
    sales: Vec<TimedBody<'a>>,
    /// Where the next page is, if there may be one.
    next: &'a Option<String>,
}

impl Shape for PageBody<'_> {
    const NAME: Option<&'static str> = Some("SalePage");

    fn schema(schemas: &mut Schemas) -> Value {
        let next = json!({
            "type": ["string", "null"],
            "format": "uri-reference",
            "description": "The path of the next page, if there may be one.",
        });
        json!({
            "type": "object",
            "description": "A page of sales, the newest first.",
            "properties": { "sales": schemas.of::<Vec<TimedBody<'_>>>(), "next": next },
            "required": ["sales", "next"],
        })
    }
}

/// The answers that show a sale.
pub(crate) fn sale_answers() -> [Answer; 2] {
    let standing = samples::standing();
    let sale = SaleBody::of(&standing, None);
    let example = json!(TimedBody { sale: &sale, server_time: rfc3339(standing.at) });
    let shown = Answer::json::<TimedBody<'_>>(200, "The sale.", example)
        .link(Link {
            to: "checkout",
            says: "Puts a unit of it on hold.",
            parameters: &[("id", "/id")],
        })
        .link(Link { to: "sale", says: "The same.", parameters: &[("id", "/id")] });
    with_headers(shown)
}

/// The answers that show a page of sales.
pub(crate) fn page_answers() -> [Answer; 2] {
    let standing = samples::standing();
    let sale = SaleBody::of(&standing, None);
    let sales = vec![TimedBody { sale: &sale, server_time: rfc3339(standing.at) }];
    let example = json!(PageBody { sales, next: &None });
    let newest = &[("id", "/sales/0/id")];
    let shown = Answer::json::<PageBody<'_>>(200, "The page.", example).link(Link {
        to: "sale",
        says: "The newest of them.",
        parameters: newest,
    });
    with_headers(shown)
}

fn with_headers(shown: Answer) -> [Answer; 2] {
    let headers = || [header::caching_of_sales(), header::tag(TAG_EXAMPLE)];
    let known = Answer::empty(304, "The client has it: nothing of it has changed but the time.");
    [shown.headers(headers()), known.headers(headers())]
}

impl Written {
    fn of_sale(standing: &Standing, product: Option<&ProductVersion>) -> Self {
        let sale = SaleBody::of(standing, product);
        let body = TimedBody { sale: &sale, server_time: rfc3339(standing.at) };
        Self::of(&body, &sale, caching(std::slice::from_ref(standing)))
    }

    fn of_page(page: &Page<'_>) -> Self {
        let Page { standings, products, which, next_below } = *page;
        let state = which.phase.map(|phase| format!("state={}&", phase_name(phase)));
        let state = state.unwrap_or_default();
        let next =
            next_below.map(|below| format!("/sales?{state}before={below}&limit={}", which.limit));
        let of =
            |(standing, product): (_, &Option<Arc<_>>)| SaleBody::of(standing, product.as_deref());
        let sales: Vec<_> = standings.iter().zip(products).map(of).collect();
        let timed = sales
            .iter()
            .zip(standings)
            .map(|(sale, standing)| TimedBody { sale, server_time: rfc3339(standing.at) });
        let body = PageBody { sales: timed.collect(), next: &next };
        // A page that is not full, or of open sales, has another one on it soon, and so has the first, or one
        // that begins with the newest: only below the sale before its bound there is no room.
        let is_below =
            |(newest, before): (&Standing, SaleId)| newest.sale.id.get() + 1 == before.get();
        let has_no_room =
            next.is_some() && standings.first().zip(which.before).is_some_and(is_below);
        let caching = match which.phase {
            None if has_no_room => caching(standings),
            None => brief(standings),
            // Another may come to be in this state at any moment.
            Some(_) => NOT_AT_ALL,
        };
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
        // A line of an event ends at a line's end, which metadata may have between its tokens, where any
        // white space is as good.
        let state = String::from_utf8_lossy(&self.body).replace(['\n', '\r'], " ");
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

impl SaleBody {
    fn of(standing: &Standing, product: Option<&ProductVersion>) -> Self {
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
            product: product.map(ProductBody::from),
            // One that has ended is the same for ever, whatever is planned then.
            next_sale: standing
                .next
                .filter(|_| standing.phase() != Phase::Ended)
                .map(NextSaleBody::from),
        }
    }
}

impl From<NextSale> for NextSaleBody {
    fn from(next: NextSale) -> Self {
        Self { id: next.id.get(), starts_at: rfc3339(next.starts_at) }
    }
}

/// All phases there are.
pub(crate) const PHASES: [Phase; 4] = [Phase::Scheduled, Phase::Open, Phase::Paused, Phase::Ended];

/// What a phase is called.
pub(crate) const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Scheduled => "scheduled",
        Phase::Open => "open",
        Phase::Paused => "paused",
        Phase::Ended => "ended",
    }
}

#[cfg(test)]
mod tests;
