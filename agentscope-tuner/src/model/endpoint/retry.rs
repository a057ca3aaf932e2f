//! How long to wait before another attempt.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// When a failed call is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts after the first one.
    pub max: u32,
    /// The first wait is drawn from zero to this; the bound doubles with each attempt.
    pub base: Duration,
    /// The bound grows no further than this.
    pub cap: Duration,
    /// A call is not tried again when its endpoint asks to wait longer than this.
    pub patience: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { max: 6, base: seconds(1), cap: seconds(60), patience: seconds(600) }
    }
}

impl Retry {
    /// The wait before the next attempt after `failed` ones, the last with `error`; `None` when it is to be given up.
    ///
    /// Exponential with full jitter (Brooker, "Exponential Backoff and Jitter"): uniform in
    /// [0, min(cap, base 2^(failed-1))). A wait that the endpoint asks for is kept and spread by up to a tenth.
    pub(in crate::model) fn wait(&self, failed: u32, error: &Error, call: u64) -> Option<Duration> {
        let ErrorKind::Model(failure) = error.kind() else { return None };
        if !failure.is_transient() || failed > self.max {
            return None;
        }
        let chance = uniform(call, failed);
        match error.retry_after() {
            Some(asked) if asked > self.patience => None,
            Some(asked) => Some(asked.max(Duration::from_millis(1)).mul_f64(1.0 + chance / 10.0)),
            None => {
                let bound = self.base.saturating_mul(1 << (failed - 1).min(30)).min(self.cap);
                Some(bound.mul_f64(chance))
            }
        }
    }
}

/// A number in [0, 1) that depends on nothing but the call and the attempt (SplitMix64's finaliser).
fn uniform(call: u64, attempt: u32) -> f64 {
    let mut hash = call ^ (u64::from(attempt) << 48) ^ 0x9e37_79b9_7f4a_7c15;
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let high = (hash >> 11) as f64;
    high / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ModelFailure;

    fn error(failure: ModelFailure) -> Error {
        Error::new(ErrorKind::Model(failure), "x")
    }

    #[test]
    fn only_transient_failures_are_tried_again_and_not_for_ever() {
        let retry = Retry::default();
        let server = error(ModelFailure::Server);
        assert!(retry.wait(6, &server, 1).is_some() && retry.wait(7, &server, 1).is_none());
        assert_eq!(retry.wait(1, &error(ModelFailure::Auth), 1), None);
        assert_eq!(retry.wait(1, &Error::new(ErrorKind::Tool, "x"), 1), None);
    }

    #[test]
    fn waits_fill_their_range_evenly() {
        let retry = Retry::default();
        let server = error(ModelFailure::Server);
        for (failed, bound) in [(1, 1.0), (2, 2.0), (4, 8.0), (6, 32.0)] {
            let waits: Vec<f64> = (0..4096)
                .map(|call| retry.wait(failed, &server, call).unwrap().as_secs_f64() / bound)
                .collect();
            assert!(waits.iter().all(|wait| (0.0..1.0).contains(wait)));
            let mean = waits.iter().sum::<f64>() / 4096.0;
            // A uniform mean of 4096 draws has a standard error of 0.0045.
            assert!((mean - 0.5).abs() < 0.02, "{mean}");
        }
        let many = Retry { max: 99, ..retry };
        assert!(many.wait(99, &server, 3).unwrap() < retry.cap);
    }

    #[test]
    fn the_endpoints_wish_is_kept() {
        let asked =
            |seconds| error(ModelFailure::RateLimited).with_retry_after(Some(Duration::from_secs(seconds)));
        let wait = Retry::default().wait(1, &asked(10), 1).unwrap();
        assert!((10.0..11.0).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(Retry::default().wait(1, &asked(3600), 1), None, "an hour is no wait");
    }
}
