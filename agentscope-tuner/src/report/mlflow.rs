//! MLflow's tracking server, through its REST interface.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

use crate::error::{Error, ErrorKind, Result};

/// Most metrics of one request, by MLflow's own limit.
const BATCH: usize = 1000;
/// Most parameters of one request, and most characters of a value, by the same.
const PARAMETERS: usize = 100;
const VALUE: usize = 6000;
/// A server that takes longer for an answer is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pauses before the numbers that failed to arrive are sent once more.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(8)];

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
    /// Begins a run called `name` in `experiment`, which is made if there is none, with these parameters; goes on with
    /// `run`, where its id is given.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the server does not answer as MLflow does.
    pub async fn begin(
        url: &str,
        experiment: &str,
        name: &str,
        parameters: &[(String, String)],
        run: Option<String>,
    ) -> Result<Self> {
        let base = format!("{}/api/2.0/mlflow", url.trim_end_matches('/'));
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap_or_default();
        let server = Server { http, base };
        let run = match run {
            Some(run) => {
                server.post("runs/update", &json!({ "run_id": run, "status": "RUNNING" })).await?;
                run
            }
            None => {
                let run = server.new_run(experiment, name).await?;
                server.describe(&run, parameters).await?;
                run
            }
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

    async fn describe(&self, run: &str, parameters: &[(String, String)]) -> Result<()> {
        for some in parameters.chunks(PARAMETERS) {
            let short = |text: &str| text.chars().take(VALUE).collect::<String>();
            let some: Vec<_> =
                some.iter().map(|(key, value)| json!({ "key": key, "value": short(value) })).collect();
            self.post("runs/log-batch", &json!({ "run_id": run, "params": some })).await?;
        }
        Ok(())
    }

    /// [`post`](Self::post), and again where that fails: a server may be restarted during a long run.
    async fn insist(&self, path: &str, body: &Value) -> Result<Value> {
        for pause in PAUSES {
            match self.post(path, body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => tracing::debug!(error = error.chain(), "MLflow is asked again"),
            }
            tokio::time::sleep(pause).await;
        }
        self.post(path, body).await
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
                server.insist("runs/log-batch", &json!({ "run_id": run, "metrics": metrics })).await?;
            }
            if let Some(end) = ends.first() {
                let end = json!({ "run_id": run, "status": end["status"], "end_time": milliseconds() });
                server.insist("runs/update", &end).await?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::{Arc, Mutex};

    use axum::{Json, Router, extract::State, http::StatusCode, routing::any};

    use super::*;

    type Heard = Arc<Mutex<Vec<(String, Value)>>>;

    /// Answers as MLflow's documentation says, but fails the first batch of numbers.
    async fn answer(
        State(heard): State<Heard>,
        uri: axum::http::Uri,
        body: Option<Json<Value>>,
    ) -> (StatusCode, Json<Value>) {
        let path = uri.path().rsplit_once("mlflow/").unwrap().1.to_owned();
        let body = body.map(|Json(body)| body).unwrap_or_default();
        let mut heard = heard.lock().unwrap();
        let first =
            body.get("metrics").is_some() && !heard.iter().any(|(_, one)| one.get("metrics").is_some());
        heard.push((path.clone(), body));
        match &*path {
            "experiments/get-by-name" => {
                (StatusCode::NOT_FOUND, Json(json!({ "error_code": "RESOURCE_DOES_NOT_EXIST" })))
            }
            _ if first => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({}))),
            "experiments/create" => (StatusCode::OK, Json(json!({ "experiment_id": "7" }))),
            "runs/create" => (StatusCode::OK, Json(json!({ "run": { "info": { "run_id": "abc" } } }))),
            _ => (StatusCode::OK, Json(json!({}))),
        }
    }

    #[tokio::test]
    async fn numbers_that_did_not_arrive_are_sent_again() {
        let heard = Heard::default();
        let router = Router::new().fallback(any(answer)).with_state(Arc::clone(&heard));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let parameters: Vec<_> = (0..150).map(|n| (format!("p{n}"), "x".repeat(7000))).collect();
        let run = MlFlow::begin(&url, "sums", "one", &parameters, None).await.unwrap();
        assert_eq!(run.run(), "abc");
        run.log(3, &[("reward".to_owned(), 0.5), ("loss".to_owned(), f64::NAN)]);
        run.finish(true).await;

        let heard = heard.lock().unwrap();
        let of =
            |path: &str| heard.iter().filter(|(at, _)| at == path).map(|(_, body)| body).collect::<Vec<_>>();
        assert_eq!(of("runs/create")[0]["experiment_id"], "7");
        let [first, second, failed, again] = of("runs/log-batch")[..] else { panic!("{heard:?}") };
        assert_eq!(first["params"].as_array().unwrap().len(), 100);
        assert_eq!(second["params"][49]["key"], "p149");
        assert_eq!(second["params"][49]["value"].as_str().unwrap().len(), 6000);
        assert_eq!(failed, again);
        let [number] = &again["metrics"].as_array().unwrap()[..] else { panic!("{again}") };
        assert_eq!(
            (&number["key"], &number["value"], &number["step"]),
            (&json!("reward"), &json!(0.5), &json!(3))
        );
        assert_eq!(of("runs/update")[0]["status"], "FINISHED");
    }

    #[tokio::test]
    async fn an_address_without_a_server_is_named() {
        let error = MlFlow::begin("http://127.0.0.1:9", "sums", "one", &[], None).await.unwrap_err();
        assert!(error.to_string().contains("is http://127.0.0.1:9 its address?"), "{error}");
    }
}
