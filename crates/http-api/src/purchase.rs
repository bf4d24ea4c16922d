//! `/purchase` and `/purchases`: redeeming codes, and their receipts.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    given_code::GivenCode,
    identity::Buyer,
    params::{Params, of_path},
    problem::Problem,
    receipt::ReceiptBody,
};

/// Sells the unit of a code; replies with the receipt.
pub(super) async fn post_purchase(
    request: HttpRequest,
    buyer: Buyer,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let code = params.required("code");
    let code = params.finish::<GivenCode>(code)?.known()?;
    buyer.check_owns(code, &api).await?;

    let beat = api.way.purchases.begin();
    let receipt = in_time(api.services.purchase.redeem(code)).await;
    beat.end(&receipt);
    let receipt = match receipt {
        Ok(answer) => answer.map_err(Problem::from),
        Err(error) => Err(error.into()),
    };
    telemetry::purchase_ended(receipt.as_ref().map_or_else(Problem::name, |_| "sold"));

    Ok(not_stored(ReceiptBody::from(receipt?)))
}

/// Shows the receipt of a code.
pub(super) async fn get_purchase(
    request: HttpRequest,
    buyer: Buyer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code: GivenCode = of_path(&request, "code")?;
    Params::of_query(&request).finish(Some(()))?;
    let code = code.known()?;
    buyer.check_owns(code, &api).await?;

    let receipt = in_time(api.services.purchase.receipt(code)).await??;

    Ok(not_stored(ReceiptBody::from(receipt)))
}
