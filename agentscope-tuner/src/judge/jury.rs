//! What the engine runs: one judge, or several whose rewards are added up.

use std::{fmt, sync::Arc};

use futures_util::{FutureExt as _, TryFutureExt as _, future::BoxFuture};
use serde_json::Value;

use super::{JudgeEntry, Judged, Reward, Rewards, builtin::Weighted};
use crate::{
    error::{Error, ErrorKind, Result},
    workflow::{Context, Group, SlotSpec, TypeInfo},
};

/// The judge of a run: registered by `#[judge]`, or configured under `[judges]`.
#[derive(Clone, Debug)]
pub struct Jury {
    name: Arc<str>,
    members: Vec<JuryMember>,
    /// How several members become one reward; `None` where there is one.
    sum: Option<Weighted>,
}

/// One judge of a jury, with slots of its own.
#[derive(Clone)]
pub struct JuryMember {
    /// Name under which its slots are configured.
    pub name: Arc<str>,
    /// What the tuner fills.
    pub slots: &'static [SlotSpec],
    /// The model that its configuration names for its slot `model`.
    pub model: Option<String>,
    /// The task type that it takes.
    pub task: TypeInfo,
    /// The response type that it takes, or the type of a group of them.
    pub response: TypeInfo,
    /// Whether it is shown all responses to a task at once.
    pub group: bool,
    run: Run,
}

type Run = Arc<dyn Fn(Judged, Context) -> BoxFuture<'static, Result<Rewards>> + Send + Sync>;

impl Jury {
    /// A jury of one, under its name.
    pub fn of(member: JuryMember) -> Self {
        Self { name: Arc::clone(&member.name), members: vec![member], sum: None }
    }

    /// The weighted sum of the rewards of several judges.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] as [`Weighted::new`].
    pub fn weighted(
        name: impl Into<Arc<str>>,
        members: impl IntoIterator<Item = (JuryMember, f64)>,
    ) -> Result<Self> {
        let (members, weights): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let names = members.iter().map(|member: &JuryMember| member.name.to_string());
        let sum = Weighted::new(names.zip(weights))?;
        Ok(Self { name: name.into(), members, sum: Some(sum) })
    }

    /// Name for people and for the journal.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The judges in it, at least one.
    pub fn members(&self) -> &[JuryMember] {
        &self.members
    }

    /// Whether a judge in it is shown all responses to a task at once.
    pub fn compares(&self) -> bool {
        self.members.iter().any(|member| member.group)
    }

    /// One reward from those of the members, in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Judge`] when there is not one reward for each member.
    pub fn combine(&self, rewards: Vec<Reward>) -> Result<Reward> {
        let combined = match &self.sum {
            None => rewards.into_iter().next(),
            Some(sum) => sum.combine(rewards.into_iter().map(Some))?,
        };
        combined
            .ok_or_else(|| Error::new(ErrorKind::Judge, format!("no judge of `{}` gave a reward", self.name)))
    }
}

impl JuryMember {
    /// A judge without slots that takes task and response as JSON.
    pub fn new<F>(
        name: impl Into<Arc<str>>,
        run: impl Fn(Judged, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Reward>> + Send + 'static,
    {
        let run = move |judged, context| run(judged, context).map_ok(Rewards::One).boxed();
        Self::of_json(name.into(), TypeInfo::of::<Value>(), false, Arc::new(run))
    }

    /// A judge without slots that takes a task and the [`Group`] of responses to it as JSON, and returns a reward for each.
    pub fn comparing<F>(
        name: impl Into<Arc<str>>,
        run: impl Fn(Judged, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<Reward>>> + Send + 'static,
    {
        let run = move |judged, context| run(judged, context).map_ok(Rewards::Each).boxed();
        Self::of_json(name.into(), TypeInfo::of::<Group<Value>>(), true, Arc::new(run))
    }

    fn of_json(name: Arc<str>, response: TypeInfo, group: bool, run: Run) -> Self {
        Self { name, slots: &[], model: None, task: TypeInfo::of::<Value>(), response, group, run }
    }

    /// Judges a response, or each one of a group.
    ///
    /// # Errors
    /// The judge's own.
    pub fn run(&self, judged: Judged, context: Context) -> BoxFuture<'static, Result<Rewards>> {
        (self.run)(judged, context)
    }
}

impl From<JudgeEntry> for JuryMember {
    fn from(entry: JudgeEntry) -> Self {
        let JudgeEntry { meta, slots, task, response, group, run, .. } = entry;
        Self { name: meta.name.into(), slots, model: None, task, response, group, run: Arc::new(run) }
    }
}

impl From<JudgeEntry> for Jury {
    fn from(entry: JudgeEntry) -> Self {
        Self::of(entry.into())
    }
}

impl fmt::Debug for JuryMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JuryMember")
            .field("name", &self.name)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}
