//! What the engine runs: one judge, or several whose rewards are added up.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

use super::{JudgeEntry, Judged, Reward, builtin::Weighted};
use crate::{
    error::{Error, ErrorKind, Result},
    workflow::{Context, SlotSpec, TypeInfo},
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
    /// The response type that it takes.
    pub response: TypeInfo,
    run: Run,
}

type Run = Arc<dyn Fn(Judged, Context) -> BoxFuture<'static, Result<Reward>> + Send + Sync>;

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
        let json = TypeInfo::of::<serde_json::Value>();
        let run: Run = Arc::new(move |judged, context| Box::pin(run(judged, context)));
        Self { name: name.into(), slots: &[], model: None, task: json, response: json, run }
    }

    /// Judges a response.
    ///
    /// # Errors
    /// The judge's own.
    pub fn run(&self, judged: Judged, context: Context) -> BoxFuture<'static, Result<Reward>> {
        (self.run)(judged, context)
    }
}

impl From<JudgeEntry> for JuryMember {
    fn from(entry: JudgeEntry) -> Self {
        let JudgeEntry { meta, slots, task, response, run, .. } = entry;
        Self { name: meta.name.into(), slots, model: None, task, response, run: Arc::new(run) }
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
