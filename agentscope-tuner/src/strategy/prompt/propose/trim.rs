//! Less text, where that is worth something: one phrase or all examples go, without a proposer model.

use super::{
    Draft, Proposer, View,
    phrases::{needless, phrases, without},
};
use crate::candidate::SlotValue;

/// Cuts from the parent, none of them twice.
pub(in super::super) struct Trim;

impl Proposer for Trim {
    fn name(&self) -> &'static str {
        "trim"
    }

    fn prior(&self) -> (f64, f64) {
        (3.0, 1.5)
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        let text = view.text();
        let needless = needless(&phrases(text)).into_iter();
        let mut cuts: Vec<_> = needless.map(|phrase| view.with_text(&without(text, phrase))).collect();
        let mut bare = view.slots().clone();
        bare.insert(view.slot.clone(), SlotValue::Prompt(text.to_owned()));
        for demos in view.tuned.iter().filter(|tuned| tuned.demos) {
            bare.insert(demos.path.clone(), SlotValue::Demos(Vec::new()));
        }
        cuts.push(bare);
        let new = view.dice.shuffled("cut", cuts).into_iter().find(|cut| !view.is_known(cut))?;
        Some(Draft::Made { slots: new, parents: vec![view.parent] })
    }
}
