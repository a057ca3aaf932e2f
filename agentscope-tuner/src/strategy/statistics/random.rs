//! Fast counter-based numbers for resampling.

/// Output number `counter` of SplitMix64 (Steele, Lea and Flood 2014) started at `start`: a hash would do the same a
/// hundred times slower.
pub(super) fn mix(start: u64, counter: u64) -> u64 {
    let mut z = start.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `n`, from 64 random bits (Lemire 2019, without the rejection: `n` is far below 2^64).
#[expect(clippy::cast_possible_truncation, reason = "the upper half of a product of two 64-bit numbers")]
pub(super) fn below(bits: u64, n: usize) -> usize {
    ((u128::from(bits) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_agrees_with_its_reference() {
        // The first outputs of the reference implementation for the seed 1234567.
        assert_eq!(mix(1_234_567, 0), 6_457_827_717_110_365_317);
        assert_eq!(mix(1_234_567, 1), 3_203_168_211_198_807_973);
    }
}
