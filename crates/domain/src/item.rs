//! What a sold unit turns out to be.

use std::sync::Arc;

use crate::{
    Catalog, ProductVersion, SaleId, StoreError, Unit, VersionId,
    ports::{Items, Listed},
};

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

/// What the units of a sale are of, as far as that was known before one was taken.
pub struct Ahead {
    sale: SaleId,
    of: Of,
}

enum Of {
    /// The sale was not listed: it is new, or long over, or never was.
    Unlisted,
    Generated,
    Product(Arc<ProductVersion>),
}

impl Of {
    fn product(&self) -> Option<&ProductVersion> {
        if let Self::Product(product) = self { Some(product) } else { None }
    }
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

    /// What the units of a sale are of, to be asked before one is taken: whoever has one by then would be
    /// left without an answer if it could not be read. Of a sale that is not listed nobody asks: whoever made its number up
    /// would have it looked for twice.
    pub async fn ahead(&self, sale: SaleId) -> Result<Ahead, StoreError> {
        let of = match self.catalog.listed(sale) {
            Some(listed) => self.of(&listed).await?,
            None => Of::Unlisted,
        };
        Ok(Ahead { sale, of })
    }

    /// What a unit of that sale turns out to be, if it is sold now.
    pub async fn item_of(&self, ahead: Ahead, unit: Unit) -> Result<Item, StoreError> {
        let Ahead { sale, of } = ahead;
        match of {
            Of::Unlisted => self.item(sale, unit).await,
            of => Ok(self.items.item(sale, unit, of.product())),
        }
    }

    /// What a unit turns out to be, if it is sold now. The stores are asked nothing where the sale is
    /// listed.
    pub async fn item(&self, sale: SaleId, unit: Unit) -> Result<Item, StoreError> {
        let of = match self.catalog.find(sale).await? {
            Some(listed) => self.of(&listed).await?,
            None => Of::Generated,
        };
        Ok(self.items.item(sale, unit, of.product()))
    }

    async fn of(&self, listed: &Listed) -> Result<Of, StoreError> {
        Ok(match listed.sale.product {
            Some(product) => Of::Product(self.catalog.products().current(product).await?),
            None => Of::Generated,
        })
    }

    /// Whether a sale is listed and of generated items: a unit is called the same for ever, and nobody is asked.
    #[must_use]
    pub fn is_generated(&self, sale: SaleId) -> bool {
        self.catalog.listed(sale).is_some_and(|listed| listed.sale.product.is_none())
    }
}
