//! Things that grow, and what they grow in.

use super::super::{
    canvas::{Canvas, faded},
    outline::{
        Edge::{Curve, Line},
        Outline, Point,
    },
    palette::Colours,
    random::Random,
};

/// The colour of a mushroom's stem.
const STEM: &str = "#f7ecd9";
/// The colour of earth.
const EARTH: &str = "#5b4236";

/// A vase of flowers.
pub(super) fn vase(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(58.0..80.0);
    let high = random.within(126.0..168.0);
    let neck = wide * random.within(0.3..0.52);
    let lip = neck * random.within(1.3..1.55);
    let foot = wide * random.within(0.4..0.6);
    let belly = random.within(0.42..0.6);
    canvas.shadow((0.0, 2.0), wide * 1.5);

    let count = random.pick([3_u32, 5, 5]);
    let sort = random.below(4);
    for index in 0..count {
        let spread = f64::from(index) / f64::from(count - 1) * 2.0 - 1.0;
        let tall = random.within(62.0..84.0) + (1.0 - spread.abs()) * 26.0;
        let head = (spread * random.within(70.0..92.0), -high - tall);
        let colour = if index % 2 == 0 { colours.trim } else { colours.accent };
        stem(canvas, (spread * neck * 0.5, -high + 6.0), head, colours.leaf);
        bloom(canvas, head, sort, colour, colours.light);
    }

    let outline = Outline::turned(
        (foot, 0.0),
        &[
            Curve((foot, -high * 0.1), (wide, -high * (belly - 0.25)), (wide, -high * belly)),
            Curve((wide, -high * (belly + 0.26)), (neck, -high * 0.76), (neck, -high * 0.88)),
            Curve((neck, -high * 0.95), (lip, -high * 0.97), (lip, -high)),
        ],
    );
    canvas.decorated(&outline, colours.body);
    canvas.oval((0.0, -high), (lip, 5.5), colours.trim);
    canvas.oval((0.0, -high + 0.5), (lip - 4.0, 3.5), faded(colours.ink, 0.55));
    canvas.gleam((-wide * 0.78, -high * (belly - 0.12)), (-wide * 0.7, -high * (belly + 0.14)));
}

/// A mushroom on a mound of moss, with small ones beside it.
pub(super) fn mushroom(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    canvas.shadow((0.0, 6.0), 150.0);
    let wide = random.within(88.0..112.0);
    let stem = random.within(92.0..122.0);
    let cap = random.within(84.0..120.0);
    let side = random.within(66.0..86.0);
    for (right, size) in
        [(side, random.within(0.36..0.46)), (-side - 4.0, random.within(0.26..0.36))]
    {
        canvas.moved(&format!("translate({right:.0} -10) scale({size:.2})"), |canvas| {
            grow_mushroom(canvas, colours, (98.0, 100.0, cap));
        });
    }
    grow_mushroom(canvas, colours, (wide, stem, cap));

    let mound = Outline::at((-132.0, 8.0))
        .curve((-110.0, -26.0), (110.0, -26.0), (132.0, 8.0))
        .bend((0.0, 22.0), (-132.0, 8.0))
        .close();
    canvas.solid(&mound, colours.leaf);
    for index in 0..11 {
        let right = f64::from(index) * 22.0 - 110.0 + random.within(-6.0..6.0);
        let down = 2.0 - (1.0 - (right / 132.0) * (right / 132.0)) * 16.0;
        let tip = (right + random.within(-8.0..8.0), down - random.within(9.0..18.0));
        let blade = Outline::at((right - 3.5, down)).line(tip).line((right + 3.5, down)).close();
        canvas.fill(&blade, colours.leaf);
    }
}

/// A cactus in a pot.
pub(super) fn cactus(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let wide = random.within(62.0..78.0);
    let high = random.within(80.0..100.0);
    canvas.shadow((0.0, 2.0), wide * 1.5);
    match random.below(3) {
        0 => column(canvas, colours, random, -high),
        1 => barrel(canvas, colours, random, -high),
        _ => paddles(canvas, colours, random, -high),
    }

    let foot = wide * random.within(0.62..0.78);
    let pot = [Line((wide * 0.96, -high + 12.0))];
    canvas.decorated(&Outline::turned((foot, 0.0), &pot), colours.body);
    canvas.bar((-wide * 0.94, -high + 18.0), (wide * 1.88, 7.0), 0.0, faded(colours.ink, 0.16));
    canvas.rod((-wide - 6.0, -high - 4.0), (wide * 2.0 + 12.0, 24.0), 6.0, colours.body);
    canvas.rod((-wide - 6.0, -high + 15.0), (wide * 2.0 + 12.0, 5.0), 2.5, colours.trim);
}

