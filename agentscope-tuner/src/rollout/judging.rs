//! From what a workflow produced to a reward: judges that look at one response, then those that compare all responses to
//! a task.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use serde_json::Value;

use super::{
    bind::Binding,
    blame::{Blame, blame},
    budget::Allowance,
    call::Scope,
    execute::{Performed, as_if_paid},
    guard::{guarded, within},
    record::{Record, Status},
};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::{Judged, Jury, JuryMember, Reward, Rewards},
    workflow::{Context, Erased, Group, Produced},
};

/// A rollout before its judges.
pub(super) struct Judging<'a> {
    /// Boxed: it is handed on several times.
    performed: Box<Performed<'a>>,
    /// By members of the jury; `None` for those that have not been asked. Empty once the record needs none.
    rewards: Vec<Option<Reward>>,
}

impl<'a> Judging<'a> {
    /// Asks the judges that look at this response alone.
    ///
    /// # Errors
    /// Those that end the run.
    pub(super) async fn alone(mut performed: Box<Performed<'a>>) -> Result<Self> {
        let stage = performed.rollout.stage;
        let Some(mut produced) = performed.produced.take() else {
            return Ok(Self { performed, rewards: Vec::new() });
        };
        performed.record.metrics.append(&mut produced.metrics);
        let Some(jury) = &stage.judge else {
            settle_unjudged(&mut performed.record, produced.reward);
            performed.produced = Some(produced);
            return Ok(Self { performed, rewards: Vec::new() });
        };
        let scope = performed.rollout.scope(Allowance::default());
        let result = performed.ask_each(jury, &produced, &scope).await;
        performed.produced = Some(produced);
        performed.record.judge_spent = as_if_paid(scope.meter().spent());
        performed.record.calls.extend(scope.answered());
        let rewards = match result {
            Ok(rewards) => rewards,
            Err(error) => {
                fail(&mut performed.record, &error, &scope)?;
                Vec::new()
            }
        };
        Ok(Self { performed, rewards })
    }

    /// The record, once all judges were asked.
    pub(super) fn finish(self) -> Record {
        let Self { performed, rewards } = self;
        let Performed { rollout, mut record, produced, .. } = *performed;
        record.response = produced.map_or(Value::Null, |produced| produced.json);
        let Some(jury) = rollout.stage.judge.as_ref().filter(|_| !rewards.is_empty()) else { return record };
        let combined = jury.combine(rewards.into_iter().flatten().collect()).and_then(Reward::checked);
        match combined {
            Ok(reward) => {
                record.status = Status::Scored;
                record.reward = Some(reward.value);
                record.feedback = reward.feedback;
                record.metrics.extend(reward.metrics);
            }
            Err(error) => {
                record.error = Some(format!("the judge failed: {}", error.chain()));
                record.status = Status::JudgeFailed;
            }
        }
        record
    }
}

