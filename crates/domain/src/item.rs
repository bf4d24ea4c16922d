//! The item: what a sold unit turns out to be, a name and a picture.
//!
//! Nothing is stored and nothing is left to chance. Both follow from the sale's number and the
//! unit's, so every process draws the same item for a unit, on any machine and at any time.
//! What was once promised to a buyer never changes: the tests hold the drawings to a fingerprint.

mod backdrop;
mod canvas;
mod card;
mod design;
mod dice;
mod motif;
mod object;
mod outline;
mod palette;

use crate::ids::{SaleId, Unit};

use self::design::Design;

/// What a sold unit turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is called, such as "Amber Meadow Teapot No. 137": at most 80 ASCII characters,
    /// none of which HTML or JSON must escape. The number makes it the only one in its sale.
    pub name: String,
    /// The path at which the service shows its picture, such as "/items/7/137.svg".
    pub image: String,
}

impl Item {
    /// Names the item of a unit and says where its picture is.
    #[must_use]
    pub fn generate(sale: SaleId, unit: Unit) -> Self {
        let name = Design::of(sale, unit).name();
        Self { name, image: format!("/items/{sale}/{unit}.svg") }
    }

    /// Draws the picture of a unit: an SVG document of a few kilobytes that shows what the
    /// item's name says and needs nothing from outside.
    ///
    /// Its ids carry both numbers, so that many pictures can stand in one page.
    #[must_use]
    pub fn picture(sale: SaleId, unit: Unit) -> String {
        card::draw(sale, unit)
    }
}

#[cfg(test)]
mod tests;
