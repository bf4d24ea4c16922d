//! Things for tea.

use super::super::{
    canvas::{Canvas, faded},
    outline::{
        Edge::{Curve, Line},
        Outline, Point,
    },
    palette::Colours,
    random::Random,
};

/// A teapot with its lid on.
pub(super) fn teapot(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(76.0..88.0);
    let high = random.within(118.0..160.0);
    let neck = wide * random.within(0.36..0.5);
    let foot = wide * 0.56;
    canvas.shadow((0.0, 2.0), wide * 1.5);

    let handle = Outline::at((-wide * 0.78, -high * 0.8)).curve(
        (-wide * 1.75, -high * 1.02),
        (-wide * 1.75, -high * 0.12),
        (-wide * 0.82, -high * 0.26),
    );
    canvas.stroke(&handle, 15.0, colours.trim);
    canvas.stroke(&handle, 4.0, faded("#fff", 0.22));
    let tip = (wide * 1.6, -high * 0.93);
    let spout = Outline::at((wide * 0.7, -high * 0.2))
        .curve((wide * 1.35, -high * 0.2), (wide * 1.12, -high * 0.74), tip)
        .line((wide * 1.4, -high * 1.02))
        .curve((wide * 1.04, -high * 0.92), (wide * 1.05, -high * 0.62), (wide * 0.7, -high * 0.66))
        .close();
    canvas.solid(&spout, colours.body);
    if random.chance(60) {
        steam(canvas, (wide * 1.56, -high * 1.06), random);
    }

    let base = [Line((foot + 7.0, -4.0)), Curve((foot, -8.0), (foot, -10.0), (foot, -14.0))];
    canvas.solid(&Outline::turned((foot + 7.0, 0.0), &base), colours.trim);
    let belly = [
        Curve((wide * 0.98, -high * 0.08), (wide * 1.08, -high * 0.4), (wide, -high * 0.58)),
        Curve((wide * 0.92, -high * 0.82), (neck * 1.5, -high * 0.98), (neck, -high)),
    ];
    canvas.decorated(&Outline::turned((foot, -9.0), &belly), colours.body);
    let dome = random.within(22.0..38.0);
    let lid = [
        Line((neck + 6.0, -high - 3.0)),
        Curve((neck, -high - dome), (neck * 0.4, -high - dome), (7.0, -high - dome - 3.0)),
    ];
    canvas.solid(&Outline::turned((neck + 6.0, -high + 4.0), &lid), colours.trim);
    canvas.circle((0.0, -high - dome - 9.0), 10.0, colours.body);
    canvas.circle((-3.0, -high - dome - 12.0), 3.0, faded("#fff", 0.5));
    canvas.gleam((-wide * 0.78, -high * 0.4), (-wide * 0.52, -high * 0.86));
}

/// A cup of tea on its saucer, perhaps on a book or two.
pub(super) fn teacup(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(72.0..88.0);
    let high = random.within(92.0..122.0);
    let foot = wide * 0.42;
    canvas.shadow((0.0, 2.0), wide * 1.6);
    let books = random.below(3);
    for book in 0..books {
        let shift = random.within(-12.0..12.0);
        let colour = if book == 0 { colours.trim } else { colours.near };
        place_book(canvas, (shift, -26.0 * f64::from(book)), wide * 1.3, colour);
    }

    canvas.moved(&format!("translate(0 {:.0})", -26.0 * f64::from(books)), |canvas| {
        let saucer = [Curve((wide * 1.1, -2.0), (wide * 1.4, -10.0), (wide * 1.45, -17.0))];
        canvas.solid(&Outline::turned((foot * 1.2, 0.0), &saucer), colours.body);
        canvas.oval((0.0, -17.0), (wide * 1.45, 9.0), colours.body);
        canvas.oval((0.0, -17.0), (wide * 1.45, 9.0), faded("#fff", 0.25));
        canvas.oval((0.0, -16.0), (wide * 0.8, 5.0), faded(colours.ink, 0.25));
        let handle = Outline::at((wide * 0.85, -high * 0.92)).curve(
            (wide * 1.75, -high * 1.1),
            (wide * 1.6, -high * 0.35),
            (wide * 0.68, -high * 0.4),
        );
        canvas.stroke(&handle, 13.0, colours.trim);
        canvas.stroke(&handle, 3.5, faded("#fff", 0.22));

        let top = -high - 16.0;
        let bowl = [
            Line((foot * 0.9, -24.0)),
            Curve((wide * 0.9, -30.0), (wide, -high * 0.6), (wide, top)),
        ];
        canvas.decorated(&Outline::turned((foot, -15.0), &bowl), colours.body);
        canvas.oval((0.0, top), (wide, 14.0), colours.accent);
        canvas.oval((0.0, top + 2.0), (wide - 7.0, 10.5), colours.trim);
        canvas.oval((-wide * 0.2, top + 4.0), (wide * 0.5, 5.0), faded("#fff", 0.16));
        canvas.gleam((-wide * 0.8, -high * 0.62), (-wide * 0.86, -high * 0.95));
        for right in [-0.35, 0.05, 0.42] {
            steam(canvas, (wide * right, top - 12.0), random);
        }
    });
}

fn steam(canvas: &mut Canvas, (right, down): Point, random: &mut Random) {
    let high = random.within(34.0..52.0);
    let wave = Outline::at((right, down)).curve(
        (right - 16.0, down - high * 0.45),
        (right + 16.0, down - high * 0.6),
        (right, down - high),
    );
    canvas.stroke(&wave, 5.0, faded("#fff", 0.6));
}

/// A lying book, given the middle of its lower edge and half its width.
fn place_book(canvas: &mut Canvas, (right, down): Point, wide: f64, colour: &str) {
    let left = right - wide;
    canvas.rod((left, down - 26.0), (wide * 2.0, 26.0), 4.0, colour);
    canvas.bar((left + wide * 0.3, down - 26.0), (wide * 1.7, 26.0), 3.0, faded("#fff", 0.06));
    canvas.bar((left + wide * 0.3, down - 21.0), (wide * 1.68, 16.0), 2.0, "#f6eedd");
    for line in [16.5, 12.0, 8.5] {
        let size = (wide * 1.66, 1.2);
        canvas.bar((left + wide * 0.31, down - line), size, 0.0, faded("#000", 0.1));
    }
}
