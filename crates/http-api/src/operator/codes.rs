//! `/admin/holds` and `/admin/purchases`: what operators have done with what a code stands for.

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use domain::operator::Action;

use super::{
    actions::{Said, described, described_with_reason, simply},
    asks::Operator,
};
use crate::{
    api::Api,
    given_code::GivenCode,
    openapi::{Endpoint, GivenCodeText, Operation, Parameter},
    params::of_path,
    problem::{Kind, Problem},
};

pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/admin/holds/{code}").on(Method::DELETE, release, describe_release),
        Endpoint::at("/admin/purchases/{code}/cancel").on(Method::POST, cancel, describe_cancel),
    ]
}

fn describe_release() -> Operation {
    described("releaseHold", "Give a hold back before its time", 200, &[Kind::CodeNotFound])
        .parameter(Parameter::path::<GivenCodeText>("code", "The code of the hold."))
}

fn describe_cancel() -> Operation {
    described_with_reason("cancelPurchase", "Cancel a purchase", &[Kind::CodeNotFound])
        .says(
            "It is final. The receipt stays, and says since when and why; the buyer may buy as many more as they \
             may without it. The unit is on sale again, unless the sale is over, in whatever the live store \
             serves at an epoch above `action.after.epoch`: many purchases that are cancelled at once wait for one \
             load of their sale. Until then checkouts of that sale may be answered with 503.",
        )
        .parameter(Parameter::path::<GivenCodeText>("code", "The code that was redeemed."))
}

/// Gives a hold back.
async fn release(
    request: HttpRequest,
    operator: Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code = of_path::<GivenCode>(&request, "code")?.known()?;
    simply(request, operator, payload, api, Said::read, Action::ReleaseHold(code)).await
}

/// Cancels a purchase.
async fn cancel(
    request: HttpRequest,
    operator: Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code = of_path::<GivenCode>(&request, "code")?.known()?;
    let action = Action::CancelPurchase(code);
    simply(request, operator, payload, api, Said::read_with_reason, action).await
}
