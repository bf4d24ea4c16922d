//! What sales are of, as the API shows it; and `/products/images`, the pictures of products.

use std::{
    hash::{Hash, Hasher},
    str::FromStr,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CROSS_ORIGIN_RESOURCE_POLICY, ETAG, EntityTag},
    web::{self, Bytes},
};
use domain::{
    ProductVersion, Sku,
    product::{Currency, ImageDigest, ImageKind, ImageRef, Metadata, Price, ProductName},
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json, value::RawValue};

use crate::{
    api::Api,
    asset::if_none_match,
    caching::is_known,
    deadline::in_time,
    openapi::{
        Answer, Endpoint, Operation, Parameter, Scalar, Schemas, Shape, Tag, bodies, header,
        scalars,
    },
    params::of_path,
    problem::{Kind, Problem},
    receipt::Picture,
    samples,
};

/// Where pictures of products are.
pub(super) const PATTERN: &str = "/products/images/{file}";

/// What is before the name of each.
const DIRECTORY: &str = "/products/images/";

/// The same name is the same picture.
const CACHING: &str = "public, max-age=31536000, immutable";

/// What a picture is called in examples.
const FILE: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.webp";

scalars! {
    /// The shop's own key of a product.
    SkuText is "Sku": {
        "type": "string",
        "minLength": 1,
        "maxLength": Sku::LENGTH_MAX,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._:@-]*$",
        "description": "The shop's own key of a product.",
    }
    /// What a product is called.
    ProductNameText is "ProductName": {
        "type": "string",
        "minLength": 1,
        "maxLength": ProductName::LENGTH_MAX,
        "description": "What a product is called.",
    }
    /// An amount of money.
    Amount is "Amount": {
        "type": "integer",
        "format": "int64",
        "minimum": Price::AMOUNT.start(),
        "maximum": Price::AMOUNT.end(),
        "description": "An amount of money, in minor units of its currency, such as cents.",
    }
    /// A currency.
    CurrencyCode is "Currency": {
        "type": "string",
        "pattern": "^[A-Z]{3}$",
        "description": "A currency, by its code of ISO 4217.",
    }
    /// What a shop says of a product.
    MetadataObject is "ProductMetadata": {
        "type": "object",
        "description": "What the shop says of a product beside that: a JSON object, as the shop gave it.",
    }
}

bodies! {
    /// What a sale is of, if it is not of generated items.
    #[derive(Clone)]
    pub(crate) struct ProductBody as "Product" {
        /// The shop's own key of it.
        sku: String as SkuText,
        /// What it is called.
        name: String as ProductNameText,
        /// The path of its picture. Without one each unit has a picture of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        image: Option<String> as Option<Picture>,
        /// What it costs, if that is said: shown and passed on, never reckoned with.
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<PriceBody> as Option<PriceBody>,
        /// What the shop says of it beside that.
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<Untouched> as Option<MetadataObject>,
    }

    /// What a product costs.
    #[derive(Clone)]
    pub(crate) struct PriceBody as "Price" {
        /// How much.
        amount: i64 as Amount,
        /// In which currency.
        currency: String as CurrencyCode,
    }
}

/// JSON that is passed on as it is.
#[derive(Debug, Clone)]
struct Untouched(Metadata);

impl Serialize for Untouched {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue =
            serde_json::from_str(self.0.as_str()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl Hash for ProductBody {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { sku, name, image, price, metadata } = self;
        let price = price.as_ref().map(|price| (price.amount, &price.currency));
        let metadata = metadata.as_ref().map(|Untouched(metadata)| metadata.as_str());
        (sku, name, image, price, metadata).hash(state);
    }
}

impl From<&ProductVersion> for ProductBody {
    fn from(version: &ProductVersion) -> Self {
        Self {
            sku: version.sku.to_string(),
            name: version.name.to_string(),
            image: version.image.map(product_image_path),
            price: version.price.map(|price| PriceBody {
                amount: price.amount(),
                currency: price.currency().as_str().to_owned(),
            }),
            metadata: version.metadata.clone().map(Untouched),
        }
    }
}

/// Where the picture of a product is, such as "/products/images/9f86….webp".
#[must_use]
pub fn product_image_path(ImageRef { digest, kind }: ImageRef) -> String {
    format!("/products/images/{digest}.{}", kind.name())
}

/// The name of a file: the digest of a picture, and its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageFile(ImageRef);

/// The same as the path of it.
pub(crate) struct ImagePath(ImageFile);

impl ImagePath {
    /// What the picture is known by.
    pub(crate) const fn digest(&self) -> ImageDigest {
        self.0.0.digest
    }
}

impl FromStr for ImagePath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let file = text.strip_prefix(DIRECTORY).and_then(|file| file.parse().ok());
        file.map(Self).ok_or("must be the path of a picture, as `image` of a product has it")
    }
}

