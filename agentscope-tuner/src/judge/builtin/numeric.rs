//! Numbers within a tolerance.

use serde::{Deserialize, Serialize};

use super::{
    Number,
    feedback::{quoted, wrong},
    last_number,
};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::Reward,
};

/// How far a number may lie from the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Tolerance {
    /// In the unit of the numbers, at least 0.
    pub absolute: f64,
    /// As a share of the reference, at least 0.
    pub relative: f64,
}

impl Tolerance {
    /// Whether |a − r| ≤ max(absolute, relative · |r|).
    pub fn admits(&self, answer: f64, reference: f64) -> bool {
        (answer - reference).abs() <= self.absolute.max(self.relative * reference.abs())
    }
}

impl Default for Tolerance {
    /// Enough for the rounding of decimal fractions: 10⁻⁹ absolute, 10⁻⁶ relative.
    fn default() -> Self {
        Self { absolute: 1e-9, relative: 1e-6 }
    }
}

/// 1 when the [last number](last_number) of `answer` is that of `reference` within `tolerance`, else 0.
///
/// A percentage fits a plain number in either reading: `50%` fits both 50 and 0.5. Metric: `error`, the absolute
/// difference of the numbers as written.
///
/// # Errors
/// [`ErrorKind::Judge`] when the reference holds no number.
///
/// ```
/// use agentscope_tuner::judge::builtin::{Tolerance, numeric};
/// assert_eq!(numeric("That makes 1,234.5 in all.", "1234.5", &Tolerance::default())?.value, 1.0);
/// # Ok::<(), agentscope_tuner::Error>(())
/// ```
pub fn numeric(answer: &str, reference: &str, tolerance: &Tolerance) -> Result<Reward> {
    let wanted = last_number(reference).ok_or_else(|| {
        let message = format!(
            "the reference {} holds no number: mend the row, or name the field that does",
            quoted(reference)
        );
        Error::new(ErrorKind::Judge, message)
    })?;
    let Some(found) = last_number(answer) else {
        return Ok(wrong(format!(
            "expected the number {}, but the answer {} holds none",
            wanted.value,
            quoted(answer)
        )));
    };
    let right = readings(found, wanted).iter().any(|(found, wanted)| tolerance.admits(*found, *wanted));
    let reward = Reward::from(right).metric("error", (found.value - wanted.value).abs().min(f64::MAX));
    Ok(if right {
        reward
    } else {
        reward.feedback(format!("expected {}, but the answer was {}", wanted.value, found.value))
    })
}

/// The pairs that may be compared: as written, and with the one percentage of the two as a share.
fn readings(found: Number, wanted: Number) -> Vec<(f64, f64)> {
    let written = (found.value, wanted.value);
    match (found.percent, wanted.percent) {
        (true, false) => vec![written, (found.value / 100.0, wanted.value)],
        (false, true) => vec![written, (found.value, wanted.value / 100.0)],
        _ => vec![written],
    }
}
