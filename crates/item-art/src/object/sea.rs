//! Things of the sea.

use super::super::{
    canvas::{Canvas, faded},
    outline::{Outline, Point},
    palette::Colours,
    random::Random,
};

/// The colour of the water before the ship.
const SEA: &str = "#3f86a3";
/// The colour of the water behind the ship.
const FAR_SEA: &str = "#8abfcc";

/// A ship in a bottle on its stand.
pub(super) fn ship_in_a_bottle(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let high = random.within(72.0..82.0);
    let middle = -high - 16.0;
    canvas.shadow((0.0, 2.0), 150.0);
    for right in [-92.0, 22.0] {
        let rest = Outline::at((right - 20.0, 0.0))
            .line((right - 12.0, -34.0))
            .line((right + 12.0, -34.0))
            .line((right + 20.0, 0.0))
            .close();
        canvas.solid(&rest, colours.trim);
    }
    canvas.solid(
        &Outline::at((-120.0, 0.0))
            .line((-120.0, -9.0))
            .line((50.0, -9.0))
            .line((50.0, 0.0))
            .close(),
        colours.trim,
    );

    let glass = bottle(middle, high);
    canvas.define_window("glass", &glass);
    canvas.fill(&glass, faded("#fff", 0.5));
    canvas.through("glass", |canvas| {
        let sea = middle + high * random.within(0.38..0.48);
        water(canvas, sea - 7.0, FAR_SEA);
        sail_ship(canvas, colours, random, (-42.0, sea), high * 1.32);
        water(canvas, sea + 5.0, SEA);
    });
    canvas.bar((112.0, middle - 15.0), (28.0, 30.0), 4.0, "#b98a58");
    canvas.bar((112.0, middle - 15.0), (28.0, 9.0), 4.0, faded("#fff", 0.25));
    canvas.stroke(&glass, 3.0, faded(colours.ink, 0.3));
    canvas.bar((105.0, middle - 22.0), (10.0, 44.0), 5.0, faded("#fff", 0.8));
    let shine = Outline::at((-128.0, middle - high * 0.35)).curve(
        (-118.0, middle - high * 0.82),
        (-80.0, middle - high * 0.86),
        (-10.0, middle - high * 0.84),
    );
    canvas.stroke(&shine, 6.0, faded("#fff", 0.85));
    let glint = Outline::at((62.0, middle - 24.0)).line((92.0, middle - 14.0));
    canvas.stroke(&glint, 4.0, faded("#fff", 0.7));
}

/// A lying bottle, its neck to the right.
fn bottle(middle: f64, high: f64) -> Outline {
    Outline::at((-112.0, middle - high))
        .line((10.0, middle - high))
        .curve((56.0, middle - high), (52.0, middle - 20.0), (84.0, middle - 19.0))
        .line((110.0, middle - 19.0))
        .line((110.0, middle + 19.0))
        .line((84.0, middle + 19.0))
        .curve((52.0, middle + 20.0), (56.0, middle + high), (10.0, middle + high))
        .line((-112.0, middle + high))
        .curve((-152.0, middle + high), (-152.0, middle - high), (-112.0, middle - high))
        .close()
}

fn water(canvas: &mut Canvas, down: f64, colour: &str) {
    let outline = Outline::at((-160.0, down))
        .ripple(16, 18.0, 7.0)
        .line((128.0, 40.0))
        .line((-160.0, 40.0))
        .close();
    canvas.fill(&outline, colour);
}

/// A ship on the water, given the middle of its water line and its height.
fn sail_ship(canvas: &mut Canvas, colours: &Colours, random: &mut Random, at: Point, high: f64) {
    let (right, down) = at;
    let deck = down - 18.0;
    let tall = high - 18.0;
    // Where each mast stands and how tall it is, and how far the sails reach to each side.
    let (masts, reach): (&[(f64, f64)], f64) = random.pick([
        (&[(0.0, 1.0)], 44.0),
        (&[(-28.0, 0.86), (24.0, 1.0)], 24.0),
        (&[(-40.0, 0.78), (-1.0, 1.0), (38.0, 0.82)], 18.0),
    ]);
    for &(mast, part) in masts {
        hoist(canvas, colours, (right + mast, deck), (reach, tall * part));
    }

    let hull = Outline::at((right - 66.0, deck - 5.0))
        .bend((right, deck + 10.0), (right + 72.0, deck - 9.0))
        .curve((right + 60.0, down + 6.0), (right + 52.0, down + 14.0), (right + 40.0, down + 14.0))
        .line((right - 46.0, down + 14.0))
        .curve((right - 58.0, down + 10.0), (right - 64.0, down), (right - 66.0, deck - 5.0))
        .close();
    canvas.solid(&hull, colours.trim);
    let stripe = Outline::at((right - 60.0, deck + 5.0))
        .bend((right, deck + 17.0), (right + 62.0, deck + 2.0));
    canvas.stroke(&stripe, 3.0, colours.accent);
}

/// A mast with two sails and a flag, given its foot, half the width of its sails and its height.
fn hoist(canvas: &mut Canvas, colours: &Colours, (right, deck): Point, (reach, tall): Point) {
    let top = deck - tall + 4.0;
    canvas.stroke(&Outline::at((right, deck)).line((right, top)), 3.0, colours.trim);
    let flag =
        Outline::at((right, top)).line((right + 18.0, top + 5.0)).line((right, top + 10.0)).close();
    canvas.fill(&flag, colours.trim);

    for (low, high, part) in [(0.1, 0.5, 1.0), (0.54, 0.86, 0.76)] {
        let (low, high, wide) = (deck - tall * low, deck - tall * high, reach * part);
        let middle = f64::midpoint(low, high);
        // The wind fills it from the left.
        let sail = Outline::at((right - wide + 3.0, high))
            .line((right + wide - 3.0, high))
            .bend((right + wide + 10.0, middle), (right + wide - 2.0, low))
            .bend((right, low - 7.0), (right - wide, low))
            .bend((right - wide + 9.0, middle), (right - wide + 3.0, high))
            .close();
        canvas.decorated(&sail, colours.body);
    }
}
