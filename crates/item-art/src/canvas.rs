//! The canvas: shapes and paints, written as SVG.

use std::fmt::{Arguments, Write as _};

use domain::{SaleId, Unit};

use super::{
    motif::Motif,
    outline::{Length, Outline, Point},
    palette::Colours,
};

/// A colour and how much of what is below it shows through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint<'a> {
    colour: &'a str,
    opacity: f64,
}

/// A colour that lets some of what is below it through; at opacity 1 it lets nothing.
pub(super) const fn faded(colour: &str, opacity: f64) -> Paint<'_> {
    Paint { colour, opacity }
}

impl<'a> From<&'a str> for Paint<'a> {
    fn from(colour: &'a str) -> Self {
        faded(colour, 1.0)
    }
}

/// A picture under construction. What is drawn later lies above.
pub(super) struct Canvas {
    svg: String,
    /// Ends every id, so that ids of two pictures in one page never meet.
    tag: String,
    /// Whether the object is drawn mirrored: the light comes from the left all the same.
    mirrored: bool,
}

impl Canvas {
    /// An empty canvas for a unit's picture.
    pub(super) fn new(sale: SaleId, unit: Unit, mirrored: bool) -> Self {
        let svg = String::with_capacity(12 * 1024);
        Self { svg, tag: format!("{sale}-{unit}"), mirrored }
    }

    /// Defines the paints that all pictures share: the light and the shade on round things, the
    /// soft shadow, the glow of a flame and the motif.
    pub(super) fn define_paints(&mut self, colours: &Colours, motif: &Motif) {
        let tag = self.tag.clone();
        let Colours { ink, light, .. } = *colours;
        let (lit, dark) = if self.mirrored { (1, 0) } else { (0, 1) };
        self.put(format_args!(
            concat!(
                r##"<linearGradient id="shade-{tag}" x1="{lit}" x2="{dark}">"##,
                r##"<stop stop-color="#fff" stop-opacity=".34"/>"##,
                r##"<stop offset=".38" stop-color="#fff" stop-opacity="0"/>"##,
                r##"<stop offset=".55" stop-color="{ink}" stop-opacity="0"/>"##,
                r##"<stop offset="1" stop-color="{ink}" stop-opacity=".36"/></linearGradient>"##,
                r##"<radialGradient id="shadow-{tag}"><stop stop-color="{ink}" "##,
                r##"stop-opacity=".5"/><stop offset=".55" stop-color="{ink}" "##,
                r##"stop-opacity=".24"/><stop offset="1" stop-color="{ink}" "##,
                r##"stop-opacity="0"/></radialGradient>"##,
                r##"<radialGradient id="glow-{tag}"><stop stop-color="{light}" "##,
                r##"stop-opacity=".95"/><stop offset=".45" stop-color="{light}" "##,
                r##"stop-opacity=".4"/><stop offset="1" stop-color="{light}" "##,
                r##"stop-opacity="0"/></radialGradient>"##,
                "{motif}",
            ),
            tag = tag,
            lit = lit,
            dark = dark,
            ink = ink,
            light = light,
            motif = motif.define(&format!("motif-{tag}"), colours.accent),
        ));
    }

    /// Defines a gradient from a colour above to a colour below.
    pub(super) fn define_fade(&mut self, name: &str, above: &str, below: &str) {
        let id = self.id(name);
        self.put(format_args!(
            concat!(
                r#"<linearGradient id="{id}" x2="0" y2="1"><stop stop-color="{above}"/>"#,
                r#"<stop offset="1" stop-color="{below}"/></linearGradient>"#,
            ),
            id = id,
            above = above,
            below = below,
        ));
    }

