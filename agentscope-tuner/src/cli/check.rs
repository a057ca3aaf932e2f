//! `check`: all that can be known before the first call.

use std::{process::ExitCode, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{args::Common, command::Command, show, usage};
use crate::{
    candidate::Candidate,
    config::Config,
    error::Result,
    model::Usd,
    registry::Registry,
    rollout::{Engine, Job, Record, Store, Task},
    strategy::{Inputs, PromptTuning, Strategy as _},
    tuner::{Session, dry_models, evaluation_tasks, learning_tasks},
    workflow::Spent,
};

pub(super) fn check(registry: &Registry, config: &Config, common: &Common) -> Result<ExitCode> {
    let session = Session::prepare(registry, config)?;
    let judge = session.judge.as_ref().map_or_else(
        || "no judge: the workflow's own reward counts".to_owned(),
        |jury| format!("judge {}", jury.name()),
    );
    show::line(&format!("workflow {}, {judge}", session.workflow.meta.name));

    let limit = common.limit.and_then(|limit| usize::try_from(limit).ok());
    let tasks = evaluation_tasks(config, limit)?;
    let candidates = candidates(registry, config, &session)?;
    let models = session.models(&candidates)?;
    for (name, model) in models.iter() {
        let price = if model.price.is_some() { "price known" } else { "price unknown" };
        show::line(&format!("model {name}: {}, {price}", model.model.id()));
    }

    let scratch = tempfile::tempdir()?;
    let store = Store::open(scratch.path().join("check.sqlite"))?;
    let engine = session.engine(dry_models(&models), store, CancellationToken::new())?;
    tasks.iter().try_for_each(|task| engine.check_task(task))?;
    show::line(&format!("{} rows, each fits the task type", tasks.len()));
    for candidate in &candidates {
        engine.models_of(candidate)?;
    }
    show::line(&format!("{} candidates, all slots filled", candidates.len()));

    let first = tasks.first().ok_or_else(|| usage("the dataset has no rows"))?;
    let records = dry_run(&engine, &candidates, first)?;
    estimate("one pass", &records, tasks.len() as u64);
    if let Some(table) = &config.file.strategy.prompt {
        let tuning = table.tuning();
        let [train, eval] = learning_tasks(config, limit)?;
        tuning.check(&Inputs { train: &train, ..Inputs::measuring(&engine, &eval) })?;
        session.with_models(models.clone(), &tuning.models())?;
        prompt_tuning(&tuning, &records);
    }
    #[cfg(feature = "embedded")]
    if config.file.strategy.weights.is_some() {
        super::trajectory::check_weights(config, &session, dry_models(&models), first)?;
    }
    show::line("(from one dry row: tools and further turns come on top)");
    Ok(ExitCode::SUCCESS)
}

/// The candidates of `select` where there are any, else what is configured.
fn candidates(registry: &Registry, config: &Config, session: &Session<'_>) -> Result<Vec<Candidate>> {
    let select = config.file.strategy.select.is_some();
    let command = if select {
        Command::Select { slot: None, candidates: Vec::new(), repeats: None, full: false }
    } else {
        Command::Eval { repeats: 1 }
    };
    command.strategy(registry, config, session).map(|(_, candidates)| candidates)
}

fn dry_run(engine: &Engine, candidates: &[Candidate], task: &Arc<Task>) -> Result<Vec<Arc<Record>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let candidates: Vec<_> = candidates.iter().cloned().map(Arc::new).collect();
    let jobs = Job::grid(&candidates, std::slice::from_ref(task), 1);
    let run = runtime.block_on(engine.run(jobs, |_| {}))?;
    match run.stopped {
        Some(error) => Err(error),
        None => Ok(run.records),
    }
}

/// What `prompt` takes at most.
fn prompt_tuning(tuning: &PromptTuning, records: &[Arc<Record>]) {
    let (rollouts, questions) = (tuning.most_rollouts(), tuning.most_questions());
    estimate(
        &format!("prompt: at most {questions} questions to the proposer and {rollouts} rollouts"),
        &records[..1],
        rollouts,
    );
}

/// What `rows` runs take, going by one row whose answers were empty.
fn estimate(what: &str, records: &[Arc<Record>], rows: u64) {
    let mut spent = Spent::default();
    for record in records {
        spent += record.spent;
        spent += record.judge_spent;
    }
    let calls = spent.calls * rows;
    let input = spent.usage.input_tokens * rows;
    let output = spent.usage.output_tokens * rows;
    let cost = match spent.known_usd() {
        Some(usd) => Usd::from_picodollars(usd.picodollars().saturating_mul(rows)).to_string(),
        None => "an unknown cost".to_owned(),
    };
    show::line(&format!(
        "{what}: at least {calls} calls, about {input} input tokens; with answers of the greatest length {output} output tokens and {cost}"
    ));
}
