//! Backdrops of land and water.

use super::super::{
    canvas::{Canvas, Paint, faded},
    outline::{Outline, Point},
    palette::Colours,
    random::Random,
};

/// Three rows of hills with small round trees, under a small sun.
pub(super) fn hills(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let sun = (random.within(80.0..320.0), random.within(80.0..130.0));
    canvas.circle(sun, 34.0, colours.sun);
    hill(canvas, random, 218.0, faded(colours.far, 0.55));
    hill(canvas, random, 258.0, colours.far);
    for _ in 0..5 {
        let right = random.within(40.0..360.0);
        tree(canvas, (right, random.within(288.0..302.0)), colours);
    }
    hill(canvas, random, 304.0, colours.near);
}

/// A calm sea of scallops under a sun.
pub(super) fn waves(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let sun = (random.within(110.0..290.0), 222.0);
    canvas.circle(sun, random.within(60.0..84.0), colours.sun);
    let sail = random.within(60.0..130.0);
    let sail = if random.chance(50) { sail } else { 400.0 - sail };
    boat(canvas, (sail, 226.0), colours);

    let wide = random.pick([36.0, 44.0, 56.0]);
    for row in 0..6 {
        let down = 226.0 + 26.0 * f64::from(row);
        let left = if row % 2 == 0 { 0.0 } else { -wide };
        let water = Outline::at((left - wide, down))
            .ripple(24, wide, 9.0)
            .line((500.0, 420.0))
            .line((-80.0, 420.0))
            .close();
        let opacity = 0.5 + 0.1 * f64::from(row);
        let colour = if row % 2 == 0 { colours.far } else { colours.near };
        canvas.fill(&water, faded(colour, opacity));
    }
}

/// Peaks with snow, and a forest's edge.
pub(super) fn mountains(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let sun = (random.within(70.0..330.0), random.within(70.0..100.0));
    canvas.circle(sun, 26.0, colours.sun);
    let mut right = random.within(40.0..80.0);
    while right < 390.0 {
        peak(canvas, (right, random.within(120.0..170.0)), 150.0, (colours.far, colours.light));
        right += random.within(90.0..130.0);
    }
    let mut right = random.within(0.0..60.0);
    while right < 420.0 {
        peak(canvas, (right, random.within(215.0..250.0)), 110.0, (colours.near, colours.light));
        right += random.within(95.0..125.0);
    }
    hill(canvas, random, 318.0, colours.near);
}

/// Branches from both sides over round bushes.
pub(super) fn garden(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    canvas.circle((200.0, 190.0), random.within(118.0..146.0), faded(colours.light, 0.75));
    canvas.define_stamp("branch", &branch());
    let count = random.pick([3_u32, 4, 4]);
    for side in [1.0, -1.0] {
        for index in 0..count {
            let foot = if side > 0.0 { 20.0 } else { 380.0 };
            let down = 350.0 - f64::from(index) * 250.0 / f64::from(count);
            let angle = side * random.within(18.0..62.0);
            let size = random.within(0.85..1.2);
            let colour = if index % 2 == 0 { colours.near } else { colours.far };
            let transform =
                format!("translate({foot} {down:.0}) rotate({angle:.0}) scale({size:.2})");
            canvas.stamp("branch", &transform, colour);
        }
    }
    let mut right = random.within(20.0..50.0);
    while right < 400.0 {
        let radius = random.within(30.0..50.0);
        canvas.circle((right, 356.0), radius, colours.near);
        right += radius * 1.3;
    }
    canvas.bar((0.0, 350.0), (400.0, 80.0), 0.0, colours.near);
}

/// A gentle hill over the width of the window, about as high as `top` says.
pub(super) fn hill<'a>(
    canvas: &mut Canvas,
    random: &mut Random,
    top: f64,
    paint: impl Into<Paint<'a>>,
) {
    let [left, middle, right] = [0; 3].map(|_| top + random.within(-24.0..24.0));
    let crest = random.within(140.0..260.0);
    let outline = Outline::at((0.0, 420.0))
        .line((0.0, left))
        .curve((crest * 0.4, left - 22.0), (crest * 0.6, middle), (crest, middle))
        .curve((crest + 70.0, middle), (360.0, right - 26.0), (400.0, right))
        .line((400.0, 420.0))
        .close();
    canvas.fill(&outline, paint);
}

fn tree(canvas: &mut Canvas, (right, down): Point, colours: &Colours) {
    canvas.bar((right - 1.5, down - 22.0), (3.0, 24.0), 1.0, faded(colours.ink, 0.4));
    canvas.oval((right, down - 30.0), (10.0, 15.0), colours.near);
    canvas.oval((right - 3.0, down - 33.0), (5.0, 9.0), faded(colours.light, 0.18));
}

fn boat(canvas: &mut Canvas, (right, down): Point, colours: &Colours) {
    let sail = Outline::at((right, down - 44.0))
        .bend((right + 24.0, down - 20.0), (right + 22.0, down - 8.0))
        .line((right, down - 8.0))
        .close();
    canvas.fill(&sail, colours.near);
    let hull = Outline::at((right - 16.0, down - 4.0))
        .line((right + 24.0, down - 4.0))
        .line((right + 16.0, down + 8.0))
        .line((right - 10.0, down + 8.0))
        .close();
    canvas.fill(&hull, colours.trim);
}

/// A mountain with snow on it, given its top and half the width of its foot.
fn peak(canvas: &mut Canvas, (right, down): Point, wide: f64, (rock, snow): (&str, &str)) {
    let slope = (420.0 - down) / wide;
    let (left, far_right) = (right - wide, right + wide);
    let outline = Outline::at((left, 420.0)).line((right, down)).line((far_right, 420.0)).close();
    canvas.fill(&outline, rock);
    let shaded = Outline::at((right, down))
        .line((far_right, 420.0))
        .line((right + wide * 0.2, 420.0))
        .close();
    canvas.fill(&shaded, faded("#000", 0.06));
    let edge = |across: f64| (right + across, down + across.abs() * slope);
    let cap = Outline::at((right, down))
        .line(edge(20.0))
        .line((right + 9.0, down + 20.0 * slope - 9.0))
        .line((right + 1.0, down + 20.0 * slope + 5.0))
        .line((right - 8.0, down + 20.0 * slope - 10.0))
        .line(edge(-20.0))
        .close();
    canvas.fill(&cap, faded(snow, 0.92));
}

/// A branch that grows upwards, with leaves in pairs.
fn branch() -> Outline {
    let mut outline =
        Outline::at((-1.5, 30.0)).bend((9.0, -60.0), (0.0, -130.0)).bend((6.0, -60.0), (1.5, 30.0));
    for pair in 0..5 {
        let down = -12.0 - 24.0 * f64::from(pair);
        let long = 40.0 - 4.0 * f64::from(pair);
        for side in [long, -long] {
            outline = outline
                .then_at((4.0, down))
                .curve((side * 0.3, down - 26.0), (side, down - 26.0), (side, down - 22.0))
                .curve((side, down - 2.0), (side * 0.5, down + 6.0), (4.0, down));
        }
    }
    outline
        .then_at((0.0, -120.0))
        .bend((10.0, -138.0), (0.0, -156.0))
        .bend((-10.0, -138.0), (0.0, -120.0))
}
