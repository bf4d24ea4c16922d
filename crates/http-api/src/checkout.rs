//! `/checkout`: asking for a unit, and giving a hold back.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{CheckoutRequest, Hold};
use serde::Serialize;

use crate::{
    api::Api,
    caching::{NO_STORE, not_stored},
    deadline::in_time,
    given_code::GivenCode,
    identity::Buyer,
    moment::rfc3339,
    params::Params,
    problem::Problem,
    receipt::ItemBody,
};

/// A hold, as the API writes it.
#[derive(Serialize)]
struct HoldBody {
    code: String,
    sale_id: i64,
    user_id: String,
    unit: u32,
    item: ItemBody,
    expires_at: String,
    server_time: String,
}

/// Puts a unit on hold; replies with the code that redeems it.
pub(super) async fn post_checkout(
    request: HttpRequest,
    buyer: Buyer,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let (user, sale) = (buyer.asked_as(&mut params), params.required("id"));
    let asked = user.zip(sale).map(|(user, sale)| CheckoutRequest { sale, user });
    let asked = params.finish(asked)?;
    buyer.check_asks_as(&asked.user, &request, &api)?;
    let sale = asked.sale;

    let beat = api.way.checkouts.begin();
    let hold = in_time(api.services.checkout.attempt(asked)).await;
    beat.end(&hold);
    let hold = match hold {
        Ok(answer) => answer.map_err(|refusal| Problem::of_checkout(refusal, sale)),
        Err(error) => Err(error.into()),
    };
    telemetry::checkout_ended(hold.as_ref().map_or_else(Problem::name, |_| "granted"));

    Ok(not_stored(HoldBody::of(hold?, &api)))
}

/// Gives a hold back before its time.
pub(super) async fn delete_checkout(
    request: HttpRequest,
    buyer: Buyer,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let code = params.required("code");
    let code = params.finish::<GivenCode>(code)?.known()?;
    buyer.check_owns(code, &api).await?;

    in_time(api.services.purchase.release(code)).await??;

    Ok(HttpResponse::NoContent().insert_header(NO_STORE).finish())
}

impl HoldBody {
    fn of(hold: Hold, api: &Api) -> Self {
        Self {
            code: hold.code.to_string(),
            sale_id: hold.sale.get(),
            user_id: hold.user.to_string(),
            unit: hold.unit.get(),
            item: api.services.item(hold.sale, hold.unit).into(),
            expires_at: rfc3339(hold.expires_at),
            server_time: rfc3339(api.services.catalog.reckoned_now()),
        }
    }
}
