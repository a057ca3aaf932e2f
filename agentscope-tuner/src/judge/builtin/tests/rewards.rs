//! Spending, weights, several references.

use std::{sync::Arc, time::Duration};

use crate::{
    error::ErrorKind,
    judge::{Reward, builtin::*},
    model::{Usage, Usd},
    workflow::{Context, Meter, Spent},
};

fn context(unpriced_calls: u64) -> Context {
    let meter = Arc::new(Meter::default());
    let usage = Usage { input_tokens: 300, output_tokens: 100, ..Usage::default() };
    meter.add(Spent { calls: 2, usage, usd: Usd::new(0.25), unpriced_calls, ..Spent::default() });
    Context::builder("row/0").meter(meter).worked(Duration::from_millis(1500)).build()
}

#[test]
fn less_spending_is_a_higher_reward() {
    let context = context(0);
    let rewards = |most: Option<f64>| [time(&context, most), tokens(&context, most), cost(&context, most)];
    let values = rewards(None).map(|reward| reward.unwrap().value);
    assert_eq!(values, [-1.5, -400.0, -0.25]);
    assert_eq!(rewards(Some(2.0)).map(|reward| reward.unwrap().value), [0.25, 0.0, 0.875]);
    assert_eq!(tokens(&context, Some(1600.0)).unwrap().value, 0.75);
    assert_eq!(cost(&context, None).unwrap().metrics["usd"], 0.25);
    for most in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(rewards(Some(most)).into_iter().all(|reward| reward.is_err()), "{most}");
    }
}

#[test]
fn unknown_spending_is_not_nothing() {
    let error = cost(&context(1), None).unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("price"), "{error}");
    let outside = Context::builder("row/0").build();
    assert!(time(&outside, None).is_err());
}

#[test]
fn weights_add_up_and_missing_parts_add_nothing() {
    let sum = Weighted::new([("right", 0.7), ("short", 0.3)]).unwrap();
    let value = |parts: [Option<f64>; 2]| {
        sum.combine(parts.map(|part| part.map(Reward::new))).unwrap().map(|reward| reward.value)
    };
    assert_eq!(value([Some(1.0), Some(0.0)]), Some(0.7));
    assert_eq!(value([Some(1.0), None]), Some(0.7));
    assert_eq!(value([None, Some(1.0)]), Some(0.3));
    assert_eq!(value([None, None]), None);
    assert!(sum.combine([Some(Reward::new(1.0))]).unwrap_err().to_string().contains("2 parts"));
}

#[test]
fn parts_keep_their_metrics_and_their_feedback_apart() {
    let sum = Weighted::new([("right", 1.0), ("near", -0.5)]).unwrap();
    let parts =
        [Reward::new(0.0).feedback("expected 42"), Reward::new(0.5).metric("edits", 2.0).feedback("2 edits")];
    let reward = sum.combine(parts.map(Some)).unwrap().unwrap();
    assert_eq!(reward.value, -0.25);
    let metrics: Vec<_> = reward.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(metrics, [("near", 0.5), ("near.edits", 2.0), ("right", 0.0)]);
    assert_eq!(reward.feedback.as_deref(), Some("right: expected 42\nnear: 2 edits"));
}

#[test]
fn weights_that_cannot_work_are_all_named() {
    let error = Weighted::new([("a", 0.0), ("a", f64::NAN), ("b", f64::INFINITY)]).unwrap_err();
    assert_eq!(error.to_string().lines().count(), 4, "{error}");
    assert!(Weighted::new::<String>([]).is_err());
}

#[test]
fn the_best_reference_counts() {
    let judge = |reference: &str| token_f1("the red cat", reference);
    assert_eq!(best(["dog", "red cat", "cat"], judge).value, 1.0);
    let none: [&str; 0] = [];
    assert_eq!(best(none, judge).value, 0.0);
}
