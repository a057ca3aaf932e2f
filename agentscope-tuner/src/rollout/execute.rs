//! One rollout: workflow, then judge, then a record of how it went.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    bind::Binding,
    blame::{Blame, blame, not_finite},
    budget::{Allowance, Budget, Owner},
    call::{Ledger, Scope},
    guard::{guarded, within},
    job::Job,
    record::{Record, Status},
};
use crate::{
    error::{Error, ErrorKind, Limit, Result},
    judge::{Judged, Jury, JuryMember, Reward},
    seed,
    workflow::{Access, Context, ContextBuilder, Erased, Produced, Spent, WorkflowEntry},
};

/// The slots of both components under one candidate.
#[derive(Debug)]
pub(super) struct Bindings {
    pub(super) workflow: Binding,
    /// One for each member of the jury.
    pub(super) judges: Vec<Binding>,
}

/// What all rollouts of a run share.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) workflow: WorkflowEntry,
    pub(super) judge: Option<Jury>,
    pub(super) seed: u64,
    pub(super) limits: RolloutLimits,
    pub(super) ledger: Arc<Ledger>,
    /// Opens endpoints to models.
    pub(super) access: Option<Arc<dyn Access>>,
}

/// What one rollout may use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RolloutLimits {
    /// Calls, tokens and money of the workflow.
    pub allowance: Allowance,
    /// Time that the workflow works; waiting for a free place at an endpoint is not counted.
    pub time: Option<Duration>,
}

impl Stage {
    /// Runs `job`.
    ///
    /// # Errors
    /// Only what says nothing about this rollout: the run is being stopped, its budget is spent, its store
    /// cannot be written. All else ends in a record.
    pub(super) async fn execute(&self, job: &Job, bindings: &Bindings) -> Result<Record> {
        let span = tracing::info_span!(
            "rollout",
            workflow = self.workflow.meta.name,
            candidate = job.candidate.name,
            task = job.task.id,
            attempt = job.attempt,
        );
        let ids = [job.task.id.as_bytes(), &job.attempt.to_le_bytes()];
        let seed = seed::draw(self.seed, "rollout", ids);
        let rollout = Rollout { stage: self, job, bindings, seed, span: span.clone() };
        rollout.run().instrument(span).await
    }
}

struct Rollout<'a> {
    stage: &'a Stage,
    job: &'a Job,
    bindings: &'a Bindings,
    /// Of every random choice in it.
    seed: u64,
    span: tracing::Span,
}

/// How the workflow ended.
enum Ended {
    Produced(Produced),
    /// It was cut by a limit; what it last said may still be judged.
    Cut(Limit, String),
    Failed(Status, String),
}

