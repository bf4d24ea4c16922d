//! The card: paper, a window with the object before its backdrop, and the caption.

use domain::{SaleId, Unit};

use super::{
    backdrop::Backdrop,
    canvas::{Canvas, faded},
    design::Design,
    motif::Motif,
    outline::{Outline, Point},
    palette::{Colours, PAPER},
    random::Random,
};

/// The upper left corner of the window.
pub(super) const CORNER: Point = (24.0, 24.0);
/// The size of the window.
pub(super) const SIZE: Point = (352.0, 388.0);
/// Where the edge of the table is.
const TABLE: f64 = 342.0;
/// Where an object stands on the table.
const STAND: Point = (200.0, 364.0);
/// The middle of an object that flies.
const FLIGHT: Point = (200.0, 196.0);

/// Draws the picture of a unit.
pub(super) fn draw(sale: SaleId, unit: Unit) -> String {
    let design = Design::of(sale, unit);
    let mut random = Random::of(sale, unit);
    let night = design.backdrop == Backdrop::Moon;
    let palette = design.palette;
    let colours = if night { palette.by_night(design.shade) } else { palette.by_day(design.shade) };
    let motif = Motif::choose(&mut random);
    let mirrored = random.chance(50);
    let window = window(&mut random);
    let mut canvas = Canvas::new(sale, unit, mirrored);

    canvas.put(format_args!(
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 500" width="400" "#,
            r#"height="500" role="img" stroke-linecap="round" stroke-linejoin="round">"#,
            "<title>{}</title><defs>",
        ),
        design.name(),
    ));
    canvas.define_paints(&colours, &motif);
    canvas.define_fade("sky", colours.sky.0, colours.sky.1);
    canvas.define_window("window", &window);
    canvas.put(format_args!("</defs>"));

    canvas.bar((0.0, 0.0), (400.0, 500.0), 18.0, PAPER);
    canvas.through("window", |canvas| {
        let sky = canvas.paint("sky");
        canvas.bar(CORNER, SIZE, 0.0, sky.as_str());
        design.backdrop.draw(canvas, &colours, &mut random);
        show(canvas, &design, &colours, &mut random, mirrored);
    });
    canvas.stroke(&window, 1.5, faded(colours.ink, 0.25));
    caption(&mut canvas, &design, &colours, unit);
    canvas.put(format_args!("</svg>"));
    canvas.into_svg()
}

/// The window's outline: an arch or a rectangle with round corners.
fn window(random: &mut Random) -> Outline {
    let (left, top) = CORNER;
    let (right, foot) = (left + SIZE.0, top + SIZE.1);
    let (round, pull) = if random.chance(50) { (176.0, 97.0) } else { (10.0, 5.5) };
    let corner = 10.0;

    Outline::at((left, foot - corner))
        .line((left, top + round))
        .curve((left, top + round - pull), (left + round - pull, top), (left + round, top))
        .line((right - round, top))
        .curve((right - round + pull, top), (right, top + round - pull), (right, top + round))
        .line((right, foot - corner))
        .bend((right, foot), (right - corner, foot))
        .line((left + corner, foot))
        .bend((left, foot), (left, foot - corner))
        .close()
}

/// Puts the object in its place: on a table or in the air.
fn show(
    canvas: &mut Canvas,
    design: &Design,
    colours: &Colours,
    random: &mut Random,
    mirrored: bool,
) {
    let (right, down) = if design.object.flies() {
        FLIGHT
    } else {
        canvas.bar((CORNER.0, TABLE), SIZE, 0.0, colours.table);
        canvas.bar((CORNER.0, TABLE), (SIZE.0, 5.0), 0.0, faded("#fff", 0.22));
        STAND
    };
    let high = design.object.size();
    let wide = if mirrored { -high } else { high };
    canvas.moved(&format!("translate({right} {down}) scale({wide} {high})"), |canvas| {
        design.object.draw(canvas, colours, random);
    });
}

/// Writes the name and the number below the window.
fn caption(canvas: &mut Canvas, design: &Design, colours: &Colours, unit: Unit) {
    canvas.put(format_args!(
        concat!(
            r#"<g fill="{ink}" font-family="serif" text-anchor="middle">"#,
            r#"<text x="200" y="447" font-size="20">{title}</text>"#,
            r#"<text x="200" y="473" font-size="13" letter-spacing="2" opacity=".62">"#,
            "No. {unit}</text></g>",
        ),
        ink = colours.ink,
        title = design.title(),
        unit = unit,
    ));
}
