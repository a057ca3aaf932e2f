//! Retries and streams: what they cost, and what of them is kept.

use futures_util::{StreamExt as _, stream};

use super::*;
use crate::model::{
    ChatEvent, ChatStream, FinishReason,
    endpoint::{Concurrency, Endpoint, Retry},
};

const AT_ONCE: Retry =
    Retry { max: 6, base: Duration::ZERO, cap: Duration::ZERO, patience: Duration::from_secs(1) };

/// The same world behind an endpoint that tries again without waiting; the first `failures` attempts time out.
fn retrying(failures: usize) -> World {
    let attempts = AtomicUsize::new(0);
    let world = World::new(move |text| {
        if attempts.fetch_add(1, SeqCst) < failures {
            return Err(Error::new(ErrorKind::Model(ModelFailure::Timeout), "no answer in time"));
        }
        Ok(ChatResponse::text(text).with_usage(10, 5))
    });
    let client = Arc::clone(world.model.client());
    World { model: Model::new(Endpoint::new(Shared(client), Concurrency::Unlimited, AT_ONCE)), ..world }
}

struct Shared(Arc<dyn ChatModel>);

impl ChatModel for Shared {
    fn id(&self) -> &ModelId {
        self.0.id()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        self.0.chat(request)
    }
}

#[tokio::test]
async fn attempts_without_an_answer_are_paid_one_by_one_and_never_beyond_the_budget() {
    let mut world = retrying(usize::MAX);
    world.options.budget.calls = Some(3);
    let run = world.run([json!({"q": "a"})]).await;
    assert_eq!(run.stopped.map(|error| error.kind()), Some(ErrorKind::Budget(Limit::Calls)));
    assert_eq!(world.calls(), 3);
    // What the store holds says the same.
    assert_eq!(world.engine().spent().calls, 3);
}

#[tokio::test]
async fn a_retry_must_fit_into_the_money_that_is_left() {
    let mut world = retrying(usize::MAX);
    // An attempt sets aside some 100 bytes in at 1 and 8 tokens out at 2 dollars a million: two fit, three do not.
    world.options.budget.usd = Some(Usd::new(300e-6));
    let run = world.run([json!({"q": "a"})]).await;
    assert_eq!(run.stopped.map(|error| error.kind()), Some(ErrorKind::Budget(Limit::Usd)));
    let spent = world.engine().spent();
    assert!(world.calls() >= 2 && spent.usd <= Usd::new(300e-6), "{} calls, {}", world.calls(), spent.usd);
    assert_eq!(spent.calls as usize, world.calls());
}

#[tokio::test]
async fn a_retry_that_fits_is_made_and_both_attempts_are_paid() {
    let mut world = retrying(1);
    world.options.budget.calls = Some(2);
    let run = world.run([json!({"q": "a"})]).await;
    assert_eq!((run.records[0].status, run.records[0].spent.calls), (Status::Scored, 1));
    assert_eq!((world.calls(), world.engine().spent().calls), (2, 2));
}

/// Reads its answer as it comes; cuts it after the first piece where the row says so.
#[agentscope_tuner::workflow]
async fn listen(task: Value, model: Model, context: Context) -> Result<String> {
    let request = ChatRequest::new([Msg::user(task["q"].to_string())]);
    let mut events = model.stream(&request).await?;
    let (mut text, mut pieces) = (String::new(), 0.0);
    while let Some(event) = events.next().await {
        match event? {
            ChatEvent::Text(more) => {
                text += &more;
                pieces += 1.0;
            }
            ChatEvent::Done(whole) => assert_eq!(whole.message.text(), text),
            _ => {}
        }
        if task["cut"] == true {
            break;
        }
    }
    context.metric("pieces", pieces);
    Ok(text)
}

/// Streams its answer letter by letter, and counts how often it is asked.
struct Speller {
    id: ModelId,
    asked: Arc<AtomicUsize>,
}

impl ChatModel for Speller {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn chat<'a>(&'a self, _: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async { Err("not streamed".into()) })
    }

    fn stream<'a>(&'a self, _: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        self.asked.fetch_add(1, SeqCst);
        let whole = ChatResponse { finish: FinishReason::Length, ..ChatResponse::text("abcd") };
        let letters = "abcd".chars().map(|letter| Ok(ChatEvent::Text(letter.into())));
        let events: Vec<_> = letters.chain([Ok(ChatEvent::Done(whole.with_usage(10, 4).into()))]).collect();
        // Pieces come one by one, as from a network.
        let slowly = stream::iter(events).then(|event| async {
            tokio::task::yield_now().await;
            event
        });
        Box::pin(async { Ok(slowly.boxed()) })
    }
}

async fn listened(rows: impl IntoIterator<Item = Value>) -> (Run, usize, Engine, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let id = Scripted::in_order("speller", ["x"]).id().clone();
    let engine = Engine::new(Setup {
        workflow: listen::ENTRY,
        judge: None,
        models: ModelTable::default().with("speller", Model::new(Speller { id, asked: Arc::clone(&asked) })),
        slots: BTreeMap::from([(SlotPath::new("listen", "model"), SlotValue::model("speller"))]),
        options: Options { concurrency: 1, ..Options::default() },
        store: Store::open(directory.path().join("run.sqlite")).unwrap(),
        stop: CancellationToken::new(),
    })
    .unwrap();
    let run = engine.run(jobs(rows), |_| {}).await.unwrap();
    let asked = asked.load(SeqCst);
    (run, asked, engine, directory)
}

#[tokio::test]
async fn pieces_come_one_by_one_and_the_whole_is_kept_and_paid_once() {
    let (run, asked, engine, _directory) = listened([json!({"q": "a"}), json!({"q": "a", "row": 2})]).await;
    let pieces: Vec<_> = run.records.iter().map(|record| record.metrics["pieces"]).collect();
    assert_eq!((asked, pieces), (1, vec![4.0, 1.0]), "the second is answered from the cache, in one piece");
    assert!(run.records.iter().all(|record| record.response == "abcd"));
    let call = engine.store().call(&run.records[1].calls[0].key).unwrap().unwrap();
    assert_eq!(call.response.finish, FinishReason::Length);
    assert_eq!((engine.spent().calls, engine.spent().usage.output_tokens), (1, 4));
}

#[tokio::test]
async fn an_answer_that_is_cut_may_have_been_billed() {
    let (run, asked, engine, _directory) = listened([json!({"q": "a", "cut": true})]).await;
    assert_eq!((asked, run.records[0].response.as_str()), (1, Some("a")));
    assert_eq!((engine.spent().calls, run.records[0].calls.len()), (1, 0));
    assert!(engine.spent().usage.total() > 4096, "paid at its upper bound");
}