impl Rollout<'_> {
    async fn run(&self) -> Result<Record> {
        let scope = self.scope(self.stage.limits.allowance);
        let task = (self.stage.workflow.parse)(&self.job.task.value)?;
        let over = CancellationToken::new();
        let context = self.context(&self.bindings.workflow, &scope, &over).build();
        // However the workflow ends, no client can call its models any more: not while it is judged either.
        let open = over.drop_guard();
        let started = Instant::now();
        let ended = self.workflow(Arc::clone(&task), context, &scope).await?;
        drop(open);
        let worked = started.elapsed().saturating_sub(scope.waited());

        let mut record = self.record(&scope, worked);
        let produced = match ended {
            Ended::Produced(produced) => Some(produced),
            Ended::Failed(status, error) => {
                (record.status, record.error) = (status, Some(error));
                None
            }
            Ended::Cut(limit, error) => {
                record.limit = Some(limit);
                // Boxed, so that rollouts that nothing cuts need no room for it.
                let produced = Box::pin(self.as_it_stands(&record)).await?;
                record.error = produced.is_none().then_some(error);
                produced
            }
        };
        if let Some(produced) = produced {
            self.judge(&mut record, task, produced, &scope).await?;
        }
        Ok(record)
    }

    async fn workflow(&self, task: Erased, context: Context, scope: &Scope) -> Result<Ended> {
        let run = pin!(guarded(|| (self.stage.workflow.run)(task, context.clone())));
        let error = match within(self.stage.limits.time, scope, run).await {
            Err(time) => {
                return Ok(Ended::Cut(Limit::Time, format!("the rollout took longer than {time:?}")));
            }
            Ok(Ok(mut produced)) => {
                produced.metrics.extend(context.metrics());
                return Ok(match not_finite(&produced) {
                    None => Ended::Produced(produced),
                    Some(fault) => Ended::Failed(Status::TaskFailed, fault),
                });
            }
            Ok(Err(error)) => error,
        };
        match blame(&error, scope) {
            Blame::Run(error) => Err(error),
            Blame::Limit(limit) => Ok(Ended::Cut(limit, error.chain())),
            Blame::Endpoint => Ok(Ended::Failed(Status::InfrastructureFailed, error.chain())),
            Blame::Component => Ok(Ended::Failed(Status::TaskFailed, error.chain())),
        }
    }

    async fn judge(
        &self,
        record: &mut Record,
        task: Erased,
        produced: Produced,
        workflow_scope: &Scope,
    ) -> Result<()> {
        let Some(judge) = &self.stage.judge else {
            settle_unjudged(record, produced.reward);
            record.metrics.extend(produced.metrics);
            record.response = produced.json;
            return Ok(());
        };
        let scope = self.scope(Allowance::default());
        let over = CancellationToken::new();
        let _open = over.clone().drop_guard();
        let members = judge.members().iter().zip(&self.bindings.judges).map(|(member, binding)| {
            // A judge sees what the workflow used; its own calls are counted apart.
            let meter = Arc::clone(workflow_scope.meter());
            let worked = Duration::from_secs_f64(record.seconds);
            let context = self.context(binding, &scope, &over).meter(meter).worked(worked).build();
            run_member(member, self.judged(member, &task, &produced), context)
        });
        let rewards = pin!(try_join_all(members));
        record.metrics.extend(produced.metrics);
        record.response = produced.json;
        let result = within(self.stage.limits.time, &scope, rewards).await;
        let result = result.unwrap_or_else(|time| {
            Err(Error::new(ErrorKind::Judge, format!("it took longer than {time:?}")))
        });
        record.judge_spent = as_if_paid(scope.meter().spent());
        record.calls.extend(scope.answered());
        let result = result.and_then(|rewards| judge.combine(rewards)?.checked());
        self.settle(record, result, &scope)
    }

    /// What `member` is given: JSON where it takes JSON, else values of the workflow's own types.
    fn judged(&self, member: &JuryMember, task: &Erased, produced: &Produced) -> Judged {
        let (json, typed) = (&self.job.task.value, (task, &produced.response));
        Judged {
            task: if member.task.is_json() { as_erased(json) } else { Arc::clone(typed.0) },
            response: if member.response.is_json() { as_erased(&produced.json) } else { Arc::clone(typed.1) },
        }
    }

    fn settle(&self, record: &mut Record, result: Result<Reward>, scope: &Scope) -> Result<()> {
        let error = match result {
            Ok(reward) => {
                record.status = Status::Scored;
                record.reward = Some(reward.value);
                record.feedback = reward.feedback;
                record.metrics.extend(reward.metrics);
                return Ok(());
            }
            Err(error) => error,
        };
        record.error = Some(format!("the judge failed: {}", error.chain()));
        record.status = match blame(&error, scope) {
            Blame::Run(error) => return Err(error),
            Blame::Endpoint => Status::InfrastructureFailed,
            Blame::Limit(_) | Blame::Component => Status::JudgeFailed,
        };
        Ok(())
    }

    /// What the model last said, where that can be a response of this workflow.
    async fn as_it_stands(&self, record: &Record) -> Result<Option<Produced>> {
        let Some(last) = record.calls.last() else { return Ok(None) };
        let store = self.stage.ledger.store();
        store.flush().await?;
        let Some(call) = store.call(&last.key)? else { return Ok(None) };
        let message = call.response.message;
        let text = Value::String(message.text());
        let forms = [serde_json::to_value(message).ok(), Some(text)];
        let revive = |json: Value| {
            let response = (self.stage.workflow.revive)(&json).ok()?;
            Some(Produced { response, json, reward: None, metrics: BTreeMap::new() })
        };
        Ok(forms.into_iter().flatten().find_map(revive))
    }

    fn scope(&self, allowance: Allowance) -> Arc<Scope> {
        Scope::new(self.job.attempt, self.seed, Budget::new(Owner::Rollout, allowance, Spent::default()))
    }

    fn context(&self, binding: &Binding, scope: &Arc<Scope>, over: &CancellationToken) -> ContextBuilder {
        let context = Context::builder(self.job.task.id.as_str())
            .attempt(self.job.attempt)
            .seed(scope.seed())
            .meter(Arc::clone(scope.meter()))
            .span(self.span.clone());
        let open = |context: ContextBuilder, access| context.access(Arc::clone(access), over.clone());
        let context = self.stage.access.iter().fold(context, open);
        binding.fill(context, scope, &self.stage.ledger)
    }

    fn record(&self, scope: &Scope, worked: Duration) -> Record {
        Record {
            candidate: self.job.candidate.name.clone(),
            task_id: self.job.task.id.clone(),
            attempt: self.job.attempt,
            status: Status::TaskFailed,
            reward: None,
            metrics: BTreeMap::new(),
            feedback: None,
            response: Value::Null,
            error: None,
            limit: None,
            spent: as_if_paid(scope.meter().spent()),
            judge_spent: Spent::default(),
            seconds: worked.as_secs_f64(),
            calls: scope.answered(),
        }
    }
}

async fn run_member(member: &JuryMember, judged: Judged, context: Context) -> Result<Reward> {
    let reward = guarded(|| member.run(judged, context.clone())).await?;
    Ok(with_metrics(reward, &context))
}

/// Metrics that a judge recorded on its context count as those that it returned.
fn with_metrics(mut reward: Reward, context: &Context) -> Reward {
    for (name, value) in context.metrics() {
        reward.metrics.entry(name).or_insert(value);
    }
    reward
}

/// What a record says was spent is the same whether the calls were paid now or remembered from before.
fn as_if_paid(spent: Spent) -> Spent {
    Spent { cached_calls: 0, ..spent }
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
