//! What a response took. More is better in a judge, so less time, fewer tokens and less money are a higher reward.

use crate::{
    error::{Error, ErrorKind, Result},
    judge::Reward,
    workflow::Context,
};

/// Seconds that the workflow worked, waiting for a free place at an endpoint not counted.
///
/// Without `most` the value is −seconds; with it 1 − seconds / most, at least 0. Metric: `seconds`.
///
/// # Errors
/// [`ErrorKind::Judge`] outside a judge: only there it is known how long the workflow worked.
pub fn time(context: &Context, most: Option<f64>) -> Result<Reward> {
    let worked = context.worked().ok_or_else(|| {
        Error::new(ErrorKind::Judge, "the time of the workflow is known in a judge only; outside a run, set it with `ContextBuilder::worked`")
    })?;
    saved(worked.as_secs_f64(), most, "seconds")
}

/// Tokens that the workflow's calls used, input and output together.
///
/// Without `most` the value is −tokens; with it 1 − tokens / most, at least 0. Metric: `tokens`.
///
/// # Errors
/// [`ErrorKind::Config`] when `most` is no number above 0.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2⁵³")]
pub fn tokens(context: &Context, most: Option<f64>) -> Result<Reward> {
    saved(context.usage().usage.total() as f64, most, "tokens")
}

/// US dollars that the workflow's calls cost, cached ones as if they were paid.
///
/// Without `most` the value is −dollars; with it 1 − dollars / most, at least 0. Metric: `usd`.
///
/// # Errors
/// [`ErrorKind::Config`] when the price of a call is unknown, since unknown is not 0, or `most` is no number above 0.
pub fn cost(context: &Context, most: Option<f64>) -> Result<Reward> {
    let spent = context.usage();
    let usd = spent.known_usd().ok_or_else(|| {
        let message = format!(
            "the cost of {} calls is unknown: add `price = {{ input = …, output = … }}` to the tables of the workflow's models",
            spent.unpriced_calls
        );
        Error::new(ErrorKind::Config, message)
    })?;
    saved(usd.dollars(), most, "usd")
}

fn saved(used: f64, most: Option<f64>, unit: &str) -> Result<Reward> {
    let value = match most {
        None => -used,
        Some(most) if most.is_finite() && most > 0.0 => (1.0 - used / most).max(0.0),
        Some(most) => {
            let message = format!("the most {unit} are {most}, but must be a number above 0");
            return Err(Error::new(ErrorKind::Config, message));
        }
    };
    Ok(Reward::new(value).metric(unit, used))
}
