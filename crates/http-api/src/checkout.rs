//! `/checkout`: asking for a unit, and giving a hold back.

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use domain::{
    CheckoutRefusal, CheckoutRequest, Hold, IdempotencyKey, Item, Services, StoreError, UnixMillis,
    checkout::KeyedHold,
};
use serde_json::json;

use crate::{
    api::Api,
    caching::{NO_STORE, not_stored},
    deadline::in_time,
    given_code::GivenCode,
    idempotency::{self, key_of, replayed},
    identity::Buyer,
    metrics::REPLAYED,
    moment::rfc3339,
    openapi::{
        Answer, Endpoint, GivenCodeText, Link, Moment, Operation, Parameter, SaleNumber, Tag,
        UnitNumber, UserName, bodies, header,
    },
    params::Params,
    problem::{Kind, Problem},
    receipt::{self, ItemBody},
    samples,
};

/// What the business says no with to a checkout.
pub(crate) const REFUSALS: [Kind; 6] = [
    Kind::SaleNotFound,
    Kind::SoldOut,
    Kind::UserLimitReached,
    Kind::SaleNotOpen,
    Kind::SaleEnded,
    Kind::SalePaused,
];

/// What is counted for a unit that is put on hold.
pub(crate) const GRANTED: &str = "granted";

bodies! {
    /// A unit on hold, as it was granted: an answer that is repeated is the same but for `server_time`,
    /// whatever has become of the hold since. What it is now says GET /checkouts/{code}.
    struct HoldBody as "Hold" {
        /// Redeems the hold at `POST /purchase`.
        code: String as GivenCodeText,
        /// The sale.
        sale_id: i64 as SaleNumber,
        /// Whom the unit is kept for.
        user_id: String as UserName,
        /// The unit.
        unit: u32 as UnitNumber,
        /// What the unit is.
        item: ItemBody as ItemBody,
        /// Until when it was to be kept when it was granted. The code is good until the service has
        /// noticed, a moment later; one that was redeemed or given back is over before.
        expires_at: String as Moment,
        /// The clock of the stores, when this was answered: count down by the difference.
        server_time: String as Moment,
    }
}

/// `/checkout`.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::at("/checkout").on(Method::POST, post_checkout, describe_checkout).on(
        Method::DELETE,
        delete_checkout,
        describe_release,
    )
}

fn describe_checkout() -> Operation {
    let hold = HoldBody::of(&samples::hold(), samples::item(), samples::granted_at());
    let says = "The hold, on disk. With `Idempotency-Replayed` it is the answer of an earlier request \
                with this key, and the hold may be over since: `GET /checkouts/{code}` says what it \
                is now. If it is over, a new unit needs a new key.";
    let hold = Answer::json::<HoldBody>(200, says, json!(hold))
        .headers([header::caching("no-store"), header::replayed()])
        .link(Link { to: "purchase", says: "Redeems it.", parameters: &[("code", "/code")] })
        .link(Link { to: "release", says: "Gives it back.", parameters: &[("code", "/code")] })
        .link(Link { to: "code", says: "What it is now.", parameters: &[("code", "/code")] })
        .link(Link { to: "receipt", says: "Its receipt.", parameters: &[("code", "/code")] })
        .link(Link { to: "sale", says: "Its sale.", parameters: &[("id", "/sale_id")] });
    Operation::new(Tag::Buying, "checkout", "Put a unit on hold")
        .says(
            "If a unit is free, and the user is under the limit, it is put on hold for them. Each \
             request that is granted takes a unit, but for those with the same `Idempotency-Key`: of \
             them one does, and all get its hold as it was granted, whatever has become of it. A key \
             is remembered for as long as its sale is in the ledger: after the hold is sold, given back \
             or run out, while the sale is sold out, and when it has ended. So a new intention needs a \
             new key. Refusals are not kept: the same key may try again.\n\nThe answer is on disk \
             before it is given: its code never becomes one that is not found.\n\nIf several refusals \
             are true, the first of these is answered: `sale-not-found`; `sale-ended`, `sale-paused` or \
             `sale-not-open`; `sold-out`; `user-limit-reached`. A user at the limit is told `sold-out` \
             while no unit is free: once a sale is sold out a crowd is answered so from memory, and no \
             store is asked what each of them has. `GET /me` says that.",
        )
        .parameter(Parameter::query::<UserName>(
            "user_id",
            "Who asks. With a token it may be left out, and must be its user if it is there.",
        ))
        .parameter(Parameter::query::<SaleNumber>(
            "id",
            "The sale: `sale_id` in answers, and `sale` in newer routes. Here it is `id` for good.",
        ))
        .parameter(idempotency::parameter())
        .or_as_json()
        .of_buyer()
        .answer(hold)
        .refused_as(&REFUSALS)
        .asks_stores()
}

