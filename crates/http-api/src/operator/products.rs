//! `/admin/products`: what sales may be of.

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    ProductId, Sku,
    operator::Action,
    product::{Currency, Image, Metadata, Picture, Price, Product, ProductChange, ProductName},
};
use serde_json::json;

use super::{
    actions::{NextPath, ProductNumber, Said, act, described, simply},
    asks::{Operator, Viewer},
    values::{Base64, MetadataText, NO_BASE64, PageSize, Whole},
};
use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    moment::rfc3339,
    openapi::{Answer, Endpoint, Moment, Operation, Parameter, Tag, bodies, header},
    params::{Params, of_path},
    problem::{Kind, Problem},
    products::{Amount, CurrencyCode, ImagePath, ProductBody, ProductNameText, SkuText},
    samples,
};

bodies! {
    /// A product, as operators see it.
    struct ListedProduct as "ListedProduct" {
        /// Its number, as the trail has it.
        id: i64 as ProductNumber,
        /// What it is now.
        product: ProductBody as ProductBody,
        /// Since when.
        changed_at: String as Moment,
        /// Since when it is archived.
        #[serde(skip_serializing_if = "Option::is_none")]
        archived_at: Option<String> as Option<Moment>,
    }

    /// A page of products, the newest first.
    struct ProductPage as "ProductPage" {
        /// The products.
        products: Vec<ListedProduct> as Vec<ListedProduct>,
        /// Where the next page is, if there may be one.
        next: Option<String> as NextPath,
    }
}

pub(super) fn endpoints() -> [Endpoint; 3] {
    [
        Endpoint::at("/admin/products").reading(get_products, describe_products),
        Endpoint::at("/admin/products/{sku}").reading(get_product, describe_product).on(
            Method::PUT,
            put,
            describe_put,
        ),
        Endpoint::at("/admin/products/{sku}/archive").on(Method::POST, archive, describe_archive),
    ]
}

fn describe_products() -> Operation {
    let products = vec![ListedProduct::from(&samples::product())];
    let example = json!(ProductPage { products, next: None });
    let page = Answer::json::<ProductPage>(200, "The page.", example);
    Operation::new(Tag::Actions, "products", "List products")
        .says("The newest first, archived ones too; `next` is the path of the next page.")
        .parameter(
            Parameter::query::<ProductNumber>("before", "Only products of lower numbers.")
                .optional(),
        )
        .parameter(Parameter::query::<PageSize>("limit", "How many to show.").optional())
        .answer(page.headers([header::caching("no-store")]))
        .of_viewer()
        .asks_stores()
}

fn describe_product() -> Operation {
    let example = json!(ListedProduct::from(&samples::product()));
    let product = Answer::json::<ListedProduct>(200, "The product.", example);
    Operation::new(Tag::Actions, "product", "Show a product")
        .parameter(Parameter::path::<SkuText>("sku", "The product."))
        .answer(product.headers([header::caching("no-store")]))
        .problem(Kind::ProductNotFound)
        .of_viewer()
        .asks_stores()
}

fn describe_put() -> Operation {
    described("putProduct", "Make a product, or say anew all that it is", 200, &[])
        .says(
            "What is left out is not there any more. A product that is so already stays as it is. Sales of it \
             show it and sell it so within seconds; a receipt stays as it was.",
        )
        .parameter(Parameter::path::<SkuText>("sku", "The product."))
        .parameter(Parameter::query::<ProductNameText>("name", "What it is called."))
        .parameter(
            Parameter::query::<Amount>("price", "What it costs, in minor units of `currency`.")
                .optional(),
        )
        .parameter(Parameter::query::<CurrencyCode>("currency", "In which currency.").optional())
        .parameter(
            Parameter::query::<MetadataText>("metadata", "What the shop says of it beside that.")
                .optional(),
        )
        .parameter(
            Parameter::query::<ImagePath>("image", "Its picture: one that the ledger has.")
                .optional(),
        )
        .parameter(
            Parameter::query::<Base64>("image_base64", "The same: one that comes along.").optional(),
        )
}

