//! `/checkouts`: what a code is now.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    CodeRefusal, Item,
    ports::{CodeLife, CodeState},
};
use serde_json::json;

use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    given_code::GivenCode,
    identity::Buyer,
    moment::rfc3339,
    openapi::{
        Answer, Endpoint, GivenCodeText, Link, Moment, Operation, Parameter, SaleNumber, Tag,
        UnitNumber, UserName, bodies, header, scalars,
    },
    params::{Params, of_path},
    problem::{Kind, Problem},
    receipt::ItemBody,
    samples,
};

/// All states there are.
const STATES: [CodeState; 5] = [
    CodeState::Held,
    CodeState::Sold,
    CodeState::Expired,
    CodeState::Released,
    CodeState::Cancelled,
];

scalars! {
    /// What a code is.
    StateName is "CodeState": {
        "type": "string",
        "enum": STATES.map(name_of),
        "description": "What a code is: `held` keeps a unit, `sold` was redeemed, `expired` ran out, \
                        `released` was given back, `cancelled` was redeemed and the purchase cancelled. Only \
                        `held` changes, and `sold`, to `cancelled`.",
    }
}

bodies! {
    /// What a code is now.
    struct CodeBody as "CodeLife" {
        /// The code.
        code: String as GivenCodeText,
        /// The sale.
        sale_id: i64 as SaleNumber,
        /// Whom it was given to.
        user_id: String as UserName,
        /// The unit it was given for.
        unit: u32 as UnitNumber,
        /// What the unit is.
        item: ItemBody as ItemBody,
        /// What it is. After `expires_at` a code stays `held`, and can be redeemed, until the service ends
        /// the hold, which it does within moments.
        state: &'static str as StateName,
        /// Until when the unit was kept, or is.
        expires_at: String as Moment,
        /// When it became what it is, if it is no hold.
        #[serde(skip_serializing_if = "Option::is_none")]
        resolved_at: Option<String> as Option<Moment>,
        /// The clock of the ledger.
        server_time: String as Moment,
    }
}

/// `/checkouts`.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::at("/checkouts/{code}").reading(get_checkout, describe)
}

fn describe() -> Operation {
    let life = CodeBody::of(&samples::code_life(), samples::item());
    let life = Answer::json::<CodeBody>(200, "What it is now.", json!(life))
        .headers([header::caching("no-store")])
        .link(Link { to: "sale", says: "Its sale.", parameters: &[("id", "/sale_id")] });
    Operation::new(Tag::Buying, "code", "Show what a code is now")
        .says(
            "It only looks. A code that POST /checkout answered is there for good, in one of these \
             states.",
        )
        .parameter(Parameter::path::<GivenCodeText>("code", "The code."))
        .of_buyer()
        .answer(life)
        .refused_as(&[Kind::CodeNotFound, Kind::NotFound])
        .asks_stores()
}

/// Shows what a code is now. It changes nothing, and decides nothing: a hold that is due is one until
/// the ledger has ended it.
async fn get_checkout(
    request: HttpRequest,
    buyer: Buyer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code: GivenCode = of_path(&request, "code")?;
    Params::of_query(&request).finish(Some(()))?;
    let code = code.known()?;

    let life = in_time(api.lookups.code(code)).await?;

    let life = life.filter(|life| buyer.may_see(&life.user)).ok_or(CodeRefusal::Unknown)?;
    let item = item_of(&life, &api).await?;
    Ok(not_stored(CodeBody::of(&life, item)))
}

/// What the unit of a code is; of one that was sold, as it was then, whatever became of the purchase.
async fn item_of(life: &CodeLife, api: &Api) -> Result<Item, Problem> {
    let (sale, naming) = (life.code.sale(), &api.services.naming);
    let was_sold = matches!(life.state, CodeState::Sold | CodeState::Cancelled);
    // A generated item is the same for ever: its receipt says nothing else.
    if was_sold && !naming.is_generated(sale) {
        return Ok(in_time(api.services.purchase.receipt(life.code)).await??.item);
    }
    Ok(in_time(naming.item(sale, life.unit)).await?)
}

impl CodeBody {
    fn of(life: &CodeLife, item: Item) -> Self {
        Self {
            code: life.code.to_string(),
            sale_id: life.code.sale().get(),
            user_id: life.user.to_string(),
            unit: life.unit.get(),
            item: item.into(),
            state: name_of(life.state),
            expires_at: rfc3339(life.expires_at),
            resolved_at: life.resolved_at.map(rfc3339),
            server_time: rfc3339(life.seen_at),
        }
    }
}

/// What a state is called.
const fn name_of(state: CodeState) -> &'static str {
    match state {
        CodeState::Held => "held",
        CodeState::Sold => "sold",
        CodeState::Expired => "expired",
        CodeState::Released => "released",
        CodeState::Cancelled => "cancelled",
    }
}
