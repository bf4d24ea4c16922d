//! Products, their versions and their pictures.

use std::time::SystemTime;

use domain::{
    ProductId, ProductVersion, VersionId,
    product::{Image, ImageDigest, ImageKind, ImageRef, Price, Product, ProductName},
};
use tokio_postgres::Row;

use super::{checked, column, moment, to_millis, unreadable};
use crate::session::SessionError;

/// A row of `current_versions.sql`.
pub(crate) fn current_version(row: &Row) -> Result<(ProductId, VersionId), SessionError> {
    Ok((checked::<i64, _>(row, "product_id")?, checked::<i64, _>(row, "id")?))
}

/// A row of `read_versions.sql`.
pub(crate) fn version(row: &Row) -> Result<ProductVersion, SessionError> {
    Ok(ProductVersion {
        id: checked::<i64, _>(row, "id")?,
        product: checked::<i64, _>(row, "product_id")?,
        sku: text(row, "sku")?,
        name: ProductName::kept(column(row, "name")?).map_err(|error| unreadable("name", error))?,
        price: price(row)?,
        metadata: column::<Option<&str>>(row, "metadata")?
            .map(str::parse)
            .transpose()
            .map_err(|error| unreadable("metadata", error))?,
        image: image_ref(row)?,
        made_at: moment(row, "made_at")?,
    })
}

/// A row of `find_product.sql` or `page_products.sql`.
pub(crate) fn product(row: &Row) -> Result<Product, SessionError> {
    let archived_at = column::<Option<SystemTime>>(row, "archived_at")?.map(to_millis);
    Ok(Product { version: version(row)?, archived_at })
}

/// A row of `find_image.sql`, for a picture that was asked for by this digest.
pub(crate) fn image(row: &Row, digest: ImageDigest) -> Result<Image, SessionError> {
    let image = Image::new(column::<&[u8]>(row, "bytes")?);
    let image = image.map_err(|error| unreadable("bytes", error))?;
    if image.digest() != digest || image.kind() != kind(row)? {
        return Err(unreadable("bytes", "another picture than that of the digest"));
    }
    Ok(image)
}

fn text<T: std::str::FromStr<Err: std::fmt::Display>>(
    row: &Row,
    name: &str,
) -> Result<T, SessionError> {
    column::<&str>(row, name)?.parse().map_err(|error| unreadable(name, error))
}

fn price(row: &Row) -> Result<Option<Price>, SessionError> {
    let Some(amount) = column::<Option<i64>>(row, "price_amount")? else { return Ok(None) };
    let price = Price::new(amount, text(row, "price_currency")?);
    price.map(Some).map_err(|error| unreadable("price_amount", error))
}

fn image_ref(row: &Row) -> Result<Option<ImageRef>, SessionError> {
    let Some(digest) = column::<Option<&[u8]>>(row, "image")? else { return Ok(None) };
    let digest = digest.try_into().map(ImageDigest);
    let digest = digest.map_err(|error| unreadable("image", error))?;
    Ok(Some(ImageRef { digest, kind: kind(row)? }))
}

fn kind(row: &Row) -> Result<ImageKind, SessionError> {
    let name: &str = column(row, "kind")?;
    ImageKind::named(name).ok_or_else(|| unreadable("kind", name))
}
