//! Outlines: the lines and curves a shape is made of.
//!
//! Coordinates are plain arithmetic on `f64`, never sines or roots of a library: those may
//! differ in the last digit from machine to machine, and a picture must not.

use std::fmt::{self, Write as _};

/// A place, in units of the picture: right, then down.
pub(super) type Point = (f64, f64);

/// A length as SVG writes it, rounded to a tenth of a unit, which nobody sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length(pub(super) f64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Adding zero turns the minus zero that rounding may leave into zero.
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

/// A line or a curve from where the one before ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edge {
    /// A straight line to a point.
    Line(Point),
    /// A curve that leaves towards the first point and comes from the second to the third.
    Curve(Point, Point, Point),
}

/// A path under construction.
#[derive(Debug, Clone)]
pub(super) struct Outline(String);

impl Outline {
    /// Begins with nothing, which draws nothing.
    pub(super) const fn empty() -> Self {
        Self(String::new())
    }

    /// Begins at a point.
    pub(super) fn at(point: Point) -> Self {
        Self(String::with_capacity(160)).step("M", &[point])
    }

    /// A shape turned on a lathe: the edges are its right side from the foot up, and its left
    /// side is their mirror image.
    pub(super) fn turned(foot: Point, edges: &[Edge]) -> Self {
        let mut outline = Self::at(foot);
        let mut corners = vec![foot];
        for edge in edges {
            outline = match *edge {
                Edge::Line(to) => outline.line(to),
                Edge::Curve(leave, arrive, to) => outline.curve(leave, arrive, to),
            };
            corners.push(edge.end());
        }

        outline = outline.line(mirrored(corners[edges.len()]));
        for (edge, corner) in edges.iter().zip(corners).rev() {
            let to = mirrored(corner);
            outline = match *edge {
                Edge::Line(_) => outline.line(to),
                Edge::Curve(leave, arrive, _) => {
                    outline.curve(mirrored(arrive), mirrored(leave), to)
                }
            };
        }
        outline.close()
    }

    /// Goes straight to a point.
    pub(super) fn line(self, to: Point) -> Self {
        self.step("L", &[to])
    }

    /// Bends once on the way to a point.
    pub(super) fn bend(self, by: Point, to: Point) -> Self {
        self.step("Q", &[by, to])
    }

    /// Curves to a point.
    pub(super) fn curve(self, leave: Point, arrive: Point, to: Point) -> Self {
        self.step("C", &[leave, arrive, to])
    }

    /// Adds `count` equal bends to the right, up and down by turns.
    pub(super) fn ripple(mut self, count: u32, width: f64, height: f64) -> Self {
        for turn in 0..count {
            let height = if turn % 2 == 0 { -height } else { height };
            let (half, height, width) = (Length(width / 2.0), Length(height), Length(width));
            // Writing to a `String` does not fail.
            let _ = write!(self.0, "q{half} {height} {width} 0");
        }
        self
    }

    /// Lifts the pen and begins another part.
    pub(super) fn then_at(self, point: Point) -> Self {
        self.step("M", &[point])
    }

    /// Adds a rectangle, given its upper left corner and its size.
    pub(super) fn pane(mut self, corner: Point, (width, height): Point) -> Self {
        self = self.then_at(corner);
        let (width, height, back) = (Length(width), Length(height), Length(-width));
        // Writing to a `String` does not fail.
        let _ = write!(self.0, "h{width}v{height}h{back}z");
        self
    }

    /// Goes straight back to the beginning.
    pub(super) fn close(mut self) -> Self {
        self.0.push('Z');
        self
    }

    /// The outline as the value of an SVG `d`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn step(mut self, command: &str, points: &[Point]) -> Self {
        self.0.push_str(command);
        for (index, &(right, down)) in points.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            // Writing to a `String` does not fail.
            let _ = write!(self.0, "{gap}{} {}", Length(right), Length(down));
        }
        self
    }
}

impl Edge {
    const fn end(self) -> Point {
        match self {
            Self::Line(to) | Self::Curve(_, _, to) => to,
        }
    }
}

const fn mirrored((right, down): Point) -> Point {
    (-right, down)
}