fn describe_archive() -> Operation {
    described(
        "archiveProduct",
        "Take a product out of use, for ever",
        200,
        &[Kind::ProductNotFound],
    )
    .says("No sale of it can be made any more; those there are go on.")
    .parameter(Parameter::path::<SkuText>("sku", "The product."))
}

/// Makes a product, or its next version.
async fn put(
    request: HttpRequest,
    Operator(known): Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sku: Sku = of_path(&request, "sku")?;
    let mut params = Params::read(&request, payload).await?;
    let said = Said::read(&request, &mut params);
    let name: Option<ProductName> = params.required("name");
    let price = price_of(&mut params);
    let metadata: Option<Metadata> = params.optional("metadata");
    let image = picture_of(&mut params);
    let change = name.map(|name| ProductChange { sku, name, price, metadata, image });
    let (said, change) = params.finish(said.zip(change))?;

    act(&api, known, said, Action::PutProduct(change)).await
}

fn price_of(params: &mut Params) -> Option<Price> {
    let amount = params.optional::<Whole<i64>>("price").map(|Whole(amount)| amount);
    let currency: Option<Currency> = params.optional("currency");
    match (amount, currency) {
        (Some(amount), Some(currency)) => {
            let price = Price::new(amount, currency);
            price.map_err(|error| params.refuse("price", error.to_string())).ok()
        }
        (None, None) => None,
        (missing, _) => {
            let field = if missing.is_none() { "price" } else { "currency" };
            if params.is_right() {
                params.refuse(field, "is missing: price and currency go together".to_owned());
            }
            None
        }
    }
}

fn picture_of(params: &mut Params) -> Option<Picture> {
    let kept = params.optional::<ImagePath>("image").map(|it| Picture::Kept(it.digest()));
    let given = params.optional::<String>("image_base64").and_then(|text| {
        let bytes = STANDARD.decode(text).map_err(|_| NO_BASE64.to_owned());
        let image = bytes.and_then(|bytes| Image::new(bytes).map_err(|error| error.to_string()));
        image.map_err(|message| params.refuse("image_base64", message)).ok()
    });
    if kept.is_some() && given.is_some() {
        params
            .refuse("image_base64", "is given beside image: a product has one picture".to_owned());
    }
    given.map(Picture::Given).or(kept)
}

/// Takes a product out of use.
async fn archive(
    request: HttpRequest,
    operator: Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sku: Sku = of_path(&request, "sku")?;
    simply(request, operator, payload, api, Said::read, Action::ArchiveProduct(sku)).await
}

/// Lists products, the newest first.
async fn get_products(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let before: Option<GivenProduct> = params.optional("before");
    let PageSize(limit) = params.optional("limit").unwrap_or_default();
    params.finish(Some(()))?;

    let before = before.map(|GivenProduct(before)| before);
    let found = in_time(api.products.page(before, limit.into())).await?;

    let last = found.last().filter(|_| found.len() == usize::from(limit));
    let next =
        last.map(|it| format!("/admin/products?before={}&limit={limit}", it.version.product));
    Ok(not_stored(ProductPage { products: found.iter().map(Into::into).collect(), next }))
}

/// Shows a product.
async fn get_product(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sku: Sku = of_path(&request, "sku")?;
    Params::of_query(&request).finish(Some(()))?;

    let found = in_time(api.products.find(&sku)).await?;

    let product = found.ok_or_else(|| Problem::product_not_found(&sku))?;
    Ok(not_stored(ListedProduct::from(&product)))
}

/// The number of a product, as a client gives it.
struct GivenProduct(ProductId);

impl std::str::FromStr for GivenProduct {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().filter(|it: &i64| it.to_string() == text);
        // What is no number is as wrong as what is none of a product.
        let product = ProductId::try_from(number.unwrap_or(0));
        product.map(Self).map_err(|error| error.to_string())
    }
}

impl From<&Product> for ListedProduct {
    fn from(Product { version, archived_at }: &Product) -> Self {
        Self {
            id: version.product.get(),
            product: version.into(),
            changed_at: rfc3339(version.made_at),
            archived_at: archived_at.map(rfc3339),
        }
    }
}