fn describe_release() -> Operation {
    let released = Answer::empty(204, "The unit is given back, or was before.");
    Operation::new(Tag::Buying, "release", "Give a hold back")
        .says(
            "The unit is on sale again. It is safe to repeat: what was given back is a 204 each time. A hold \
             that ran out is a 410: there was nothing to give back any more.",
        )
        .parameter(Parameter::query::<GivenCodeText>("code", "The code of the hold."))
        .or_as_json()
        .of_buyer()
        .answer(released.headers([header::caching("no-store")]))
        .refused_as(&[Kind::CodeNotFound, Kind::CodeAlreadyUsed, Kind::CodeExpired])
        .problem(Kind::PurchaseCancelled)
        .asks_stores()
}

/// Puts a unit on hold; replies with the code that redeems it. Whoever asks again with the same key
/// gets the same code.
async fn post_checkout(
    request: HttpRequest,
    buyer: Buyer,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let (user, sale) = (buyer.asked_as(&mut params), params.required("id"));
    let key = key_of(&request, &buyer, &mut params);
    let asked = user.zip(sale).map(|(user, sale)| CheckoutRequest { sale, user });
    let asked = params.finish(asked)?;
    buyer.check_asks_as(&asked.user, &request, &api)?;
    let sale = asked.sale;

    let beat = api.way.checkouts.begin();
    let hold = in_time(hold(&api, asked, key)).await;
    beat.end(&hold);
    let hold = match hold {
        Ok(answer) => answer.map_err(|refusal| Problem::of_checkout(refusal, sale)),
        Err(error) => Err(error.into()),
    };
    telemetry::checkout_ended(match &hold {
        Ok((KeyedHold { is_repeated: false, .. }, _)) => GRANTED,
        Ok(_) => REPLAYED,
        Err(problem) => problem.name(),
    });

    let (KeyedHold { hold, is_repeated }, item) = hold?;
    let now = api.services.catalog.reckoned_now();
    let answer = not_stored(HoldBody::of(&hold, item, now));
    Ok(if is_repeated { replayed(answer) } else { answer })
}

/// A unit on hold, and what it is. What can be asked for that is asked before: a hold that is on disk counts for
/// its user, and nobody is told of one that nothing was done.
async fn hold(
    api: &Api,
    asked: CheckoutRequest,
    key: Option<IdempotencyKey>,
) -> Result<Result<(KeyedHold, Item), CheckoutRefusal>, StoreError> {
    let Services { checkout, naming, .. } = &api.services;
    let ahead = naming.ahead(asked.sale).await?;
    let granted = match key {
        None => checkout.attempt(asked).await?.map(newly),
        Some(key) => checkout.attempt_again(asked, &key).await?,
    };
    match granted {
        Ok(granted) => {
            let item = naming.item_of(ahead, granted.hold.unit).await;
            Ok(Ok((granted, item.map_err(StoreError::once_done)?)))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

const fn newly(hold: Hold) -> KeyedHold {
    KeyedHold { hold, is_repeated: false }
}

/// Gives a hold back before its time.
async fn delete_checkout(
    request: HttpRequest,
    buyer: Buyer,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let code = params.required("code");
    let code = params.finish::<GivenCode>(code)?.known()?;

    let released = buyer.with_own(code, &api, api.services.purchase.release(code)).await?;
    if let Err(refusal) = released {
        // Nothing was done, whatever cannot be read of what was sold before.
        return Err(receipt::refused(refusal, &api).await?);
    }

    Ok(HttpResponse::NoContent().insert_header(NO_STORE).finish())
}

impl HoldBody {
    fn of(hold: &Hold, item: Item, now: UnixMillis) -> Self {
        Self {
            code: hold.code.to_string(),
            sale_id: hold.sale.get(),
            user_id: hold.user.to_string(),
            unit: hold.unit.get(),
            item: item.into(),
            expires_at: rfc3339(hold.expires_at),
            server_time: rfc3339(now),
        }
    }
}
