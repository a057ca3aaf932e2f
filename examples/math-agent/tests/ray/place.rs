//! Where the rollouts of a test run.

use std::{fs, process::Command};

/// A variable by which the processes of a test know each other.
const MARK: &str = "RAY_TEST_MARK";

/// A place to run rollouts, and a name that its processes carry.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    python: String,
    address: String,
    mark: String,
    /// How the module in the place of Ray is to fail; `None` for the real one.
    stand_in: Option<String>,
}

impl Place {
    /// The module in the place of Ray, which fails as `how` says; `None` where there is no Python.
    pub(crate) fn stand_in(mark: &str, how: &str) -> Option<Self> {
        let there = Command::new("python3").arg("--version").output().is_ok_and(|done| done.status.success());
        if !there {
            eprintln!("skipped: there is no python3");
            return None;
        }
        let (python, address) = ("python3".to_owned(), "auto".to_owned());
        Some(Self { python, address, mark: unique(mark), stand_in: Some(how.to_owned()) })
    }

    /// A real cluster.
    pub(crate) fn cluster(python: &str, address: &str, mark: &str) -> Self {
        let (python, address) = (python.to_owned(), address.to_owned());
        Self { python, address, mark: unique(mark), stand_in: None }
    }

    /// The same with another mark, for another run.
    pub(crate) fn marked(&self, mark: &str) -> Self {
        Self { mark: unique(mark), ..self.clone() }
    }

    /// Sends the rollouts of `program` here.
    pub(crate) fn sends(&self, program: &mut Command) {
        program.args(["--engine", "ray"]);
        program.args(["--set", &format!("ray.python={}", self.python)]);
        program.args(["--set", &format!("ray.address={}", self.address)]);
        program.args(["--set", &format!("ray.env=[\"{MARK}\"]")]).env(MARK, &self.mark);
        if let Some(how) = &self.stand_in {
            let module = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ray/stand-in");
            program.env("PYTHONPATH", module).env("STAND_IN_RAY", how);
        }
    }

    /// The worker processes of this place's runs.
    pub(crate) fn workers(&self) -> Vec<u32> {
        self.processes("--work-for")
    }

    /// The drivers of this place's runs.
    pub(crate) fn drivers(&self) -> Vec<u32> {
        self.processes("ray-driver.py")
    }

    fn processes(&self, word: &str) -> Vec<u32> {
        let mark = format!("{MARK}={}", self.mark);
        let has = |path: &std::path::Path, file: &str, text: &str| {
            let read = fs::read(path.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&read).split('\0').any(|part| part.contains(text))
        };
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        all.filter(|path| has(path, "cmdline", word) && has(path, "environ", &mark))
            .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
            .collect()
    }
}

/// Ends a process without a word.
pub(crate) fn kill(process: u32) {
    Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
}

fn unique(mark: &str) -> String {
    format!("{mark}-{}", std::process::id())
}
