//! Drawings: geometry for the template, which makes SVG of it.

pub(super) mod pareto;
pub(super) mod race;
mod scale;

use std::fmt::Write as _;

use scale::Scale;
use serde::Serialize;

/// Size of a drawing and of its margins, in user units.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 290.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;
/// Labels of points are at least so far apart.
const LINE: f64 = 15.0;
/// About the width of a letter.
const LETTER: f64 = 6.5;
/// Colours of the style sheet; a further line has the first one's again, and a label of its own.
const COLOURS: usize = 8;

/// What is to be drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Plot {
    /// Unique in the page.
    pub(super) id: String,
    pub(super) title: String,
    /// What it shows in words, for those who do not see it.
    pub(super) summary: String,
    pub(super) x: String,
    pub(super) y: String,
    /// Whether x spans magnitudes, where it does.
    pub(super) may_be_logarithmic: bool,
    pub(super) lines: Vec<Line>,
}

/// Values of one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) name: String,
    /// Which colour; names of one page keep theirs.
    pub(super) colour: usize,
    pub(super) points: Vec<Point>,
    /// Whether points are joined; else each is marked and labelled.
    pub(super) joined: bool,
    /// Words at the last point.
    pub(super) note: String,
    /// Whether it stands out.
    pub(super) emphasis: bool,
}

/// A value, with its interval where there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<(f64, f64)>,
}

/// A plot in coordinates.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Drawing {
    id: String,
    title: String,
    summary: String,
    x: String,
    y: String,
    width: f64,
    height: f64,
    /// Left, top, right and bottom of the area that values are drawn in.
    area: (f64, f64, f64, f64),
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    lines: Vec<Drawn>,
}

#[derive(Clone, Debug, Serialize)]
struct Tick {
    at: f64,
    label: String,
}

#[derive(Clone, Debug, Serialize)]
struct Drawn {
    name: String,
    colour: usize,
    emphasis: bool,
    joined: bool,
    path: String,
    /// The area of the intervals.
    band: String,
    /// Intervals of single points: x, low, high.
    bars: Vec<(f64, f64, f64)>,
    dots: Vec<(f64, f64)>,
    label: Option<Label>,
}

#[derive(Clone, Debug, Serialize)]
struct Label {
    x: f64,
    y: f64,
    /// `start` or `end`.
    anchor: &'static str,
    text: String,
}

impl Plot {
    /// The plot in coordinates; `None` where there is nothing to draw.
    pub(super) fn draw(self) -> Option<Drawing> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let xs: Vec<f64> = points().map(|point| point.x).collect();
        let reach = |point: &Point| point.interval.map_or([point.y, point.y], |(low, high)| [low, high]);
        let ys = points().flat_map(|point| reach(point).into_iter().chain([point.y]));
        let ys: Vec<f64> = ys.filter(|value| value.is_finite()).collect();
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let x = Scale::of(&xs, (LEFT, right), self.may_be_logarithmic)?;
        let y = Scale::of(&ys, (bottom, TOP), false)?;
        let mut lines: Vec<Drawn> = self.lines.iter().map(|line| line.draw(&x, &y)).collect();
        part(&mut lines);
        let ticks = |scale: &Scale, most| {
            scale.ticks(most).into_iter().map(|(at, label)| Tick { at: round(at), label }).collect()
        };
        Some(Drawing {
            x_ticks: ticks(&x, 6),
            y_ticks: ticks(&y, 6),
            lines,
            id: self.id,
            title: self.title,
            summary: self.summary,
            x: self.x,
            y: self.y,
            width: WIDTH,
            height: HEIGHT,
            area: (LEFT, TOP, right, bottom),
        })
    }
}

impl Line {
    fn draw(&self, x: &Scale, y: &Scale) -> Drawn {
        let at = |point: &Point| (round(x.at(point.x)), round(y.at(point.y)));
        let dots: Vec<(f64, f64)> = self.points.iter().map(at).collect();
        let bounded = self.points.iter().filter_map(|point| {
            let (low, high) = point.interval?;
            Some((round(x.at(point.x)), round(y.at(low)), round(y.at(high))))
        });
        let bars: Vec<(f64, f64, f64)> = bounded.collect();
        let label = (!self.note.is_empty()).then(|| self.label(&dots)).flatten();
        Drawn {
            name: self.name.clone(),
            colour: self.colour % COLOURS,
            emphasis: self.emphasis,
            joined: self.joined,
            path: if self.joined { path(dots.iter().copied()) } else { String::new() },
            band: if self.joined { band(&bars) } else { String::new() },
            bars: if self.joined { Vec::new() } else { bars },
            dots: if self.joined { dots.last().copied().into_iter().collect() } else { dots },
            label,
        }
    }

