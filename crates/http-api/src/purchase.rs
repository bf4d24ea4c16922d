//! `/purchase` and `/purchases`: redeeming codes, and their receipts.

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use domain::{CodeRefusal, Receipt, StoreError};
use serde_json::json;

use crate::{
    api::Api,
    caching::not_stored,
    given_code::GivenCode,
    idempotency::{self, any_key_of, replayed},
    identity::Buyer,
    metrics::REPLAYED,
    openapi::{Answer, Endpoint, GivenCodeText, Link, Operation, Parameter, Tag, header},
    params::{Params, of_path},
    problem::{Kind, Problem},
    receipt::{self, ReceiptBody},
    samples,
};

/// What the business says no with to a purchase.
pub(crate) const REFUSALS: [Kind; 4] =
    [Kind::CodeNotFound, Kind::CodeAlreadyUsed, Kind::CodeExpired, Kind::PurchaseCancelled];

/// What is counted for a unit that is sold.
pub(crate) const SOLD: &str = "sold";

/// `/purchase` and `/purchases`.
pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/purchase").on(Method::POST, post_purchase, describe_purchase),
        Endpoint::at("/purchases/{code}").reading(get_purchase, describe_receipt),
    ]
}

fn receipt() -> Answer {
    let receipt = json!(ReceiptBody::of(samples::receipt(), None));
    let picture = &[("sale", "/sale_id"), ("unit", "/unit")];
    Answer::json::<ReceiptBody>(200, "The receipt.", receipt)
        .headers([header::caching("no-store")])
        .link(Link { to: "itemPicture", says: "The picture of the item.", parameters: picture })
}

fn describe_purchase() -> Operation {
    let parameters = &[("code", "/code")];
    Operation::new(Tag::Buying, "purchase", "Redeem a code")
        .says(
            "The unit is sold. Of requests with the same code one is answered with 200 and all others \
             with 409 and the same receipt, or with 200 if they have an `Idempotency-Key`, so it is safe \
             to repeat. Where the purchase was cancelled since, it is 410 with and without one.",
        )
        .parameter(Parameter::query::<GivenCodeText>("code", "The code of the hold."))
        .parameter(idempotency::parameter_of_any())
        .or_as_json()
        .of_buyer()
        .answer(
            receipt()
                .headers([header::replayed()])
                .link(Link { to: "receipt", says: "The same.", parameters }),
        )
        .refused_as(&REFUSALS)
        .asks_stores()
}

fn describe_receipt() -> Operation {
    Operation::new(Tag::Buying, "receipt", "Show a receipt")
        .says(
            "The receipt of a code that was redeemed. Where the purchase was cancelled it is the same, with \
             `cancelled_at` and `reason`.",
        )
        .parameter(Parameter::path::<GivenCodeText>("code", "The code that was redeemed."))
        .of_buyer()
        .answer(receipt())
        .refused_as(&[Kind::CodeNotFound, Kind::NotFound, Kind::CodeExpired])
        .asks_stores()
}

/// Sells the unit of a code; replies with the receipt. The code is the key of its purchase: whoever
/// sends any other with it says that they may be asking again, and then the receipt is no problem.
async fn post_purchase(
    request: HttpRequest,
    buyer: Buyer,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let code = params.required("code");
    let may_repeat = any_key_of(&request, &mut params).is_some();
    let code = params.finish::<GivenCode>(code)?.known()?;

    let beat = api.way.purchases.begin();
    let receipt = buyer.with_own(code, &api, api.services.purchase.redeem(code)).await;
    beat.end(&receipt);
    let receipt = match receipt {
        Ok(Err(CodeRefusal::AlreadyUsed(receipt))) if may_repeat => {
            telemetry::purchase_ended(REPLAYED);
            return Ok(replayed(not_stored(sold(*receipt, &api).await?)));
        }
        Ok(Ok(receipt)) => Ok(receipt),
        Ok(Err(refusal)) => {
            let refused = receipt::refused(refusal, &api).await;
            Err(refused.map_err(StoreError::once_done).unwrap_or_else(Problem::from))
        }
        Err(error) => Err(error.into()),
    };
    telemetry::purchase_ended(receipt.as_ref().map_or_else(Problem::name, |_| SOLD));

    Ok(not_stored(sold(receipt?, &api).await?))
}

/// The receipt of a code that is redeemed, by this request or before it: whatever cannot be read, it is.
async fn sold(receipt: Receipt, api: &Api) -> Result<ReceiptBody, StoreError> {
    receipt::shown(receipt, api).await.map_err(StoreError::once_done)
}

/// Shows the receipt of a code.
async fn get_purchase(
    request: HttpRequest,
    buyer: Buyer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code: GivenCode = of_path(&request, "code")?;
    Params::of_query(&request).finish(Some(()))?;
    let code = code.known()?;

    let receipt = buyer.with_own(code, &api, api.services.purchase.receipt(code)).await??;

    Ok(not_stored(receipt::shown(receipt, &api).await?))
}
