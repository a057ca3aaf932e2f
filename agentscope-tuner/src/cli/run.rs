//! `run`: one task, with the conversation shown.

use std::{process::ExitCode, sync::Arc};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    args::{Common, Format, RunOptions},
    show, usage,
};
use crate::{
    candidate::Candidate,
    config::Config,
    error::{Error, ErrorKind, Result},
    registry::Registry,
    report,
    rollout::{Engine, Job, Record, Status, Store, Task},
    tuner::{RunDir, Session, evaluation_tasks},
};

pub(super) fn run(
    registry: &Registry,
    config: &Config,
    common: &Common,
    options: &RunOptions,
) -> Result<ExitCode> {
    let session = Session::prepare(registry, config)?;
    let task = find_task(config, options.row, options.task.as_deref())?;
    let candidate = Candidate::configured();
    let models = session.models(std::slice::from_ref(&candidate))?;
    let dir = RunDir::create(&Session::runs(config), "run")?;
    let engine = session.engine(models, Store::open(dir.store())?, CancellationToken::new())?;
    engine.check_task(&task)?;

    let job = Job { candidate: Arc::new(candidate), task, attempt: 0 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut run = runtime.block_on(engine.run([job], |_| {}))?;
    let record = match (run.records.pop(), run.stopped) {
        (Some(record), _) => record,
        (None, Some(error)) => return Err(error),
        (None, None) => return Err(Error::new(ErrorKind::Other, "the rollout left no record")),
    };
    print(&engine, &record, common.format())?;
    Ok(if record.status == Status::Scored { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn find_task(config: &Config, row: usize, task: Option<&str>) -> Result<Arc<Task>> {
    if let Some(json) = task {
        let value =
            serde_json::from_str(json).map_err(|error| usage(format!("--task is not JSON: {error}")))?;
        return Ok(Arc::new(Task { id: "given".to_owned(), value }));
    }
    let mut tasks = evaluation_tasks(config, Some(row + 1))?;
    match tasks.pop() {
        Some(task) if tasks.len() == row => Ok(task),
        _ => Err(usage(format!("there is no row {row}: the dataset has {} rows", tasks.len() + 1))),
    }
}

fn print(engine: &Engine, record: &Record, format: Format) -> Result<()> {
    let mut calls = Vec::new();
    for call in &record.calls {
        calls.extend(engine.store().call(&call.key)?.map(|stored| (Arc::clone(&call.slot), stored)));
    }
    match format {
        Format::Json => {
            let calls: Vec<_> = calls
                .iter()
                .map(|(slot, call)| json!({"slot": slot, "model": call.model, "request": call.request, "response": call.response}))
                .collect();
            show::json(&json!({"record": record, "calls": calls}))
        }
        Format::Text => {
            show::line(report::conversation(calls).trim_end());
            show::line(&report::verdict(record));
            show::line(&report::spending(&engine.spent()));
            Ok(())
        }
    }
}
