//! What the functions under `#[judge]` may return.

use super::Reward;
use crate::error::{BoxError, Error, Result};

/// What a judge said.
#[derive(Clone, Debug, PartialEq)]
pub enum Rewards {
    /// Of the response that it was shown.
    One(Reward),
    /// Of each response of the group that it was shown, in their order.
    Each(Vec<Reward>),
}

/// The return types of judges: `bool`, `f64` or [`Reward`]; a `Vec` of them, where the judge takes a
/// [`Group`](crate::workflow::Group); or a `Result` of any of these.
#[diagnostic::on_unimplemented(
    message = "a judge cannot return `{Self}`",
    label = "not a reward",
    note = "return `bool`, `f64`, `Reward`, or a `Result` of one of them whose error converts into `Box<dyn Error + Send + Sync>`; a judge of a `Group` returns a `Vec` of them"
)]
pub trait JudgeReturn {
    /// Whether it is one reward for each response of a group.
    const GROUP: bool;

    /// As rewards.
    ///
    /// # Errors
    /// The judge's own error, or that a number is not finite.
    fn into_rewards(self) -> Result<Rewards>;
}

/// What can stand inside the `Result` of a judge.
#[diagnostic::on_unimplemented(
    message = "a judge cannot return a `Result` of `{Self}`",
    note = "inside the `Result` of a judge stands `bool`, `f64` or `Reward`, or a `Vec` of them"
)]
pub trait JudgeValue: JudgeReturn {}

impl JudgeValue for bool {}
impl JudgeValue for f64 {}
impl JudgeValue for Reward {}
impl<T: Into<Reward>> JudgeValue for Vec<T> {}

impl JudgeReturn for bool {
    const GROUP: bool = false;

    fn into_rewards(self) -> Result<Rewards> {
        Ok(Rewards::One(self.into()))
    }
}

impl JudgeReturn for f64 {
    const GROUP: bool = false;

    fn into_rewards(self) -> Result<Rewards> {
        Reward::new(self).checked().map(Rewards::One)
    }
}

impl JudgeReturn for Reward {
    const GROUP: bool = false;

    fn into_rewards(self) -> Result<Rewards> {
        self.checked().map(Rewards::One)
    }
}

impl<T: Into<Reward>> JudgeReturn for Vec<T> {
    const GROUP: bool = true;

    fn into_rewards(self) -> Result<Rewards> {
        let each = self.into_iter().map(|reward| reward.into().checked());
        each.collect::<Result<_>>().map(Rewards::Each)
    }
}

impl<T: JudgeValue, E: Into<BoxError>> JudgeReturn for Result<T, E> {
    const GROUP: bool = T::GROUP;

    fn into_rewards(self) -> Result<Rewards> {
        self.map_err(Error::other)?.into_rewards()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: f64) -> Rewards {
        Rewards::One(Reward::new(value))
    }

    #[test]
    fn every_return_type_becomes_rewards() {
        assert_eq!(true.into_rewards().unwrap(), one(1.0));
        assert_eq!(0.25.into_rewards().unwrap(), one(0.25));
        assert_eq!(Ok::<_, String>(false).into_rewards().unwrap(), one(0.0));
        assert!(Err::<bool, _>("no reference").into_rewards().is_err());
        let each = Rewards::Each(vec![Reward::new(1.0), Reward::new(0.0)]);
        assert_eq!(Ok::<_, String>(vec![true, false]).into_rewards().unwrap(), each);
    }

    #[test]
    fn a_number_that_is_not_finite_is_named() {
        let error = Reward::new(1.0).metric("f1", f64::NAN).into_rewards().unwrap_err();
        assert!(error.to_string().contains("`f1` is NaN"), "{error}");
        assert!(f64::INFINITY.into_rewards().is_err());
        assert!(vec![0.5, f64::NAN].into_rewards().is_err());
    }
}