impl FromStr for ImageFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (digest, kind) = text.split_once('.')?;
            let digest = digest.parse::<ImageDigest>().ok()?;
            Some(Self(ImageRef { digest, kind: ImageKind::named(kind)? }))
        };
        read().ok_or("must be 64 hexadecimal digits and .png, .jpeg or .webp")
    }
}

impl Shape for ImageFile {
    const NAME: Option<&'static str> = Some("ImageFile");

    fn schema(_: &mut Schemas) -> Value {
        json!({
            "type": "string",
            "pattern": "^[0-9a-f]{64}\\.(png|jpeg|webp)$",
            "description": "The file of a picture: the SHA-256 of its content, and its kind.",
        })
    }
}

impl Scalar for SkuText {
    fn example() -> Value {
        samples::SKU.into()
    }

    fn refusal() -> String {
        "".parse::<Sku>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Scalar for ProductNameText {
    fn example() -> Value {
        samples::product().version.name.as_str().into()
    }

    fn refusal() -> String {
        "".parse::<ProductName>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Scalar for Amount {
    fn example() -> Value {
        1_999.into()
    }

    fn refusal() -> String {
        let negative = "EUR".parse().ok().and_then(|currency| Price::new(-1, currency).err());
        negative.map(|it| it.to_string()).unwrap_or_default()
    }

    fn in_json() -> Option<Value> {
        Some(json!({ "type": "string", "pattern": "^[0-9]{1,16}$" }))
    }
}

impl Scalar for CurrencyCode {
    fn example() -> Value {
        "EUR".into()
    }

    fn refusal() -> String {
        "euro".parse::<Currency>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Shape for ImagePath {
    const NAME: Option<&'static str> = None;

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.of::<Picture>()
    }
}

impl Scalar for ImagePath {
    fn example() -> Value {
        format!("{DIRECTORY}{FILE}").into()
    }

    fn refusal() -> String {
        "7".parse::<Self>().err().unwrap_or_default().to_owned()
    }
}

impl Scalar for ImageFile {
    fn example() -> Value {
        FILE.into()
    }

    fn refusal() -> String {
        "7".parse::<Self>().err().unwrap_or_default().to_owned()
    }
}

/// `/products/images`.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::at(PATTERN).reading(get_image, describe)
}

fn describe() -> Operation {
    let tag =
        || header::tag("\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"");
    let headers = || [header::caching(CACHING), tag()];
    let picture = ImageKind::ALL.into_iter().map(media_type);
    let picture = picture.fold(Answer::empty(200, "The picture."), Answer::or_file);
    Operation::new(Tag::Sales, "productPicture", "Show the picture of a product")
        .says("The same for ever. Its path is `image` of a product, and of items that are of one.")
        .parameter(Parameter::path::<ImageFile>("file", "The file."))
        .parameter(if_none_match(
            "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
        ))
        .answers([
            picture.headers(headers()),
            Answer::empty(304, "The client has it.").headers(headers()),
        ])
        .problem(Kind::NotFound)
        .asks_stores()
}

/// What a picture of a kind is sent as, whatever a shop has called it.
const fn media_type(kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::Png => "image/png",
        ImageKind::Jpeg => "image/jpeg",
        ImageKind::Webp => "image/webp",
    }
}

/// Shows the picture of a product. It is known by its content, so it may be kept for ever.
async fn get_image(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let ImageFile(wanted) = of_path(&request, "file")?;

    let found = in_time(api.product_images.find(wanted.digest)).await?;

    let found = found.filter(|image| image.kind() == wanted.kind);
    let image = found.ok_or_else(|| Problem::no_such_route(request.path()))?;
    let tag = EntityTag::new_strong(wanted.digest.to_string());
    let is_known = is_known(&request, &tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, CACHING))
        // Whatever shop's page shows it.
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        .insert_header((ETAG, tag.to_string()));
    if is_known {
        return Ok(response.finish());
    }
    let bytes = Bytes::from_owner(std::sync::Arc::clone(image.bytes()));
    Ok(response.content_type(media_type(image.kind())).body(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_its_digest_and_its_kind_in_one_spelling() {
        let file: ImageFile = FILE.parse().unwrap();

        assert_eq!(product_image_path(file.0), format!("/products/images/{FILE}"));
        let digest = &FILE[..64];
        for wrong in [
            digest.to_owned(),
            format!("{digest}."),
            format!("{digest}.svg"),
            format!("{digest}.jpg"),
            format!("{digest}.PNG"),
            format!("{digest}.png.png"),
            format!("{}.png", digest.to_uppercase()),
            format!("{}.png", &digest[1..]),
        ] {
            assert!(wrong.parse::<ImageFile>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn metadata_is_written_byte_for_byte() {
        let says = "{\"a\" : 1.0,\"a\":12345678901234567890123,\n\"b\":\"\\u00e9\"}";
        let untouched = Untouched(says.parse().unwrap());

        assert_eq!(serde_json::to_string(&untouched).unwrap(), says);
    }
}
