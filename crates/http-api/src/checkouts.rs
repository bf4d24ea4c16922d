//! `/checkouts`: what a code is now.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    CodeRefusal,
    ports::{CodeLife, CodeState},
};
use serde::Serialize;

use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    given_code::GivenCode,
    identity::Buyer,
    moment::rfc3339,
    params::{Params, of_path},
    problem::Problem,
    receipt::ItemBody,
};

/// What a code is, as the API writes it.
#[derive(Serialize)]
struct CodeBody {
    code: String,
    sale_id: i64,
    user_id: String,
    unit: u32,
    item: ItemBody,
    state: &'static str,
    expires_at: String,
    /// When it became what it is, if it is no hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_at: Option<String>,
    server_time: String,
}

/// Shows what a code is now. It changes nothing, and decides nothing: a hold that is due is one until
/// the ledger has ended it.
pub(super) async fn get_checkout(
    request: HttpRequest,
    buyer: Buyer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code: GivenCode = of_path(&request, "code")?;
    Params::of_query(&request).finish(Some(()))?;
    let code = code.known()?;

    let life = in_time(api.lookups.code(code)).await?;

    let life = life.filter(|life| buyer.may_see(&life.user)).ok_or(CodeRefusal::Unknown)?;
    Ok(not_stored(CodeBody::of(life, &api)))
}

impl CodeBody {
    fn of(life: CodeLife, api: &Api) -> Self {
        let sale = life.code.sale();
        Self {
            code: life.code.to_string(),
            sale_id: sale.get(),
            user_id: life.user.to_string(),
            unit: life.unit.get(),
            item: api.services.item(sale, life.unit).into(),
            state: match life.state {
                CodeState::Held => "held",
                CodeState::Sold => "sold",
                CodeState::Expired => "expired",
                CodeState::Released => "released",
            },
            expires_at: rfc3339(life.expires_at),
            resolved_at: life.resolved_at.map(rfc3339),
            server_time: rfc3339(life.seen_at),
        }
    }
}
