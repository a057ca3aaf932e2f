//! What can be measured of a rollout beside its reward.

use crate::{model::Usd, rollout::Record};

/// What every rollout is measured by, whatever its workflow and judge say.
pub(super) const MEASURES: [&str; 4] = ["calls", "tokens", "usd", "seconds"];

/// What the workflow used, by one of [`MEASURES`], else a metric of the workflow or the judge; `None` where it is not known of
/// this rollout.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn measure(record: &Record, name: &str) -> Option<f64> {
    match name {
        "calls" => Some(record.spent.calls as f64),
        "tokens" => Some(record.spent.usage.total() as f64),
        "usd" => record.spent.known_usd().map(Usd::dollars),
        "seconds" => Some(record.seconds),
        metric => record.metrics.get(metric).copied(),
    }
}
