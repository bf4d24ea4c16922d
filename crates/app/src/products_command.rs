//! `flashsale products`: what an operator does with products from a terminal.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use domain::{
    Sku, StoreError,
    operator::{Acted, Action, Refused, Seen},
    product::{Image, ImageError, Picture, Price, PriceError, Product, ProductChange},
};
use http_api::rfc3339;

use crate::{
    compose::{self, ComposeError, Task},
    config::{Config, ProductsCommand, PutOptions},
    order_command::{OrderError, order_of, print_answer},
    output::output,
};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProductsError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the price {0}")]
    Price(#[from] PriceError),
    #[error("the picture {path} cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the picture {path} {why}")]
    Image { path: PathBuf, why: ImageError },
    #[error("{0}: {1}")]
    Refused(Sku, Refused),
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// Carries the command out.
pub(crate) async fn run(command: ProductsCommand, config: &Config) -> Result<(), ProductsError> {
    // What is wrong with what is asked needs no ledger to be said.
    let (action, sku, actor) = match command {
        ProductsCommand::List { limit } => {
            let ledger = compose::registers(config, Task::Look).await?;
            return Ok(print(&ledger.products.page(None, limit).await?)?);
        }
        ProductsCommand::Put { product, actor } => {
            let sku = product.sku.clone();
            (Action::PutProduct(change(product)?), sku, actor)
        }
        ProductsCommand::Archive { sku, actor } => {
            (Action::ArchiveProduct(sku.clone()), sku, actor)
        }
    };
    let order = order_of(action, &actor)?;
    let (acting, _) = compose::acting(config).await?;
    let answer = Box::pin(acting.act(&order)).await;
    let record = print_answer(&order, answer, &actor).map_err(|error| match error {
        OrderError::Refused(refused, _) => ProductsError::Refused(sku, refused),
        error => ProductsError::Order(error),
    })?;
    if let (Acted::Done(Seen::Product(product)), false) = (record.outcome, actor.json) {
        print(&[product])?;
    }
    Ok(())
}

/// A table for people.
fn print(products: &[Product]) -> io::Result<()> {
    let mut out = output();
    writeln!(out, "{HEADING}")?;
    for product in products {
        writeln!(out, "{}", line(product))?;
    }
    Ok(())
}

fn change(options: PutOptions) -> Result<ProductChange, ProductsError> {
    let PutOptions { sku, name, image, price, currency, metadata } = options;
    let price = price.zip(currency).map(|(amount, currency)| Price::new(amount, currency));
    let image = image.map(|path| picture(&path)).transpose()?;
    Ok(ProductChange {
        sku,
        name,
        price: price.transpose()?,
        metadata,
        image: image.map(Picture::Given),
    })
}

fn picture(path: &Path) -> Result<Image, ProductsError> {
    // One byte more than it may have, and no more of what may have no end.
    let most = u64::try_from(Image::BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|source| ProductsError::Unreadable { path: path.to_owned(), source })?;
    Image::new(bytes).map_err(|why| ProductsError::Image { path: path.to_owned(), why })
}

const HEADING: &str =
    "sku                       changed at                       price  picture  name";

fn line(Product { version, archived_at }: &Product) -> String {
    let price = version.price.map_or_else(
        || "-".to_owned(),
        |price| format!("{} {}", price.amount(), price.currency().as_str()),
    );
    format!(
        "{:<24}  {}  {:>12}  {:<7}  {}{}",
        version.sku.as_str(),
        rfc3339(version.made_at),
        price,
        version.image.map_or("-", |image| image.kind.name()),
        version.name,
        archived_at.map_or_else(String::new, |at| format!(" (archived {})", rfc3339(at))),
    )
}
