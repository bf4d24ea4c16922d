//! `/admin/sales`: sales as operators see them, and what they have done with them.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use domain::{
    ProductId, ProductVersion, SaleId, Sku, Standing, StoreError, Terms, Window,
    operator::{Action, Change, Changed},
};
use serde_json::json;

use super::{
    actions::{NextPath, Said, act, described, simply},
    asks::{Operator, Viewer},
    values::{ActionNumber, GivenMoment, HoldMs, Limit, PageSize, Stock, Whole},
};
use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    moment::rfc3339,
    openapi::{
        Answer, Count, Endpoint, Millis, Moment, Operation, Parameter, SaleNumber, Tag, bodies,
        header,
    },
    params::{Params, of_path},
    problem::{Kind, Problem},
    products::{ProductBody, SkuText},
    samples,
    shown::{PerUserLimit, PhaseName, phase_name},
};

bodies! {
    /// A sale, as operators see it.
    struct SteeredBody as "SteeredSale" {
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
        /// How many are free.
        available: u32 as Count,
        /// How many one user may have, on hold and bought.
        per_user_limit: u16 as PerUserLimit,
        /// How long a unit is held.
        hold_ms: i64 as Millis,
        /// What it is of, as that is now; left out where its items are generated.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<ProductBody> as Option<ProductBody>,
        /// The number of its last change in the trail, 0 if there was none: an order that names it is carried
        /// out only if there was no other since. Left out of a list.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<i64> as Option<ActionNumber>,
        /// The clock of the stores.
        server_time: String as Moment,
    }

    /// A page of sales, the newest first.
    struct SteeredPage as "SteeredSales" {
        /// The sales.
        sales: Vec<SteeredBody> as Vec<SteeredBody>,
        /// Where the next page is, if there may be one.
        next: Option<String> as NextPath,
    }
}

pub(super) fn endpoints() -> [Endpoint; 5] {
    [
        Endpoint::at("/admin/sales").reading(get_sales, describe_sales).on(
            Method::POST,
            schedule,
            describe_schedule,
        ),
        Endpoint::at("/admin/sales/{id}").reading(get_sale, describe_sale).on(
            Method::PATCH,
            change,
            describe_change,
        ),
        Endpoint::at("/admin/sales/{id}/pause").on(Method::POST, pause, describe_pause),
        Endpoint::at("/admin/sales/{id}/resume").on(Method::POST, resume, describe_resume),
        Endpoint::at("/admin/sales/{id}/end").on(Method::POST, end, describe_end),
    ]
}

fn describe_sales() -> Operation {
    let sale = SteeredBody::of(&samples::standing(), None, None);
    let example = json!(SteeredPage { sales: vec![sale], next: None });
    let page = Answer::json::<SteeredPage>(200, "The page.", example);
    Operation::new(Tag::Actions, "steeredSales", "List sales")
        .says("The newest first; `next` is the path of the next page.")
        .parameter(
            Parameter::query::<SaleNumber>("before", "Only sales of lower numbers.").optional(),
        )
        .parameter(Parameter::query::<PageSize>("limit", "How many to show.").optional())
        .answer(page.headers([header::caching("no-store")]))
        .of_viewer()
        .asks_stores()
}

fn describe_schedule() -> Operation {
    described("scheduleSale", "Put a sale on", 201, &[Kind::ProductNotFound])
        .says("It is on beside whatever there is: sales may overlap.")
        .parameter(Parameter::query::<GivenMoment>("starts_at", "Its first moment."))
        .parameter(Parameter::query::<GivenMoment>("ends_at", "The first moment after it."))
        .parameter(Parameter::query::<Stock>("stock", "How many units there are."))
        .parameter(Parameter::query::<Limit>("per_user_limit", "How many one user may have."))
        .parameter(Parameter::query::<HoldMs>("hold_ms", "How long a unit is held."))
        .parameter(
            Parameter::query::<SkuText>(
                "product",
                "The product that it is of; without one its items are generated.",
            )
            .optional(),
        )
}

