//! Elementary functions that the compiler can turn into vector instructions.

/// e^x, within 2 units in the last place for x in [-87.3, 88.7]; saturates outside, so that e^-∞ is 1.2e-38, not 0.
///
/// Range reduction by powers of two (Cody and Waite), then the Taylor polynomial of degree 7 on [-ln 2 / 2, ln 2 / 2],
/// whose remainder is below 2^-27.
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "the two parts of ln 2 must be exactly these floats")]
pub(crate) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_375;
    const ROUND: f32 = 12_582_912.0;
    const LN_2_LOW: f32 = -2.121_944_400_5e-4;
    let x = x.clamp(-87.3, 88.7);
    // Adding 1.5 x 2^23 rounds to the nearest integer and leaves it in the low bits; a cast from float to integer would
    // keep the compiler from using vectors.
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let power = shifted - ROUND;
    let r = power.mul_add(-LN_2_LOW, power.mul_add(-LN_2_HIGH, x));
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = r.mul_add(sum, coefficient);
    }
    // Two factors, since 2^128 has no float: their product is exact wherever the result is finite.
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = exponent >> 1;
    sum * power_of_two(half) * power_of_two(exponent - half)
}

/// 2^n for n in [-126, 127].
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// x σ(x), the activation of SwiGLU (Shazeer, arXiv 2002.05202), and its derivative σ(x) (1 + x (1 − σ(x))).
#[inline(always)]
pub(crate) fn silu(x: f32) -> (f32, f32) {
    let sigmoid = 1.0 / (1.0 + exp(-x));
    let value = x * sigmoid;
    (value, sigmoid + value * (1.0 - sigmoid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for step in 0..200_000_u32 {
            let x = -87.0 + step as f32 * (175.0 / 200_000.0);
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            let unit = f64::from(f32::EPSILON) * exact;
            assert!((ours - exact).abs() <= 2.0 * unit, "exp({x}) = {ours}, not {exact}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1.3e-38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn silu_and_its_derivative() {
        for step in -300..300 {
            let x = step as f32 * 0.1;
            let wide = f64::from(x);
            let sigmoid = 1.0 / (1.0 + (-wide).exp());
            let (value, slope) = silu(x);
            assert!((f64::from(value) - wide * sigmoid).abs() < 1e-6 * (1.0 + wide.abs()), "{x}");
            assert!((f64::from(slope) - sigmoid * (1.0 + wide * (1.0 - sigmoid))).abs() < 1e-5, "{x}");
        }
    }
}
