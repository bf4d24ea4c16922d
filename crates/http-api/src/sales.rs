//! `/sales`: how sales stand.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{Phase, SaleId, Standing};
use serde::Serialize;

use crate::{
    api::Api,
    deadline::in_time,
    moment::rfc3339,
    params::{Params, of_path},
    problem::Problem,
};

/// Sales of one page, if the client does not say.
const PAGE_DEFAULT: u8 = 20;

/// A sale, as the API writes it.
#[derive(Serialize)]
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
    server_time: String,
}

/// A page of sales, the newest first.
#[derive(Serialize)]
struct PageBody {
    sales: Vec<SaleBody>,
    /// Where the next page is, if there may be one.
    next: Option<String>,
}

/// The number of sales on a page.
struct PageLimit(u8);

impl std::str::FromStr for PageLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let limit = text.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.map(Self).ok_or("must be a whole number from 1 to 100")
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
    params.finish(Some(()))?;

    let standings = in_time(api.services.standings.page(before, limit.into())).await?;

    let last = standings.last().filter(|_| standings.len() == usize::from(limit));
    let next = last.map(|last| format!("/sales?before={}&limit={limit}", last.sale.id));
    let sales = standings.into_iter().map(SaleBody::from).collect();
    Ok(HttpResponse::Ok().json(PageBody { sales, next }))
}

/// Shows the sale that is on, or else the next.
pub(super) async fn get_current_sale(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;

    let standing = in_time(api.services.standings.current()).await?;

    let standing = standing.ok_or_else(|| Problem::sale_not_found(None))?;
    Ok(HttpResponse::Ok().json(SaleBody::from(standing)))
}

/// Shows one sale.
pub(super) async fn get_sale(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sale = of_path(&request, "id")?;
    Params::of_query(&request).finish(Some(()))?;

    let standing = in_time(api.services.standings.of(sale)).await?;

    let standing = standing.ok_or_else(|| Problem::sale_not_found(Some(sale)))?;
    Ok(HttpResponse::Ok().json(SaleBody::from(standing)))
}

impl From<Standing> for SaleBody {
    fn from(standing: Standing) -> Self {
        let sale = standing.sale;
        Self {
            id: sale.id.get(),
            state: match standing.phase() {
                Phase::Scheduled => "scheduled",
                Phase::Open => "open",
                Phase::Paused => "paused",
                Phase::Ended => "ended",
            },
            starts_at: rfc3339(sale.window.starts_at()),
            ends_at: rfc3339(sale.window.ends_at()),
            stock: sale.terms.stock(),
            sold: standing.sold,
            held: standing.held,
            available: standing.available(),
            per_user_limit: sale.terms.per_user_limit(),
            hold_ms: sale.terms.hold_ms(),
            server_time: rfc3339(standing.at),
        }
    }
}
