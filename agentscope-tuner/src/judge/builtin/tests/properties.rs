//! What holds for every text.

use proptest::prelude::*;
use regex::Regex;
use serde_json::json;

use crate::judge::{Reward, builtin::*};

/// Any Unicode, and texts near those that the judges look for.
fn text() -> impl Strategy<Value = String> {
    let near =
        r"(the|cat|A|\(B\)|Answer:|-|\$|%|,|\.|[0-9]{1,4}|\\frac|\\boxed|\{|\}|/|e|×|10\^|```|é|\n| ){0,12}";
    prop_oneof![any::<String>(), near]
}

const ROUGES: [RougeVariant; 4] = [RougeVariant::One, RougeVariant::Two, RougeVariant::L, RougeVariant::Lsum];
const SMOOTHINGS: [Smoothing; 4] =
    [Smoothing::Exp, Smoothing::None, Smoothing::Floor(0.1), Smoothing::AddK(1.0)];

/// The rewards of all judges that compare two texts.
fn comparisons(answer: &str, reference: &str) -> Vec<Reward> {
    let ignores = [Ignore::NOTHING, Ignore::default(), Ignore::SQUAD];
    let exacts = ignores
        .iter()
        .flat_map(|ignore| [exact(answer, reference, ignore), contains(answer, reference, ignore)]);
    let rouges = ROUGES.iter().flat_map(|variant| {
        [true, false].map(|stem| rouge(answer, reference, &Rouge { variant: *variant, stem }))
    });
    let bleus =
        SMOOTHINGS.map(|smoothing| bleu(answer, &[reference, answer], &Bleu { smoothing, lowercase: true }));
    let others = [token_f1(answer, reference), edit_similarity(answer, reference)];
    exacts.chain(rouges).chain(bleus).chain(others).collect()
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-12
}

proptest! {
    #[test]
    fn rewards_are_finite_and_bounded(answer in text(), reference in text()) {
        for reward in comparisons(&answer, &reference) {
            prop_assert!((0.0..=1.0 + 1e-12).contains(&reward.value), "{reward:?}");
            prop_assert!(reward.metrics.values().all(|value| value.is_finite()), "{reward:?}");
        }
    }

    #[test]
    fn nothing_panics(answer in text(), reference in text()) {
        for options in [0, 1, 2, 4, 26, 27, 255] {
            _ = choice(&answer, &reference, options);
        }
        if let Ok(reward) = numeric(&answer, &reference, &Tolerance::default()) {
            prop_assert!(reward.metrics.values().all(|value| value.is_finite()));
        }
        _ = boxed(&answer);
        let pattern = Regex::new(r"(\w+)?\s").unwrap();
        _ = (last_match(&answer, &pattern), matches(&answer, &pattern));
        let schema = Schema::new(&json!({"type": "string"})).unwrap();
        let quoted = serde_json::to_string(&answer).unwrap();
        prop_assert_eq!(schema.judge(&quoted).value, 1.0);
        _ = schema.judge(&answer);
    }

    #[test]
    fn a_text_is_like_itself(text in text()) {
        prop_assert_eq!(exact(&text, &text, &Ignore::SQUAD).value, 1.0);
        prop_assert!(close(token_f1(&text, &text).value, 1.0));
        prop_assert_eq!(edit_similarity(&text, &text).value, 1.0);
        for variant in ROUGES {
            // Without a unit there is nothing in common.
            let value = rouge(&text, &text, &Rouge { variant, stem: true }).value;
            prop_assert!(value == 0.0 || close(value, 1.0), "{variant:?}: {value}");
        }
        if let Some(number) = last_number(&text) {
            prop_assert!(number.value.is_finite());
            prop_assert_eq!(numeric(&text, &text, &Tolerance::default())?.value, 1.0);
        }
    }

    #[test]
    fn similarity_has_no_direction(one in text(), other in text()) {
        let symmetric = |judge: &dyn Fn(&str, &str) -> f64| close(judge(&one, &other), judge(&other, &one));
        prop_assert!(symmetric(&|a, b| exact(a, b, &Ignore::SQUAD).value));
        prop_assert!(symmetric(&|a, b| token_f1(a, b).value));
        prop_assert!(symmetric(&|a, b| edit_similarity(a, b).value));
        for variant in [RougeVariant::One, RougeVariant::Two, RougeVariant::L] {
            prop_assert!(symmetric(&|a, b| rouge(a, b, &Rouge { variant, stem: false }).value), "{variant:?}");
        }
    }

    #[test]
    fn normalisation_is_done_once(text in text()) {
        let once = Ignore::SQUAD.apply(&text);
        // Removing an article can uncover none, as articles are removed word by word; lower case can have no lower one.
        prop_assert_eq!(Ignore::SQUAD.apply(&once), once);
    }

    #[test]
    fn plain_numbers_are_read_as_they_are(value in -1e12..1e12_f64) {
        prop_assert_eq!(last_number(&format!("so {value}")).map(|number| number.value), Some(value));
        prop_assert_eq!(last_number(&format!("so {value:e}.")).map(|number| number.value), Some(value));
    }
}