    /// The note beside the last point, on the side with more room; on the side of a curve above it.
    #[expect(clippy::cast_precision_loss, reason = "notes are short")]
    fn label(&self, dots: &[(f64, f64)]) -> Option<Label> {
        let (x, y) = dots.last().copied()?;
        let left = x > WIDTH / 2.0;
        let width = LETTER * self.note.chars().count() as f64;
        let covered = dots.iter().filter(|dot| self.joined && left && dot.0 > x - width);
        let lift = if self.joined && left { 9.0 } else { -4.0 };
        Some(Label {
            x: if left { x - 9.0 } else { x + 9.0 },
            y: covered.fold(y, |top, dot| top.min(dot.1)) - lift,
            anchor: if left { "end" } else { "start" },
            text: self.note.clone(),
        })
    }
}

/// Moves labels apart that would lie over each other, up or down.
fn part(lines: &mut [Drawn]) {
    let mut labels: Vec<&mut Label> = lines.iter_mut().filter_map(|line| line.label.as_mut()).collect();
    labels.sort_by(|one, other| one.y.total_cmp(&other.y));
    let mut free = TOP + LINE / 2.0;
    for label in &mut labels {
        label.y = label.y.max(free);
        free = label.y + LINE;
    }
    let mut most = HEIGHT - BOTTOM - 4.0;
    for label in labels.iter_mut().rev() {
        label.y = round(label.y.min(most));
        most = label.y - LINE;
    }
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        // Writing into a string cannot fail.
        _ = write!(path, "{}{x} {y}", if path.is_empty() { "M" } else { "L" });
    }
    path
}

/// There along the upper ends, and back along the lower ones.
fn band(bars: &[(f64, f64, f64)]) -> String {
    if bars.len() < 2 {
        return String::new();
    }
    let there = bars.iter().map(|(x, _, high)| (*x, *high));
    let back = bars.iter().rev().map(|(x, low, _)| (*x, *low));
    path(there.chain(back)) + "Z"
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, points: &[(f64, f64)], joined: bool) -> Line {
        let point = |(x, y): &(f64, f64)| Point { x: *x, y: *y, interval: Some((y - 0.1, f64::INFINITY)) };
        let points = points.iter().map(point).collect();
        Line { name: name.into(), points, joined, note: name.into(), ..Line::default() }
    }

    #[test]
    fn everything_lies_inside_the_area_even_without_bounds() {
        let lines = vec![line("a", &[(0.0, 0.5), (10.0, 0.6)], true), line("b", &[(5.0, -3.0)], false)];
        let drawing = Plot { lines, ..Plot::default() }.draw().unwrap();
        let (left, top, right, bottom) = drawing.area;
        let inside = |(x, y): (f64, f64)| (left..=right).contains(&x) && (top..=bottom).contains(&y);
        for line in &drawing.lines {
            assert!(line.dots.iter().copied().all(inside), "{line:?}");
            assert!(line.bars.iter().all(|(x, low, high)| inside((*x, *low)) && inside((*x, *high))));
        }
        assert!(drawing.lines[0].path.starts_with('M') && drawing.lines[0].band.ends_with('Z'));
    }

    #[test]
    fn labels_of_equal_points_do_not_lie_over_each_other() {
        let lines = (0..5).map(|n| line(&n.to_string(), &[(1.0, 0.5)], false)).collect();
        let drawing = Plot { lines, ..Plot::default() }.draw().unwrap();
        let mut heights: Vec<f64> =
            drawing.lines.iter().filter_map(|line| Some(line.label.as_ref()?.y)).collect();
        heights.sort_by(f64::total_cmp);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= LINE - 0.1), "{heights:?}");
    }

    #[test]
    fn nothing_is_no_drawing() {
        assert!(Plot::default().draw().is_none());
    }
}