fn stem(canvas: &mut Canvas, foot: Point, head: Point, colour: &str) {
    let by = (foot.0 + (head.0 - foot.0) * 0.2, head.1 + (foot.1 - head.1) * 0.35);
    canvas.stroke(&Outline::at(foot).bend(by, head), 4.0, colour);
    let side = if head.0 < 0.0 { -1.0 } else { 1.0 };
    let at = (foot.0 + (head.0 - foot.0) * 0.32, head.1 + (foot.1 - head.1) * 0.46);
    let tip = (at.0 + side * 34.0, at.1 - 16.0);
    let leaf = Outline::at(at)
        .bend((at.0 + side * 8.0, at.1 - 22.0), tip)
        .bend((at.0 + side * 26.0, at.1 + 8.0), at)
        .close();
    canvas.fill(&leaf, colour);
}

fn bloom(canvas: &mut Canvas, (right, down): Point, sort: u32, colour: &str, heart: &str) {
    canvas.moved(&format!("translate({right:.1} {down:.1})"), |canvas| match sort {
        0 => {
            let tulip = Outline::turned(
                (0.0, 14.0),
                &[
                    Curve((18.0, 14.0), (20.0, -4.0), (15.0, -18.0)),
                    Line((7.0, -8.0)),
                    Line((0.0, -20.0)),
                ],
            );
            canvas.solid(&tulip, colour);
        }
        1 => {
            for petal in 0..8 {
                canvas.moved(&format!("rotate({})", petal * 45), |canvas| {
                    canvas.oval((0.0, -13.0), (5.5, 10.0), colour);
                });
            }
            canvas.circle((0.0, 0.0), 7.5, heart);
            canvas.circle((0.0, 0.0), 7.5, faded("#e0a030", 0.75));
        }
        2 => {
            canvas.circle((0.0, 0.0), 19.0, colour);
            canvas.circle((-5.0, -5.0), 12.0, faded("#fff", 0.2));
            canvas.circle((-6.0, -7.0), 6.0, faded("#fff", 0.22));
        }
        _ => {
            for (right, down) in [(0.0, -14.0), (-11.0, -2.0), (11.0, -4.0), (0.0, 6.0)] {
                canvas.circle((right, down), 9.0, colour);
                canvas.circle((right - 2.5, down - 3.0), 2.8, faded("#fff", 0.45));
            }
        }
    });
}

/// One mushroom, given half the width of its cap, the height of its stem and that of its cap.
fn grow_mushroom(canvas: &mut Canvas, colours: &Colours, (wide, stem, cap): (f64, f64, f64)) {
    let stalk = [
        Curve((22.0, -stem * 0.25), (15.0, -stem * 0.6), (21.0, -stem - 6.0)),
        Line((20.0, -stem - 6.0)),
    ];
    canvas.solid(&Outline::turned((30.0, 0.0), &stalk), STEM);
    canvas.oval((0.0, -stem), (wide * 0.94, 15.0), STEM);
    canvas.oval((0.0, -stem), (wide * 0.94, 15.0), faded(colours.ink, 0.2));
    canvas.oval((0.0, -stem + 4.0), (24.0, 6.0), faded(colours.ink, 0.18));
    let outline = Outline::at((-wide, -stem))
        .curve((-wide * 1.06, -stem - cap * 0.66), (-wide * 0.62, -stem - cap), (0.0, -stem - cap))
        .curve((wide * 0.62, -stem - cap), (wide * 1.06, -stem - cap * 0.66), (wide, -stem))
        .bend((wide * 0.98, -stem + 8.0), (wide * 0.9, -stem + 3.0))
        .bend((0.0, -stem - 15.0), (-wide * 0.9, -stem + 3.0))
        .bend((-wide * 0.98, -stem + 8.0), (-wide, -stem))
        .close();
    canvas.decorated(&outline, colours.body);
    canvas.gleam((-wide * 0.78, -stem - cap * 0.38), (-wide * 0.46, -stem - cap * 0.76));
}

