//! What a workflow or judge can know about its rollout.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::{Access, Bound, Meter, Spent};

/// The rollout that a workflow or judge runs in: which row, which attempt, what it has used.
///
/// Cheap to clone. Take it as a parameter to read it; outside a run, [`Context::builder`] makes one, so that
/// annotated functions can be called and tested as plain Rust.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    component: Arc<str>,
    task_id: Arc<str>,
    attempt: u32,
    seed: u64,
    /// A few, so that a search is faster than a map.
    slots: Vec<(Arc<str>, Bound)>,
    /// None where nothing is counted.
    meter: Option<Arc<Meter>>,
    metrics: Mutex<BTreeMap<String, f64>>,
    span: Span,
    worked: Option<Duration>,
    /// Who opens endpoints.
    access: Option<Arc<dyn Access>>,
    /// Closes those that are open. Made for the first one, since few workflows open any; `None` once it is too late.
    endpoints: OnceLock<Option<CancellationToken>>,
}

impl Context {
    /// A context for the row of this id, without slots.
    pub fn builder(task_id: impl Into<Arc<str>>) -> ContextBuilder {
        ContextBuilder(Inner {
            component: Arc::default(),
            task_id: task_id.into(),
            attempt: 0,
            seed: 0,
            slots: Vec::new(),
            meter: None,
            metrics: Mutex::default(),
            span: Span::none(),
            worked: None,
            access: None,
            endpoints: OnceLock::new(),
        })
    }

    /// Name of the workflow or judge that runs.
    pub fn component(&self) -> &str {
        &self.0.component
    }

    /// Id of the row, such as `train/12`.
    pub fn task_id(&self) -> &str {
        &self.0.task_id
    }

    /// Which of several runs of the same row this is, from 0.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// A number that depends only on the run's seed, the row and the attempt: use it for every random choice,
    /// so that a resumed run repeats an uninterrupted one.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// The span of this rollout, for log events of the user's own.
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// Records a metric; a later value under the same name replaces it.
    ///
    /// Values must be finite: a rollout that records NaN or an infinity fails.
    pub fn metric(&self, name: impl Into<String>, value: f64) {
        let mut metrics = self.0.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.insert(name.into(), value);
    }

    /// The metrics recorded so far.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        self.0.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the workflow has used so far. In a judge: all that the workflow used.
    pub fn usage(&self) -> Spent {
        self.0.meter.as_ref().map(|meter| meter.spent()).unwrap_or_default()
    }

    /// In a judge: how long the workflow worked, waiting for a free place at an endpoint not counted.
    pub fn worked(&self) -> Option<Duration> {
        self.0.worked
    }

    /// What fills the slot of this name.
    pub fn bound(&self, slot: &str) -> Option<&Bound> {
        self.0.slots.iter().find(|(name, _)| **name == *slot).map(|(_, bound)| bound)
    }

    /// The names of the slots that are filled.
    pub(super) fn slots(&self) -> impl Iterator<Item = (&str, &Bound)> {
        self.0.slots.iter().map(|(name, bound)| (&**name, bound))
    }

    pub(super) fn access(&self) -> Option<&Arc<dyn Access>> {
        self.0.access.as_ref()
    }

    /// What closes this context's endpoints; `None` once they are closed.
    pub(super) fn over(&self) -> Option<&CancellationToken> {
        let over = self.0.endpoints.get_or_init(|| Some(CancellationToken::new())).as_ref();
        over.filter(|over| !over.is_cancelled())
    }

    /// Closes the endpoints of this context once the guard is dropped; none is opened afterwards.
    pub fn closing(&self) -> Closing {
        Closing(self.clone())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("component", &self.0.component)
            .field("task_id", &self.0.task_id)
            .field("attempt", &self.0.attempt)
            .field("slots", &self.0.slots.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Closes the endpoints of a [`Context`] when it is dropped, however the code that opened them ends.
#[derive(Debug)]
#[must_use = "dropped at once, it closes them at once"]
pub struct Closing(Context);

impl Drop for Closing {
    fn drop(&mut self) {
        let endpoints = &self.0.0.endpoints;
        if endpoints.set(None).is_err()
            && let Some(Some(over)) = endpoints.get()
        {
            over.cancel();
        }
    }
}

/// Makes a [`Context`].
#[derive(Debug)]
pub struct ContextBuilder(Inner);

impl ContextBuilder {
    /// Names the workflow or judge.
    #[must_use]
    pub fn component(mut self, name: impl Into<Arc<str>>) -> Self {
        self.0.component = name.into();
        self
    }

    /// Sets which of several runs of the row this is.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.0.attempt = attempt;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }

    /// Fills a slot with a model, a text, demos or a JSON value.
    #[must_use]
    pub fn slot(mut self, name: impl Into<Arc<str>>, value: impl Into<Bound>) -> Self {
        let name = name.into();
        self.0.slots.retain(|(known, _)| *known != name);
        self.0.slots.push((name, value.into()));
        self
    }

    /// Shares a meter with the caller.
    #[must_use]
    pub fn meter(mut self, meter: Arc<Meter>) -> Self {
        self.0.meter = Some(meter);
        self
    }

    /// Sets the span.
    #[must_use]
    pub fn span(mut self, span: Span) -> Self {
        self.0.span = span;
        self
    }

    /// Sets how long the workflow worked, for a judge.
    #[must_use]
    pub fn worked(mut self, worked: Duration) -> Self {
        self.0.worked = Some(worked);
        self
    }

    /// Lets endpoints be opened, until a [guard](Context::closing) is dropped.
    #[must_use]
    pub fn access(mut self, access: Arc<dyn Access>) -> Self {
        self.0.access = Some(access);
        self
    }

    /// The context.
    pub fn build(self) -> Context {
        Context(Arc::new(self.0))
    }
}
