//! `[ray]`: rollouts on a Ray cluster.

use std::{collections::BTreeMap, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;

use super::Config;

/// Where rollouts run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// In this process.
    #[default]
    Local,
    /// On the Ray cluster of `[ray]`.
    Ray,
}

/// Where embedded models answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decode {
    /// Where the rollouts run that ask them.
    #[default]
    Nodes,
    /// In the process that holds the run.
    Home,
}

/// `[ray]`: the cluster that rollouts run on with `run.engine = "ray"`, and what each worker there gets. A worker is a process of
/// this program that runs rollouts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct RayTable {
    /// `HOST:PORT` of the cluster's head, `ray://HOST:PORT`, or `auto` for the cluster that this machine belongs to; `auto` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A Python that has Ray in the version of the cluster; `python3` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// How many workers, at least 1; as many as the cluster has CPUs for when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Most rollouts that a worker has under way at once, at least 1; an equal share of `run.concurrency` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollouts: Option<usize>,
    /// CPUs that Ray sets aside for a worker, at least 0; 1 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// GPUs that Ray sets aside for a worker, at least 0; none when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<f64>,
    /// Other resources of the cluster that Ray sets aside for a worker, above 0 each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, f64>,
    /// Names of environment variables that workers get, such as those that hold keys of tools. Keys of models stay at home.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Files that workflows read or run, below the directory of this file; they get the same places in a worker's directory.
    /// Files that slots and judges name travel by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Where embedded models answer: on the `nodes`, to which every version of their weights is carried, or at `home`; `nodes` when
    /// unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decode>,
    /// Seconds that the cluster, and then the first worker, is waited for, above 0; 120 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
}

impl RayTable {
    /// Every value that cannot be.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (key, value) in [("workers", self.workers), ("rollouts", self.rollouts)] {
            faults.extend((value == Some(0)).then(|| format!("{key} is 0, but must be at least 1")));
        }
        for (key, value) in [("cpus", self.cpus), ("gpus", self.gpus)] {
            let wrong = value.filter(|value| !(value.is_finite() && *value >= 0.0));
            faults.extend(wrong.map(|value| format!("{key} is {value}, but must be at least 0")));
        }
        let seconds = self.timeout.filter(|value| !(0.0 < *value && *value <= MOST_SECONDS));
        faults.extend(seconds.map(|value| {
            format!("timeout is {value}, but must be a number of seconds above 0 and at most {MOST_SECONDS}")
        }));
        let resources = self.resources.iter().filter(|(_, value)| !(value.is_finite() && **value > 0.0));
        faults.extend(
            resources.map(|(name, value)| format!("resources.{name} is {value}, but must be above 0")),
        );
        let outside = self.files.iter().filter(|path| !is_below(path));
        faults.extend(outside.map(|path| {
            format!(
                "files names `{path}`, but a file must lie below the directory of tuner.toml: copy it there"
            )
        }));
        faults
    }
}

/// A day.
const MOST_SECONDS: f64 = 86_400.0;

/// Whether a path leads to something below the directory that it starts at.
fn is_below(path: &str) -> bool {
    use std::path::Component::{CurDir, Normal};
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Normal(_) | CurDir))
}

impl Config {
    /// The files below the directory of the settings that a worker on another machine needs: those that `[ray]` lists, and
    /// those that slots, candidates and judges name. What lies elsewhere is returned as a fault.
    pub(crate) fn travelling_files(&self) -> Result<Vec<String>, Vec<String>> {
        let mut named = Vec::new();
        for table in self.file.slots.values() {
            named.extend(table.values().filter_map(prompt_file));
        }
        let judges = self.file.judges.values().flat_map(schema_files);
        named.extend(judges);
        let outside: Vec<_> = named
            .iter()
            .filter(|path| !is_below(path))
            .map(|path| format!("`{path}` is named by a slot or judge, but does not lie below the directory of tuner.toml, so that workers have no place for it: copy it there"))
            .collect();
        if !outside.is_empty() {
            return Err(outside);
        }
        let mut all: Vec<_> =
            self.file.ray.files.iter().map(String::as_str).chain(named).map(str::to_owned).collect();
        all.sort();
        all.dedup();
        Ok(all)
    }
}

/// The file of a prompt, `{ file = "…" }`.
fn prompt_file(value: &Value) -> Option<&str> {
    value.as_table()?.get("file")?.as_str()
}

/// The files of a judge's JSON schema, also where judges are parts of another one.
fn schema_files(judge: &toml::Table) -> Vec<&str> {
    let own = judge.get("schema").and_then(Value::as_str);
    let parts = judge.values().filter_map(Value::as_array).flatten().filter_map(Value::as_table);
    own.into_iter().chain(parts.flat_map(schema_files)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> crate::error::Result<Config> {
        Config::parse(text, "tuner.toml", "".into(), None, &[])
    }

    #[test]
    fn every_fault_is_told() {
        let text = "[ray]\nworkers = 0\nrollouts = 0\ncpus = -1\ngpus = nan\ntimeout = 0\nfiles = [\"../key\", \"/etc/passwd\"]\nresources = { a = 0 }";
        let error = read(text).unwrap_err().to_string();
        for word in [
            "workers is 0",
            "rollouts is 0",
            "cpus is -1",
            "gpus is NaN",
            "timeout is 0",
            "`../key`",
            "`/etc/passwd`",
            "resources.a is 0",
        ] {
            assert!(error.contains(word), "{word}: {error}");
        }
        assert!(read("[ray]\nadress = \"auto\"").unwrap_err().to_string().contains("unknown"));
    }

    #[test]
    fn files_that_are_named_travel() {
        let text = r#"
            [ray]
            files = ["agent.py", "prompts/b.txt"]
            [slots.solve]
            system = { file = "prompts/b.txt" }
            model = "small"
            [judges.form]
            kind = "json-schema"
            schema = "form.json"
            [judges.all]
            kind = "weighted"
            parts = [{ kind = "json-schema", schema = "part.json" }, { kind = "exact" }]
        "#;
        let files = read(text).unwrap().travelling_files().unwrap();
        assert_eq!(files, ["agent.py", "form.json", "part.json", "prompts/b.txt"]);
        let outside = read("[slots.solve]\nsystem = { file = \"../b.txt\" }").unwrap();
        assert!(outside.travelling_files().unwrap_err()[0].contains("../b.txt"));
    }
}
