//! The mean of each candidate while the race went on.

use super::{Drawing, Line, Plot, Point};
use crate::strategy::selection::{Course, Lane};

/// The course of a race as a plot; `None` before its first look.
pub(in crate::report::html) fn race(course: &Course, winner: Option<&str>) -> Option<Drawing> {
    let lines = course.lanes.iter().enumerate().map(|(colour, lane)| line(lane, colour, winner)).collect();
    let percent = crate::strategy::percent(course.confidence);
    Plot {
        id: "race-plot".to_owned(),
        title: "Mean by rows".to_owned(),
        summary: course.lanes.iter().filter_map(in_words).collect::<Vec<_>>().join(" "),
        x: "rows".to_owned(),
        y: format!("mean, {percent} % interval"),
        lines,
        ..Plot::default()
    }
    .draw()
}

#[expect(clippy::cast_precision_loss, reason = "rows are far below 2^53")]
fn line(lane: &Lane, colour: usize, winner: Option<&str>) -> Line {
    let points = lane.points.iter().map(|point| Point {
        x: point.rows as f64,
        y: point.value.mean,
        interval: Some((point.value.low, point.value.high)),
    });
    let emphasis = winner == Some(lane.candidate.as_str());
    let ended = match lane.left {
        Some(rows) => format!("{} left at {rows}", lane.candidate),
        None => lane.candidate.clone(),
    };
    Line {
        name: lane.candidate.clone(),
        colour,
        points: points.collect(),
        joined: true,
        note: ended,
        emphasis,
    }
}

fn in_words(lane: &Lane) -> Option<String> {
    let last = lane.points.last()?;
    let left = if lane.left.is_some() { ", then it left" } else { "" };
    Some(format!("{}: {:.3} after {} rows{left}.", lane.candidate, last.value.mean, last.rows))
}
