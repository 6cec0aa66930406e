//! Plots as SVG: lines and points on two axes, readable on a light and on a dark page.

use std::fmt::Write as _;

use crate::progress::short;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 52.0;
/// Told apart also by those who see no red or no green.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const INK: &str = "#808080";

/// How the horizontal axis runs.
#[derive(Debug, Clone)]
pub(crate) enum Scale {
    /// Evenly, from zero.
    Linear,
    /// By powers, with a tick at each point.
    LogX,
    /// Points are at 0, 1, 2 .. and have these names.
    Named(Vec<&'static str>),
}

/// One plot.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// The name of its file.
    pub(crate) name: &'static str,
    /// Whether it is about the large table, which is measured in a run of its own.
    pub(crate) of_growth: bool,
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) scale: Scale,
    /// Name and points of each line.
    pub(crate) series: Vec<(String, Vec<(f64, f64)>)>,
}

impl Chart {
    /// Draws it.
    pub(crate) fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|(_, points)| points);
        let top = nice(points().map(|point| point.1).fold(0.0, f64::max));
        let xs: Vec<f64> = points().map(|point| self.place(point.0)).collect();
        let least = match self.scale {
            Scale::LogX => xs.iter().copied().fold(f64::INFINITY, f64::min),
            Scale::Linear | Scale::Named(_) => 0.0,
        };
        let most = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let span = if most > least { most - least } else { 1.0 };
        let x = |value: f64| LEFT + (self.place(value) - least) / span * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);

        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\">\n"
        );
        text(&mut out, WIDTH / 2.0, 18.0, "middle", &self.title);
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            line(&mut out, (LEFT, y(value)), (WIDTH - RIGHT, y(value)), 0.3);
            text(&mut out, LEFT - 6.0, y(value) + 4.0, "end", &short(value));
        }
        for (value, label) in self.ticks(most) {
            text(&mut out, x(value), HEIGHT - BOTTOM + 18.0, "middle", &label);
        }
        text(
            &mut out,
            f64::midpoint(LEFT, WIDTH - RIGHT),
            HEIGHT - 10.0,
            "middle",
            &self.x,
        );
        text(&mut out, 8.0, TOP - 14.0, "start", &self.y);
        for (index, (name, points)) in self.series.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let path: Vec<String> = points
                .iter()
                .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
                .collect();
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
                path.join(" ")
            );
            for point in points.iter().filter(|_| points.len() <= 12) {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                    x(point.0),
                    y(point.1)
                );
            }
            let at = LEFT + 8.0 + 150.0 * index as f64;
            let _ = writeln!(
                out,
                "<rect x=\"{at:.0}\" y=\"26\" width=\"10\" height=\"10\" fill=\"{colour}\"/>"
            );
            text(&mut out, at + 14.0, 35.0, "start", name);
        }
        out.push_str("</svg>\n");
        out
    }

    fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::LogX => value.max(f64::MIN_POSITIVE).log10(),
            Scale::Linear | Scale::Named(_) => value,
        }
    }

    fn ticks(&self, most: f64) -> Vec<(f64, String)> {
        match &self.scale {
            Scale::Linear => (0..=5)
                .map(|step| most * f64::from(step) / 5.0)
                .map(|value| (value, format!("{value:.0}")))
                .collect(),
            Scale::LogX => {
                let points = self.series.first().map_or(&[][..], |(_, points)| points);
                let ticks = points.iter().map(|point| (point.0, format!("{}", point.0)));
                ticks.collect()
            }
            Scale::Named(names) => (0..)
                .map(f64::from)
                .zip(names.iter().map(|name| (*name).to_owned()))
                .collect(),
        }
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
    let content = content
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>"
    );
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), opacity: f64) {
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{INK}\" stroke-opacity=\"{opacity}\"/>",
        from.0, from.1, to.0, to.1
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn_within_the_frame() {
        let chart = Chart {
            name: "a",
            of_growth: false,
            title: "A < B".to_owned(),
            x: "x".to_owned(),
            y: "y".to_owned(),
            scale: Scale::LogX,
            series: vec![("s".to_owned(), vec![(1.0, 0.0), (1000.0, 990.0)])],
        };
        let svg = chart.svg();
        assert!(svg.contains("A &lt; B"));
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn the_axis_ends_above_the_largest_value() {
        for value in [0.3, 1.0, 7.0, 99.0, 123_456.0] {
            assert!(nice(value) >= value && nice(value) <= value * 1.7);
        }
    }
}