    /// Defines a window: what is drawn [through](Self::through) it shows only inside.
    pub(super) fn define_window(&mut self, name: &str, outline: &Outline) {
        let (id, outline) = (self.id(name), outline.as_str());
        self.put(format_args!(r#"<clipPath id="{id}"><path d="{outline}"/></clipPath>"#));
    }

    /// Defines a shape to be [stamped](Self::stamp) many times, which keeps pictures small.
    pub(super) fn define_stamp(&mut self, name: &str, outline: &Outline) {
        let (id, outline) = (self.id(name), outline.as_str());
        self.put(format_args!(r#"<defs><path id="{id}" d="{outline}"/></defs>"#));
    }

    /// Fills the shape of a stamp, moved as SVG's `transform` says it.
    pub(super) fn stamp(&mut self, name: &str, transform: &str, colour: &str) {
        let id = self.id(name);
        self.put(format_args!(r##"<use href="#{id}" transform="{transform}" fill="{colour}"/>"##));
    }

    /// Draws something that shows only inside a window.
    pub(super) fn through(&mut self, name: &str, draw: impl FnOnce(&mut Self)) {
        let id = self.id(name);
        self.put(format_args!(r#"<g clip-path="url(#{id})">"#));
        draw(self);
        self.put(format_args!("</g>"));
    }

    /// Draws something moved, turned or scaled, as SVG's `transform` says it.
    pub(super) fn moved(&mut self, transform: &str, draw: impl FnOnce(&mut Self)) {
        self.put(format_args!(r#"<g transform="{transform}">"#));
        draw(self);
        self.put(format_args!("</g>"));
    }

    /// The paint defined under a name.
    pub(super) fn paint(&self, name: &str) -> String {
        format!("url(#{})", self.id(name))
    }

    /// Fills an outline.
    pub(super) fn fill<'a>(&mut self, outline: &Outline, paint: impl Into<Paint<'a>>) {
        self.put(format_args!(r#"<path d="{}""#, outline.as_str()));
        self.end("fill", paint.into());
    }

    /// Draws a line along an outline, with round ends.
    pub(super) fn stroke<'a>(
        &mut self,
        outline: &Outline,
        width: f64,
        paint: impl Into<Paint<'a>>,
    ) {
        let (outline, width) = (outline.as_str(), Length(width));
        self.put(format_args!(r#"<path d="{outline}" fill="none" stroke-width="{width}""#));
        self.end("stroke", paint.into());
    }

    /// Fills an outline in one colour, lit and shaded as a round thing.
    pub(super) fn solid(&mut self, outline: &Outline, colour: &str) {
        self.fill(outline, colour);
        let shade = self.paint("shade");
        self.fill(outline, shade.as_str());
    }

    /// As [`solid`](Self::solid), with the motif painted on.
    pub(super) fn decorated(&mut self, outline: &Outline, colour: &str) {
        self.fill(outline, colour);
        for paint in ["motif", "shade"] {
            let paint = self.paint(paint);
            self.fill(outline, paint.as_str());
        }
    }

    /// Fills a circle.
    pub(super) fn circle<'a>(
        &mut self,
        (right, down): Point,
        radius: f64,
        paint: impl Into<Paint<'a>>,
    ) {
        let (right, down, radius) = (Length(right), Length(down), Length(radius));
        self.put(format_args!(r#"<circle cx="{right}" cy="{down}" r="{radius}""#));
        self.end("fill", paint.into());
    }

    /// Fills an oval, given half its width and half its height.
    pub(super) fn oval<'a>(
        &mut self,
        (right, down): Point,
        (wide, high): Point,
        paint: impl Into<Paint<'a>>,
    ) {
        let (right, down, wide, high) = (Length(right), Length(down), Length(wide), Length(high));
        self.put(format_args!(r#"<ellipse cx="{right}" cy="{down}" rx="{wide}" ry="{high}""#));
        self.end("fill", paint.into());
    }

    /// Fills a rectangle with round corners, given its upper left corner and its size.
    pub(super) fn bar<'a>(
        &mut self,
        (right, down): Point,
        (width, height): Point,
        corner: f64,
        paint: impl Into<Paint<'a>>,
    ) {
        let (right, down, corner) = (Length(right), Length(down), Length(corner));
        let (width, height) = (Length(width), Length(height));
        self.put(format_args!(
            r#"<rect x="{right}" y="{down}" width="{width}" height="{height}" rx="{corner}""#,
        ));
        self.end("fill", paint.into());
    }

    /// A rectangle with round corners, lit and shaded as a round thing.
    pub(super) fn rod(&mut self, corner: Point, size: Point, radius: f64, colour: &str) {
        self.bar(corner, size, radius, colour);
        let shade = self.paint("shade");
        self.bar(corner, size, radius, shade.as_str());
    }

    /// The soft shadow below a thing, given half its width.
    pub(super) fn shadow(&mut self, middle: Point, wide: f64) {
        let shadow = self.paint("shadow");
        self.oval(middle, (wide, wide * 0.13 + 3.0), shadow.as_str());
    }

    /// The glow around a flame.
    pub(super) fn glow(&mut self, middle: Point, radius: f64) {
        let glow = self.paint("glow");
        self.circle(middle, radius, glow.as_str());
    }

    /// A stroke of light on the lit side of a glazed thing that is as wide left as right.
    pub(super) fn gleam(&mut self, from: Point, to: Point) {
        let side = if self.mirrored { -1.0 } else { 1.0 };
        let by = ((from.0.min(to.0) - 3.0) * side, f64::midpoint(from.1, to.1));
        let line = Outline::at((from.0 * side, from.1)).bend(by, (to.0 * side, to.1));
        self.stroke(&line, 6.0, faded("#fff", 0.45));
    }

    /// Writes SVG as it is.
    pub(super) fn put(&mut self, svg: Arguments<'_>) {
        // Writing to a `String` does not fail.
        let _ = self.svg.write_fmt(svg);
    }

    /// The picture.
    pub(super) fn into_svg(self) -> String {
        self.svg
    }

    fn id(&self, name: &str) -> String {
        format!("{name}-{}", self.tag)
    }

    fn end(&mut self, attribute: &str, Paint { colour, opacity }: Paint<'_>) {
        self.put(format_args!(r#" {attribute}="{colour}""#));
        if opacity < 1.0 {
            self.put(format_args!(r#" opacity="{opacity:.2}""#));
        }
        self.put(format_args!("/>"));
    }
}
