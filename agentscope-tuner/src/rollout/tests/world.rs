//! A workflow and a judge that do as their row says, over a scripted model that counts its calls.

use std::collections::BTreeMap;

use super::*;

/// Asks as often as the row says, in one conversation of its own each.
#[agentscope_tuner::workflow]
pub(super) async fn ask(
    task: Value,
    model: Model,
    #[prompt("Go.")] system: Prompt,
    context: Context,
) -> Result<Msg> {
    let mut last = String::new();
    for turn in 0..task["turns"].as_u64().unwrap_or(1) {
        last = model.ask(format!("{} {} {turn}", &*system, task["q"])).await?;
    }
    context.metric("length", last.len() as f64);
    assert!(task["do"] != "panic", "as the row says");
    match task["do"].as_str() {
        Some("fail") => Err("as the row says".into()),
        Some("sleep") => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok(Msg::assistant("late"))
        }
        _ => Ok(Msg::assistant(last)),
    }
}

/// The number in the row, or what else the row says.
#[agentscope_tuner::judge]
pub(super) async fn grade(task: &Value, response: &Msg) -> Result<f64> {
    match task["judge"].as_str() {
        Some("fail") => Err("no reference".into()),
        Some("nan") => Ok(f64::NAN),
        _ => Ok(response.text().len() as f64),
    }
}

/// As most endpoints are: equal requests get no seeds that would tell them apart.
pub(super) struct Seedless(Scripted);

impl ChatModel for Seedless {
    fn id(&self) -> &ModelId {
        self.0.id()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        self.0.chat(request)
    }
}

pub(super) struct World {
    pub(super) directory: tempfile::TempDir,
    pub(super) calls: Arc<AtomicUsize>,
    pub(super) model: Model,
    pub(super) options: Options,
    pub(super) stop: CancellationToken,
}

impl World {
    pub(super) fn new(answer: impl Fn(&str) -> Result<ChatResponse> + Send + Sync + 'static) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let model = Model::new(Seedless(Scripted::new("world", move |request| {
            counted.fetch_add(1, SeqCst);
            answer(&request.messages.last().map(Msg::text).unwrap_or_default())
        })));
        let stop = CancellationToken::new();
        Self { directory: tempfile::tempdir().unwrap(), calls, model, options: Options::default(), stop }
    }

    pub(super) fn echo() -> Self {
        Self::new(|text| Ok(ChatResponse::text(text).with_usage(10, 5)))
    }

    pub(super) fn failing(failure: ModelFailure) -> Self {
        Self::new(move |_| Err(Error::new(ErrorKind::Model(failure), "down")))
    }

    pub(super) fn engine(&self) -> Engine {
        let price = Some(Price { input: 1.0, output: 2.0, cached_input: None });
        let model = PricedModel { model: self.model.clone(), price, max_output_tokens: Some(8) };
        let slot = SlotPath::new("ask", "model");
        Engine::new(Setup {
            workflow: ask::ENTRY,
            judge: Some(grade::ENTRY.into()),
            models: ModelTable::default().with("world", model),
            slots: BTreeMap::from([(slot, SlotValue::model("world"))]),
            options: self.options,
            store: Store::open(self.directory.path().join("run.sqlite")).unwrap(),
            stop: self.stop.clone(),
        })
        .unwrap()
    }

    pub(super) async fn run(&self, rows: impl IntoIterator<Item = Value>) -> Run {
        self.engine().run(jobs(rows), |_| {}).await.unwrap()
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

pub(super) fn jobs(rows: impl IntoIterator<Item = Value>) -> Vec<Job> {
    let tasks: Vec<_> = rows
        .into_iter()
        .enumerate()
        .map(|(row, value)| Arc::new(Task { id: format!("train/{row}"), value }))
        .collect();
    Job::grid(&[Arc::new(Candidate::configured())], &tasks, 1)
}

pub(super) fn rows(n: usize) -> Vec<Value> {
    (0..n).map(|row| json!({"q": "x".repeat(row % 7), "turns": 1 + row % 3, "row": row})).collect()
}
