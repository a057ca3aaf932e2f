//! Which tokens are worth training: those where the policy hesitates.

/// Marks the trained tokens whose entropy is at least the quantile `threshold` in [0, 1] of all trained tokens' (Wang et
/// al., arXiv 2506.01939), interpolated linearly between neighbours.
pub fn high_entropy_mask(entropies: &[f32], mask: &[bool], threshold: f64) -> Vec<bool> {
    let trained = || entropies.iter().zip(mask).filter(|(_, trained)| **trained);
    let mut sorted: Vec<f64> = trained().map(|(entropy, _)| f64::from(*entropy)).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(bound) = quantile(&sorted, threshold) else { return vec![false; mask.len()] };
    let marked = |(entropy, trained): (&f32, &bool)| *trained && f64::from(*entropy) >= bound;
    entropies.iter().zip(mask).map(marked).collect()
}

/// The `q`-quantile of ascending numbers, interpolated linearly between neighbours; none of no numbers.
pub(super) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Not `(1 - f) * below + f * above`, which between equal neighbours may miss both.
    Some(below + place.fract() * (above - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of TRL's own test.
    #[test]
    fn marks_the_most_uncertain_tokens() {
        let entropies = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 0.0, 0.0];
        let mask: Vec<bool> = (0..12).map(|index| index < 10).collect();
        let marked = |q: f64| -> Vec<usize> {
            let marks = high_entropy_mask(&entropies, &mask, q);
            (0..12).filter(|index| marks[*index]).collect()
        };
        assert_eq!(marked(0.8), [8, 9]);
        assert_eq!(marked(0.5), [5, 6, 7, 8, 9]);
        assert_eq!(marked(1.0), [9]);
        assert_eq!(marked(0.0).len(), 10);
        assert_eq!(high_entropy_mask(&entropies, &[false; 12], 0.5), [false; 12]);
    }

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[1.0, 1.0, 5.0], 1.0), Some(5.0));
    }
}
