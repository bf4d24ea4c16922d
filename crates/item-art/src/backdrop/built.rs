//! Backdrops that people built.

use super::super::{
    canvas::{Canvas, faded},
    outline::{Outline, Point},
    palette::Colours,
    random::Random,
};

/// Where the street of the village is.
const STREET: f64 = 350.0;

/// A colonnade with light behind it.
pub(super) fn arches(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    canvas.bar((24.0, 24.0), (352.0, 400.0), 0.0, faded(colours.far, 0.75));
    let (wide, top) = (random.within(62.0..84.0), random.within(60.0..84.0));
    let pier = 16.0;
    let side = (176.0 - wide) - pier * 2.0;
    let sky = canvas.paint("sky");
    let openings = [
        (200.0, wide, top),
        (200.0 - wide - pier - side / 2.0, side / 2.0, top + 50.0),
        (200.0 + wide + pier + side / 2.0, side / 2.0, top + 50.0),
    ];
    for (middle, wide, top) in openings {
        let frame = arch(middle, wide + 6.0, top - 6.0);
        canvas.fill(&frame, faded(colours.light, 0.8));
        let opening = arch(middle, wide, top);
        canvas.fill(&opening, sky.as_str());
        canvas.fill(&opening, faded(colours.light, 0.35));
    }
    let sun = (200.0 + random.within(-20.0..20.0), random.within(160.0..200.0));
    canvas.circle(sun, wide * 0.6, faded(colours.sun, 0.8));
    for (middle, wide, _) in openings {
        let hedge = Outline::at((middle - wide, 420.0))
            .line((middle - wide, 300.0))
            .bend((middle, 300.0 - wide * 0.5), (middle + wide, 300.0))
            .line((middle + wide, 420.0))
            .close();
        canvas.fill(&hedge, faded(colours.near, 0.8));
    }
    canvas.bar((24.0, 330.0), (352.0, 90.0), 0.0, colours.near);
}

/// Two rows of houses with lit windows.
pub(super) fn village(canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
    let sun = (random.within(90.0..310.0), random.within(90.0..130.0));
    canvas.circle(sun, 40.0, colours.sun);
    let mut left = random.within(4.0..24.0);
    while left < 376.0 {
        let wide = random.within(44.0..66.0);
        house(
            canvas,
            (left, random.within(180.0..216.0)),
            wide,
            (colours.far, colours.light),
            random,
        );
        left += wide;
    }
    let mut left = random.within(-30.0..10.0);
    while left < 376.0 {
        let wide = random.within(56.0..80.0);
        house(
            canvas,
            (left, random.within(240.0..276.0)),
            wide,
            (colours.near, colours.light),
            random,
        );
        left += wide + random.within(0.0..8.0);
    }
    canvas.bar((24.0, STREET), (352.0, 70.0), 0.0, colours.near);
}

fn arch(middle: f64, wide: f64, top: f64) -> Outline {
    // 0.55 of the radius makes a curve nearly round.
    let (spring, lift) = (top + wide, wide * 0.55);
    Outline::at((middle - wide, 420.0))
        .line((middle - wide, spring))
        .curve((middle - wide, spring - lift), (middle - lift, top), (middle, top))
        .curve((middle + lift, top), (middle + wide, spring - lift), (middle + wide, spring))
        .line((middle + wide, 420.0))
        .close()
}

/// A house, given the left end of its eaves and its width.
fn house(
    canvas: &mut Canvas,
    (left, eaves): Point,
    wide: f64,
    (wall, window): (&str, &str),
    random: &mut Random,
) {
    let roof = random.within(22.0..40.0);
    canvas.bar((left + wide * 0.7, eaves - roof), (8.0, roof), 0.0, wall);
    let outline = Outline::at((left, 420.0))
        .line((left, eaves))
        .line((left + wide / 2.0, eaves - roof))
        .line((left + wide, eaves))
        .line((left + wide, 420.0))
        .close();
    canvas.fill(&outline, wall);
    let gable = Outline::at((left - 3.0, eaves + 2.0))
        .line((left + wide / 2.0, eaves - roof))
        .line((left + wide + 3.0, eaves + 2.0))
        .close();
    canvas.fill(&gable, faded("#000", 0.09));
    let mut panes = Outline::empty();
    for row in 0..3 {
        let lintel = eaves + 14.0 + 30.0 * f64::from(row);
        for column in [0.22, 0.6] {
            if random.chance(70) && lintel < STREET - 25.0 {
                panes = panes.pane((left + wide * column, lintel), (wide * 0.18, 15.0));
            }
        }
    }
    canvas.fill(&panes, faded(window, 0.85));
}
