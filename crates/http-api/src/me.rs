//! `/me`: what a user has of a sale, and may have.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    Receipt, UnixMillis,
    ports::{HeldUnit, UnitsOfUser, UserOfSale},
};
use serde_json::json;

use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    identity::Buyer,
    moment::rfc3339,
    openapi::{
        Answer, Count, Endpoint, GivenCodeText, Link, Moment, Operation, Parameter, SaleNumber,
        Tag, UnitNumber, UserName, bodies, header,
    },
    params::Params,
    problem::{Kind, Problem},
    receipt::{self, ReceiptBody},
    samples,
    shown::PerUserLimit,
};

bodies! {
    /// What a user has of a sale, and may have.
    struct UserBody as "UserOfSale" {
        /// The sale.
        sale_id: i64 as SaleNumber,
        /// The user.
        user_id: String as UserName,
        /// How many units they have on hold.
        held: usize as Count,
        /// How many they have bought.
        bought: usize as Count,
        /// How many they had bought whose purchase was cancelled: they count no more among what they have.
        cancelled: usize as Count,
        /// How many one user may have, on hold and bought.
        limit: u16 as PerUserLimit,
        /// How many more, as far as the limit goes.
        may_have: usize as Count,
        /// Their holds, for whoever has shown by a token that they are theirs.
        #[serde(skip_serializing_if = "Option::is_none")]
        holds: Option<Vec<HeldBody>> as Option<Vec<HeldBody>>,
        /// Their receipts, likewise.
        #[serde(skip_serializing_if = "Option::is_none")]
        purchases: Option<Vec<ReceiptBody>> as Option<Vec<ReceiptBody>>,
        /// The receipts of purchases that were cancelled, likewise: each says since when and why.
        #[serde(skip_serializing_if = "Option::is_none")]
        cancelled_purchases: Option<Vec<ReceiptBody>> as Option<Vec<ReceiptBody>>,
        /// The clock of the ledger.
        server_time: String as Moment,
    }

    /// A unit on hold, as its user sees it.
    struct HeldBody as "HeldUnit" {
        /// Redeems the hold.
        code: String as GivenCodeText,
        /// The unit.
        unit: u32 as UnitNumber,
        /// Until when it is kept.
        expires_at: String as Moment,
    }
}

/// `/me`.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::at("/me").reading(get_me, describe)
}

fn describe() -> Operation {
    let of = UserOfSale { sale: samples::sale_id(), user: samples::hold().user };
    let limit = samples::standing().sale.terms.per_user_limit();
    let UnitsOfUser { held, bought, cancelled, seen_at } = samples::units_of_user();
    let [bought, cancelled] = [bought, cancelled].map(|receipts| {
        receipts.into_iter().map(|receipt| ReceiptBody::of(receipt, None)).collect()
    });
    let has = Has { held, bought, cancelled };
    let example = UserBody::of(of, limit, has, seen_at, true);
    let user = Answer::json::<UserBody>(200, "What they have.", json!(example))
        .headers([header::caching("no-store")])
        .link(Link { to: "sale", says: "The sale.", parameters: &[("id", "/sale_id")] });
    Operation::new(Tag::Buying, "me", "Show what a user has of a sale, and may have")
        .says(
            "What was cancelled is counted apart. Codes and receipts are there for a token alone: where `user_id` is \
             believed, none are.",
        )
        .parameter(Parameter::query::<SaleNumber>("sale", "The sale."))
        .parameter(Parameter::query::<UserName>(
            "user_id",
            "Who asks. With a token it may be left out, and must be its user if it is there.",
        ))
        .of_buyer()
        .answer(user)
        .problem(Kind::SaleNotFound)
        .asks_stores()
}

/// Shows what a user has of a sale. Codes are shown to nobody who is believed by their word alone.
async fn get_me(
    request: HttpRequest,
    buyer: Buyer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let (user, sale) = (buyer.asked_as(&mut params), params.required("sale"));
    let of = user.zip(sale).map(|(user, sale)| UserOfSale { sale, user });
    let of = params.finish(of)?;
    buyer.check_asks_as(&of.user, &request, &api)?;

    let found = in_time(async {
        let Some(sale) = api.board.find(of.sale).await? else { return Ok(None) };
        Ok(Some((sale, api.lookups.units(of.clone()).await?)))
    });
    let found = found.await?;
    let (sale, units) = found.ok_or_else(|| Problem::sale_not_found(Some(of.sale)))?;

    let UnitsOfUser { held, bought, cancelled, seen_at } = units;
    let (bought, cancelled) = (shown(bought, &api).await?, shown(cancelled, &api).await?);
    let (limit, has) = (sale.terms.per_user_limit(), Has { held, bought, cancelled });
    Ok(not_stored(UserBody::of(of, limit, has, seen_at, buyer.is_known())))
}

async fn shown(receipts: Vec<Receipt>, api: &Api) -> Result<Vec<ReceiptBody>, Problem> {
    let mut bodies = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        bodies.push(receipt::shown(receipt, api).await?);
    }
    Ok(bodies)
}

/// What a user has, and had.
struct Has {
    held: Vec<HeldUnit>,
    bought: Vec<ReceiptBody>,
    cancelled: Vec<ReceiptBody>,
}

impl UserBody {
    fn of(
        UserOfSale { sale, user }: UserOfSale,
        limit: u16,
        Has { held, bought, cancelled }: Has,
        seen_at: UnixMillis,
        all: bool,
    ) -> Self {
        let has = held.len() + bought.len();
        Self {
            sale_id: sale.get(),
            user_id: user.to_string(),
            held: held.len(),
            bought: bought.len(),
            cancelled: cancelled.len(),
            limit,
            may_have: usize::from(limit).saturating_sub(has),
            holds: all.then(|| held.into_iter().map(HeldBody::from).collect()),
            purchases: all.then_some(bought),
            cancelled_purchases: all.then_some(cancelled),
            server_time: rfc3339(seen_at),
        }
    }
}

impl From<HeldUnit> for HeldBody {
    fn from(held: HeldUnit) -> Self {
        Self {
            code: held.code.to_string(),
            unit: held.unit.get(),
            expires_at: rfc3339(held.expires_at),
        }
    }
}
