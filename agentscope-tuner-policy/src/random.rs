//! Random numbers that are functions of what they are for: no generator, no state, no order.

/// The key of the numbers that `name` gets under `seed`.
pub(crate) fn key(seed: u64, name: &str) -> u64 {
    mix(seed ^ fnv1a(name))
}

/// Even in [−1, 1).
pub(crate) fn even(key: u64, index: u64) -> f64 {
    let bits = mix(key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 11;
    bits as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Normal with mean 0 and deviation 1 (Box and Muller, 1958).
pub(crate) fn normal(key: u64, index: u64) -> f64 {
    let [radius, angle] = [2 * index, 2 * index + 1].map(|index| f64::midpoint(even(key, index), 1.0));
    // 1 − radius is never 0.
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// SplitMix64's finaliser (Steele et al., 2014).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fowler, Noll and Vo's hash.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_distributions() {
        let count = 100_000;
        let moments = |draw: fn(u64, u64) -> f64| {
            let key = key(7, "layer");
            let values: Vec<f64> = (0..count).map(|index| draw(key, index)).collect();
            let mean = values.iter().sum::<f64>() / count as f64;
            (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64)
        };
        let (mean, variance) = moments(even);
        assert!(mean.abs() < 0.01 && (variance - 1.0 / 3.0).abs() < 0.01, "{mean} {variance}");
        let (mean, variance) = moments(normal);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert_ne!(even(key(7, "a"), 0), even(key(7, "b"), 0));
    }
}
