//! `/purchase` and `/purchases`: redeeming codes, and their receipts.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::CodeRefusal;

use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    given_code::GivenCode,
    idempotency::{any_key_of, replayed},
    params::{Params, of_path},
    problem::Problem,
    receipt::ReceiptBody,
};

/// Sells the unit of a code; replies with the receipt. The code is the key of its purchase: whoever
/// sends any other with it says that they may be asking again, and then the receipt is no problem.
pub(super) async fn post_purchase(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let code = params.required("code");
    let may_repeat = any_key_of(&request, &mut params).is_some();
    let code = params.finish::<GivenCode>(code)?.known()?;

    let beat = api.way.purchases.begin();
    let receipt = in_time(api.services.purchase.redeem(code)).await;
    beat.end(&receipt);
    let receipt = match receipt {
        Ok(Err(CodeRefusal::AlreadyUsed(receipt))) if may_repeat => {
            telemetry::purchase_ended("replayed");
            return Ok(replayed(not_stored(ReceiptBody::from(*receipt))));
        }
        Ok(answer) => answer.map_err(Problem::from),
        Err(error) => Err(error.into()),
    };
    telemetry::purchase_ended(receipt.as_ref().map_or_else(Problem::name, |_| "sold"));

    Ok(not_stored(ReceiptBody::from(receipt?)))
}

/// Shows the receipt of a code.
pub(super) async fn get_purchase(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code: GivenCode = of_path(&request, "code")?;
    Params::of_query(&request).finish(Some(()))?;
    let code = code.known()?;

    let receipt = in_time(api.services.purchase.receipt(code)).await??;

    Ok(not_stored(ReceiptBody::from(receipt)))
}
