//! Motifs: what is painted on the body of an object.

use std::fmt;

use super::{outline::Length, random::Random};

/// A tile that repeats, at its scale and its angle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motif {
    tile: &'static Tile,
    scale: f64,
    /// Degrees, clockwise.
    angle: f64,
}

/// One tile: `F` stands for a fill and `S` for a line in the colour of the motif.
#[derive(Debug)]
struct Tile {
    width: u32,
    height: u32,
    svg: &'static str,
    /// The angles it looks good at.
    angles: [f64; 4],
    stroke: f64,
}

impl Motif {
    /// Chooses a motif.
    pub(super) fn choose(random: &mut Random) -> Self {
        let tile = random.pick(TILES.each_ref());
        Self { tile, scale: random.within(0.8..1.25), angle: random.pick(tile.angles) }
    }

    /// The motif as an SVG pattern of a colour, under an id.
    pub(super) fn define(&self, id: &str, colour: &str) -> impl fmt::Display {
        let Self { tile: Tile { width, height, svg, stroke, .. }, scale, angle } = self;
        let paint = if *stroke > 0.0 {
            format!(r#"fill="none" stroke="{colour}" stroke-width="{stroke}""#)
        } else {
            format!(r#"fill="{colour}""#)
        };
        format!(
            concat!(
                r#"<pattern id="{id}" width="{width}" height="{height}" "#,
                r#"patternUnits="userSpaceOnUse" patternTransform="rotate({angle}) "#,
                r#"scale({scale:.2})"><path d="{svg}" {paint} opacity=".88"/></pattern>"#,
            ),
            id = id,
            width = width,
            height = height,
            angle = Length(*angle),
            scale = scale,
            svg = svg,
            paint = paint,
        )
    }
}

/// Stripes, bands, dots, waves, leaves, stars, diamonds, scales, chevrons and petals.
static TILES: [Tile; 10] = [
    filled(28, 28, "M9 0h10v28H9z", [0.0, 0.0, 32.0, -32.0]),
    filled(40, 40, "M0 12h40v10H0zM0 27h40v2.5H0zM0 4.5h40v2.5H0z", [0.0; 4]),
    filled(
        36,
        36,
        "M3 9a6 6 0 0 1 12 0a6 6 0 0 1-12 0zM21 27a6 6 0 0 1 12 0a6 6 0 0 1-12 0z",
        [0.0, 0.0, 15.0, -15.0],
    ),
    lined(36, 24, "M-9 12q9-15 18 0t18 0t18 0", 4.5, [0.0, 0.0, 12.0, -12.0]),
    filled(
        38,
        44,
        "M10 2q12 10 0 20q-12-10 0-20zM29 24q12 10 0 20q-12-10 0-20z",
        [0.0, 20.0, -20.0, 180.0],
    ),
    filled(
        44,
        44,
        "M11 2l2.7 5.7 6.2.8-4.6 4.3 1.2 6.2-5.5-3.1-5.5 3.1 1.2-6.2-4.6-4.3 6.2-.8z\
         M33 24l2.7 5.7 6.2.8-4.6 4.3 1.2 6.2-5.5-3.1-5.5 3.1 1.2-6.2-4.6-4.3 6.2-.8z",
        [0.0, 0.0, 14.0, -14.0],
    ),
    filled(30, 42, "M15 3l9 18-9 18-9-18z", [0.0; 4]),
    lined(
        36,
        36,
        "M0 18a18 18 0 0 1 36 0M8 18a10 10 0 0 1 20 0M-18 36a18 18 0 0 1 36 0a18 18 0 0 1 36 0\
         M-10 36a10 10 0 0 1 20 0M26 36a10 10 0 0 1 20 0",
        3.2,
        [0.0; 4],
    ),
    lined(32, 26, "M-4 23l20-18 20 18", 5.5, [0.0, 0.0, 180.0, 90.0]),
    filled(
        44,
        44,
        "M22 22q-7-9 0-16q7 7 0 16q9-7 16 0q-7 7-16 0q7 9 0 16q-7-7 0-16q-9 7-16 0q7-7 16 0z\
         M-3 0l3-3 3 3-3 3zM41 0l3-3 3 3-3 3zM-3 44l3-3 3 3-3 3zM41 44l3-3 3 3-3 3z",
        [0.0, 45.0, 0.0, 45.0],
    ),
];

const fn filled(width: u32, height: u32, svg: &'static str, angles: [f64; 4]) -> Tile {
    Tile { width, height, svg, angles, stroke: 0.0 }
}

const fn lined(width: u32, height: u32, svg: &'static str, stroke: f64, angles: [f64; 4]) -> Tile {
    Tile { width, height, svg, angles, stroke }
}