fn describe_sale() -> Operation {
    let example = json!(SteeredBody::of(&samples::standing(), None, Some(17)));
    let sale = Answer::json::<SteeredBody>(200, "The sale.", example);
    Operation::new(Tag::Actions, "steeredSale", "Show a sale, and its version")
        .says(
            "Asked for now, not as crowds are shown it: the counts as the live store has them, or where it does not \
             serve the sale, as the ledger counts them. A change that another process made to a sale that is not \
             served is shown within a second.",
        )
        .parameter(Parameter::path::<SaleNumber>("id", "The sale."))
        .answer(sale.headers([header::caching("no-store")]))
        .problem(Kind::SaleNotFound)
        .of_viewer()
        .asks_stores()
}

fn describe_change() -> Operation {
    of_sale("changeSale", "Change a sale")
        .says(
            "What is not named stays. Before it opens everything can be changed; while it is open or paused \
             its end, its stock, to no less than the highest unit that is on hold or sold, and its limit, \
             upwards.",
        )
        .parameter(Parameter::query::<GivenMoment>("starts_at", "Its first moment.").optional())
        .parameter(
            Parameter::query::<GivenMoment>("ends_at", "The first moment after it.").optional(),
        )
        .parameter(Parameter::query::<Stock>("stock", "How many units there are.").optional())
        .parameter(
            Parameter::query::<Limit>("per_user_limit", "How many one user may have.").optional(),
        )
        .parameter(Parameter::query::<HoldMs>("hold_ms", "How long a unit is held.").optional())
}

fn describe_pause() -> Operation {
    of_sale("pauseSale", "Stop a sale for now").says("Codes that it has given stay good.")
}

fn describe_resume() -> Operation {
    of_sale("resumeSale", "Let a paused sale go on")
}

fn describe_end() -> Operation {
    of_sale("endSale", "End a sale now")
        .says("Codes that it has given stay good until they expire.")
}

fn of_sale(id: &'static str, summary: &'static str) -> Operation {
    described(id, summary, 200, &[Kind::SaleNotFound])
        .parameter(Parameter::path::<SaleNumber>("id", "The sale."))
        .parameter(
            Parameter::query::<ActionNumber>(
                "version",
                "Only if this is the number of its last change, as GET /admin/sales/{id} says.",
            )
            .optional(),
        )
}

/// Puts a sale on.
async fn schedule(
    request: HttpRequest,
    Operator(known): Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let said = Said::read(&request, &mut params);
    let starts_at = params.required::<GivenMoment>("starts_at").map(|it| it.0);
    let ends_at = params.required::<GivenMoment>("ends_at").map(|it| it.0);
    let stock = params.required::<Whole<u32>>("stock").map(|it| it.0);
    let limit = params.required::<Whole<u16>>("per_user_limit").map(|it| it.0);
    let hold_ms = params.required::<Whole<i64>>("hold_ms").map(|it| it.0);
    let sku: Option<Sku> = params.optional("product");
    let window = starts_at.zip(ends_at).and_then(|(from, to)| {
        let window = Window::of_new_sale(from, to - from);
        window.map_err(|error| params.refuse("ends_at", error.to_string())).ok()
    });
    let terms = stock.zip(limit).zip(hold_ms).and_then(|((stock, limit), hold_ms)| {
        let terms = Terms::of_new_sale(stock, limit, hold_ms);
        terms.map_err(|error| params.refuse(error.field(), error.to_string())).ok()
    });
    let asked = said.zip(window.zip(terms));
    let (said, (window, terms)) = params.finish(asked)?;

    let product = match &sku {
        Some(sku) => Some(product_of(&api, sku).await?),
        None => None,
    };
    act(&api, known, said, Action::ScheduleSale { window, terms, product }).await
}

