//! `/me`: what a user has of a sale, and may have.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::ports::{HeldUnit, UnitsOfUser, UserOfSale};
use serde::Serialize;

use crate::{
    api::Api, caching::not_stored, deadline::in_time, identity::Buyer, moment::rfc3339,
    params::Params, problem::Problem, receipt::ReceiptBody,
};

/// What a user has, as the API writes it.
#[derive(Serialize)]
struct UserBody {
    sale_id: i64,
    user_id: String,
    held: usize,
    bought: usize,
    limit: u16,
    /// How many more, as far as the limit goes.
    may_have: usize,
    /// The codes, for whoever has shown that they are theirs.
    #[serde(flatten)]
    codes: Option<CodesBody>,
    server_time: String,
}

#[derive(Serialize)]
struct CodesBody {
    holds: Vec<HeldBody>,
    purchases: Vec<ReceiptBody>,
}

#[derive(Serialize)]
struct HeldBody {
    code: String,
    unit: u32,
    expires_at: String,
}

/// Shows what a user has of a sale. Codes are shown to nobody who is believed by their word alone.
pub(super) async fn get_me(
    request: HttpRequest,
    buyer: Buyer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let (user, sale) = (buyer.asked_as(&mut params), params.required("sale"));
    let of = user.zip(sale).map(|(user, sale)| UserOfSale { sale, user });
    let of = params.finish(of)?;
    buyer.check_asks_as(&of.user, &request, &api)?;

    let sale = in_time(api.board.find(of.sale)).await?;
    let sale = sale.ok_or_else(|| Problem::sale_not_found(Some(of.sale)))?;
    let units = in_time(api.lookups.units(of.clone())).await?;

    Ok(not_stored(UserBody::of(of, sale.terms.per_user_limit(), units, buyer.is_known())))
}

impl UserBody {
    fn of(
        UserOfSale { sale, user }: UserOfSale,
        limit: u16,
        units: UnitsOfUser,
        all: bool,
    ) -> Self {
        let UnitsOfUser { held, bought, seen_at } = units;
        let has = held.len() + bought.len();
        Self {
            sale_id: sale.get(),
            user_id: user.to_string(),
            held: held.len(),
            bought: bought.len(),
            limit,
            may_have: usize::from(limit).saturating_sub(has),
            codes: all.then(|| CodesBody {
                holds: held.into_iter().map(HeldBody::from).collect(),
                purchases: bought.into_iter().map(ReceiptBody::from).collect(),
            }),
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
