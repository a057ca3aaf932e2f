//! From values to places on an axis.

/// A straight or logarithmic axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Lowest and highest value; their logarithms where it is logarithmic.
    domain: (f64, f64),
    /// Their places.
    range: (f64, f64),
    logarithmic: bool,
}

/// Values that span so many times their lowest are easier to compare by their magnitudes.
const MAGNITUDES: f64 = 20.0;
/// Room beyond the outermost values, as a share of the axis.
const ROOM: f64 = 0.05;

impl Scale {
    /// An axis over `values` between the places of `range`; `None` without a finite value.
    pub(super) fn of(values: &[f64], range: (f64, f64), may_be_logarithmic: bool) -> Option<Self> {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        let logarithmic = may_be_logarithmic && low > 0.0 && high / low > MAGNITUDES;
        let (low, high) = if logarithmic { (low.log10(), high.log10()) } else { (low, high) };
        let span = if high > low { high - low } else { high.abs().max(1.0) };
        // What begins at nothing is not drawn as if it went below.
        let below = if low >= 0.0 && !logarithmic { (low - ROOM * span).max(0.0) } else { low - ROOM * span };
        Some(Self { domain: (below, high + ROOM * span), range, logarithmic })
    }

    /// The place of `value`; the nearer end of the axis where it lies beyond.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let (low, high) = self.domain;
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// Places of round values with their labels, about `most` of them.
    pub(super) fn ticks(&self, most: u32) -> Vec<(f64, String)> {
        let values = if self.logarithmic { self.magnitudes() } else { self.steps(f64::from(most)) };
        values.into_iter().map(|value| (self.at(value), label(value))).collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn steps(&self, most: f64) -> Vec<f64> {
        let (low, high) = self.domain;
        let rough = (high - low) / most;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let mut value = (low / step).ceil();
        let mut values = Vec::new();
        while value * step <= high {
            values.push(value * step);
            value += 1.0;
        }
        values
    }

    fn magnitudes(&self) -> Vec<f64> {
        let (low, high) = self.domain;
        let factors: &[f64] = if high - low > 3.0 { &[1.0] } else { &[1.0, 3.0] };
        let mut values = Vec::new();
        let mut power = low.floor();
        while power <= high {
            let here = factors.iter().map(|factor| factor * 10_f64.powf(power));
            values.extend(here.filter(|value| (low..=high).contains(&value.log10())));
            power += 1.0;
        }
        values
    }
}

/// A round number without the noise of its sum.
fn label(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-5..1e6).contains(&magnitude) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.7}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], logarithmic: bool) -> Vec<String> {
        let scale = Scale::of(values, (0.0, 100.0), logarithmic).unwrap();
        scale.ticks(6).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&[0.0, 1.0], false), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(&[0.0, 110.0], false), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&[-1.0, 1.0], false), ["-1", "-0.5", "0", "0.5", "1"]);
        assert_eq!(labels(&[0.00001, 0.01], true), ["0.00001", "0.0001", "0.001", "0.01"]);
    }

    #[test]
    fn one_value_has_an_axis_too() {
        let scale = Scale::of(&[0.5], (10.0, 20.0), false).unwrap();
        assert!((10.0..=20.0).contains(&scale.at(0.5)));
        assert!(!scale.ticks(6).is_empty());
        assert_eq!(Scale::of(&[f64::INFINITY], (0.0, 1.0), false), None);
    }

    #[test]
    fn logarithms_only_over_magnitudes() {
        assert!(!Scale::of(&[1.0, 2.0], (0.0, 1.0), true).unwrap().logarithmic);
        assert!(!Scale::of(&[0.0, 2000.0], (0.0, 1.0), true).unwrap().logarithmic);
        assert!(Scale::of(&[1.0, 2000.0], (0.0, 1.0), true).unwrap().logarithmic);
    }
}
