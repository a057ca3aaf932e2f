//! MLflow's tracking server, through its REST interface.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

use crate::error::{Error, ErrorKind, Result};

/// Most metrics of one request, by MLflow's own limit.
const BATCH: usize = 1000;

/// A run at a tracking server. Numbers are sent in the background: a server that fails holds up nothing.
#[derive(Debug)]
pub struct MlFlow {
    run: String,
    sender: UnboundedSender<Value>,
    task: JoinHandle<()>,
}

/// The server and how it is spoken to.
#[derive(Clone, Debug)]
struct Server {
    http: reqwest::Client,
    base: String,
}

impl MlFlow {
    /// Begins a run called `name` in `experiment`, which is made if there is none; goes on with `run`, where its id is given.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the server does not answer as MLflow does.
    pub async fn begin(url: &str, experiment: &str, name: &str, run: Option<String>) -> Result<Self> {
        let base = format!("{}/api/2.0/mlflow", url.trim_end_matches('/'));
        let server = Server { http: reqwest::Client::new(), base };
        let run = match run {
            Some(run) => run,
            None => server.new_run(experiment, name).await?,
        };
        let (sender, inbox) = unbounded_channel();
        let task = tokio::spawn(send(server, run.clone(), inbox));
        Ok(Self { run, sender, task })
    }

    /// Id of the run at the server.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Sends the numbers of a step.
    pub fn log(&self, step: u64, values: &[(String, f64)]) {
        let timestamp = milliseconds();
        for (name, value) in values.iter().filter(|(_, value)| value.is_finite()) {
            // Once the task has ended it has said why.
            _ = self
                .sender
                .send(json!({ "key": name, "value": value, "timestamp": timestamp, "step": step }));
        }
    }

    /// Waits until everything is sent, and marks the run as finished or failed.
    pub async fn finish(self, succeeded: bool) {
        let Self { sender, task, .. } = self;
        let status = if succeeded { "FINISHED" } else { "FAILED" };
        _ = sender.send(json!({ "status": status }));
        drop(sender);
        _ = task.await;
    }
}

impl Server {
    async fn new_run(&self, experiment: &str, name: &str) -> Result<String> {
        let found = self.get("experiments/get-by-name", &[("experiment_name", experiment)]).await?;
        let id = match found.pointer("/experiment/experiment_id") {
            Some(id) => id.clone(),
            None => self.post("experiments/create", &json!({ "name": experiment })).await?["experiment_id"]
                .clone(),
        };
        let asked = json!({ "experiment_id": id, "run_name": name, "start_time": milliseconds() });
        let made = self.post("runs/create", &asked).await?;
        made.pointer("/run/info/run_id")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| self.fault(&format!("it answered {made}")))
    }

    /// An experiment that does not exist is an answer with an error code, not a failure.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let url = reqwest::Url::parse_with_params(&format!("{}/{path}", self.base), query)
            .map_err(|error| self.fault(&error.to_string()))?;
        let answer = self.http.get(url).send().await.map_err(|error| self.fault(&error.to_string()))?;
        answer.json().await.map_err(|error| self.fault(&error.to_string()))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.http.post(format!("{}/{path}", self.base)).json(body);
        let answer = request.send().await.map_err(|error| self.fault(&error.to_string()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.fault(&error.to_string()))?;
        if !status.is_success() {
            return Err(self.fault(&format!("{path}: {status} {text}")));
        }
        serde_json::from_str(&text).map_err(|_| self.fault(&format!("it answered {text}")))
    }

    fn fault(&self, why: &str) -> Error {
        let message = format!(
            "the MLflow server of [monitor.mlflow] cannot be used ({why}): is {} its address?",
            self.base.trim_end_matches("/api/2.0/mlflow")
        );
        Error::new(ErrorKind::Config, message)
    }
}

/// Sends what comes in, as many at once as have piled up, until the channel is closed.
async fn send(server: Server, run: String, mut inbox: UnboundedReceiver<Value>) {
    let mut waiting = Vec::new();
    while inbox.recv_many(&mut waiting, BATCH).await > 0 {
        let (metrics, ends): (Vec<Value>, Vec<Value>) =
            waiting.drain(..).partition(|one| one.get("key").is_some());
        let sent = async {
            if !metrics.is_empty() {
                server.post("runs/log-batch", &json!({ "run_id": run, "metrics": metrics })).await?;
            }
            if let Some(end) = ends.first() {
                let end = json!({ "run_id": run, "status": end["status"], "end_time": milliseconds() });
                server.post("runs/update", &end).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = sent.await {
            tracing::warn!(
                error = error.chain(),
                "numbers are no longer sent; they are all in the run's store"
            );
            return;
        }
    }
}

fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
