//! From `[ray]` to what is asked of a cluster.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{Config, Decode, EngineName},
    error::{Error, ErrorKind, Result},
    rollout::remote::{File, RayOptions},
};

/// How long a cluster is waited for when nothing else is said.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a worker is: this program, with a file at the end that its starter names.
const ARGUMENTS: [&str; 2] = ["rollout", "--work-for"];

/// What the settings ask of a Ray cluster; `None` where rollouts run in this process.
///
/// # Errors
/// [`ErrorKind::Config`] with every variable that is not set and every file that is not there.
pub(crate) fn ray_options(config: &Config) -> Result<Option<RayOptions>> {
    if config.file.run.engine.unwrap_or_default() == EngineName::Local {
        return Ok(None);
    }
    let table = &config.file.ray;
    let (env, unset) = environment(&table.env);
    let (files, missing) = match config.travelling_files() {
        Ok(paths) => files(config, &paths),
        Err(outside) => (Vec::new(), outside),
    };
    let faults: Vec<_> = unset.into_iter().chain(missing).collect();
    if !faults.is_empty() {
        return Err(Error::new(ErrorKind::Config, faults.join("\n")));
    }
    Ok(Some(RayOptions {
        address: table.address.clone().unwrap_or_else(|| "auto".to_owned()),
        python: table.python.clone().unwrap_or_else(|| "python3".to_owned()),
        workers: table.workers,
        rollouts: table.rollouts,
        cpus: table.cpus.unwrap_or(1.0),
        gpus: table.gpus.unwrap_or(0.0),
        resources: table.resources.clone(),
        env,
        program: std::env::current_exe()?,
        arguments: ARGUMENTS.map(str::to_owned).to_vec(),
        files,
        decodes: table.decode.unwrap_or_default() == Decode::Nodes,
        patience: table.timeout.map_or(PATIENCE, Duration::from_secs_f64),
    }))
}

fn environment(names: &[String]) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut env, mut faults) = (BTreeMap::new(), Vec::new());
    for name in names {
        match std::env::var(name) {
            Ok(value) => _ = env.insert(name.clone(), value),
            Err(_) => faults.push(format!(
                "ray.env names {name}, which is not set here: set it, or take it off the list"
            )),
        }
    }
    (env, faults)
}

fn files(config: &Config, paths: &[String]) -> (Vec<File>, Vec<String>) {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        let from = config.resolve(path);
        match std::fs::metadata(&from) {
            Ok(found) if found.is_file() => {
                files.push(File { mode: mode(&found), path: path.clone(), from });
            }
            Ok(_) => faults.push(format!("ray.files: {} is no file: name the files in it", from.display())),
            Err(error) => faults.push(format!("ray.files: cannot read {}: {error}", from.display())),
        }
    }
    (files, faults)
}

/// What its owner may do with a file there is what they may do here; nobody else may do anything.
#[cfg(unix)]
fn mode(found: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    found.mode() & 0o700
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0o600
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_before_anything_is_started() {
        let text = "[run]\nengine = \"ray\"\n[ray]\nenv = [\"NOT_SET_ANYWHERE\"]\nfiles = [\"gone.txt\"]";
        let config = Config::parse(text, "tuner.toml", "".into(), None, &[]).unwrap();
        let error = ray_options(&config).unwrap_err().to_string();
        assert!(error.contains("NOT_SET_ANYWHERE") && error.contains("gone.txt"), "{error}");
        let local = text.replace("\"ray\"", "\"local\"");
        let config = Config::parse(&local, "tuner.toml", "".into(), None, &[]).unwrap();
        assert!(ray_options(&config).unwrap().is_none());
    }
}
