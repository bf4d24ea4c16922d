//! Things that fly.

use super::super::{
    canvas::{Canvas, faded},
    outline::{
        Edge::{Curve, Line},
        Outline, Point,
    },
    palette::Colours,
    random::Random,
};

/// A kite with bows on its tail.
pub(super) fn kite(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(82.0..104.0);
    let up = random.within(84.0..104.0);
    let low = random.within(122.0..146.0);
    let tilt = random.within(10.0..26.0);
    let bows = random.pick([3, 4, 4]);
    canvas.moved(&format!("translate(0 -42) rotate({tilt:.0})"), |canvas| {
        tail(canvas, colours, (0.0, low), bows);
        let string = Outline::at((0.0, 0.0)).bend((120.0, 120.0), (140.0, 320.0));
        canvas.stroke(&string, 1.6, faded(colours.ink, 0.45));

        let sail =
            Outline::at((0.0, -up)).line((wide, 0.0)).line((0.0, low)).line((-wide, 0.0)).close();
        canvas.decorated(&sail, colours.body);
        for (side, end) in [(wide, -up), (-wide, low)] {
            let quarter = Outline::at((0.0, 0.0)).line((side, 0.0)).line((0.0, end)).close();
            canvas.fill(&quarter, faded(colours.ink, 0.13));
        }
        let spars = Outline::at((0.0, -up)).line((0.0, low));
        canvas.stroke(&spars, 3.0, colours.trim);
        let cross = Outline::at((-wide, 0.0)).bend((0.0, -10.0), (wide, 0.0));
        canvas.stroke(&cross, 3.0, colours.trim);
        canvas.stroke(&sail, 4.0, colours.trim);
        canvas.circle((0.0, -4.0), 6.0, colours.trim);
    });
}

/// A hot-air balloon with its basket.
pub(super) fn balloon(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(94.0..116.0);
    let top = random.within(-142.0..-128.0);
    let mouth = random.within(74.0..92.0);
    let size = random.within(0.2..0.28);
    let far = (random.within(-142.0..-118.0), random.within(60.0..110.0));
    canvas.moved(&format!("translate({:.0} {:.0}) scale({size:.2})", far.0, far.1), |canvas| {
        canvas.fill(&envelope(100.0, -120.0, 80.0), colours.trim);
        canvas.fill(&envelope(40.0, -120.0, 80.0), faded("#fff", 0.25));
        canvas.bar((-16.0, 104.0), (32.0, 28.0), 5.0, colours.trim);
    });

    for right in [-16.0, -6.0, 6.0, 16.0] {
        let rope = Outline::at((right * 1.05, mouth)).line((right, mouth + 48.0));
        canvas.stroke(&rope, 1.8, faded(colours.ink, 0.7));
    }
    let whole = envelope(wide, top, mouth);
    canvas.decorated(&whole, colours.body);
    for part in [0.68, 0.28] {
        let gore = envelope(wide * part, top, mouth);
        canvas.stroke(&gore, 1.6, faded(colours.ink, 0.2));
    }
    garland(canvas, colours, wide - 4.0, belly(wide, top) - 4.0);
    let skirt = [Line((14.0, mouth + 12.0))];
    canvas.solid(&Outline::turned((20.0, mouth - 1.0), &skirt), colours.trim);

    let basket = [Line((22.0, mouth + 46.0))];
    canvas.solid(&Outline::turned((17.0, mouth + 76.0), &basket), "#b5803f");
    for row in [53.0, 60.0, 67.0] {
        let weave = Outline::at((-19.0, mouth + row)).ripple(6, 6.4, 4.0);
        canvas.stroke(&weave, 1.6, faded(colours.ink, 0.35));
    }
    canvas.bar((-25.0, mouth + 43.0), (50.0, 8.0), 4.0, colours.trim);
}

/// The balloon's skin, given half its width, its top and its mouth.
fn envelope(wide: f64, top: f64, mouth: f64) -> Outline {
    let belly = belly(wide.max(94.0), top);
    let neck = 20.0_f64.min(wide * 0.2);
    Outline::turned(
        (neck, mouth),
        &[
            Curve((wide * 0.42, mouth - 28.0), (wide, belly + 62.0), (wide, belly)),
            Curve((wide, top + 42.0), (wide * 0.56, top), (0.0, top)),
        ],
    )
}

/// Where the balloon is widest.
fn belly(wide: f64, top: f64) -> f64 {
    top + wide * 0.98
}

/// A garland around the balloon's belly, given half its width.
fn garland(canvas: &mut Canvas, colours: &Colours, wide: f64, belly: f64) {
    let swags = 7;
    let step = wide * 2.0 / f64::from(swags);
    // It hangs lower in the middle, which is nearer to the eye.
    let at = |right: f64| (right, belly + 15.0 * (1.0 - (right / wide) * (right / wide)));
    for swag in 0..swags {
        let left = f64::from(swag) * step - wide;
        let (from, to) = (at(left), at(left + step));
        let lowest = f64::midpoint(from.1, to.1) + 32.0;
        let drape = Outline::at(from).bend((left + step / 2.0, lowest), to).close();
        canvas.fill(&drape, colours.trim);
    }
    let cord = Outline::at((-wide, belly)).bend((0.0, belly + 30.0), (wide, belly));
    canvas.stroke(&cord, 6.0, colours.trim);
}

/// The tail, with a bow at every bend.
fn tail(canvas: &mut Canvas, colours: &Colours, from: Point, bows: u32) {
    let step = 24.0;
    let mut line = Outline::at(from);
    let mut side = 1.0;
    let mut at = from;
    let mut knots = Vec::new();
    for _ in 0..bows {
        let to = (side * 14.0, at.1 + step);
        line = line.bend((at.0 + side * 18.0, at.1 + step * 0.4), to);
        knots.push(to);
        at = to;
        side = -side;
    }
    canvas.stroke(&line, 3.0, colours.trim);
    for knot in knots {
        bow(canvas, colours, knot, 16.0);
    }
}

fn bow(canvas: &mut Canvas, colours: &Colours, (right, down): Point, wide: f64) {
    let outline = Outline::at((right, down))
        .line((right - wide, down - 9.0))
        .line((right - wide, down + 9.0))
        .line((right + wide, down - 9.0))
        .line((right + wide, down + 9.0))
        .close();
    canvas.fill(&outline, colours.body);
    canvas.circle((right, down), 4.0, colours.trim);
}
