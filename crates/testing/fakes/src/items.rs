//! Items without art.

use domain::{Item, ProductVersion, SaleId, Unit, ports::Items};

/// Items that are called by their numbers.
pub struct PlainItems;

impl Items for PlainItems {
    fn item(&self, sale: SaleId, unit: Unit, product: Option<&ProductVersion>) -> Item {
        let what = product.map_or("Unit", |product| product.name.as_str());
        Item {
            name: format!("{what} {unit} of sale {sale}"),
            image: format!("/{sale}/{unit}"),
            product: product.map(|product| product.id),
        }
    }
}
