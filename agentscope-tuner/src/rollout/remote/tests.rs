//! Crews whose workers are tasks of the test, so that any of them can be lost at any line.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{Sender, UnboundedReceiver, channel, unbounded_channel},
    task::AbortHandle,
};
use tokio_util::sync::CancellationToken;

use super::{Crew, ToWorker, Trade, Worker, carrier::Carrier, roster::MOST_LOSSES, wire::line};
use crate as agentscope_tuner;
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Limit, ModelFailure, Result},
    judge::Judge,
    message::Msg,
    model::{ChatResponse, Model, Price, scripted::Scripted},
    rollout::{
        Allowance, Engine, Job, ModelTable, Options, PricedModel, RolloutLimits, Run, Setup, Status, Store,
        Task,
    },
    workflow::{Access, Context, ModelEndpoint, Workflow},
};

/// Asks as often as the row says.
#[agentscope_tuner::workflow]
async fn ask_at_home(task: Value, model: Model, context: Context) -> Result<Msg> {
    let mut last = String::new();
    for turn in 0..task["turns"].as_u64().unwrap_or(1) {
        last = model.ask(format!("{} {turn}", task["q"])).await?;
    }
    context.metric("length", last.len() as f64);
    if task["do"] == "sleep" {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    Ok(Msg::assistant(last))
}

/// The length of the response.
#[agentscope_tuner::judge]
async fn length_of(_task: &Value, response: &Msg) -> f64 {
    response.text().len() as f64
}

/// A run whose rollouts are made by workers that are tasks.
struct World {
    directory: tempfile::TempDir,
    calls: Arc<AtomicUsize>,
    model: Model,
    options: Options,
}

impl World {
    fn new(answer: impl Fn(&str) -> Result<ChatResponse> + Send + Sync + 'static) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let model = Model::new(Scripted::new("home", move |request| {
            counted.fetch_add(1, SeqCst);
            answer(&request.messages.last().map(Msg::text).unwrap_or_default())
        }));
        let options = Options { concurrency: 6, ..Options::default() };
        Self { directory: tempfile::tempdir().unwrap(), calls, model, options }
    }

    fn echo() -> Self {
        Self::new(|text| Ok(ChatResponse::text(text).with_usage(10, 5)))
    }

    fn slots() -> BTreeMap<SlotPath, SlotValue> {
        BTreeMap::from([(SlotPath::new("ask_at_home", "model"), SlotValue::model("home"))])
    }

    fn engine(&self, store: &str) -> Engine {
        let price = Some(Price { input: 1.0, output: 2.0, cached_input: None });
        let model = PricedModel { model: self.model.clone(), price, max_output_tokens: Some(8) };
        Engine::new(Setup {
            workflow: ask_at_home::ENTRY,
            judge: Some(length_of::ENTRY.into()),
            models: ModelTable::default().with("home", model),
            slots: Self::slots(),
            options: self.options,
            store: Store::open(self.directory.path().join(store)).unwrap(),
            stop: CancellationToken::new(),
        })
        .unwrap()
    }

    async fn alone(&self, rows: usize) -> Run {
        self.engine("alone.sqlite").run(jobs(rows), |_| {}).await.unwrap()
    }

    /// The same by two workers, of which one is lost after every so many lines that it says.
    async fn by_crew(&self, jobs: Vec<Job>, lost_after: Option<usize>) -> Run {
        let engine = self.engine("crew.sqlite");
        let tasks = Arc::new(Tasks { lost_after, ..Tasks::default() });
        let setup = Crew::setup(&engine, "");
        let crew = Crew::new(&engine, Arc::clone(&tasks) as Arc<dyn Carrier>, 3, None);
        *tasks.start.lock().unwrap() = Some((Arc::downgrade(&crew), setup, self.options));
        tasks.start();
        tasks.start();
        crew.assembled().await.unwrap();
        engine.with_executor(crew).run(jobs, |_| {}).await.unwrap()
    }
}

