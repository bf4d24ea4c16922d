//! `/checkout`: asking for a unit, and giving a hold back.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{CheckoutRequest, Hold, checkout::KeyedHold};
use serde::Serialize;

use crate::{
    api::Api,
    caching::{NO_STORE, not_stored},
    deadline::in_time,
    given_code::GivenCode,
    idempotency::{key_of, replayed},
    moment::rfc3339,
    params::Params,
    problem::Problem,
};

/// A hold, as the API writes it.
#[derive(Serialize)]
struct HoldBody {
    code: String,
    sale_id: i64,
    user_id: String,
    unit: u32,
    expires_at: String,
}

/// Puts a unit on hold; replies with the code that redeems it. Whoever asks again with the same key
/// gets the same code.
pub(super) async fn post_checkout(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let (user, sale) = (params.required("user_id"), params.required("id"));
    let key = key_of(&request, &mut params);
    let asked = user.zip(sale).map(|(user, sale)| CheckoutRequest { sale, user });
    let asked = params.finish(asked)?;
    let sale = asked.sale;

    let beat = api.way.checkouts.begin();
    let checkout = &api.services.checkout;
    let hold = match key {
        None => in_time(checkout.attempt(asked)).await.map(|answer| answer.map(newly)),
        Some(key) => in_time(checkout.attempt_again(asked, &key)).await,
    };
    beat.end(&hold);
    let hold = match hold {
        Ok(answer) => answer.map_err(|refusal| Problem::of_checkout(refusal, sale)),
        Err(error) => Err(error.into()),
    };
    telemetry::checkout_ended(match &hold {
        Ok(KeyedHold { is_repeated: false, .. }) => "granted",
        Ok(_) => "replayed",
        Err(problem) => problem.name(),
    });

    let KeyedHold { hold, is_repeated } = hold?;
    let answer = not_stored(HoldBody::from(hold));
    Ok(if is_repeated { replayed(answer) } else { answer })
}

const fn newly(hold: Hold) -> KeyedHold {
    KeyedHold { hold, is_repeated: false }
}

/// Gives a hold back before its time.
pub(super) async fn delete_checkout(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let code = params.required("code");
    let code = params.finish::<GivenCode>(code)?.known()?;

    in_time(api.services.purchase.release(code)).await??;

    Ok(HttpResponse::NoContent().insert_header(NO_STORE).finish())
}

impl From<Hold> for HoldBody {
    fn from(hold: Hold) -> Self {
        Self {
            code: hold.code.to_string(),
            sale_id: hold.sale.get(),
            user_id: hold.user.to_string(),
            unit: hold.unit.get(),
            expires_at: rfc3339(hold.expires_at),
        }
    }
}
