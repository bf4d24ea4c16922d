//! Backdrops that are mostly sky.

use super::{
    super::{
        canvas::{Canvas, faded},
        outline::{Outline, Point},
        palette::Colours,
        random::Random,
    },
    land::hill,
};

/// A large sun with rings of haze, above a low horizon.
pub(super) fn sun(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let middle = (random.within(130.0..270.0), random.within(150.0..210.0));
    let radius = random.within(78.0..104.0);
    for (growth, opacity) in [(1.8, 0.45), (1.4, 0.6)] {
        canvas.circle(middle, radius * growth, faded(colours.light, opacity));
    }
    canvas.circle(middle, radius, colours.sun);
    for down in [72.0, 152.0, 216.0] {
        let wide = random.within(50.0..110.0);
        let left = random.within(30.0..360.0 - wide);
        canvas.bar((left, down), (wide, 7.0), 3.5, faded(colours.far, 0.55));
    }
    hill(canvas, random, 296.0, colours.far);
    hill(canvas, random, 328.0, colours.near);
}

/// A night with stars, a moon and dark hills.
pub(super) fn moon(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    for _ in 0..26 {
        let star = (random.within(32.0..368.0), random.within(34.0..300.0));
        let radius = random.pick([0.9, 1.3, 1.3, 2.2]);
        canvas.circle(star, radius, faded(colours.light, 0.8));
    }
    let middle = (random.within(140.0..260.0), random.within(150.0..195.0));
    let radius = random.within(84.0..104.0);
    for (growth, opacity) in [(1.7, 0.08), (1.32, 0.14)] {
        canvas.circle(middle, radius * growth, faded(colours.light, opacity));
    }
    canvas.circle(middle, radius, colours.light);
    for (right, down, size) in [(-0.45, -0.25, 0.16), (0.35, 0.38, 0.22), (0.3, -0.5, 0.1)] {
        let crater = (middle.0 + right * radius, middle.1 + down * radius);
        canvas.circle(crater, size * radius, faded(colours.far, 0.35));
    }
    hill(canvas, random, 292.0, faded(colours.near, 0.75));
    hill(canvas, random, 322.0, colours.table);
}

/// A burst of rays.
pub(super) fn rays(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let (right, down) = (random.within(180.0..220.0), random.within(205.0..240.0));
    // Few enough that a ray is broader than the object's details.
    let count = random.pick([10_u32, 12, 15, 18]);
    let turn = 360.0 / f64::from(count);
    // Rays are as wide as the gaps: half of one is the tangent of a quarter of the turn, which
    // for so small an angle is nearly the angle itself, pi / 720 for a degree.
    let wide = 330.0 * turn * 0.0044;
    let ray = Outline::at((0.0, 0.0)).line((-wide, -330.0)).line((wide, -330.0)).close();
    let start = random.within(0.0..turn);
    for index in 0..count {
        let angle = start + turn * f64::from(index);
        canvas.moved(&format!("translate({right:.0} {down:.0}) rotate({angle:.1})"), |canvas| {
            canvas.fill(&ray, faded(colours.far, 0.62));
        });
    }
    canvas.circle((right, down), 128.0, faded(colours.light, 0.55));
    canvas.circle((right, down), 92.0, faded(colours.light, 0.75));
    confetti(canvas, colours, random);
}

/// Clouds in a wide sky.
pub(super) fn clouds(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let rows = [(70.0, 0.6), (130.0, 0.8), (205.0, 0.7), (270.0, 1.0)];
    let first_left = random.chance(50);
    for (index, (down, size)) in rows.into_iter().enumerate() {
        let left = first_left == (index % 2 == 0);
        let right = if left { random.within(50.0..110.0) } else { random.within(290.0..350.0) };
        let size = size * random.within(0.85..1.25);
        cloud(canvas, (right, down), size, colours.light);
    }
    for (down, colour) in [(330.0, colours.far), (370.0, colours.near)] {
        let mut right = random.within(10.0..40.0);
        while right < 400.0 {
            let radius = random.within(34.0..58.0);
            canvas.circle((right, down + 14.0), radius, colour);
            right += radius * 1.1;
        }
        canvas.bar((0.0, down + 14.0), (400.0, 100.0), 0.0, colour);
    }
}

/// One cloud, given the middle of its flat foot.
fn cloud(canvas: &mut Canvas, (right, down): Point, size: f64, colour: &str) {
    canvas.moved(&format!("translate({right:.0} {down:.0}) scale({size:.2})"), |canvas| {
        let outline = Outline::at((-62.0, 0.0))
            .curve((-80.0, 0.0), (-80.0, -28.0), (-54.0, -28.0))
            .curve((-48.0, -56.0), (-8.0, -62.0), (4.0, -40.0))
            .curve((24.0, -54.0), (50.0, -42.0), (48.0, -24.0))
            .curve((74.0, -28.0), (80.0, 0.0), (58.0, 0.0))
            .close();
        canvas.fill(&outline, faded(colour, 0.9));
    });
}

/// Paper dots in the air.
fn confetti(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    for _ in 0..22 {
        let place = (random.within(34.0..366.0), random.within(34.0..330.0));
        let colour = random.pick([colours.near, colours.light, colours.trim]);
        canvas.circle(place, random.within(2.0..4.5), faded(colour, 0.7));
    }
}
