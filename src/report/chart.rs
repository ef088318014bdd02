//! Pictures of numbers as SVG: stacked months, a band, a tornado, bars. Each has a text that says the same.
//!
//! Only positions on the page are floats here; every number that is written out is a text that the caller made.

use std::fmt::Write as _;

use super::inert::escaped;

/// A value with its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartValue {
    /// Where it stands.
    pub at: f64,
    /// How it is written.
    pub text: String,
}

impl ChartValue {
    /// An amount of money, shown as people read it.
    #[must_use]
    pub fn new(amount: rust_decimal::Decimal, text: impl Into<String>) -> Self {
        ChartValue { at: f64::try_from(amount).unwrap_or(0.0), text: text.into() }
    }
}

/// Name, value, and low and high where they are known.
pub(crate) type Bar = (String, ChartValue, Option<(ChartValue, ChartValue)>);

/// A point with its name.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Its name.
    pub name: String,
    /// How far to the right.
    pub x: ChartValue,
    /// How far up.
    pub y: ChartValue,
    /// Whether the line goes through it.
    pub is_best: bool,
}

impl Dot {
    fn words(&self) -> String {
        format!("{}: {} at {}", self.name, self.y.text, self.x.text)
    }
}

/// A picture with its title.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// How it is drawn.
    pub kind: ChartKind,
}

/// How a picture is drawn.
#[derive(Clone, Debug)]
pub enum ChartKind {
    /// Columns of several parts, with a band around their tops.
    Stacked {
        /// Names of the columns.
        labels: Vec<String>,
        /// Names of the parts, each with a value for every column.
        series: Vec<(String, Vec<ChartValue>)>,
        /// Low, expected and high for every column.
        band: Vec<[ChartValue; 3]>,
        /// A line that the columns should stay below.
        limit: Option<ChartValue>,
    },
    /// A line with a band around it.
    Band {
        /// Names of the points.
        labels: Vec<String>,
        /// Low, expected and high for every point.
        points: Vec<[ChartValue; 3]>,
        /// A line that it should stay below.
        limit: Option<ChartValue>,
    },
    /// Bars to the left and the right of a middle.
    Tornado {
        /// Name, low and high of every bar.
        bars: Vec<(String, ChartValue, ChartValue)>,
        /// The middle.
        middle: ChartValue,
    },
    /// Points over two axes; the one to the right counts in tenfolds.
    Dots {
        /// The points.
        dots: Vec<Dot>,
        /// What is to the right.
        x: String,
        /// What is upwards.
        y: String,
    },
    /// Bars from nought, with low and high where they are known.
    Bars {
        /// Name, value, and bounds of every bar.
        bars: Vec<Bar>,
    },
}

const WIDTH: f64 = 760.0;
/// The same on a phone, where as large a picture would be scrolled or its texts too small to read.
const PHONE_WIDTH: f64 = 360.0;
/// Bars have their names above them and fit a phone as they are; what has months or dots is drawn twice.
const BARS_WIDTH: f64 = 420.0;
/// How high a bar is with its name.
const ROW: f64 = 44.0;
/// How far a bar is below the top of its name.
const BELOW_NAME: f64 = 18.0;
/// How many letters a name above a bar may have.
const LETTERS: usize = 58;
/// The room of an axis to the left of a picture.
const LEFT: f64 = 64.0;
const COLOURS: usize = 8;

/// The picture as SVG elements that take their colours from the page, with a title and a text for those who cannot see it:
/// one, or one for a desk and one for a phone, of which the page shows the one that fits.
#[must_use]
pub(crate) fn svg(chart: &Chart, id: usize) -> String {
    match chart.kind {
        ChartKind::Tornado { .. } | ChartKind::Bars { .. } => element(chart, &format!("c{id}"), "bars", BARS_WIDTH),
        _ => {
            let (desk, phone) = (format!("c{id}"), format!("c{id}p"));
            let desk = element(chart, &desk, "desk", WIDTH);
            format!("{desk}\n{}", element(chart, &phone, "phone", PHONE_WIDTH))
        }
    }
}

