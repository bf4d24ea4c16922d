//! `/purchase` and `/purchases`: redeeming codes, and their receipts.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::Receipt;
use serde::Serialize;

use crate::{
    compose::Api,
    http::{
        in_time,
        params::{Params, of_path},
        problem::Problem,
        rfc3339,
    },
};

/// A receipt, as the API writes it.
#[derive(Serialize)]
pub(super) struct ReceiptBody {
    code: String,
    sale_id: i64,
    user_id: String,
    unit: u32,
    item: ItemBody,
    purchased_at: String,
}

/// An item, as the API writes it.
#[derive(Serialize)]
struct ItemBody {
    name: String,
    image: String,
}

/// Sells the unit of a code; replies with the receipt.
pub(super) async fn post_purchase(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(&request, payload).await?;
    let code = params.required("code");
    let code = params.finish(code)?;

    let receipt = in_time(api.purchase.redeem(code)).await??;

    Ok(HttpResponse::Ok().json(ReceiptBody::from(receipt)))
}

/// Shows the receipt of a code.
pub(super) async fn get_purchase(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let code = of_path(&request, "code")?;
    Params::of_query(&request).finish(Some(()))?;

    let receipt = in_time(api.purchase.receipt(code)).await??;

    Ok(HttpResponse::Ok().json(ReceiptBody::from(receipt)))
}

impl From<Receipt> for ReceiptBody {
    fn from(receipt: Receipt) -> Self {
        Self {
            code: receipt.code.to_string(),
            sale_id: receipt.sale.get(),
            user_id: receipt.user.to_string(),
            unit: receipt.unit.get(),
            item: ItemBody { name: receipt.item.name, image: receipt.item.image },
            purchased_at: rfc3339(receipt.purchased_at),
        }
    }
}
