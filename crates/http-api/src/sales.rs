//! `/sales`: how sales stand.

use std::ops::RangeInclusive;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{Phase, SaleId, board::WhichPage};
use serde_json::Value;

use crate::{
    api::Api,
    asset::if_none_match,
    deadline::in_time,
    openapi::{Endpoint, Operation, Parameter, SaleNumber, Scalar, Schemas, Shape, Tag},
    page_limit,
    params::{Params, of_path},
    problem::{Kind, Problem},
    shown::{self, PHASES, PhaseName, phase_name},
};

/// Sales of one page, if the client does not say.
const PAGE_DEFAULT: u8 = 20;

/// How many sales one page may have.
const PAGE: RangeInclusive<u8> = 1..=100;

/// The number of sales on a page.
struct PageLimit(u8);

impl Shape for PageLimit {
    const NAME: Option<&'static str> = Some("PageLimit");

    fn schema(_: &mut Schemas) -> Value {
        page_limit::schema(&PAGE, PAGE_DEFAULT, "The number of sales on a page.")
    }
}

impl Scalar for PageLimit {
    fn example() -> Value {
        PAGE_DEFAULT.into()
    }

    fn refusal() -> String {
        "0".parse::<Self>().err().unwrap_or_default()
    }
}

impl std::str::FromStr for PageLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        page_limit::read(text, &PAGE).map(Self)
    }
}

/// `/sales`.
pub(super) fn endpoints() -> [Endpoint; 3] {
    [
        Endpoint::at("/sales").reading(get_sales, describe_sales),
        Endpoint::at("/sales/current").reading(get_current_sale, describe_current_sale),
        Endpoint::at("/sales/{id}").reading(get_sale, describe_sale),
    ]
}

fn describe_sales() -> Operation {
    let limit = Parameter::query::<PageLimit>("limit", "How many to show.");
    Operation::new(Tag::Sales, "sales", "List sales")
        .says(
            "The newest first, a page at a time; `next` is the path of the next page. Of one \
             state a page may have fewer than `limit`, and still a next.",
        )
        .parameter(
            Parameter::query::<SaleNumber>("before", "Only sales of lower numbers.").optional(),
        )
        .parameter(
            Parameter::query::<PageState>("state", "Only sales that are in this state.").optional(),
        )
        .parameters([limit.optional(), if_none_match(shown::TAG_EXAMPLE)])
        .answers(shown::page_answers())
        .asks_stores()
}

fn describe_current_sale() -> Operation {
    Operation::new(Tag::Sales, "currentSale", "Show the sale that is on, or else the next")
        .says(
            "Of the timetable, the sale that is on, open or paused, or else the next. Where there is no \
             timetable, of the sales that an operator made: an open one; or else one that is paused or \
             to come. Of several it is the one with the earliest start.",
        )
        .parameter(if_none_match(shown::TAG_EXAMPLE))
        .answers(shown::sale_answers())
        .refused_with(Problem::sale_not_found(None))
        .asks_stores()
}

fn describe_sale() -> Operation {
    Operation::new(Tag::Sales, "sale", "Show one sale")
        .says("The counts are at most a fifth of a second old.")
        .parameter(Parameter::path::<SaleNumber>("id", "The sale."))
        .parameter(if_none_match(shown::TAG_EXAMPLE))
        .answers(shown::sale_answers())
        .refused_as(&[Kind::SaleNotFound, Kind::NotFound])
        .asks_stores()
}

/// The state that all sales of a page are in.
struct PageState(Phase);

impl std::str::FromStr for PageState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let phase = PHASES.into_iter().find(|phase| phase_name(*phase) == text);
        let [first @ .., last] = PHASES.map(phase_name);
        phase.map(Self).ok_or_else(|| format!("must be {} or {last}", first.join(", ")))
    }
}

impl Shape for PageState {
    const NAME: Option<&'static str> = None;

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.of::<PhaseName>()
    }
}

impl Scalar for PageState {
    fn example() -> Value {
        phase_name(Phase::Open).into()
    }

    fn refusal() -> String {
        "closed".parse::<Self>().err().unwrap_or_default()
    }
}

/// Lists sales, the newest first.
async fn get_sales(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let before: Option<SaleId> = params.optional("before");
    let PageLimit(limit) = params.optional("limit").unwrap_or(PageLimit(PAGE_DEFAULT));
    let phase = params.optional("state").map(|PageState(phase)| phase);
    params.finish(Some(()))?;

    let which = WhichPage { phase, before, limit: limit.into() };
    let page = in_time(api.board.page(which)).await?;

    Ok(page.answer(&request))
}

/// Shows the sale that is on, or else the next.
async fn get_current_sale(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;

    let shown = in_time(api.board.current()).await?;

    let shown = shown.ok_or_else(|| Problem::sale_not_found(None))?;
    Ok(shown.form.answer(&request))
}

/// Shows one sale.
async fn get_sale(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let sale = of_path(&request, "id")?;
    Params::of_query(&request).finish(Some(()))?;

    let shown = in_time(api.board.of(sale)).await?;

    let shown = shown.ok_or_else(|| Problem::sale_not_found(Some(sale)))?;
    Ok(shown.form.answer(&request))
}
