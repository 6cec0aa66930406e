//! Lines over time as SVG, readable on a light and on a dark page.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 40.0;
/// Told apart also by those who see no red or no green.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999",
];
const INK: &str = "#808080";

/// A name and its points: minutes and values. A gap is a point without a value.
pub(super) type Series = (String, Vec<(f64, Option<f64>)>);

/// Draws lines over minutes.
pub(super) fn svg(title: &str, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|(_, points)| points);
    let most = points().filter_map(|point| point.1).fold(0.0, f64::max);
    let top = nice(most);
    let minutes = points().map(|point| point.0).fold(1.0, f64::max);
    let x = |value: f64| LEFT + value / minutes * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\">\n"
    );
    text(&mut out, WIDTH / 2.0, 16.0, "middle", title);
    for step in 0..=4 {
        let value = top * f64::from(step) / 4.0;
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{1:.1}\" y2=\"{0:.1}\" stroke=\"{INK}\" stroke-opacity=\"0.3\"/>",
            y(value),
            WIDTH - RIGHT
        );
        text(&mut out, LEFT - 6.0, y(value) + 4.0, "end", &short(value));
    }
    for step in 0..=6 {
        let value = minutes * f64::from(step) / 6.0;
        text(
            &mut out,
            x(value),
            HEIGHT - BOTTOM + 18.0,
            "middle",
            &short(value),
        );
    }
    text(&mut out, WIDTH / 2.0, HEIGHT - 6.0, "middle", "minutes");
    for (index, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        for line in points.split(|point| point.1.is_none()) {
            let path: Vec<String> = line
                .iter()
                .filter_map(|point| Some(format!("{:.1},{:.1}", x(point.0), y(point.1?))))
                .collect();
            if !path.is_empty() {
                let _ = writeln!(
                    out,
                    "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\" points=\"{}\"/>",
                    path.join(" ")
                );
            }
        }
        let at = LEFT + 98.0 * index as f64;
        let _ = writeln!(
            out,
            "<rect x=\"{at:.0}\" y=\"24\" width=\"10\" height=\"10\" fill=\"{colour}\"/>"
        );
        text(&mut out, at + 14.0, 33.0, "start", name);
    }
    out.push_str("</svg>\n");
    out
}

/// A number in few digits.
fn short(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// The next number above with one digit that counts, and some that divide well.
fn nice(most: f64) -> f64 {
    if most <= 0.0 || !most.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(most.log10().floor());
    [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= most)
        .unwrap_or(most)
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_breaks_the_line() {
        let points = vec![(0.0, Some(1.0)), (1.0, None), (2.0, Some(3.0))];
        let svg = svg("a < b", &[("s".to_owned(), points)]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN"));
    }
}