fn column(canvas: &mut Canvas, colours: &Colours, random: &mut Random, pot: f64) {
    let tall = random.within(112.0..140.0);
    let soil = pot + 4.0;
    let trunk = Outline::at((0.0, soil)).line((0.0, soil - tall));
    let arm = |side: f64, low: f64, rise: f64| {
        Outline::at((0.0, soil - low))
            .line((side * 34.0, soil - low))
            .bend((side * 50.0, soil - low), (side * 50.0, soil - low - 20.0))
            .line((side * 50.0, soil - low - rise))
    };
    let arms = [
        arm(1.0, random.within(30.0..48.0), random.within(34.0..56.0)),
        arm(-1.0, random.within(50.0..66.0), random.within(28.0..44.0)),
    ];
    for (outline, width) in [(&arms[0], 26.0), (&arms[1], 24.0), (&trunk, 46.0)] {
        canvas.stroke(outline, width, colours.leaf);
        canvas.stroke(outline, width * 0.3, faded("#fff", 0.14));
    }
    for right in [-13.0, 13.0] {
        let rib = Outline::at((right, soil)).line((right, soil - tall - 4.0));
        canvas.stroke(&rib, 2.5, faded(colours.ink, 0.16));
    }
    for down in [0.15, 0.4, 0.65, 0.9] {
        canvas.circle((0.0, soil - tall * down), 1.8, faded("#fff", 0.85));
        canvas.circle((-18.0, soil - tall * (down - 0.1)), 1.5, faded("#fff", 0.7));
        canvas.circle((18.0, soil - tall * (down - 0.1)), 1.5, faded("#fff", 0.7));
    }
    bloom(canvas, (0.0, soil - tall - 24.0), 1, colours.trim, colours.light);
}

fn barrel(canvas: &mut Canvas, colours: &Colours, random: &mut Random, pot: f64) {
    let (wide, high) = (random.within(52.0..64.0), random.within(54.0..72.0));
    let middle = pot - high * 0.74;
    canvas.oval((0.0, middle), (wide, high), colours.leaf);
    for rib in [0.72, 0.36] {
        canvas.oval((0.0, middle), (wide * rib, high), faded("#000", 0.08));
    }
    let shade = canvas.paint("shade");
    canvas.oval((0.0, middle), (wide, high), shade.as_str());
    for (right, down) in [
        (0.0, -0.6),
        (0.0, -0.2),
        (0.0, 0.2),
        (0.52, -0.4),
        (0.52, 0.05),
        (-0.52, -0.4),
        (-0.52, 0.05),
    ] {
        let at = (right * wide, middle + down * high);
        let spines = Outline::at((at.0 - 5.0, at.1 - 4.0)).line(at).line((at.0 + 5.0, at.1 - 4.0));
        canvas.stroke(&spines, 1.8, faded("#fff", 0.75));
    }
    for right in [-20.0, 20.0, 0.0] {
        let lift = if right == 0.0 { 4.0 } else { -2.0 };
        bloom(canvas, (right, middle - high - lift), 0, colours.trim, colours.light);
    }
}

fn paddles(canvas: &mut Canvas, colours: &Colours, random: &mut Random, pot: f64) {
    let lean = random.within(8.0..18.0);
    let parts = [
        (0.0, pot - 44.0, 38.0, 54.0, 0.0),
        (-40.0, pot - 102.0, 25.0, 36.0, -lean - 20.0),
        (34.0, pot - 112.0, 28.0, 40.0, lean + 8.0),
    ];
    for (right, down, wide, high, angle) in parts {
        canvas.moved(&format!("translate({right} {down:.0}) rotate({angle:.0})"), |canvas| {
            canvas.oval((0.0, 0.0), (wide, high), colours.leaf);
            let shade = canvas.paint("shade");
            canvas.oval((0.0, 0.0), (wide, high), shade.as_str());
            for (across, along) in [(0.0, -0.6), (-0.4, -0.2), (0.4, -0.2), (0.0, 0.15)] {
                canvas.circle((across * wide, along * high), 2.0, faded("#fff", 0.8));
            }
            if high < 50.0 {
                bloom(canvas, (0.0, -high - 6.0), 0, colours.trim, colours.light);
            }
        });
    }
    canvas.oval((0.0, pot), (44.0, 8.0), EARTH);
}
