//! Where a run is heard of: the screen, TensorBoard, MLflow.

use std::sync::{Mutex, PoisonError};

use super::progress;
use crate::{
    config::Config,
    error::Result,
    report::{EventFile, MlFlow},
    rollout::Store,
    strategy::Monitor,
    tuner::RunDir,
};

/// Key of the id that the run has at MLflow.
const MLFLOW: &str = "mlflow-run";
/// Event files within the run's directory.
const TENSORBOARD: &str = "tensorboard";

/// All that listens to one run.
pub(super) struct Monitors {
    /// Made when there is something to write.
    events: Mutex<Option<EventFile>>,
    directory: Option<std::path::PathBuf>,
    mlflow: Option<MlFlow>,
}

impl Monitors {
    /// What `[monitor]` asks for; `learns` tells whether the run has steps at all.
    pub(super) async fn open(
        config: &Config,
        dir: &RunDir,
        store: &Store,
        workflow: &str,
        learns: bool,
    ) -> Result<Self> {
        let table = &config.file.monitor;
        let wanted = learns && table.tensorboard.unwrap_or(true);
        let directory = wanted.then(|| dir.path().join(TENSORBOARD));
        let mlflow = match table.mlflow.as_ref().filter(|_| learns) {
            None => None,
            Some(server) => {
                let experiment = server.experiment.as_deref().unwrap_or(workflow);
                let name = dir.path().file_name().unwrap_or_default().to_string_lossy();
                let known = store.meta(MLFLOW)?;
                let run = MlFlow::begin(&server.url, experiment, &name, &config.flat(), known).await?;
                store.put_meta(MLFLOW, run.run())?;
                Some(run)
            }
        };
        Ok(Self { events: Mutex::new(None), directory, mlflow })
    }

    /// Waits until everything has been heard.
    pub(super) async fn close(self, succeeded: bool) {
        if let Some(mlflow) = self.mlflow {
            mlflow.finish(succeeded).await;
        }
    }

    fn write_events(&self, step: u64, values: &[(String, f64)]) -> std::io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.is_none() {
            *events = Some(EventFile::create(directory)?);
        }
        events.as_mut().map_or(Ok(()), |events| events.log(step, values))
    }
}

impl Monitor for Monitors {
    fn say(&self, line: &str) {
        progress::say(line);
    }

    fn log(&self, step: u64, values: &[(String, f64)]) {
        if let Err(error) = self.write_events(step, values) {
            tracing::warn!(%error, "TensorBoard's events cannot be written; all numbers are in the run's store");
        }
        if let Some(mlflow) = &self.mlflow {
            mlflow.log(step, values);
        }
    }
}
