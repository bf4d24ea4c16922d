//! What the trail says of products.

use crate::{
    ProductVersion, UnixMillis,
    operator::json::{Fields, Unreadable},
    product::{
        Currency, ImageKind, ImageRef, Metadata, Picture, Price, Product, ProductChange,
        ProductName,
    },
};

pub(super) fn of_change(fields: Fields, to: &ProductChange) -> Fields {
    let image = to.image.as_ref().map(|image| image.digest().to_string());
    let fields = fields.text("sku", to.sku.as_str()).text("name", to.name.as_str());
    of_price(fields, to.price)
        .text_if("metadata", to.metadata.as_ref().map(Metadata::as_str))
        .text_if("image", image.as_deref())
}

pub(super) fn read_change(fields: &Fields) -> Result<ProductChange, Unreadable> {
    Ok(ProductChange {
        sku: fields.parsed("sku")?,
        name: read_name(fields)?,
        price: read_price(fields)?,
        metadata: fields.parsed_if("metadata")?,
        image: fields.parsed_if("image")?.map(Picture::Kept),
    })
}

pub(super) fn of_product(Product { version, archived_at }: &Product) -> Fields {
    let ProductVersion { id, product, sku, name, price, metadata, image, made_at } = version;
    let state = if archived_at.is_some() { "archived" } else { "in-use" };
    let digest = image.map(|image| image.digest.to_string());
    let fields = Fields::new().text("state", state).number("product", product.get());
    let fields = fields.number("version", id.get()).text("sku", sku.as_str());
    of_price(fields.text("name", name.as_str()), *price)
        .text_if("metadata", metadata.as_ref().map(Metadata::as_str))
        .text_if("image", digest.as_deref())
        .text_if("image_kind", image.map(|image| image.kind.name()))
        .number("made_at", made_at.0)
        .number_if("archived_at", archived_at.map(|at| at.0))
}

pub(super) fn read_product(fields: &Fields) -> Result<Product, Unreadable> {
    let digest = fields.parsed_if("image")?;
    let kind = fields.word_if("image_kind")?.and_then(ImageKind::named);
    let version = ProductVersion {
        id: fields.small("version")?,
        product: fields.small("product")?,
        sku: fields.parsed("sku")?,
        name: read_name(fields)?,
        price: read_price(fields)?,
        metadata: fields.parsed_if("metadata")?,
        image: digest.zip(kind).map(|(digest, kind)| ImageRef { digest, kind }),
        made_at: UnixMillis(fields.int("made_at")?),
    };
    Ok(Product { version, archived_at: fields.int_if("archived_at")?.map(UnixMillis) })
}

fn read_name(fields: &Fields) -> Result<ProductName, Unreadable> {
    ProductName::kept(fields.word("name")?).map_err(|_| Unreadable("name"))
}

fn of_price(fields: Fields, price: Option<Price>) -> Fields {
    let currency = price.map(Price::currency);
    fields
        .number_if("price_amount", price.map(Price::amount))
        .text_if("price_currency", currency.as_ref().map(Currency::as_str))
}

fn read_price(fields: &Fields) -> Result<Option<Price>, Unreadable> {
    let price = fields.int_if("price_amount")?.zip(fields.parsed_if("price_currency")?);
    let price = price.map(|(amount, currency)| Price::new(amount, currency)).transpose();
    price.map_err(|_| Unreadable("price_amount"))
}
