//! `/items`: the pictures of items, drawn by the service.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_RESOURCE_POLICY,
        ETAG, EntityTag, VARY,
    },
    web::{self, Bytes},
};
use domain::{SaleId, Unit};
use flate2::Compression;

use crate::{
    api::Api,
    asset::{accept_encoding, gzip, if_none_match, takes_gzip},
    caching::is_known,
    deadline::in_time,
    openapi::{Answer, Endpoint, Operation, Parameter, SaleNumber, Tag, UnitNumber, header},
    params::of_path,
    problem::{Kind, Problem},
};

/// Where pictures are.
pub(super) const PATTERN: &str = "/items/{sale}/{unit}.svg";

/// It never changes.
const CACHING: &str = "public, max-age=31536000, immutable";

/// What a picture may do in a browser.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Compressed pictures that one thread keeps, of some 2 KB each.
const KEPT_MAX: usize = 1_024;

/// The pictures that one thread compressed last.
#[derive(Default)]
pub struct Pictures {
    kept: RefCell<Kept>,
}

#[derive(Default)]
struct Kept {
    compressed: HashMap<(SaleId, Unit), Bytes>,
    oldest_first: VecDeque<(SaleId, Unit)>,
}

/// Where the picture of a unit's item is, such as "/items/7/137.svg".
#[must_use]
pub fn picture_path(sale: SaleId, unit: Unit) -> String {
    format!("/items/{sale}/{unit}.svg")
}

/// `/items`.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::at(PATTERN).reading(get_item, describe)
}

fn describe() -> Operation {
    let tag = || header::tag("\"1-1-gz\"");
    let headers = || [header::caching(CACHING), header::varies(), tag(), header::policy(POLICY)];
    let picture = Answer::text("The picture, as an SVG document.", "image/svg+xml")
        .headers(headers())
        .headers([header::coding()]);
    Operation::new(Tag::Sales, "itemPicture", "Show the picture of an item")
        .says(
            "The same for ever. It is drawn from the two numbers alone, for whoever asks: before the \
             sale opens, and sold or not.",
        )
        .parameter(Parameter::path::<SaleNumber>("sale", "The sale of the unit."))
        .parameter(Parameter::path::<UnitNumber>("unit", "The unit."))
        .parameters([if_none_match("\"1-1-gz\""), accept_encoding()])
        .answers([picture, Answer::empty(304, "The client has it.").headers(headers())])
        .refused_as(&[Kind::SaleNotFound, Kind::ItemNotFound, Kind::NotFound])
        .asks_stores()
}

/// Draws the item of a unit. The same unit looks the same for ever, so it may be cached so long.
async fn get_item(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let sale: SaleId = of_path(&request, "sale")?;
    let unit: Unit = of_path(&request, "unit")?;

    let found = in_time(api.board.find(sale)).await?;
    let found = found.ok_or_else(|| Problem::sale_not_found(Some(sale)))?;
    let stock = found.terms.stock();
    // Whoever had it on hold before the stock was lowered sees it still.
    if unit.get() > stock && unit.get() > in_time(api.steering.most_units(&found)).await? {
        return Err(Problem::item_not_found(sale, stock));
    }

    let is_compressed = takes_gzip(&request);
    // Whoever has a picture of these numbers has this one: it never changes.
    let form = if is_compressed { "-gz" } else { "" };
    let tag = EntityTag::new_strong(format!("{sale}-{unit}{form}"));
    let is_known = is_known(&request, &tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, CACHING))
        .insert_header((VARY, "Accept-Encoding"))
        // Whatever shop's page shows it.
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        // A browser takes the fields of a 304 for those of what it has.
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((ETAG, tag.to_string()));
    if is_known {
        return Ok(response.finish());
    }
    response.content_type("image/svg+xml");
    if is_compressed && let Some(compressed) = api.pictures.compressed(sale, unit, api.draw) {
        return Ok(response.insert_header((CONTENT_ENCODING, "gzip")).body(compressed));
    }
    Ok(response.body((api.draw)(sale, unit)))
}

impl Pictures {
    /// A picture, compressed; `None` if it cannot be.
    fn compressed(
        &self,
        sale: SaleId,
        unit: Unit,
        draw: fn(SaleId, Unit) -> String,
    ) -> Option<Bytes> {
        let which = (sale, unit);
        let mut kept = self.kept.borrow_mut();
        if let Some(compressed) = kept.compressed.get(&which) {
            return Some(compressed.clone());
        }
        let compressed = Bytes::from(gzip(draw(sale, unit).as_bytes(), Compression::new(4)).ok()?);
        if kept.oldest_first.len() == KEPT_MAX
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            kept.compressed.remove(&oldest);
        }
        kept.oldest_first.push_back(which);
        kept.compressed.insert(which, compressed.clone());
        Some(compressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn which(unit: u32) -> (SaleId, Unit) {
        (SaleId::try_from(7).unwrap(), Unit::try_from(unit).unwrap())
    }

    #[test]
    fn a_picture_is_at_a_path_with_both_numbers() {
        let (sale, unit) = which(137);

        assert_eq!(picture_path(sale, unit), "/items/7/137.svg");
    }

    #[test]
    fn no_more_pictures_are_kept_than_there_is_room_for() {
        let pictures = Pictures::default();
        let last = 2 * u32::try_from(KEPT_MAX).unwrap();

        for (sale, unit) in (1..=last).map(which) {
            pictures.compressed(sale, unit, |_, unit| format!("No. {unit}")).unwrap();
        }

        let kept = pictures.kept.borrow();
        assert_eq!((kept.compressed.len(), kept.oldest_first.len()), (KEPT_MAX, KEPT_MAX));
        assert!(kept.compressed.contains_key(&which(last)));
    }
}
