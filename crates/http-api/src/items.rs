//! `/items`: the pictures of items, drawn by the service.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    web,
};
use domain::{SaleId, Unit};

use crate::{
    api::Api,
    params::{Params, of_path},
    problem::Problem,
};

/// Where pictures are.
pub(super) const PATTERN: &str = "/items/{sale}/{unit}.svg";

/// Where the picture of a unit's item is, such as "/items/7/137.svg".
#[must_use]
pub fn picture_path(sale: SaleId, unit: Unit) -> String {
    format!("/items/{sale}/{unit}.svg")
}

/// Draws the item of a unit. The same unit looks the same for ever, so it may be cached so long.
pub(super) async fn get_item(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sale: SaleId = of_path(&request, "sale")?;
    let unit: Unit = of_path(&request, "unit")?;
    Params::of_query(&request).finish(Some(()))?;

    let listed = api
        .services
        .catalog
        .find(sale)
        .await?
        .ok_or_else(|| Problem::sale_not_found(Some(sale)))?;
    let stock = listed.sale.terms.stock();
    if unit.get() > stock {
        return Err(Problem::item_not_found(sale, stock));
    }

    Ok(HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"))
        .body((api.draw)(sale, unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_at_a_path_with_both_numbers() {
        let (sale, unit) = (SaleId::try_from(7).unwrap(), Unit::try_from(137).unwrap());

        assert_eq!(picture_path(sale, unit), "/items/7/137.svg");
    }
}
