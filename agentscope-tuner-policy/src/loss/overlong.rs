//! The penalty of answers that are cut off, or nearly.

/// DAPO's soft punishment of overlong answers (Yu et al., arXiv 2503.14476, eq. 13): 0 up to `limit − cache` tokens, then
/// falling evenly to −1 at `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlong {
    /// The most tokens that an answer may have.
    pub limit: usize,
    /// Over how many tokens the penalty falls.
    pub cache: usize,
}

impl Overlong {
    /// What is added to the reward of an answer of `tokens` tokens, in −1..=0.
    pub fn penalty(&self, tokens: usize) -> f64 {
        let free = self.limit.saturating_sub(self.cache);
        if tokens <= free {
            0.0
        } else if tokens <= self.limit {
            -((tokens - free) as f64) / self.cache as f64
        } else {
            -1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_evenly_to_minus_one() {
        let overlong = Overlong { limit: 100, cache: 20 };
        let penalties = [0, 80, 81, 90, 100, 101, 500].map(|tokens| overlong.penalty(tokens));
        assert_eq!(penalties, [0.0, 0.0, -0.05, -0.5, -1.0, -1.0, -1.0]);
        let hard = Overlong { limit: 100, cache: 0 };
        assert_eq!([hard.penalty(100), hard.penalty(101)], [0.0, -1.0]);
    }
}
