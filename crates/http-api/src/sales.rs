//! `/sales`: how sales stand.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{Phase, SaleId, board::WhichPage};

use crate::{
    api::Api,
    deadline::in_time,
    params::{Params, of_path},
    problem::Problem,
    shown::{PHASES, phase_name},
};

/// Sales of one page, if the client does not say.
const PAGE_DEFAULT: u8 = 20;

/// The number of sales on a page.
struct PageLimit(u8);

impl std::str::FromStr for PageLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let limit = text.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.map(Self).ok_or("must be a whole number from 1 to 100")
    }
}

/// The state that all sales of a page are in.
struct PageState(Phase);

impl std::str::FromStr for PageState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let phase = PHASES.into_iter().find(|phase| phase_name(*phase) == text);
        phase.map(Self).ok_or("must be scheduled, open, paused or ended")
    }
}

/// Lists sales, the newest first.
pub(super) async fn get_sales(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
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
pub(super) async fn get_current_sale(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;

    let shown = in_time(api.board.current()).await?;

    let shown = shown.ok_or_else(|| Problem::sale_not_found(None))?;
    Ok(shown.form.answer(&request))
}

/// Shows one sale.
pub(super) async fn get_sale(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sale = of_path(&request, "id")?;
    Params::of_query(&request).finish(Some(()))?;

    let shown = in_time(api.board.of(sale)).await?;

    let shown = shown.ok_or_else(|| Problem::sale_not_found(Some(sale)))?;
    Ok(shown.form.answer(&request))
}
