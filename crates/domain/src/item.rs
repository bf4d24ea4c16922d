//! What a sold unit turns out to be.

use std::sync::Arc;

use crate::{Catalog, SaleId, StoreError, Unit, VersionId, ports::Items};

/// What a sold unit turns out to be: a name and a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is called, such as "Amber Meadow Teapot No. 137".
    pub name: String,
    /// Where its picture is, as whoever shows it calls that place, such as "/items/7/137.svg".
    pub image: String,
    /// The version of the product that it is one of; `None` of a generated item.
    pub product: Option<VersionId>,
}

/// Says what units turn out to be.
pub struct Naming {
    catalog: Arc<Catalog>,
    items: Arc<dyn Items>,
}

impl Naming {
    /// The units of the sales in `catalog`, as `items` calls them.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, items: Arc<dyn Items>) -> Self {
        Self { catalog, items }
    }

    /// What a unit turns out to be, if it is sold now. The stores are asked nothing where the sale is
    /// listed.
    pub async fn item(&self, sale: SaleId, unit: Unit) -> Result<Item, StoreError> {
        let product = self.catalog.product_of(sale).await?;
        Ok(self.items.item(sale, unit, product.as_deref()))
    }
}
