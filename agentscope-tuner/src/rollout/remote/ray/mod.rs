//! A crew on a Ray cluster. Ray places the workers, ships the program and notices what dies; a script in Python, which this
//! program carries with it, speaks with Ray.

mod process;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use self::process::{Driver, Said};
use super::{
    Crew, ToWorker,
    carrier::{Carrier, File},
    wire::line,
};
use crate::{
    error::{Error, ErrorKind, Result},
    rollout::Engine,
};

/// Where the cluster is, and what to ask of it.
#[derive(Clone, Debug)]
pub(crate) struct RayOptions {
    /// `HOST:PORT`, `ray://HOST:PORT`, or `auto` for the cluster that this machine belongs to.
    pub(crate) address: String,
    /// A Python with the cluster's version of Ray.
    pub(crate) python: String,
    /// How many workers; as many as there are CPUs for when unset.
    pub(crate) workers: Option<usize>,
    /// Most rollouts that a worker has at once; an equal share of the run's concurrency when unset.
    pub(crate) rollouts: Option<usize>,
    /// CPUs of a worker.
    pub(crate) cpus: f64,
    /// GPUs of a worker.
    pub(crate) gpus: f64,
    /// Other resources of a worker.
    pub(crate) resources: BTreeMap<String, f64>,
    /// Environment variables that workers get.
    pub(crate) env: BTreeMap<String, String>,
    /// The program that nodes run, and its arguments.
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// What else they get.
    pub(crate) files: Vec<File>,
    /// Whether embedded models answer where rollouts run; else at home.
    pub(crate) decodes: bool,
    /// How long the cluster, and then the first worker, is waited for.
    pub(crate) patience: Duration,
}

/// Where weights are written on their way to the workers, in the run's directory.
const WEIGHTS: &str = "ray-weights";
/// The name of the program in a worker's directory.
const PROGRAM: &str = ".program";

/// Starts workers for the rollouts of `engine` and waits for the first one. The script and what it and Ray say are kept in
/// `directory`; the settings of the workers are `config`.
///
/// # Errors
/// [`ErrorKind::Config`] without a Python that has Ray, [`ErrorKind::Io`] when the cluster does not answer in time,
/// [`ErrorKind::Other`] when no worker comes to work.
pub(crate) async fn connect(
    options: &RayOptions,
    engine: &Engine,
    config: &str,
    directory: &Path,
) -> Result<Fleet> {
    let setup = line(&ToWorker::Setup(Box::new(Crew::setup(engine, config))))?;
    let (driver, mut said) = Driver::start(&options.python, directory)?;
    driver.say(&Order::Start(Box::new(Start::new(options, engine.concurrency(), setup))));
    let address = &options.address;
    let workers = tokio::time::timeout(options.patience, said.connected()).await.map_err(|_| {
        let message = format!(
            "the Ray cluster at {address} did not answer within {} s: is it up, and is ray.address right? More time: ray.timeout; what Ray said: {}",
            options.patience.as_secs(),
            driver.log().display()
        );
        Error::new(ErrorKind::Io, message)
    })??;
    let room = options.rollouts.unwrap_or(engine.concurrency().div_ceil(workers.max(1)));
    let driver = Arc::new(driver);
    let policies = options.decodes.then(|| directory.join(WEIGHTS));
    let crew = Crew::new(engine, Arc::clone(&driver) as Arc<dyn Carrier>, room, policies);
    let tasks = tokio::spawn(attend(said, Arc::clone(&crew)));
    let fleet = Fleet { crew, driver, tasks, weights: directory.join(WEIGHTS) };
    tokio::time::timeout(options.patience, fleet.crew.assembled()).await.map_err(|_| {
        let message = format!(
            "no worker came to work within {} s: has the cluster the CPUs, GPUs and resources that a worker asks for (`ray status`)? More time: ray.timeout; what Ray said: {}",
            options.patience.as_secs(),
            fleet.driver.log().display()
        );
        Error::new(ErrorKind::Other, message)
    })??;
    Ok(fleet)
}

/// A crew with what keeps it.
#[derive(Debug)]
pub(crate) struct Fleet {
    crew: Arc<Crew>,
    driver: Arc<Driver>,
    tasks: tokio::task::JoinHandle<()>,
    weights: PathBuf,
}

impl Fleet {
    /// Who runs rollouts.
    pub(crate) fn crew(&self) -> Arc<Crew> {
        Arc::clone(&self.crew)
    }

    /// Sends everybody home.
    pub(crate) async fn disband(self) {
        self.tasks.abort();
        self.driver.stop().await;
        if let Err(error) = std::fs::remove_dir_all(&self.weights)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "weights of the workers are left in {}", self.weights.display());
        }
    }
}

/// Passes on what the driver says.
async fn attend(mut said: Said, crew: Arc<Crew>) {
    let hear = async {
        loop {
            match said.next().await {
                Ok(process::News::Up { worker, node }) => {
                    tracing::info!(worker, node, "a worker was started");
                    crew.joined(worker);
                }
                Ok(process::News::Lines { worker, lines }) => {
                    lines.iter().for_each(|line| crew.hear(worker, line));
                }
                Ok(process::News::Lost { worker, why }) => crew.lost(worker, &why),
                Ok(process::News::Connected { .. } | process::News::Fatal { .. }) => {}
                Err(error) => return crew.close(&error),
            }
        }
    };
    tokio::select! {
        () = hear => {}
        never = crew.watch() => match never {},
    }
}

/// What the driver is told.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Start(Box<Start>),
    Send {
        worker: u64,
        line: String,
    },
    End {
        worker: u64,
    },
    #[cfg(feature = "embedded")]
    Share {
        name: String,
        files: Vec<File>,
        forget: Option<String>,
    },
}

#[derive(Serialize)]
struct Start {
    address: String,
    workers: Option<usize>,
    /// Most workers that are of use.
    most: usize,
    cpus: f64,
    gpus: f64,
    resources: BTreeMap<String, f64>,
    env: BTreeMap<String, String>,
    program: &'static str,
    arguments: Vec<String>,
    files: Vec<File>,
    setup: String,
}

impl Start {
    fn new(options: &RayOptions, most: usize, setup: String) -> Self {
        let RayOptions { address, workers, cpus, gpus, resources, env, arguments, .. } = options.clone();
        let mut files = options.files.clone();
        files.push(File { from: options.program.clone(), path: PROGRAM.to_owned(), mode: 0o700 });
        Self { address, workers, most, cpus, gpus, resources, env, program: PROGRAM, arguments, files, setup }
    }
}
