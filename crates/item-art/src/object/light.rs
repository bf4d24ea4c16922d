//! Things that shine.

use super::super::{
    canvas::{Canvas, faded},
    outline::{
        Edge::{Curve, Line},
        Outline, Point,
    },
    palette::Colours,
    random::Random,
};

/// The colour of a flame.
const FLAME: &str = "#ffb637";
/// The colour of a wall that a flame lights.
const EMBER: &str = "#d58a3c";
/// The colour of a flame's heart.
const HEART: &str = "#fff3bf";

/// A lantern with a candle behind an arched window.
pub(super) fn lantern(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(58.0..74.0);
    let high = random.within(160.0..196.0);
    let top = wide * random.within(0.74..1.0);
    canvas.glow((0.0, -high * 0.5), 150.0);
    canvas.shadow((0.0, 2.0), wide * 1.6);

    let ring = Outline::at((0.0, -high - 40.0)).curve(
        (-34.0, -high - 84.0),
        (34.0, -high - 84.0),
        (0.0, -high - 40.0),
    );
    canvas.stroke(&ring, 6.0, colours.trim);
    let body = [Curve((wide * 1.12, -high * 0.4), (top * 1.08, -high * 0.7), (top, -high))];
    canvas.decorated(&Outline::turned((wide, -18.0), &body), colours.body);
    let base = [Line((wide + 16.0, -9.0)), Line((wide + 3.0, -22.0))];
    canvas.solid(&Outline::turned((wide + 16.0, 0.0), &base), colours.trim);
    let dome = random.within(30.0..44.0);
    let cap = [
        Line((top + 13.0, -high - 7.0)),
        Curve(
            (top * 0.7, -high - dome * 0.5),
            (18.0, -high - dome * 0.6),
            (11.0, -high - dome - 6.0),
        ),
    ];
    canvas.solid(&Outline::turned((top + 13.0, -high + 5.0), &cap), colours.trim);
    candle(canvas, colours, top * 0.62, high);
    canvas.gleam((-wide * 0.84, -high * 0.3), (-top * 0.82, -high * 0.7));
}

/// A table lamp with a wide shade.
pub(super) fn lamp(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(88.0..108.0);
    let top = wide * random.within(0.42..0.7);
    let stem = random.within(104.0..126.0);
    let high = random.within(94.0..116.0);
    let belly = random.within(26.0..44.0);
    canvas.glow((0.0, -stem - high * 0.3), 165.0);
    canvas.shadow((0.0, 2.0), wide * 1.0);

    canvas.rod((-5.0, -stem - 12.0), (10.0, stem), 3.0, colours.trim);
    let foot = [
        Line((belly + 14.0, -7.0)),
        Curve((belly * 0.9, -12.0), (belly, -stem * 0.16), (belly, -stem * 0.4)),
        Curve((belly, -stem * 0.66), (9.0, -stem * 0.62), (8.0, -stem * 0.86)),
    ];
    canvas.solid(&Outline::turned((belly + 14.0, 0.0), &foot), colours.trim);
    canvas.gleam((-belly * 0.62, -stem * 0.2), (-belly * 0.6, -stem * 0.5));
    let cord = Outline::at((wide * 0.4, -stem)).line((wide * 0.4, -stem + 34.0));
    canvas.stroke(&cord, 2.0, faded(colours.ink, 0.6));
    canvas.circle((wide * 0.4, -stem + 38.0), 5.0, colours.body);

    let bottom = -stem + 4.0;
    canvas.oval((0.0, bottom), (wide - 1.0, 9.0), HEART);
    let bow = random.within(-0.12..0.12);
    let edge = (f64::midpoint(wide, top) + bow * wide, bottom - high / 2.0);
    let shade = [Curve(edge, edge, (top, bottom - high))];
    canvas.decorated(&Outline::turned((wide, bottom), &shade), colours.body);
    let hem = (wide * 2.0 + 6.0, 9.0);
    canvas.bar((-wide - 3.0, bottom - 4.0), hem, 4.5, colours.trim);
    let rim = (top * 2.0 + 6.0, 7.0);
    canvas.bar((-top - 3.0, bottom - high - 3.0), rim, 3.5, colours.trim);
    canvas.circle((0.0, bottom - high - 9.0), 7.0, colours.trim);
}

/// A window with a candle, given half the window's width and the lantern's height.
fn candle(canvas: &mut Canvas, colours: &Colours, wide: f64, high: f64) {
    let spring = -high + 22.0 + wide;
    let window = |grow: f64| {
        let wide = wide + grow;
        Outline::turned(
            (wide, -34.0 + grow),
            &[
                Line((wide, spring)),
                Curve(
                    (wide, spring - wide * 0.55),
                    (wide * 0.55, spring - wide),
                    (0.0, spring - wide),
                ),
            ],
        )
    };
    canvas.fill(&window(6.0), colours.trim);
    canvas.fill(&window(0.0), EMBER);
    let flame: Point = (0.0, -34.0 - high * 0.3);
    canvas.circle((0.0, flame.1 - 12.0), wide * 0.95, faded(HEART, 0.35));
    canvas.circle((0.0, flame.1 - 12.0), wide * 0.6, faded(HEART, 0.5));
    canvas.bar((-11.0, flame.1 + 4.0), (22.0, high * 0.3 - 4.0), 3.0, "#fdf6e3");
    canvas.oval((0.0, flame.1 + 5.0), (11.0, 3.5), "#fffdf4");
    let fire = |size: f64| {
        Outline::turned(
            (0.0, flame.1 + 3.0),
            &[Curve(
                (11.0 * size, flame.1 - 1.0),
                (9.0 * size, flame.1 - 16.0 * size),
                (0.0, flame.1 - 36.0 * size),
            )],
        )
    };
    canvas.fill(&fire(1.0), FLAME);
    canvas.fill(&fire(0.55), HEART);
}
