//! One rollout: workflow, then judge, then a record of how it went.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    bind::Binding,
    blame::{Blame, blame, not_finite},
    budget::Allowance,
    call::{Books, Scope},
    desk::{Execute, Ready},
    guard::{guarded, within},
    job::Job,
    judging::{self, Judging},
    models::ModelTable,
    record::{Record, Status},
};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Limit, Result},
    judge::Jury,
    model::endpoint::inside,
    seed,
    workflow::{Access, Context, ContextBuilder, Erased, Meter, Produced, Spent, WorkflowEntry},
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
    /// Who answers the calls.
    pub(super) books: Books,
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
    /// What fills the slots of both components where `candidate` leaves what is `configured`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every slot that stays empty or holds a value of another role.
    pub(super) fn bind(
        &self,
        candidate: &Candidate,
        configured: &BTreeMap<SlotPath, SlotValue>,
        models: &ModelTable,
    ) -> Result<Bindings> {
        let resolve = |name: &str, slots| Binding::resolve(name, slots, candidate, configured, models);
        let members = self.judge.iter().flat_map(Jury::members);
        let judges = members.map(|member| resolve(&member.name, member.slots)).collect::<Result<_>>();
        match (resolve(self.workflow.meta.name, self.workflow.slots), judges) {
            (Ok(workflow), Ok(judges)) => Ok(Bindings { workflow, judges }),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(one), Err(other)) => Err(Error::new(ErrorKind::Config, format!("{one}\n{other}"))),
        }
    }

    fn rollout<'a>(&'a self, Ready { job, bindings, .. }: &'a Ready) -> Rollout<'a> {
        let span = tracing::info_span!(
            "rollout",
            workflow = self.workflow.meta.name,
            candidate = job.candidate.name,
            task = job.task.id,
            attempt = i64::from(job.attempt),
        );
        let ids = [job.task.id.as_bytes(), &job.attempt.to_le_bytes()];
        let seed = seed::draw(self.seed, "rollout", ids);
        Rollout { stage: self, job, bindings, seed, span }
    }

    /// Rollouts whose responses are compared.
    async fn together(&self, bundle: &[Ready]) -> Result<Vec<Record>> {
        let rollouts: Vec<_> = bundle.iter().map(|ready| self.rollout(ready)).collect();
        let mut judging = try_join_all(rollouts.iter().map(Rollout::judged)).await?;
        judging::compare(&mut judging).await?;
        Ok(judging.into_iter().map(Judging::finish).collect())
    }
}

impl Execute for Stage {
    async fn execute(&self, bundle: &[Ready]) -> Result<Vec<Record>> {
        match bundle {
            [one] if !self.judge.as_ref().is_some_and(Jury::compares) => {
                let rollout = self.rollout(one);
                Ok(vec![rollout.judged().await?.finish()])
            }
            // Boxed, so that rollouts that nobody compares need no room for it.
            all => Box::pin(self.together(all)).await,
        }
    }
}

/// One job under way.
pub(super) struct Rollout<'a> {
    pub(super) stage: &'a Stage,
    pub(super) job: &'a Job,
    pub(super) bindings: &'a Bindings,
    /// Of every random choice in it.
    pub(super) seed: u64,
    span: tracing::Span,
}

/// A rollout whose workflow has ended.
pub(super) struct Performed<'a> {
    pub(super) rollout: &'a Rollout<'a>,
    /// What is known of it so far.
    pub(super) record: Record,
    pub(super) task: Erased,
    /// What there is to judge.
    pub(super) produced: Option<Produced>,
    /// What it used.
    pub(super) meter: Arc<Meter>,
}

/// How the workflow ended.
enum Ended {
    Produced(Produced),
    /// It was cut by a limit; what it last said may still be judged.
    Cut(Limit, String),
    Failed(Status, String),
}

impl Rollout<'_> {
    /// Runs the workflow, and asks the judges that look at its response alone.
    async fn judged(&self) -> Result<Judging<'_>> {
        inside(&self.span, pin!(async { Judging::alone(self.perform().await?).await })).await
    }

    /// Runs the workflow.
    async fn perform(&self) -> Result<Box<Performed<'_>>> {
        let scope = self.scope(self.stage.limits.allowance);
        let task = (self.stage.workflow.parse)(&self.job.task.value)?;
        let context = self.context(&self.bindings.workflow, &scope).build();
        // However the workflow ends, no client can call its models any more: not while it is judged either.
        let open = context.closing();
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
        let meter = Arc::clone(scope.meter());
        Ok(Box::new(Performed { rollout: self, record, task, produced, meter }))
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

    /// What the model last said, where that can be a response of this workflow.
    async fn as_it_stands(&self, record: &Record) -> Result<Option<Produced>> {
        let Some(last) = record.calls.last() else { return Ok(None) };
        let Some(response) = self.stage.books.answered(last.key).await? else { return Ok(None) };
        let message = response.message;
        let text = Value::String(message.text());
        let forms = [serde_json::to_value(message).ok(), Some(text)];
        let revive = |json: Value| {
            let response = (self.stage.workflow.revive)(&json).ok()?;
            Some(Produced { response, json, reward: None, metrics: BTreeMap::new() })
        };
        Ok(forms.into_iter().flatten().find_map(revive))
    }

    pub(super) fn scope(&self, allowance: Allowance) -> Arc<Scope> {
        Scope::new(self.job.attempt, self.seed, allowance)
    }

    pub(super) fn context(&self, binding: &Binding, scope: &Arc<Scope>) -> ContextBuilder {
        let context = Context::builder(self.job.task.id.as_str())
            .attempt(self.job.attempt)
            .seed(scope.seed())
            .meter(Arc::clone(scope.meter()))
            .span(self.span.clone());
        let context = self.stage.access.iter().cloned().fold(context, ContextBuilder::access);
        binding.fill(context, scope, &self.stage.books)
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

/// What a record says was spent is the same whether the calls were paid now or remembered from before.
pub(super) fn as_if_paid(spent: Spent) -> Spent {
    Spent { cached_calls: 0, ..spent }
}
