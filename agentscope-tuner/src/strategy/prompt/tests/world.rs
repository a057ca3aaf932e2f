//! A world of hidden rules: workflows, a judge, a model that heeds what it is told, a proposer that repeats feedback.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate as agentscope_tuner;
use crate::{
    candidate::{SlotPath, SlotValue},
    error::Result,
    judge::{Judge, JudgeEntry, Reward},
    message::{Msg, Role},
    model::{ChatRequest, Model, Price, scripted::Scripted},
    rollout::{Engine, ModelTable, Options, PricedModel, Setup, Store, Task},
    seed,
    strategy::{
        Inputs, Outcome, Silent, Strategy as _,
        prompt::{PromptTuning, fence},
    },
    workflow::{Demos, Prompt, Workflow},
};

pub(super) const KINDS: usize = 5;

/// Codes an order.
#[agentscope_tuner::workflow]
pub(super) async fn code(
    task: Value,
    model: Model,
    #[prompt("Give the code of the order.")] system: Prompt,
) -> Result<String> {
    let request =
        ChatRequest::new([Msg::system(&*system), Msg::user(task["order"].as_str().unwrap_or_default())]);
    Ok(model.chat(&request).await?.message.text())
}

/// 1 for the right code; says what is right of kinds.
#[agentscope_tuner::judge]
pub(super) async fn right(task: &Value, response: &str) -> Reward {
    let wanted = task["code"].as_str().unwrap_or_default();
    let kind = task["kind"].as_str().unwrap_or_default();
    let reward = Reward::from(response == wanted);
    if response == wanted {
        reward
    } else {
        reward.feedback(format!("Orders of {kind} have the code {wanted}."))
    }
}

/// Without slots for texts.
#[agentscope_tuner::workflow]
pub(super) async fn bare(task: Value, model: Model) -> Result<String> {
    model.ask(task["order"].to_string()).await
}

/// With a slot for examples, and a prompt that has no default.
#[agentscope_tuner::workflow]
pub(super) async fn shown(task: Value, model: Model, demos: Demos, system: Prompt) -> Result<String> {
    model.ask(format!("{}{demos}{}", &*system, task["order"])).await
}

pub(super) fn rows(split: &str, count: usize) -> Vec<Arc<Task>> {
    let row = |row: usize| {
        let kind = format!("kind{}", row % KINDS);
        let order = format!("{split} order {row} of {kind}");
        let code = format!("C{}", row % KINDS);
        Arc::new(Task {
            id: format!("{split}/{row}"),
            value: json!({"order": order, "kind": kind, "code": code}),
        })
    };
    (0..count).map(row).collect()
}

/// Knows the code of a kind when its prompt says it, or with probability `luck`.
pub(super) fn task_model(luck: f64) -> Model {
    Model::new(Scripted::new("coder", move |request: &ChatRequest| {
        let order = request.messages.last().map(Msg::text).unwrap_or_default();
        let system: String =
            request.messages.iter().filter(|msg| msg.role == Role::System).map(Msg::text).collect();
        let kind = order.split_whitespace().last().unwrap_or_default().to_owned();
        let told = system.lines().find_map(|line| {
            line.strip_prefix(&format!("Orders of {kind} have the code "))?.strip_suffix('.')
        });
        let lucky = seed::unit(1, "luck", [order.as_bytes()]) < luck;
        told.map_or_else(|| if lucky { kind.replace("kind", "C") } else { "?".to_owned() }, str::to_owned)
    }))
}

/// Adds to the text all that feedback says.
pub(super) fn proposer() -> Model {
    Model::new(Scripted::new("proposer", |request: &ChatRequest| {
        let question = request.messages[0].text();
        let text =
            fence::fenced(question.split("\n\n## Run 1").next().unwrap_or_default()).unwrap_or_default();
        let feedback = question.lines().filter_map(|line| line.strip_prefix("Feedback: "));
        let mut lines: Vec<&str> = text.lines().chain(feedback).collect();
        let mut seen = std::collections::HashSet::new();
        lines.retain(|line| seen.insert(*line));
        format!("Here it is:\n```\n{}\n```", lines.join("\n"))
    }))
}

pub(super) struct World {
    pub(super) directory: tempfile::TempDir,
    pub(super) models: Vec<(&'static str, Model)>,
    pub(super) options: Options,
    pub(super) rows: (usize, usize),
    pub(super) judge: JudgeEntry,
}

impl World {
    pub(super) fn new(luck: f64, proposer: Model) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            models: vec![("coder", task_model(luck)), ("proposer", proposer)],
            options: Options { seed: 3, concurrency: 8, ..Options::default() },
            rows: (40, 50),
            judge: right::ENTRY,
        }
    }

    pub(super) fn engine_of<W: Workflow>(&self) -> Engine {
        let table = self.models.iter().fold(ModelTable::default(), |table, (name, model)| {
            let price = Some(Price { input: 1.0, output: 2.0, cached_input: None });
            table.with(*name, PricedModel { model: model.clone(), price, max_output_tokens: Some(200) })
        });
        Engine::new(Setup {
            workflow: W::ENTRY,
            judge: Some(self.judge.into()),
            models: table,
            slots: BTreeMap::from([(SlotPath::new(W::ENTRY.meta.name, "model"), SlotValue::model("coder"))]),
            options: self.options,
            store: Store::open(self.directory.path().join("run.sqlite")).unwrap(),
            stop: CancellationToken::new(),
        })
        .unwrap()
    }

    pub(super) fn engine(&self) -> Engine {
        self.engine_of::<code>()
    }

    pub(super) async fn tune_with(&self, engine: &Engine, settings: &PromptTuning) -> Result<Outcome> {
        let (train, eval) = (rows("train", self.rows.0), rows("test", self.rows.1));
        let directory: &Path = self.directory.path();
        settings.run(Inputs { engine, train: &train, eval: &eval, directory, monitor: &Silent }).await
    }

    pub(super) async fn tune(&self, settings: &PromptTuning) -> Result<Outcome> {
        self.tune_with(&self.engine(), settings).await
    }
}
