//! Counter-based randomness: every random choice is a hash of a seed, a purpose and ids.
//!
//! No generator holds state, so a choice depends neither on the order in which rollouts end nor on where a run
//! was cut.

/// A 64-bit number that depends on all arguments and on nothing else.
///
/// `ids` are told apart by their lengths: `["ab"]` and `["a", "b"]` differ.
pub fn draw<'a>(seed: u64, purpose: &'a str, ids: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    for id in std::iter::once(purpose.as_bytes()).chain(ids) {
        hasher.update(&(id.len() as u64).to_le_bytes());
        hasher.update(id);
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// [`draw`] as a number in [0, 1), with 53 random bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
pub fn unit<'a>(seed: u64, purpose: &'a str, ids: impl IntoIterator<Item = &'a [u8]>) -> f64 {
    (draw(seed, purpose, ids) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart() {
        let joined = draw(7, "row", [&b"ab"[..]]);
        let split = draw(7, "row", [&b"a"[..], b"b"]);
        assert_ne!(joined, split);
        assert_ne!(joined, draw(8, "row", [&b"ab"[..]]));
        assert_ne!(joined, draw(7, "col", [&b"ab"[..]]));
        assert_eq!(joined, draw(7, "row", [&b"ab"[..]]));
    }

    #[test]
    fn units_are_uniform() {
        let draws = (0..10_000_u32).map(|i| unit(1, "test", [&i.to_le_bytes()[..]]));
        let mean = draws.sum::<f64>() / 10_000.0;
        // Standard deviation of the mean is 0.0029: five of them either way.
        assert!((mean - 0.5).abs() < 0.0145, "{mean}");
    }
}