/// What a worker hears by, and what ends it.
type Ends = (Sender<Vec<u8>>, AbortHandle);

/// Workers that are tasks.
#[derive(Debug, Default)]
struct Tasks {
    lost_after: Option<usize>,
    next: AtomicU64,
    start: Mutex<Option<(Weak<Crew>, super::Setup, Options)>>,
    workers: Mutex<HashMap<u64, Ends>>,
}

impl Tasks {
    fn start(self: &Arc<Self>) {
        let (crew, setup, options) = self.start.lock().unwrap().clone().unwrap();
        let Some(crew) = crew.upgrade() else { return };
        let number = self.next.fetch_add(1, SeqCst);
        let (to_worker, lines) = channel(1024);
        let (out, said) = unbounded_channel();
        let Options { seed, limits, .. } = options;
        let access = Arc::new(NoAccess);
        let (workflow, judge) = (ask_at_home::ENTRY, Some(length_of::ENTRY.into()));
        let worker =
            Worker::new(Trade { workflow, judge, slots: World::slots(), seed, limits, access }, setup, out);
        crew.joined(number);
        let task = tokio::spawn(async move { worker.serve(lines).await.unwrap() });
        self.workers.lock().unwrap().insert(number, (to_worker, task.abort_handle()));
        tokio::spawn(Arc::clone(self).pass_on(number, said, Arc::downgrade(&crew)));
    }

    async fn pass_on(self: Arc<Self>, number: u64, mut said: UnboundedReceiver<String>, crew: Weak<Crew>) {
        let mut count = 0;
        while let Some(line) = said.recv().await {
            let Some(crew) = crew.upgrade() else { return };
            crew.hear(number, &line);
            count += 1;
            if self.lost_after == Some(count) {
                let (_, task) = self.workers.lock().unwrap().remove(&number).unwrap();
                task.abort();
                crew.lost(number, "the test says so");
                // A line that was on its way is not heard any more.
                crew.hear(number, "\"beat\"");
                self.start();
            }
        }
    }
}

impl Carrier for Tasks {
    fn send(&self, worker: u64, line: String) {
        let workers = self.workers.lock().unwrap();
        workers.get(&worker).map(|(lines, _)| lines.try_send(line.into_bytes()).ok());
    }

    #[cfg(feature = "embedded")]
    fn share(&self, _: &str, _: Vec<super::File>, _: Option<String>) {}

    fn end(&self, _: u64) {}
}

#[derive(Debug)]
struct NoAccess;

impl Access for NoAccess {
    fn open(&self, _: &Model, _: &CancellationToken) -> Result<ModelEndpoint> {
        Err(Error::new(ErrorKind::Other, "not in these tests"))
    }
}

fn jobs(rows: usize) -> Vec<Job> {
    let row = |row| json!({"q": "x".repeat(row % 7), "turns": 1 + row % 3, "row": row});
    tasks((0..rows).map(row))
}

fn tasks(rows: impl Iterator<Item = Value>) -> Vec<Job> {
    let tasks: Vec<_> =
        rows.enumerate().map(|(row, value)| Arc::new(Task { id: format!("train/{row}"), value })).collect();
    Job::grid(&[Arc::new(Candidate::configured())], &tasks, 1)
}

