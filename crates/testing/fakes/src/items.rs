//! Items without art.

use domain::{Item, SaleId, Unit, ports::Items};

/// Items that are called by their numbers.
pub struct PlainItems;

impl Items for PlainItems {
    fn item(&self, sale: SaleId, unit: Unit) -> Item {
        Item { name: format!("Unit {unit} of sale {sale}"), image: format!("/{sale}/{unit}") }
    }
}
