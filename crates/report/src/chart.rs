//! Charts as SVG. Colours are names for the page's style sheet to replace, so that a chart is light or dark as the
//! page around it is.

use std::ops::Range;

use foretell_evaluate::Point;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// Size of every chart, in its own units: as wide as a phone, so that its text stays readable there.
const SIZE: (u32, u32) = (400, 300);
/// Colours of up to this many series.
pub(crate) const SERIES: usize = 6;

const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const AXIS: RGBColor = RGBColor(3, 3, 3);
const NOTHING: RGBAColor = RGBAColor(0, 0, 0, 0.0);

fn series(number: usize) -> RGBColor {
    let shade = 16 + (number % SERIES) as u8;
    RGBColor(shade, shade, shade)
}

/// What the style sheet replaces, and by what.
pub(crate) fn colours() -> String {
    let rule = |colour: RGBColor, name: String| {
        let code = format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
        format!("[fill=\"{code}\"]{{fill:var(--{name})}}[stroke=\"{code}\"]{{stroke:var(--{name})}}\n")
    };
    let fixed =
        [(INK, "muted"), (GRID, "grid"), (AXIS, "axis")].map(|(colour, name)| rule(colour, name.into()));
    fixed
        .into_iter()
        .chain((0..SERIES).map(|number| rule(series(number), format!("series-{number}"))))
        .collect()
}

/// Part of a chart.
pub(crate) enum Mark {
    /// Points joined by lines, in the colour of a series.
    Line(usize, Vec<Point>),
    /// A dashed line that something is compared with.
    Reference(Vec<Point>),
    /// Points.
    Dots(usize, Vec<Point>),
    /// Rectangles from the bottom: left, right and height.
    Bars(usize, Vec<(f64, f64, f64)>),
}

/// Axes, and what is drawn between them.
pub(crate) struct Chart {
    pub(crate) x: Range<f64>,
    pub(crate) y: Range<f64>,
    pub(crate) x_name: &'static str,
    pub(crate) y_name: &'static str,
    pub(crate) marks: Vec<Mark>,
}

type Area<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Chart {
    /// The SVG; `label` says what it shows to who cannot see it.
    pub(crate) fn svg(&self, label: &str) -> String {
        let mut svg = String::new();
        // Drawing into a text cannot fail.
        if self.draw(&mut svg).is_err() {
            return String::new();
        }
        let body = svg.find('>').map_or("", |end| &svg[end + 1..]);
        let (width, height) = SIZE;
        let label = crate::escape(label);
        format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">{body}")
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error + '_>> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let mut area = ChartBuilder::on(&root)
            .margin_top(10)
            .margin_right(14)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(self.x.clone(), self.y.clone())
            .map_err(|error| error.to_string())?;
        let text = ("sans-serif", 15).into_font().color(&INK);
        area.configure_mesh()
            .light_line_style(NOTHING)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .label_style(text.clone())
            .axis_desc_style(text)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|value| tick(*value, &self.x))
            .y_label_formatter(&|value| tick(*value, &self.y))
            .x_desc(self.x_name)
            .y_desc(self.y_name)
            .draw()
            .map_err(|error| error.to_string())?;
        for mark in &self.marks {
            draw_mark(&mut area, mark)?;
        }
        root.present().map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn draw_mark(area: &mut Area<'_, '_>, mark: &Mark) -> Result<(), String> {
    let pair = |point: &Point| (point.x, point.y);
    let drawn = match mark {
        Mark::Line(number, points) => {
            let line = LineSeries::new(points.iter().map(pair), series(*number).stroke_width(2));
            area.draw_series(line).map(drop)
        }
        Mark::Reference(points) => {
            let line = DashedLineSeries::new(points.iter().map(pair), 4, 4, AXIS.stroke_width(1));
            area.draw_series(line).map(drop)
        }
        Mark::Dots(number, points) => {
            let style = series(*number).mix(0.55).filled();
            area.draw_series(points.iter().map(|point| Circle::new(pair(point), 3, style))).map(drop)
        }
        Mark::Bars(number, bars) => {
            let style = series(*number).mix(0.8).filled();
            let bar = |(left, right, height): &(f64, f64, f64)| {
                let mut bar = Rectangle::new([(*left, 0.0), (*right, *height)], style);
                bar.set_margin(0, 0, 1, 1);
                bar
            };
            area.draw_series(bars.iter().map(bar)).map(drop)
        }
    };
    drawn.map_err(|error| error.to_string())
}

/// A number on an axis: as many digits as the axis's length asks for.
fn tick(value: f64, range: &Range<f64>) -> String {
    let length = range.end - range.start;
    if !(1e-4..1e6).contains(&length) {
        return format!("{value:.0e}");
    }
    let digits = (1.0 - length.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{:.digits$}", if value == 0.0 { 0.0 } else { value })
}

/// A range that holds all values with a little room, and is no point.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let finite = values.filter(|value| value.is_finite() && value.abs() < 1e300);
    let (low, high) = finite
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return 0.0..1.0;
    }
    let room = if high > low { (high - low) * 0.04 } else { low.abs().max(1.0) * 0.1 };
    low - room..high + room
}

/// At most `most` of some points, the first and the last among them.
pub(crate) fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points.to_vec();
    }
    (0..most).map(|at| points[at * (points.len() - 1) / (most - 1)]).collect()
}
