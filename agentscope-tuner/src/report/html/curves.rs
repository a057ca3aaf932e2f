//! Numbers by step, from `metrics.jsonl`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::plot::{Drawing, Line, Plot, Point};

/// The key of a line that says which step it is of.
const STEP: &str = "step";
/// Points of one curve: more are not told apart on a screen.
const MOST_POINTS: usize = 400;

/// The values of one name by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    /// Step and value. A step that was told again, by a run that was resumed, has its later value.
    pub(super) points: BTreeMap<u64, f64>,
}

/// The series of all lines, in the order in which their names first appear. What is no number is left out.
pub(super) fn series(lines: &[Map<String, Value>]) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for line in lines {
        let Some(step) = line.get(STEP).and_then(Value::as_u64) else { continue };
        for (name, value) in line.iter().filter(|(name, _)| *name != STEP) {
            let Some(value) = value.as_f64() else { continue };
            let at = all.iter().position(|series| series.name == *name).unwrap_or_else(|| {
                all.push(Series { name: name.clone(), ..Series::default() });
                all.len() - 1
            });
            all[at].points.insert(step, value);
        }
    }
    all
}

/// A curve for each of `series`.
pub(super) fn curves(series: &[Series]) -> Vec<Drawing> {
    series.iter().enumerate().filter_map(|(number, series)| curve(number, series)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
fn curve(number: usize, series: &Series) -> Option<Drawing> {
    let (last_step, last) = series.points.last_key_value()?;
    let every = series.points.len().div_ceil(MOST_POINTS);
    let shown = series.points.iter().enumerate();
    let shown = shown.filter(|(at, (step, _))| at % every == 0 || *step == last_step);
    let points = shown.map(|(_, (step, value))| Point { x: *step as f64, y: *value, interval: None });
    let line = Line { points: points.collect(), joined: true, ..Line::default() };
    Plot {
        id: format!("curve-{number}"),
        title: series.name.clone(),
        summary: format!("{} at {} steps, {last:.4} at step {last_step}", series.name, series.points.len()),
        x: STEP.to_owned(),
        y: String::new(),
        lines: vec![line],
        ..Plot::default()
    }
    .draw()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(values: &[Value]) -> Vec<Map<String, Value>> {
        values.iter().filter_map(|value| value.as_object().cloned()).collect()
    }

    #[test]
    fn a_step_told_again_has_its_later_value() {
        let lines = lines(&[
            json!({"step": 1, "reward": 0.5, "note": "no number"}),
            json!({"step": 2, "reward": 0.6, "loss": null}),
            json!({"step": 2, "reward": 0.7, "loss": 1}),
            json!({"reward": 9}),
        ]);
        let found = series(&lines);
        let points = |name: &str| found.iter().find(|series| series.name == name).unwrap().points.clone();
        assert_eq!(found.len(), 2);
        assert_eq!(points("reward"), BTreeMap::from([(1, 0.5), (2, 0.7)]));
        assert_eq!(points("loss"), BTreeMap::from([(2, 1.0)]));
    }

    #[test]
    fn a_long_curve_keeps_its_ends() {
        let points: BTreeMap<u64, f64> = (0..10_000).map(|step| (step, f64::from(step as u32))).collect();
        let drawing = curve(0, &Series { name: "loss".into(), points }).unwrap();
        let svg = serde_json::to_value(&drawing).unwrap();
        let path = svg["lines"][0]["path"].as_str().unwrap();
        assert!(path.matches('L').count() <= MOST_POINTS, "{}", path.len());
        assert_eq!(svg["summary"], "loss at 10000 steps, 9999.0000 at step 9999");
    }
}
