//! What is decided about an item before anything is drawn: its name, and all the name says.

use domain::{SaleId, Unit};

use super::{
    backdrop::Backdrop,
    object::Object,
    palette::{PALETTES, Palette, Shade},
    random,
};

/// Everything the name of an item says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Design {
    pub(super) palette: &'static Palette,
    pub(super) shade: Shade,
    pub(super) backdrop: Backdrop,
    /// The word for the backdrop.
    pub(super) scene: &'static str,
    pub(super) object: Object,
    unit: Unit,
}

/// How many designs there are. A sale of no more units shows no design twice.
pub(super) const DESIGNS: u32 = 25_200;

// Another number would give every unit of every sale another design.
const _: () = assert!(
    DESIGNS as usize
        == Object::ALL.len()
            * Backdrop::ALL.len()
            * Backdrop::WORDS
            * PALETTES.len()
            * Palette::SHADES
);

impl Design {
    /// The design of a unit.
    pub(super) fn of(sale: SaleId, unit: Unit) -> Self {
        let place = random::shuffled(sale, unit.get(), DESIGNS) as usize;
        let (place, object) = split(place, Object::ALL.len());
        let (place, backdrop) = split(place, Backdrop::ALL.len());
        let (place, scene) = split(place, Backdrop::WORDS);
        let (shade, palette) = split(place, PALETTES.len());

        let palette = &PALETTES[palette];
        let backdrop = Backdrop::ALL[backdrop];
        Self {
            palette,
            shade: palette.shades[shade],
            backdrop,
            scene: backdrop.words()[scene],
            object: Object::ALL[object],
            unit,
        }
    }

    /// The name without its number, such as "Amber Meadow Teapot".
    pub(super) fn title(&self) -> String {
        let Self { shade, scene, object, .. } = self;
        format!("{} {scene} {}", shade.word, object.word())
    }

    /// The full name, such as "Amber Meadow Teapot No. 137".
    pub(super) fn name(&self) -> String {
        let Self { shade, scene, object, unit, .. } = self;
        format!("{} {scene} {} No. {unit}", shade.word, object.word())
    }
}

/// Splits a number into what is left and a digit below `base`.
const fn split(number: usize, base: usize) -> (usize, usize) {
    (number / base, number % base)
}
