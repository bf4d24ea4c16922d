//! Products, their versions and their pictures.

use std::{fmt::Display, str::FromStr};

use domain::{
    ProductId, ProductVersion, UnixMillis, VersionId,
    ports::ProductCopy,
    product::{Image, ImageDigest, ImageKind, ImageRef, Price, Product, ProductName},
};
use rusqlite::Row;

use super::{checked, moment, text, unreadable};

pub(crate) fn product_id(row: &Row<'_>) -> rusqlite::Result<ProductId> {
    checked(row, "id")
}

pub(crate) fn version_id(row: &Row<'_>) -> rusqlite::Result<VersionId> {
    checked(row, "id")
}

/// A row of `find_product.sql` or `find_product_by_id.sql`: which product, and since when it is
/// archived.
pub(crate) fn product_row(row: &Row<'_>) -> rusqlite::Result<(ProductId, Option<UnixMillis>)> {
    Ok((product_id(row)?, archived_at(row)?))
}

fn archived_at(row: &Row<'_>) -> rusqlite::Result<Option<UnixMillis>> {
    Ok(row.get::<_, Option<i64>>("archived_at")?.map(UnixMillis))
}

/// A row of `read_version.sql` or `copy_versions.sql`.
pub(crate) fn version(row: &Row<'_>) -> rusqlite::Result<ProductVersion> {
    let metadata = row.get_ref("metadata")?.as_str_or_null();
    let metadata = metadata.map_err(|error| unreadable("metadata", error))?;
    Ok(ProductVersion {
        id: version_id(row)?,
        product: checked(row, "product_id")?,
        sku: parsed(row, "sku")?,
        name: ProductName::kept(text(row, "name")?).map_err(|error| unreadable("name", error))?,
        price: price(row)?,
        metadata: metadata
            .map(str::parse)
            .transpose()
            .map_err(|error| unreadable("metadata", error))?,
        image: image_ref(row)?,
        made_at: moment(row, "made_at")?,
    })
}

/// A row of `read_version.sql`, of the last version of a product.
pub(crate) fn product(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product { version: version(row)?, archived_at: archived_at(row)? })
}

/// A row of `copy_products.sql`.
pub(crate) fn product_copy(row: &Row<'_>) -> rusqlite::Result<ProductCopy> {
    let (id, archived_at) = product_row(row)?;
    Ok(ProductCopy { id, sku: parsed(row, "sku")?, archived_at })
}

/// A row of `find_image.sql` or `copy_images.sql`, of the picture of this digest.
pub(crate) fn image(row: &Row<'_>, digest: ImageDigest) -> rusqlite::Result<Image> {
    let bytes = row.get_ref("bytes")?.as_blob().map_err(|error| unreadable("bytes", error))?;
    let image = Image::new(bytes).map_err(|error| unreadable("bytes", error))?;
    if image.digest() != digest || image.kind() != kind(row)? {
        return Err(unreadable("bytes", "another picture than that of the digest"));
    }
    Ok(image)
}

/// A row of `copy_images.sql`.
pub(crate) fn image_copy(row: &Row<'_>) -> rusqlite::Result<Image> {
    let digest = row.get("digest").map_err(|error| unreadable("digest", error))?;
    image(row, ImageDigest(digest))
}

fn parsed<T: FromStr<Err: Display>>(row: &Row<'_>, name: &str) -> rusqlite::Result<T> {
    text(row, name)?.parse().map_err(|error| unreadable(name, error))
}

fn price(row: &Row<'_>) -> rusqlite::Result<Option<Price>> {
    let Some(amount) = row.get::<_, Option<i64>>("price_amount")? else { return Ok(None) };
    let price = Price::new(amount, parsed(row, "price_currency")?);
    price.map(Some).map_err(|error| unreadable("price_amount", error))
}

fn image_ref(row: &Row<'_>) -> rusqlite::Result<Option<ImageRef>> {
    let digest: Option<[u8; 32]> = row.get("image").map_err(|error| unreadable("image", error))?;
    let Some(digest) = digest else { return Ok(None) };
    Ok(Some(ImageRef { digest: ImageDigest(digest), kind: kind(row)? }))
}

fn kind(row: &Row<'_>) -> rusqlite::Result<ImageKind> {
    let name = text(row, "kind")?;
    ImageKind::named(name).ok_or_else(|| unreadable("kind", name))
}
