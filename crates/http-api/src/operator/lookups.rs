//! What operators look up: a user, a code, a unit, row by row. No code is shown whole that can still be
//! redeemed.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    SaleId, Unit, UserId,
    ports::{AttemptCopy, CodeRows, Cursor, Page, PageAsked, UnitHad, UnitOfSale, UserOfSales},
};
use serde_json::json;

use super::{
    actions::NextPath,
    asks::Viewer,
    long::{in_long_time, of_list},
    values::{CursorText, RowsLimit},
};
use crate::{
    api::{Api, Records},
    caching::not_stored,
    deadline::in_time,
    given_code::GivenCode,
    openapi::{
        Answer, Endpoint, GivenCodeText, Operation, Parameter, SaleNumber, Tag, UnitNumber,
        UserName, bodies, header,
    },
    params::{Params, of_path},
    problem::{Kind, Problem},
    records::{AttemptRecord, OrNull, PurchaseRecord, UnitRecord},
    samples,
};

bodies! {
    /// What a user has.
    struct UserUnits as "UserUnits" {
        /// The user.
        user_id: String as UserName,
        /// What they have on hold and have bought, cancelled purchases too, of the newest sale first.
        units: Vec<UnitRecord> as Vec<UnitRecord>,
        /// Where the next page is, if there is one.
        next: Option<String> as NextPath,
    }

    /// What a user asked for.
    struct UserAttempts as "UserAttempts" {
        /// The user.
        user_id: String as UserName,
        /// All that they asked for, granted or refused, the last first.
        attempts: Vec<AttemptRecord> as Vec<AttemptRecord>,
        /// Where the next page is, if there is one.
        next: Option<String> as NextPath,
    }

    /// Who had a unit.
    struct Holders as "Holders" {
        /// The sale.
        sale_id: i64 as SaleNumber,
        /// The unit.
        unit: u32 as UnitNumber,
        /// The holds that it had, the first one first.
        holders: Vec<AttemptRecord> as Vec<AttemptRecord>,
        /// Where the next page is, if there is one.
        next: Option<String> as NextPath,
    }

    /// The life of a code.
    struct CodeLife as "CodeRecords" {
        /// The attempt that it was given to.
        attempt: AttemptRecord as AttemptRecord,
        /// The purchase, if it was redeemed.
        purchase: Option<PurchaseRecord> as OrNull<PurchaseRecord>,
    }
}

pub(super) fn endpoints() -> [Endpoint; 4] {
    [
        Endpoint::at("/admin/users/{user_id}").reading(get_user, describe_user),
        Endpoint::at("/admin/users/{user_id}/attempts")
            .reading(get_user_attempts, describe_user_attempts),
        Endpoint::at("/admin/codes/{code}").reading(get_code, describe_code),
        Endpoint::at("/admin/sales/{id}/units/{unit}").reading(get_unit, describe_unit),
    ]
}

/// What is said of each list.
fn listed(operation: Operation) -> Operation {
    operation
        .parameter(
            Parameter::query::<CursorText>("after", "Where to go on, as `next` has it.").optional(),
        )
        .parameter(Parameter::query::<RowsLimit>("limit", "How many to show.").optional())
        .of_viewer()
        .asks_stores()
}

fn shown(answer: Answer) -> Answer {
    answer.headers([header::caching("no-store")])
}

fn describe_user() -> Operation {
    let receipts = [samples::cancelled_receipt(), samples::receipt()];
    let units = receipts.into_iter().map(|it| UnitRecord::from(&UnitHad::Bought(it))).collect();
    let body = UserUnits { user_id: samples::USER.to_owned(), units, next: None };
    let answer = Answer::json::<UserUnits>(200, "The units.", json!(body));
    let operation = Operation::new(Tag::Records, "userUnits", "Show what a user has")
        .says(
            "On hold and bought; what they had bought and was cancelled is `cancelled`, with the reason: it is nobody's, or \
             somebody else's by now.",
        )
        .parameter(Parameter::path::<UserName>("user_id", "The user."))
        .parameter(Parameter::query::<SaleNumber>("sale", "Only of this sale.").optional());
    listed(operation.answer(shown(answer))).problem(Kind::SaleNotFound)
}

fn describe_user_attempts() -> Operation {
    let (user_id, attempts) = (samples::USER.to_owned(), vec![samples::attempt()]);
    let body = UserAttempts { user_id, attempts, next: None };
    let answer = Answer::json::<UserAttempts>(200, "The attempts.", json!(body));
    let operation = Operation::new(Tag::Records, "userAttempts", "Show all that a user asked for")
        .says(
            "Granted or refused. Every attempt in the ledger is read for it, which takes a while.",
        )
        .parameter(Parameter::path::<UserName>("user_id", "The user."))
        .parameter(Parameter::query::<SaleNumber>("sale", "Only of this sale.").optional());
    listed(operation.answer(shown(answer))).problem(Kind::SaleNotFound)
}

