//! Objects: the things one may get.
//!
//! An object that stands is drawn around the middle of its foot, an object that flies around its
//! own middle; either way up to 150 to the sides and 300 high.

mod air;
mod garden;
mod light;
mod sea;
mod table;

use super::{canvas::Canvas, palette::Colours, random::Random};

/// A kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Teapot,
    Lantern,
    Vase,
    Teacup,
    Lamp,
    Kite,
    BottleShip,
    Mushroom,
    Cactus,
    Balloon,
}

impl Object {
    /// Every object. A new one, or another order, gives every unit another picture.
    pub(super) const ALL: [Self; 10] = [
        Self::Teapot,
        Self::Lantern,
        Self::Vase,
        Self::Teacup,
        Self::Lamp,
        Self::Kite,
        Self::BottleShip,
        Self::Mushroom,
        Self::Cactus,
        Self::Balloon,
    ];

    /// What a name calls the object.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Teapot => "Teapot",
            Self::Lantern => "Lantern",
            Self::Vase => "Vase",
            Self::Teacup => "Teacup",
            Self::Lamp => "Lamp",
            Self::Kite => "Kite",
            Self::BottleShip => "Ship in a Bottle",
            Self::Mushroom => "Mushroom",
            Self::Cactus => "Cactus",
            Self::Balloon => "Balloon",
        }
    }

    /// Whether it floats in the air instead of standing on a table.
    pub(super) const fn flies(self) -> bool {
        matches!(self, Self::Kite | Self::Balloon)
    }

    /// How much larger than drawn it is shown, so that all fill their window alike.
    pub(super) const fn size(self) -> f64 {
        match self {
            Self::Teapot | Self::BottleShip => 1.12,
            Self::Teacup => 1.1,
            Self::Lamp | Self::Mushroom | Self::Cactus => 1.06,
            Self::Lantern | Self::Vase | Self::Kite | Self::Balloon => 1.0,
        }
    }

    /// Draws the object.
    pub(super) fn draw(self, canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
        match self {
            Self::Teapot => table::teapot(canvas, colours, random),
            Self::Lantern => light::lantern(canvas, colours, random),
            Self::Vase => garden::vase(canvas, colours, random),
            Self::Teacup => table::teacup(canvas, colours, random),
            Self::Lamp => light::lamp(canvas, colours, random),
            Self::Kite => air::kite(canvas, colours, random),
            Self::BottleShip => sea::ship_in_a_bottle(canvas, colours, random),
            Self::Mushroom => garden::mushroom(canvas, colours, random),
            Self::Cactus => garden::cactus(canvas, colours, random),
            Self::Balloon => air::balloon(canvas, colours, random),
        }
    }
}
