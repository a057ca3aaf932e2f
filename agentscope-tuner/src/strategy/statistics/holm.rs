//! Many tests at once.

/// Holm's step-down adjustment (Holm 1979) of `p`, part of a family of `family` tests, at least `p.len()`.
///
/// Each adjusted p can be held against the level of the whole family. Where the family is larger than `p`, the tests that
/// are not given are taken as the least significant, so the result is never too small.
#[expect(clippy::cast_precision_loss, reason = "families are far below 2^53")]
pub fn holm(p: &[f64], family: usize) -> Vec<f64> {
    let family = family.max(p.len());
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, at) in order.into_iter().enumerate() {
        least = least.max(((family - rank) as f64 * p[at]).min(1.0));
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_one_test_less() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005], 4);
        for (one, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((one - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert!((holm(&[0.01], 10)[0] - 0.1).abs() < 1e-12);
    }
}