fn describe_code() -> Operation {
    let purchase = Some(PurchaseRecord::from(&samples::receipt()));
    let body = CodeLife { attempt: samples::attempt(), purchase };
    let answer = Answer::json::<CodeLife>(200, "What is recorded.", json!(body));
    Operation::new(Tag::Records, "codeRecords", "Show all that is recorded of a code")
        .parameter(Parameter::path::<GivenCodeText>("code", "The code."))
        .answer(shown(answer))
        .problem(Kind::CodeNotFound)
        .of_viewer()
        .asks_stores()
}

fn describe_unit() -> Operation {
    let (sale_id, unit) = (samples::sale_id().get(), samples::unit().get());
    let body = Holders { sale_id, unit, holders: vec![samples::attempt()], next: None };
    let answer = Answer::json::<Holders>(200, "The holds.", json!(body));
    let operation = Operation::new(Tag::Records, "holders", "Show who had a unit on hold")
        .parameter(Parameter::path::<SaleNumber>("id", "The sale."))
        .parameter(Parameter::path::<UnitNumber>("unit", "The unit."));
    listed(operation.answer(shown(answer))).refused_as(&[Kind::SaleNotFound, Kind::ItemNotFound])
}

/// Which page a request asks for.
fn page_asked(params: &mut Params) -> PageAsked {
    let after = params.optional::<Cursor>("after");
    let RowsLimit(limit) = params.optional("limit").unwrap_or_default();
    PageAsked { after, limit }
}

/// What is asked of a user, and in which sale, which must be there.
async fn asked_of_user(
    request: &HttpRequest,
    api: &Api,
) -> Result<(UserOfSales, PageAsked), Problem> {
    let user: UserId = of_path(request, "user_id")?;
    let mut params = Params::of_query(request);
    let sale: Option<SaleId> = params.optional("sale");
    let asked = page_asked(&mut params);
    params.finish(Some(()))?;
    if let Some(sale) = sale {
        stock_of(api, sale).await?;
    }
    Ok((UserOfSales { user, sale }, asked))
}

/// How many units a sale has, which must be there.
pub(super) async fn stock_of(api: &Api, sale: SaleId) -> Result<u32, Problem> {
    let found = in_time(api.board.find(sale)).await?;
    found.map(|it| it.terms.stock()).ok_or_else(|| Problem::sale_not_found(Some(sale)))
}

/// The path of the next page of a list at this one.
fn next_of(path: &str, sale: Option<SaleId>, next: Option<Cursor>, limit: u32) -> Option<String> {
    let of_sale = sale.map(|sale| format!("sale={sale}&")).unwrap_or_default();
    next.map(|next| format!("{path}?{of_sale}after={next}&limit={limit}"))
}

fn rows(page: &Page<AttemptCopy>) -> Vec<AttemptRecord> {
    page.rows.iter().map(AttemptRecord::from).collect()
}

/// Shows what a user has.
async fn get_user(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let (of, asked) = asked_of_user(&request, &api).await?;

    let page =
        in_time(Records::of(&api, request.path())?.inspections.units(of.clone(), asked)).await;
    let page = page.map_err(of_list)?;

    let units = page.rows.iter().map(UnitRecord::from).collect();
    let next = next_of(request.path(), of.sale, page.next, asked.limit);
    Ok(not_stored(UserUnits { user_id: of.user.to_string(), units, next }))
}

/// Shows what a user asked for.
async fn get_user_attempts(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let (of, asked) = asked_of_user(&request, &api).await?;

    let looked = Records::of(&api, request.path())?.inspections.attempts(of.clone(), asked);
    let page = in_long_time(looked).await?;

    let next = next_of(request.path(), of.sale, page.next, asked.limit);
    Ok(not_stored(UserAttempts { user_id: of.user.to_string(), attempts: rows(&page), next }))
}

/// Shows the life of a code.
async fn get_code(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code = of_path::<GivenCode>(&request, "code")?;
    Params::of_query(&request).finish(Some(()))?;
    let code = code.known()?;

    let found = in_time(Records::of(&api, request.path())?.inspections.code(code)).await?;

    let CodeRows { attempt, purchase } = found.ok_or(domain::CodeRefusal::Unknown)?;
    let purchase = purchase.as_ref().map(PurchaseRecord::from);
    Ok(not_stored(CodeLife { attempt: (&attempt).into(), purchase }))
}

/// Shows who had a unit.
async fn get_unit(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sale: SaleId = of_path(&request, "id")?;
    let unit: Unit = of_path(&request, "unit")?;
    let mut params = Params::of_query(&request);
    let asked = page_asked(&mut params);
    params.finish(Some(()))?;
    let stock = stock_of(&api, sale).await?;

    let looked =
        Records::of(&api, request.path())?.inspections.holders(UnitOfSale { sale, unit }, asked);
    let page = in_long_time(looked).await?;
    // What was tried while the stock was larger is shown whatever it is now.
    if unit.get() > stock && page.rows.is_empty() && asked.after.is_none() {
        return Err(Problem::item_not_found(sale, stock));
    }

    let next = next_of(request.path(), None, page.next, asked.limit);
    let (sale_id, unit) = (sale.get(), unit.get());
    Ok(not_stored(Holders { sale_id, unit, holders: rows(&page), next }))
}
