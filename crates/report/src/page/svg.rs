//! Drawings. Each is made twice, for wide screens and paper and for phones: scaled down to a phone no text could be read.

use std::fmt::Write;

use super::text::{escaped, shortened};

/// Width of the drawings for wide screens and paper, in pixels.
pub(crate) const WIDE: f64 = 880.0;

/// Width of the drawings for phones: what 360 pixels leave between margins.
pub(crate) const NARROW: f64 = 336.0;

/// Width of a letter of 12 pixels, on average, in a wide font.
const LETTER: f64 = 6.8;

/// The same of a strong one.
const STRONG: f64 = 7.6;

/// How many letters have room.
pub(crate) fn letters(room: f64, strong: bool) -> usize {
    (room / if strong { STRONG } else { LETTER }) as usize
}

/// Writes shapes.
#[derive(Debug)]
pub(crate) struct Svg {
    body: String,
    width: f64,
}

/// Where text stands by its x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(crate) fn new(width: f64) -> Self {
        Self { body: String::new(), width }
    }

    pub(crate) fn width(&self) -> f64 {
        self.width
    }

    pub(crate) fn is_narrow(&self) -> bool {
        self.width < WIDE
    }

    /// A box. `title` is what a pointer that rests on it is told.
    pub(crate) fn rect(&mut self, class: &str, (x, y, width, height): (f64, f64, f64, f64), title: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\""
        );
        self.close("rect", title);
    }

    pub(crate) fn path(&mut self, class: &str, path: &str, title: &str) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"{path}\"");
        self.close("path", title);
    }

    /// Text that is shortened to a width in pixels, with the whole of it as title then.
    pub(crate) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, room: f64, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let shown = shortened(text, letters(room, class.contains("strong")));
        let _ = write!(self.body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{}", escaped(&shown));
        if shown != text {
            let _ = write!(self.body, "<title>{}</title>", escaped(text));
        }
        self.body.push_str("</text>\n");
    }

    /// The whole drawing.
    pub(crate) fn finish(self, height: f64, label: &str) -> String {
        let (width, label) = (self.width, escaped(label));
        let class = if self.is_narrow() { "narrow" } else { "wide" };
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height:.0}\" width=\"{width}\" height=\"{height:.0}\" role=\"img\" \
             aria-label=\"{label}\">\n{}</svg>\n",
            self.body
        )
    }

    fn close(&mut self, element: &str, title: &str) {
        if title.is_empty() {
            self.body.push_str("/>\n");
        } else {
            let _ = writeln!(self.body, "><title>{}</title></{element}>", escaped(title));
        }
    }
}

/// A drawing at both widths.
pub(crate) fn both(draw: impl Fn(Svg) -> String) -> String {
    format!("{}{}", draw(Svg::new(WIDE)), draw(Svg::new(NARROW)))
}

/// A curve from left to right that leaves and arrives level.
pub(crate) fn curve((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    let middle = f64::midpoint(x1, x2);
    format!("M{x1:.1} {y1:.1}C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}")
}

/// The same as a band of a height, its upper edge at the two points.
pub(crate) fn band((x1, y1): (f64, f64), (x2, y2): (f64, f64), height: f64) -> String {
    let middle = f64::midpoint(x1, x2);
    let (low1, low2) = (y1 + height, y2 + height);
    format!(
        "M{x1:.1} {y1:.1}C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}L{x2:.1} {low2:.1}C{middle:.1} {low2:.1} \
         {middle:.1} {low1:.1} {x1:.1} {low1:.1}Z"
    )
}
