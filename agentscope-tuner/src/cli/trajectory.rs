//! What `check` shows of one rollout that would be trained.

use std::{fmt::Write as _, sync::Arc};

use anstyle::{AnsiColor, Style};
use tokio_util::sync::CancellationToken;

use super::show;
use crate::{
    config::Config,
    error::Result,
    rollout::{ModelTable, PricedModel, Store, Task},
    strategy::weights::{Trace, WeightsTuning},
    tuner::{Session, weights_tuning},
};

const TRAINED: Style = AnsiColor::Green.on_default().bold();

/// Runs `task` once by the model that `[strategy.weights]` trains, all others answering nothing, and shows what it would learn.
pub(super) fn check_weights(
    config: &Config,
    session: &Session<'_>,
    dry: ModelTable,
    task: &Arc<Task>,
) -> Result<()> {
    let tuning = weights_tuning(config, session, None, None)?;
    let trained = PricedModel { max_output_tokens: tuning.max_tokens, ..PricedModel::from(model(&tuning)) };
    let scratch = tempfile::tempdir()?;
    let store = Store::open(scratch.path().join("check.sqlite"))?;
    let engine = session.engine(dry.with(&tuning.model, trained), store, CancellationToken::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let trace = runtime.block_on(tuning.trace(&engine, task))?;
    show::line(&summary(&tuning, &trace));
    for row in &trace.rows {
        show::line(&marked(row));
    }
    Ok(())
}

fn model(tuning: &WeightsTuning) -> crate::model::Model {
    crate::model::Model::new(tuning.policy.clone())
}

fn summary(tuning: &WeightsTuning, trace: &Trace) -> String {
    let Trace { record, rows, sampled, .. } = trace;
    let reward = trace.reward.map_or("no reward".to_owned(), |reward| format!("reward {reward}"));
    let mut text = format!(
        "weights: one rollout of {} by {}: {reward}; {sampled} tokens sampled, {} trained (between ⟦ and ⟧) of {} in {}",
        record.task_id,
        tuning.model,
        trace.trained(),
        trace.tokens(),
        if rows.len() == 1 { "1 row".to_owned() } else { format!("{} rows", rows.len()) },
    );
    if trace.trained() == 0 {
        text += "; nothing would be learnt: does the workflow ask this slot's model, and are its answers whole? (max-tokens, truncated)";
    }
    if let Some(error) = &record.error {
        _ = write!(text, "; {error}");
    }
    text
}

/// The text of a row, what is trained marked.
fn marked(row: &[(String, bool)]) -> String {
    let mut text = String::from("    ");
    for run in row.chunk_by(|one, other| one.1 == other.1) {
        let words: String = run.iter().map(|(piece, _)| piece.replace('\n', "\n    ")).collect();
        _ = match run[0].1 {
            true => write!(text, "{TRAINED}⟦{words}⟧{TRAINED:#}"),
            false => write!(text, "{words}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trained_stands_between_brackets() {
        let row = [("a", false), ("b", false), ("c", true), ("d\n", true), ("e", false)];
        let row = row.map(|(piece, trained)| (piece.to_owned(), trained));
        let plain = anstream::adapter::strip_str(&marked(&row)).to_string();
        assert_eq!(plain, "    ab⟦cd\n    ⟧e");
    }
}
