//! `/admin/products`: what sales may be of.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{ProductId, Sku, product::Product};
use serde_json::json;

use super::{
    actions::{NextPath, ProductNumber},
    asks::Viewer,
    values::PageSize,
};
use crate::{
    api::Api,
    caching::not_stored,
    deadline::in_time,
    moment::rfc3339,
    openapi::{Answer, Endpoint, Moment, Operation, Parameter, Tag, bodies, header},
    params::{Params, of_path},
    problem::{Kind, Problem},
    products::{ProductBody, SkuText},
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

pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/admin/products").reading(get_products, describe_products),
        Endpoint::at("/admin/products/{sku}").reading(get_product, describe_product),
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
