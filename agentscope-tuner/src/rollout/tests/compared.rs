//! Judges that are shown all responses to a row at once.

use std::collections::BTreeMap;

use super::*;
use crate::{
    judge::{Jury, JuryMember},
    workflow::Group,
};

/// One point for each other response that is shorter; a call, so that it can fail and cost.
#[agentscope_tuner::judge]
async fn longest(task: &Value, responses: &Group<Msg>, umpire: Model) -> Result<Vec<f64>> {
    let lengths: Vec<usize> = responses.iter().map(|response| response.text().len()).collect();
    umpire.ask(format!("{} {lengths:?}", task["q"])).await?;
    let points = |length: &usize| lengths.iter().filter(|other| *other < length).count() as f64;
    Ok(lengths.iter().map(points).take(task["cut"].as_u64().map_or(9, |cut| cut as usize)).collect())
}

struct Compared {
    world: World,
    jury: Jury,
}

impl Compared {
    fn new() -> Self {
        Self { world: World::echo(), jury: longest::ENTRY.into() }
    }

    fn engine(&self) -> Engine {
        let model = PricedModel { model: self.world.model.clone(), price: None, max_output_tokens: Some(8) };
        let slots = [("ask", "model"), ("longest", "umpire")];
        let slots =
            slots.map(|(component, slot)| (SlotPath::new(component, slot), SlotValue::model("world")));
        Engine::new(Setup {
            workflow: ask::ENTRY,
            judge: Some(self.jury.clone()),
            models: ModelTable::default().with("world", model),
            slots: BTreeMap::from(slots),
            options: self.world.options,
            store: Store::open(self.world.directory.path().join("run.sqlite")).unwrap(),
            stop: self.world.stop.clone(),
        })
        .unwrap()
    }

    async fn run(&self, tasks: &[Arc<Task>]) -> Run {
        self.engine().run(Job::grid(&candidates(), tasks, 2), |_| {}).await.unwrap()
    }
}

/// Prompts of growing length, which the echo of the world repeats.
fn candidates() -> [Arc<Candidate>; 3] {
    ["a", "bb", "ccc"].map(|prompt| {
        let slot = SlotPath::new("ask", "system");
        Arc::new(Candidate::new(prompt).with(slot, SlotValue::Prompt(prompt.into())))
    })
}

fn tasks(rows: impl IntoIterator<Item = Value>) -> Vec<Arc<Task>> {
    jobs(rows).into_iter().map(|job| job.task).collect()
}

fn rewards(run: &Run) -> Vec<Option<f64>> {
    run.records.iter().map(|record| record.reward).collect()
}

#[tokio::test]
async fn all_responses_to_a_row_are_judged_together_at_the_price_of_one_call() {
    let compared = Compared::new();
    let run = compared.run(&tasks(rows(3))).await;
    // Two attempts of each of three candidates: a longer one beats both of each shorter one.
    assert_eq!(rewards(&run), [0.0, 2.0, 4.0, 0.0, 2.0, 4.0].map(Some).repeat(3));
    for row in run.records.chunks(6) {
        assert_eq!(row.iter().map(|record| record.judge_spent.calls).sum::<u64>(), 1);
        assert!(row.iter().all(|record| record.task_id == row[0].task_id));
    }
    // Done before, all of it: nothing is asked again.
    let (calls, again) = (compared.world.calls(), compared.run(&tasks(rows(3))).await);
    assert_eq!((timeless(&again), compared.world.calls()), (timeless(&run), calls));
}

#[tokio::test]
async fn concurrency_does_not_change_who_is_compared() {
    let (mut one, many) = (Compared::new(), Compared::new());
    one.world.options.concurrency = 1;
    assert_eq!(timeless(&one.run(&tasks(rows(9))).await), timeless(&many.run(&tasks(rows(9))).await));
}

#[tokio::test]
async fn failed_rollouts_are_not_shown_and_a_judge_that_fails_fails_for_all() {
    let compared = Compared::new();
    let run = compared.run(&tasks([json!({"q": "x", "do": "fail"}), json!({"q": "y", "cut": 2})])).await;
    assert!(run.records[..6].iter().all(|record| record.status == Status::TaskFailed));
    let unjudged = &run.records[6..];
    assert!(unjudged.iter().all(|record| record.status == Status::JudgeFailed));
    let error = unjudged[0].error.as_deref().unwrap();
    assert!(error.contains("shown 6 responses and returned 2 rewards"), "{error}");
}

#[tokio::test]
async fn a_sum_mixes_judges_that_compare_with_those_that_do_not() {
    let single = JuryMember::new("half", |_, _| async { Ok(crate::judge::Reward::new(0.5)) });
    let members = [(JuryMember::from(longest::ENTRY), 1.0), (single, 2.0)];
    let compared = Compared { jury: Jury::weighted("both", members).unwrap(), ..Compared::new() };
    let run = compared.run(&tasks(rows(1))).await;
    let sums: Vec<f64> = run.records.iter().map(|record| record.reward.unwrap()).collect();
    assert!(sums[0] < sums[1] && sums[1] < sums[2], "{sums:?}");
    assert_eq!(run.records[2].metrics["half"], 0.5);
}
