//! `/admin/purchases`: purchases that operators cancel.

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use domain::operator::Action;

use super::{
    actions::{Said, act, described_with_reason},
    asks::Operator,
};
use crate::{
    api::Api,
    given_code::GivenCode,
    openapi::{Endpoint, GivenCodeText, Operation, Parameter},
    params::{Params, of_path},
    problem::{Kind, Problem},
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::at("/admin/purchases/{code}/cancel").on(Method::POST, cancel, describe_cancel)
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

/// Cancels a purchase.
async fn cancel(
    request: HttpRequest,
    Operator(known): Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code = of_path::<GivenCode>(&request, "code")?.known()?;
    let mut params = Params::read(&request, payload).await?;
    let said = Said::read_with_reason(&request, &mut params);
    let said = params.finish(said)?;

    act(&api, known, said, Action::CancelPurchase(code)).await
}