/// * `id`: what the ids within the element begin with.
fn element(chart: &Chart, id: &str, class: &str, width: f64) -> String {
    let (height, body, words) = match &chart.kind {
        ChartKind::Stacked { labels, series, band, limit } => stacked(width, labels, series, band, limit.as_ref()),
        ChartKind::Band { labels, points, limit } => band_of(width, labels, points, limit.as_ref()),
        ChartKind::Tornado { bars, middle } => tornado(bars, middle),
        ChartKind::Bars { bars } => bars_of(bars),
        ChartKind::Dots { dots, x, y } => dots_of(width, dots, x, y),
    };
    let title = escaped(&chart.title);
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" aria-labelledby=\"{id}t {id}d\" xmlns=\"http://www.w3.org/2000/svg\">\
<title id=\"{id}t\">{title}</title><desc id=\"{id}d\">{}</desc>{body}</svg>",
        escaped(&words)
    )
}

/// Round steps for an axis up to the highest value.
fn ticks(top: f64) -> Vec<f64> {
    if top <= 0.0 || !top.is_finite() {
        return vec![0.0];
    }
    let rough = top / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(power);
    let count = (top / step).ceil() as usize;
    (0..=count.min(12)).map(|i| i as f64 * step).collect()
}

fn tick_text(value: f64) -> String {
    let text = if value >= 100.0 || value.fract().abs() < 1e-9 { format!("{value:.0}") } else { format!("{value:.4}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

struct Plane {
    width: f64,
    top: f64,
    height: f64,
    left: f64,
}

impl Plane {
    fn new(width: f64, highest: f64, rows_below: usize) -> (Plane, String, f64) {
        let axis = ticks(highest * 1.05);
        let top = axis.last().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        let plane = Plane { width, top, height: 240.0, left: LEFT };
        let mut svg = String::new();
        for tick in &axis {
            let y = plane.y(*tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{}\" x2=\"{width}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"axis\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                plane.left,
                plane.left - 8.0,
                y + 4.0,
                tick_text(*tick)
            );
        }
        let height = plane.height + 40.0 + rows_below as f64 * 20.0;
        (plane, svg, height)
    }

    fn y(&self, value: f64) -> f64 {
        12.0 + self.height * (1.0 - value / self.top)
    }

    fn slot(&self, count: usize) -> f64 {
        (self.width - self.left) / count.max(1) as f64
    }

    fn limit(&self, limit: Option<&ChartValue>) -> String {
        let Some(limit) = limit.filter(|l| l.at <= self.top) else { return String::new() };
        let (y, width) = (self.y(limit.at), self.width);
        format!(
            "<line class=\"limit\" x1=\"{}\" x2=\"{width}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"limit-text\" x=\"{width}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            self.left,
            y - 5.0,
            escaped(&limit.text)
        )
    }

    fn labels(&self, labels: &[String]) -> String {
        let slot = self.slot(labels.len());
        let every = (58.0 / slot).ceil().max(1.0) as usize;
        let mut svg = String::new();
        for (i, label) in labels.iter().enumerate().filter(|(i, _)| i % every == 0) {
            let x = self.left + slot * (i as f64 + 0.5);
            let y = self.height + 32.0;
            let _ = write!(
                svg,
                "<text class=\"axis\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>",
                escaped(label)
            );
        }
        svg
    }
}

fn highest(band: &[[ChartValue; 3]], limit: Option<&ChartValue>) -> f64 {
    let top = band.iter().map(|b| b[2].at).fold(0.0, f64::max);
    // A budget far above the plan would flatten it: then the line is left out, and the words name it.
    limit.map_or(top, |l| if l.at < top * 3.0 { top.max(l.at) } else { top })
}

fn triple(value: &[ChartValue; 3]) -> String {
    let [low, expected, high] = value;
    if low.text == high.text {
        expected.text.clone()
    } else {
        format!("{} ({} to {})", expected.text, low.text, high.text)
    }
}

type Drawn = (f64, String, String);

fn stacked(
    width: f64,
    labels: &[String],
    series: &[(String, Vec<ChartValue>)],
    band: &[[ChartValue; 3]],
    limit: Option<&ChartValue>,
) -> Drawn {
    // A legend has as many columns as its longest name leaves room for.
    let room = width - LEFT;
    let most = letters_in(room - 28.0).min(40);
    let names = longest(series.iter().map(|(name, _)| name.as_str())).clamp(most.min(16), most);
    let key_width = text_width(names) + 28.0;
    let in_row = ((room / key_width) as usize).max(1);
    let rows = series.len().div_ceil(in_row);
    let (plane, mut svg, height) = Plane::new(width, highest(band, limit), rows);
    let slot = plane.slot(labels.len());
    let wide = (slot * 0.68).min(64.0);
    for (i, label) in labels.iter().enumerate() {
        let x = plane.left + slot * (i as f64 + 0.5) - wide / 2.0;
        let mut base = 0.0;
        for (k, (name, values)) in series.iter().enumerate() {
            let Some(value) = values.get(i).filter(|v| v.at > 0.0) else { continue };
            let (upper, lower) = (plane.y(base + value.at), plane.y(base));
            let _ = write!(
                svg,
                "<rect class=\"s{}\" x=\"{x:.1}\" y=\"{upper:.1}\" width=\"{wide:.1}\" height=\"{:.2}\"><title>{}</title></rect>",
                k % COLOURS,
                (lower - upper).max(0.4),
                escaped(&format!("{label}, {name}: {}", value.text))
            );
            base += value.at;
        }
        if let Some([low, expected, high]) = band.get(i).filter(|b| b[2].at > b[0].at) {
            let middle = x + wide / 2.0;
            let _ = write!(
                svg,
                "<g class=\"whisker\"><line x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><title>{}</title></g>",
                plane.y(low.at),
                plane.y(high.at),
                middle - 5.0,
                middle + 5.0,
                plane.y(low.at),
                plane.y(low.at),
                middle - 5.0,
                middle + 5.0,
                plane.y(high.at),
                plane.y(high.at),
                escaped(&format!("{label}: {}", triple(&[low.clone(), expected.clone(), high.clone()])))
            );
        }
    }
    svg += &plane.limit(limit);
    svg += &plane.labels(labels);
    for (k, (name, _)) in series.iter().enumerate() {
        let x = plane.left + (k % in_row) as f64 * key_width;
        let y = plane.height + 54.0 + (k / in_row) as f64 * 20.0;
        let _ = write!(
            svg,
            "<rect class=\"s{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"11\" height=\"11\" rx=\"2\"/><text class=\"key\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            k % COLOURS,
            y - 10.0,
            x + 17.0,
            escaped(&shortened(name, names))
        );
    }
    let words =
        labels.iter().zip(band).map(|(label, b)| format!("{label}: {}", triple(b))).collect::<Vec<_>>().join("; ");
    (height + 4.0, svg, words)
}

fn band_of(width: f64, labels: &[String], points: &[[ChartValue; 3]], limit: Option<&ChartValue>) -> Drawn {
    let (plane, mut svg, height) = Plane::new(width, highest(points, limit), 0);
    let slot = plane.slot(labels.len());
    let x = |i: usize| plane.left + slot * (i as f64 + 0.5);
    let at = |i: usize, v: &ChartValue| format!("{:.1},{:.1}", x(i), plane.y(v.at));
    let upper: Vec<String> = points.iter().enumerate().map(|(i, p)| at(i, &p[2])).collect();
    let lower: Vec<String> = points.iter().enumerate().rev().map(|(i, p)| at(i, &p[0])).collect();
    let line: Vec<String> = points.iter().enumerate().map(|(i, p)| at(i, &p[1])).collect();
    let _ = write!(svg, "<polygon class=\"band\" points=\"{} {}\"/>", upper.join(" "), lower.join(" "));
    let _ = write!(svg, "<polyline class=\"line\" points=\"{}\"/>", line.join(" "));
    for (i, (label, point)) in labels.iter().zip(points).enumerate() {
        let _ = write!(
            svg,
            "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"><title>{}</title></circle>",
            x(i),
            plane.y(point[1].at),
            escaped(&format!("{label}: {}", triple(point)))
        );
    }
    svg += &plane.limit(limit);
    svg += &plane.labels(labels);
    let words =
        labels.iter().zip(points).map(|(label, p)| format!("{label}: {}", triple(p))).collect::<Vec<_>>().join("; ");
    (height, svg, words)
}

/// A name above its bar, cut where it is too long.
fn name_at(y: f64, name: &str) -> String {
    format!("<text class=\"key halo\" x=\"0\" y=\"{y:.1}\">{}</text>", escaped(&shortened(name, LETTERS)))
}

fn tornado(bars: &[(String, ChartValue, ChartValue)], middle: &ChartValue) -> Drawn {
    // What stands at the left and the right of a bar needs room.
    let texts = |value: fn(&(String, ChartValue, ChartValue)) -> &str| text_width(longest(bars.iter().map(value)));
    let room = texts(|(_, low, _)| &low.text).max(texts(|(_, _, high)| &high.text)) + 8.0;

    let least = bars.iter().map(|(_, a, b)| a.at.min(b.at)).fold(middle.at, f64::min);
    let most = bars.iter().map(|(_, a, b)| a.at.max(b.at)).fold(middle.at, f64::max);
    let scale = if most > least { (BARS_WIDTH - 2.0 * room).max(40.0) / (most - least) } else { 0.0 };
    let x = |value: f64| room + (value - least) * scale;
    let (mut svg, mut names) = (String::new(), String::new());
    for (i, (name, low, high)) in bars.iter().enumerate() {
        let top = 2.0 + i as f64 * ROW;
        let y = top + BELOW_NAME;
        let (a, b) = (x(low.at.min(high.at)), x(low.at.max(high.at)));
        let (first, last) = if low.at <= high.at { (low, high) } else { (high, low) };
        names += &name_at(top + 12.0, name);
        let _ = write!(
            svg,
            "<rect class=\"s0\" x=\"{a:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"17\" rx=\"2\"><title>{}</title></rect><text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            (b - a).max(1.0),
            escaped(&format!("{name}: {} to {}", low.text, high.text)),
            a - 6.0,
            y + 13.0,
            escaped(&first.text),
            b + 6.0,
            y + 13.0,
            escaped(&last.text)
        );
    }
    let height = 6.0 + bars.len() as f64 * ROW;
    let _ = write!(
        svg,
        "<line class=\"middle\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{height:.1}\"/><text class=\"axis\" x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"middle\">{2}</text>",
        x(middle.at),
        height + 14.0,
        escaped(&middle.text)
    );
    // Names are over the line, so that it crosses none.
    svg += &names;
    let words = bars.iter().map(|(name, low, high)| format!("{name}: {} to {}", low.text, high.text));
    (height + 22.0, svg, words.collect::<Vec<_>>().join("; "))
}

/// About how wide a text is: letters of the font are seven wide on average, of those in the middle of a page.
fn text_width(letters: usize) -> f64 {
    letters as f64 * 7.2
}

/// How many letters there is room for.
fn letters_in(width: f64) -> usize {
    (width / 7.2).max(1.0) as usize
}

/// A text of at most this number of letters.
fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

/// The longest of some texts, in letters.
fn longest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

fn bars_of(bars: &[Bar]) -> Drawn {
    let left = 0.0;
    let right = BARS_WIDTH - text_width(longest(bars.iter().map(|(_, value, _)| value.text.as_str()))) - 10.0;
    let most = bars
        .iter()
        .map(|(_, v, bounds)| bounds.as_ref().map_or(v.at, |(_, high)| high.at.max(v.at)))
        .fold(0.0, f64::max);
    let scale = if most > 0.0 { (right - left) / most } else { 0.0 };
    let mut svg = String::new();
    for (i, (name, value, bounds)) in bars.iter().enumerate() {
        let top = 2.0 + i as f64 * ROW;
        let y = top + BELOW_NAME;
        svg += &name_at(top + 12.0, name);
        let end = left + value.at * scale;
        let _ = write!(
            svg,
            "<rect class=\"s0\" x=\"{left}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"17\" rx=\"2\"><title>{}</title></rect>",
            (end - left).max(1.0),
            escaped(&format!("{name}: {}", value.text))
        );
        let mut text_at = end;
        if let Some((low, high)) = bounds.as_ref().filter(|(low, high)| high.at > low.at) {
            let (a, b, middle) = (left + low.at * scale, left + high.at * scale, y + 8.5);
            let _ = write!(
                svg,
                "<g class=\"whisker\"><line x1=\"{a:.1}\" x2=\"{b:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/></g>"
            );
            text_at = b.max(end);
        }
        let _ = write!(
            svg,
            "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            text_at + 6.0,
            y + 13.0,
            escaped(&value.text)
        );
    }
    let words = bars.iter().map(|(name, value, _)| format!("{name}: {}", value.text));
    (8.0 + bars.len() as f64 * ROW, svg, words.collect::<Vec<_>>().join("; "))
}

/// Powers of ten, with 2 and 5 of each where there are few, that lie within two values.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let steps: &[f64] = if last - first <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let all = (first..=last).flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
    all.filter(|tick| (low..=high).contains(tick)).take(12).collect()
}

/// Round steps from the lowest to the highest value.
fn steps_between(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low).max(f64::MIN_POSITIVE) / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(power);
    let first = (low / step).ceil();
    let count = ((high / step).floor() - first).clamp(0.0, 12.0) as usize;
    (0..=count).map(|i| (first + i as f64) * step).collect()
}

/// Costs to the right, each tenfold one step; scores upwards.
fn dots_of(width: f64, dots: &[Dot], x_name: &str, y_name: &str) -> Drawn {
    let (left, right, top, bottom) = (LEFT, width - 16.0, 16.0, 300.0);
    let drawn = || dots.iter().filter(|dot| dot.x.at > 0.0 && dot.x.at.is_finite());
    let bounds = |value: fn(&Dot) -> f64| {
        drawn().map(value).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((least, most), (worst, best)) = (bounds(|dot| dot.x.at), bounds(|dot| dot.y.at));
    if !(least.is_finite() && worst.is_finite()) {
        return (20.0, String::new(), String::new());
    }
    let (x0, x1) = ((least / 1.4).log10(), (most * 1.4).log10());
    let margin = ((best - worst) * 0.1).max(best.abs() * 0.01).max(f64::MIN_POSITIVE);
    let (y0, y1) = (worst - margin, best + margin);
    let x = |value: f64| left + (right - left) * (value.log10() - x0) / (x1 - x0);
    let y = |value: f64| bottom - (bottom - top) * (value - y0) / (y1 - y0);
    let mut svg = String::new();
    for tick in log_ticks(10_f64.powf(x0), 10_f64.powf(x1)) {
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{top}\" y2=\"{bottom}\"/><text class=\"axis\" x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>",
            x(tick),
            bottom + 18.0,
            small_tick(tick)
        );
    }
    for value in steps_between(worst, best) {
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/><text class=\"axis\" x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(value),
            left - 8.0,
            y(value) + 4.0,
            tick_text(value)
        );
    }
    let mut line: Vec<&Dot> = drawn().filter(|dot| dot.is_best).collect();
    line.sort_by(|a, b| a.x.at.total_cmp(&b.x.at));
    let points: Vec<String> = line.iter().map(|dot| format!("{:.1},{:.1}", x(dot.x.at), y(dot.y.at))).collect();
    let _ = write!(svg, "<polyline class=\"line\" points=\"{}\"/>", points.join(" "));
    for dot in drawn() {
        let (class, radius) = if dot.is_best { ("dot", 5.0) } else { ("dot other", 3.5) };
        let _ = write!(
            svg,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"><title>{}</title></circle>",
            x(dot.x.at),
            y(dot.y.at),
            escaped(&dot.words())
        );
    }
    // Names of those on the line alone: of a hundred others nobody could read one.
    for dot in &line {
        let name = dot.name.rsplit('/').next().unwrap_or(&dot.name);
        // The line rises: below it on the left, above it on the right.
        let is_right = x(dot.x.at) > (left + right) / 2.0;
        let (at, above, anchor) = if is_right { (-4.0, -9.0, "end") } else { (4.0, 18.0, "start") };
        let room = if is_right { x(dot.x.at) - left } else { right - x(dot.x.at) };
        let _ = write!(
            svg,
            "<text class=\"key halo\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(dot.x.at) + at,
            (y(dot.y.at) + above).clamp(top + 8.0, bottom - 4.0),
            escaped(&shortened(name, letters_in(room)))
        );
    }
    let _ = write!(
        svg,
        "<text class=\"axis\" x=\"{right}\" y=\"{0}\" text-anchor=\"end\">{1} →</text><text class=\"axis\" x=\"{left}\" y=\"10\">{2} ↑</text>",
        bottom + 38.0,
        escaped(x_name),
        escaped(y_name)
    );
    let words: Vec<String> = drawn().map(Dot::words).collect();
    (bottom + 46.0, svg, words.join("; "))
}

/// `0.0005`, `20`, `1,000` without the zeros behind the last digit.
fn small_tick(value: f64) -> String {
    let decimals = if value < 1.0 { (-value.log10().floor()).max(0.0) as usize } else { 0 };
    format!("{value:.decimals$}")
}