/// All that does not depend on the clock.
fn timeless(run: &Run) -> Vec<Value> {
    let records = run.records.iter().map(|record| serde_json::to_value(&**record).unwrap());
    records
        .map(|mut record| {
            record.as_object_mut().unwrap().remove("seconds");
            record
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crew_writes_the_records_of_one_process() {
    let world = World::echo();
    let alone = world.alone(40).await;
    let calls = world.calls.swap(0, SeqCst);
    let crew = world.by_crew(jobs(40), None).await;
    assert_eq!(timeless(&crew), timeless(&alone));
    assert_eq!(world.calls.load(SeqCst), calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_line_is_a_workers_last_nothing_is_lost_or_paid_twice() {
    for lost_after in [3, 5, 9, 25, 40] {
        let world = World::echo();
        let alone = world.alone(30).await;
        let calls = world.calls.swap(0, SeqCst);
        let crew = world.by_crew(jobs(30), Some(lost_after)).await;
        let given_up = crew.records.iter().filter(|record| record.status != Status::Scored).count();
        // Those under which too many workers died say so; all others are as they should be.
        let (said, wanted) = (timeless(&crew), timeless(&alone));
        let same = said.iter().filter(|record| wanted.contains(record)).count();
        assert_eq!(same + given_up, said.len(), "after {lost_after} lines");
        assert!(world.calls.load(SeqCst) <= calls, "after {lost_after} lines");
        // Long enough for all rows to end, if one or another is given up.
        if lost_after >= 25 {
            assert_eq!(said.len(), 30, "after {lost_after} lines");
        }
        // Some hundred lines in all: fewer workers die than give up a rollout.
        if lost_after == 40 {
            assert_eq!((given_up, world.calls.load(SeqCst)), (0, calls));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_under_which_workers_die_is_given_up() {
    let world = World::echo();
    // Ready, and the first question: nobody gets further.
    let run = world.by_crew(jobs(1), Some(2)).await;
    let record = &run.records[0];
    assert_eq!(record.status, Status::InfrastructureFailed);
    let error = record.error.as_deref().unwrap();
    assert!(
        error.contains(&format!("{MOST_LOSSES} workers died")) && error.contains("the test says so"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_and_budgets_are_told_apart_across_the_line() {
    let down = World::new(|_| Err(Error::new(ErrorKind::Model(ModelFailure::Server), "down")));
    let run = down.by_crew(jobs(2), None).await;
    assert!(run.records.iter().all(|record| record.status == Status::InfrastructureFailed));

    let locked = World::new(|_| Err(Error::new(ErrorKind::Model(ModelFailure::Auth), "wrong key")));
    let run = locked.by_crew(jobs(2), None).await;
    assert_eq!(run.stopped.unwrap().kind(), ErrorKind::Model(ModelFailure::Auth));

    let mut poor = World::echo();
    poor.options.budget = Allowance { calls: Some(5), ..Allowance::default() };
    let run = poor.by_crew(jobs(12), None).await;
    assert_eq!(run.stopped.unwrap().kind(), ErrorKind::Budget(Limit::Calls));
    assert_eq!(poor.calls.load(SeqCst), 5, "the budget is kept to the call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_cut_a_rollout_where_it_runs_and_its_last_answer_is_fetched() {
    let mut world = World::echo();
    let allowance = Allowance { calls: Some(2), ..Allowance::default() };
    world.options.limits = RolloutLimits { allowance, time: Some(Duration::from_millis(300)) };
    let rows = [json!({"q": "many", "turns": 9}), json!({"q": "slow", "do": "sleep"})];
    let run = world.by_crew(tasks(rows.into_iter()), None).await;
    let limits: Vec<_> = run.records.iter().map(|record| record.limit).collect();
    assert_eq!(limits, [Some(Limit::Calls), Some(Limit::Time)]);
    // Judged as they stand: by what the model last said, which home has kept.
    assert!(run.records.iter().all(|record| record.status == Status::Scored), "{:?}", run.records);
    assert_eq!(run.records[0].spent.calls, 2);
}

#[test]
fn lines_that_nobody_can_have_said_are_told() {
    assert!(ToWorker::read(b"{\"dance\": 1}").is_err());
    let setup = super::Setup { protocol: 0, config: String::new(), models: BTreeMap::new(), bounded: false };
    let text = line(&ToWorker::Setup(Box::new(setup))).unwrap();
    let ToWorker::Setup(setup) = ToWorker::read(text.as_bytes()).unwrap() else { panic!() };
    assert!(setup.checked().unwrap_err().to_string().contains("protocol 0"));
}
