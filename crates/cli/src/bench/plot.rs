//! Plots as SVG, made by hand: lines over a logarithmic axis, and ranges of latency.

use std::fmt::Write;

/// A line of a plot.
pub(crate) struct Line {
    pub(crate) name: String,
    /// By x.
    pub(crate) points: Vec<(f64, f64)>,
    /// What it is compared with is dashed and grey.
    pub(crate) reference: bool,
}

/// A bar with three marks.
pub(crate) struct Range {
    pub(crate) name: String,
    pub(crate) marks: [f64; 3],
}

/// Told apart with every kind of colour vision (Okabe and Ito).
const COLORS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a6d00"];

const WIDTH: f64 = 860.0;
/// Room for labels: left of the plot, and under it.
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 36.0;
/// Room for the legend, right of the plot.
const RIGHT: f64 = 190.0;
const TOP: f64 = 14.0;

/// Lines over a logarithmic x, with both axes named. Empty without points.
pub(crate) fn lines(x_name: &str, y_name: &str, lines: &[Line]) -> String {
    const HEIGHT: f64 = 380.0;
    let points = || lines.iter().flat_map(|line| &line.points);
    let (low, high) = bounds(points().map(|point| point.0));
    let top = points().map(|point| point.1).fold(0.0, f64::max);
    if top <= 0.0 {
        return String::new();
    }
    let step = step(top);
    let top = (top / step).ceil() * step;
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * (value.max(1.0).log10() - low) / (high - low);
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value / top);
    let mut svg = open(HEIGHT);
    // Writing to a string cannot fail, here and below.
    let mut at = 0.0;
    while at <= top + step / 2.0 {
        let (y, right) = (y(at), WIDTH - RIGHT);
        let _ = write!(svg, "<line class=grid x1={LEFT} y1={y:.1} x2={right} y2={y:.1} />");
        let _ = write!(svg, "<text class=end x={:.1} y={:.1}>{at}</text>", LEFT - 6.0, y + 4.0);
        at += step;
    }
    decades(&mut svg, (low, high), HEIGHT, x);
    let _ = write!(svg, "<text x={LEFT} y={:.1}>{x_name}</text>", HEIGHT - 2.0);
    let _ = write!(svg, "<text x=4 y=10>{y_name}</text>");
    for (number, line) in lines.iter().enumerate() {
        let color = if line.reference { "#888888" } else { COLORS[number % COLORS.len()] };
        let dashes = if line.reference { " stroke-dasharray=\"5 4\"" } else { "" };
        let path: Vec<_> = line.points.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py))).collect();
        let _ = write!(
            svg,
            "<polyline fill=none stroke=\"{color}\" stroke-width=2{dashes} points=\"{}\" />",
            path.join(" ")
        );
        for (px, py) in &line.points {
            let title = format!("{}: {py} at {px}", escaped(&line.name));
            let _ = write!(
                svg,
                "<circle cx={:.1} cy={:.1} r=3.5 fill=\"{color}\"><title>{title}</title></circle>",
                x(*px),
                y(*py)
            );
        }
        let (legend_x, legend_y) = (WIDTH - RIGHT + 12.0, TOP + 18.0 * number as f64 + 6.0);
        let _ = write!(svg, "<rect x={legend_x} y={:.1} width=12 height=4 fill=\"{color}\" />", legend_y - 6.0);
        let _ = write!(svg, "<text x={} y={legend_y}>{}</text>", legend_x + 18.0, escaped(&line.name));
    }
    svg.push_str("</svg>");
    svg
}

/// Ranges over a logarithmic x, one under the other. Empty without any.
pub(crate) fn ranges(x_name: &str, ranges: &[Range]) -> String {
    /// From one range to the next.
    const LINE: f64 = 20.0;
    /// Room for names.
    const NAMES: f64 = 210.0;
    if ranges.is_empty() {
        return String::new();
    }
    let height = TOP + BOTTOM + LINE * ranges.len() as f64;
    let (low, high) = bounds(ranges.iter().flat_map(|range| range.marks));
    let x = |value: f64| NAMES + (WIDTH - NAMES - 20.0) * (value.max(1.0).log10() - low) / (high - low);
    let mut svg = open(height);
    decades(&mut svg, (low, high), height, x);
    let _ = write!(svg, "<text x={NAMES} y={:.1}>{x_name}</text>", height - 2.0);
    for (number, range) in ranges.iter().enumerate() {
        let y = TOP + LINE * (number as f64 + 0.5);
        let [first, _, last] = range.marks;
        let _ = write!(svg, "<text class=end x={} y={:.1}>{}</text>", NAMES - 8.0, y + 4.0, escaped(&range.name));
        let (from, to) = (x(first), x(last));
        let _ = write!(svg, "<line x1={from:.1} y1={y:.1} x2={to:.1} y2={y:.1} stroke=\"#999999\" stroke-width=2 />");
        for (mark, color) in range.marks.iter().zip(&COLORS) {
            let at = x(*mark);
            let _ = write!(svg, "<circle cx={at:.1} cy={y:.1} r=4 fill=\"{color}\"><title>{mark}</title></circle>");
        }
    }
    svg.push_str("</svg>");
    svg
}

fn open(height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=img>")
}

/// The whole decades around positive values, as exponents.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values {
        let exponent = value.max(1.0).log10();
        low = low.min(exponent.floor());
        high = high.max(exponent.ceil());
    }
    let low = if low.is_finite() { low } else { 0.0 };
    (low, high.max(low + 1.0))
}

fn decades(svg: &mut String, (low, high): (f64, f64), height: f64, x: impl Fn(f64) -> f64) {
    let mut exponent = low;
    while exponent <= high {
        let value = 10f64.powf(exponent);
        let (at, bottom) = (x(value), height - BOTTOM);
        let _ = write!(svg, "<line class=grid x1={at:.1} y1={TOP} x2={at:.1} y2={bottom} />");
        let _ = write!(svg, "<text class=middle x={at:.1} y={:.1}>{value:.0}</text>", bottom + 16.0);
        exponent += 1.0;
    }
}

/// A step of 1, 2 or 5 times a power of ten that divides so much into four to ten parts.
fn step(top: f64) -> f64 {
    let power = 10f64.powf((top / 4.0).log10().floor());
    [5.0, 2.0, 1.0].into_iter().map(|by| by * power).find(|step| top / step >= 4.0).unwrap_or(power)
}

/// Text that is no markup.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (top, wanted) in [(31.0, 5.0), (8.0, 2.0), (1000.0, 200.0), (0.9, 0.2), (4.0, 1.0)] {
            assert!((step(top) - wanted).abs() < 1e-9, "{top}: {}", step(top));
        }
    }

    #[test]
    fn bounds_are_decades() {
        assert_eq!(bounds([3.0, 70.0].into_iter()), (0.0, 2.0));
        assert_eq!(bounds([1000.0].into_iter()), (3.0, 4.0));
        assert_eq!(bounds([1.0].into_iter()), (0.0, 1.0));
        assert_eq!(bounds([].into_iter()), (0.0, 1.0));
    }

    #[test]
    fn names_are_no_markup() {
        let line = Line { name: "<a & b>".to_owned(), points: vec![(1.0, 2.0)], reference: false };
        let svg = lines("x", "y", &[line]);
        assert!(svg.contains("&lt;a &amp; b&gt;") && !svg.contains("<a &"), "{svg}");
    }
}
