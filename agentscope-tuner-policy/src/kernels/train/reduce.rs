//! Sums and maxima in a fixed number of lanes: the order of addition is part of the code, so the compiler can use vectors
//! of any width and the result stays the same.

const LANES: usize = 16;

/// The sum over `f` of pairs of equally long slices.
#[inline(always)]
pub(super) fn sum_pairs(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    debug_assert_eq!(a.len(), b.len(), "pairs need equal lengths");
    let mut lanes = [0.0_f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += f(a[lane], b[lane]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(*a, *b);
    }
    fold(lanes, |a, b| a + b)
}

/// Σ a b c.
#[inline(always)]
pub(super) fn sum_triples(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    debug_assert!(a.len() == b.len() && b.len() == c.len(), "triples need equal lengths");
    let mut lanes = [0.0_f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let (c_chunks, c_rest) = c.as_chunks::<LANES>();
    for ((a, b), c) in a_chunks.iter().zip(b_chunks).zip(c_chunks) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane] * c[lane];
        }
    }
    for (lane, ((a, b), c)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest).zip(c_rest)) {
        *lane += a * b * c;
    }
    fold(lanes, |a, b| a + b)
}

/// Σ a b.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_pairs(a, b, |a, b| a * b)
}

/// Σ a.
#[inline(always)]
pub(super) fn sum(a: &[f32]) -> f32 {
    sum_pairs(a, a, |a, _| a)
}

/// The largest; -∞ of none.
#[inline(always)]
pub(super) fn max(a: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = a.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = greater(lanes[lane], chunk[lane]);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = greater(*lane, *value);
    }
    fold(lanes, greater)
}

/// A comparison that compiles to one instruction, where `f32::max` asks for three to treat NaN.
#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = f(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length() {
        for len in 0..70_u16 {
            let values: Vec<f32> = (0..len).map(|i| f32::from(i * 7 % 13) - 6.0).collect();
            let naive = |f: fn(f32) -> f32| values.iter().copied().map(f).sum::<f32>();
            assert_eq!(sum(&values), naive(|x| x), "{len}");
            assert_eq!(dot(&values, &values), naive(|x| x * x), "{len}");
            assert_eq!(sum_triples(&values, &values, &values), naive(|x| x * x * x), "{len}");
            assert_eq!(max(&values), values.iter().copied().fold(f32::NEG_INFINITY, f32::max), "{len}");
        }
    }
}