/// The product of a key.
async fn product_of(api: &Api, sku: &Sku) -> Result<ProductId, Problem> {
    let found = in_time(api.products.find(sku)).await?;
    found.map(|it| it.version.product).ok_or_else(|| Problem::product_not_found(sku))
}

/// Changes a sale.
async fn change(
    request: HttpRequest,
    Operator(known): Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sale = of_path(&request, "id")?;
    let mut params = Params::read(&request, payload).await?;
    let said = Said::read_of_sale(&request, &mut params);
    let changed = Changed {
        starts_at: params.optional::<GivenMoment>("starts_at").map(|it| it.0),
        ends_at: params.optional::<GivenMoment>("ends_at").map(|it| it.0),
        stock: params.optional::<Whole<u32>>("stock").map(|it| it.0),
        per_user_limit: params.optional::<Whole<u16>>("per_user_limit").map(|it| it.0),
        hold_ms: params.optional::<Whole<i64>>("hold_ms").map(|it| it.0),
    };
    let change = match Change::new(changed) {
        Ok(change) => Some(change),
        Err(error) => {
            // What is wrong already is not there, either.
            if params.is_right() {
                params.refuse(error.field().unwrap_or("body"), error.to_string());
            }
            None
        }
    };
    let (said, change) = params.finish(said.zip(change))?;

    act(&api, known, said, Action::ChangeSale { sale, change }).await
}

async fn pause(
    request: HttpRequest,
    operator: Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let action = Action::PauseSale(of_path(&request, "id")?);
    simply(request, operator, payload, api, Said::read_of_sale, action).await
}

async fn resume(
    request: HttpRequest,
    operator: Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let action = Action::ResumeSale(of_path(&request, "id")?);
    simply(request, operator, payload, api, Said::read_of_sale, action).await
}

async fn end(
    request: HttpRequest,
    operator: Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let action = Action::EndSale(of_path(&request, "id")?);
    simply(request, operator, payload, api, Said::read_of_sale, action).await
}

/// Lists sales, the newest first.
async fn get_sales(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let before: Option<SaleId> = params.optional("before");
    let PageSize(limit) = params.optional("limit").unwrap_or_default();
    params.finish(Some(()))?;

    let standings = in_time(api.services.standings.page(before, limit.into())).await?;
    let mut sales = Vec::with_capacity(standings.len());
    for standing in &standings {
        let product = in_time(product_now(&api, standing)).await?;
        sales.push(SteeredBody::of(standing, product.as_deref(), None));
    }

    let last = standings.last().filter(|_| standings.len() == usize::from(limit));
    let next = last.map(|it| format!("/admin/sales?before={}&limit={limit}", it.sale.id));
    Ok(not_stored(SteeredPage { sales, next }))
}

/// What a sale is of, as that is now.
async fn product_now(
    api: &Api,
    standing: &Standing,
) -> Result<Option<Arc<ProductVersion>>, StoreError> {
    match standing.sale.product {
        Some(product) => api.services.catalog.products().current(product).await.map(Some),
        None => Ok(None),
    }
}

/// Shows a sale.
async fn get_sale(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sale = of_path(&request, "id")?;
    Params::of_query(&request).finish(Some(()))?;

    // First: whoever acts by a version that is older than what they see is told so.
    let version = in_time(api.steering.version(sale)).await?;
    // Not as crowds are shown it: whoever has just cancelled a purchase sees what is left.
    let standing = in_time(api.services.standings.of(sale)).await?;

    let standing = standing.ok_or_else(|| Problem::sale_not_found(Some(sale)))?;
    let product = in_time(product_now(&api, &standing)).await?;
    Ok(not_stored(SteeredBody::of(&standing, product.as_deref(), Some(version))))
}

impl SteeredBody {
    fn of(standing: &Standing, product: Option<&ProductVersion>, version: Option<i64>) -> Self {
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
            version,
            server_time: rfc3339(standing.at),
        }
    }
}