/// Asks the judges that compare the responses to one task: of these rollouts, all that have one.
///
/// # Errors
/// Those that end the run.
pub(super) async fn compare(rollouts: &mut [Judging<'_>]) -> Result<()> {
    let mut shown: Vec<_> = rollouts.iter_mut().filter(|one| !one.rewards.is_empty()).collect();
    let Some(first) = shown.first() else { return Ok(()) };
    let (stage, scope) = (first.performed.rollout.stage, first.performed.rollout.scope(Allowance::default()));
    let members = stage.judge.iter().flat_map(Jury::members).enumerate().filter(|(_, member)| member.group);
    let mut failure = None;
    for (place, member) in members {
        match ask_of_all(&shown, (place, member), &scope).await {
            Ok(rewards) => {
                for (one, reward) in shown.iter_mut().zip(rewards) {
                    one.rewards[place] = Some(reward);
                }
            }
            Err(error) => failure = Some(error),
        }
    }
    // One answer serves all; it is counted once.
    let record = &mut shown[0].performed.record;
    record.judge_spent += as_if_paid(scope.meter().spent());
    record.calls.extend(scope.answered());
    let Some(error) = failure else { return Ok(()) };
    for one in shown {
        fail(&mut one.performed.record, &error, &scope)?;
        one.rewards.clear();
    }
    Ok(())
}

/// The rewards of one judge for all responses that it is `shown`.
async fn ask_of_all(
    shown: &[&mut Judging<'_>],
    (place, member): (usize, &JuryMember),
    scope: &Arc<Scope>,
) -> Result<Vec<Reward>> {
    let Performed { rollout, task, .. } = &*shown[0].performed;
    let responses = shown.iter().filter_map(|one| one.performed.produced.as_ref());
    let response: Erased = if member.response.is_json_group() {
        Arc::new(responses.map(|produced| produced.json.clone()).collect::<Group<Value>>())
    } else {
        (rollout.stage.workflow.gather)(responses.map(|produced| Arc::clone(&produced.response)).collect())?
    };
    let task = if member.task.is_json() { as_erased(&rollout.job.task.value) } else { Arc::clone(task) };
    let context = rollout.context(&rollout.bindings.judges[place], scope).build();
    let _open = context.closing();
    let answer = pin!(guarded(|| member.run(Judged { task, response }, context)));
    match within(rollout.stage.limits.time, scope, answer).await.unwrap_or_else(late)? {
        Rewards::Each(rewards) if rewards.len() == shown.len() => Ok(rewards),
        Rewards::Each(rewards) => {
            let message = format!(
                "`{}` was shown {} responses and returned {} rewards: it must return one for each, in their order",
                member.name,
                shown.len(),
                rewards.len()
            );
            Err(Error::new(ErrorKind::Judge, message))
        }
        Rewards::One(_) => Err(Error::new(ErrorKind::Judge, "one reward for several responses")),
    }
}

impl Performed<'_> {
    /// A place for each member of the jury, filled by those that look at one response.
    async fn ask_each(
        &self,
        jury: &Jury,
        produced: &Produced,
        scope: &Arc<Scope>,
    ) -> Result<Vec<Option<Reward>>> {
        let members = jury.members().iter().zip(&self.rollout.bindings.judges);
        let mut asked = members.map(|member| self.ask_alone(member, produced, scope));
        let rewards = pin!(async {
            match (asked.next(), jury.members().len()) {
                // Most juries are of one, which needs no list of futures, nor room for it.
                (Some(only), 1) => Ok(vec![only.await?]),
                (first, _) => Box::pin(try_join_all(first.into_iter().chain(asked))).await,
            }
        });
        within(self.rollout.stage.limits.time, scope, rewards).await.unwrap_or_else(late)
    }

    /// What a judge that looks at one response says to it; nothing where it compares several.
    async fn ask_alone(
        &self,
        (member, binding): (&JuryMember, &Binding),
        produced: &Produced,
        scope: &Arc<Scope>,
    ) -> Result<Option<Reward>> {
        if member.group {
            return Ok(None);
        }
        // A judge sees what the workflow used; its own calls are counted apart.
        let worked = Duration::from_secs_f64(self.record.seconds);
        let context = self.rollout.context(binding, scope);
        let context = context.meter(Arc::clone(&self.meter)).worked(worked);
        ask(member, self.judged(member, produced), context.build()).await.map(Some)
    }

    /// What `member` is given: JSON where it takes JSON, else values of the workflow's own types.
    fn judged(&self, member: &JuryMember, produced: &Produced) -> Judged {
        let (json, typed) = (&self.rollout.job.task.value, (&self.task, &produced.response));
        Judged {
            task: if member.task.is_json() { as_erased(json) } else { Arc::clone(typed.0) },
            response: if member.response.is_json() { as_erased(&produced.json) } else { Arc::clone(typed.1) },
        }
    }
}

async fn ask(member: &JuryMember, judged: Judged, context: Context) -> Result<Reward> {
    // However a judge ends, no client of it can call a model any more.
    let _open = context.closing();
    match guarded(|| member.run(judged, context.clone())).await? {
        Rewards::One(mut reward) => {
            // Metrics that a judge recorded on its context count as those that it returned.
            for (name, value) in context.metrics() {
                reward.metrics.entry(name).or_insert(value);
            }
            Ok(reward)
        }
        Rewards::Each(_) => Err(Error::new(ErrorKind::Judge, "several rewards for one response")),
    }
}

fn late<T>(limit: Duration) -> Result<T> {
    Err(Error::new(ErrorKind::Judge, format!("it took longer than {limit:?}")))
}

/// Notes that the judge failed, and who answers for it.
fn fail(record: &mut Record, error: &Error, scope: &Scope) -> Result<()> {
    record.error = Some(format!("the judge failed: {}", error.chain()));
    record.status = match blame(error, scope) {
        Blame::Run(error) => return Err(error),
        Blame::Endpoint => Status::InfrastructureFailed,
        Blame::Limit(_) | Blame::Component => Status::JudgeFailed,
    };
    Ok(())
}

/// Without a judge, the workflow's own reward counts.
fn settle_unjudged(record: &mut Record, reward: Option<f64>) {
    match reward {
        Some(reward) => (record.status, record.reward) = (Status::Scored, Some(reward)),
        None => {
            let why = "nothing scores the response: add a #[judge], or return a WorkflowOutput with a reward";
            (record.status, record.error) = (Status::JudgeFailed, Some(why.to_owned()));
        }
    }
}

fn as_erased(json: &Value) -> Erased {
    Arc::new(json.clone())
}
