//! Generated items: what a unit of a sale is called, and what it looks like.
//!
//! Nothing is stored and nothing is left to chance. Both follow from the sale's number and the
//! unit's, so every process draws the same item for a unit, on any machine and at any time.
//! What was once promised to a buyer never changes: the tests hold the drawings to a fingerprint.

mod backdrop;
mod canvas;
mod card;
mod design;
mod motif;
mod object;
mod outline;
mod palette;
mod random;

use domain::{SaleId, Unit};

use self::design::Design;

/// What the item of a unit is called, such as "Amber Meadow Teapot No. 137": at most 80 ASCII
/// characters, none of which HTML or JSON must escape. The number makes it the only one in its
/// sale.
#[must_use]
pub fn name(sale: SaleId, unit: Unit) -> String {
    Design::of(sale, unit).name()
}

/// Draws the item of a unit: an SVG document of a few kilobytes that shows what the item's name
/// says and needs nothing from outside.
///
/// Its ids carry both numbers, so that many pictures can stand in one page.
#[must_use]
pub fn picture(sale: SaleId, unit: Unit) -> String {
    card::draw(sale, unit)
}

#[cfg(test)]
mod tests;
