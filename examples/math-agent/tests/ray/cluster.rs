//! A real cluster of several raylets on this machine: `RAY_PYTHON` names a Python that has Ray.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    place::{Place, kill},
    scene::{Scene, all_are_gone, kill_a_worker, one_is_gone},
    strategies::{trains_as_on_one_machine, trains_where_a_server_samples, tunes_prompts_as_on_one_machine},
};

/// A cluster that ends with this.
struct Cluster {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Cluster {
    fn start(python: &str, nodes: usize) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ray/cluster.py");
        let mut child = Command::new(python)
            .args([script, &nodes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let is_address = |line: &String| line.starts_with("{\"address\"");
        let first = output.by_ref().map(Result::unwrap).find(is_address).expect("the cluster did not start");
        let first: Value = serde_json::from_str(&first).unwrap();
        Self { child, input, output, address: first["address"].as_str().unwrap().to_owned() }
    }

    /// Lets the cluster do something, to its end.
    fn does(&mut self, what: &str) {
        writeln!(self.input.as_ref().unwrap(), "{what}").unwrap();
        assert!(self.output.by_ref().map(Result::unwrap).any(|line| line == "done"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn a_cluster_comes_to_the_same_whatever_dies() {
    let Ok(python) = std::env::var("RAY_PYTHON") else {
        return eprintln!("skipped: RAY_PYTHON names no Python that has Ray");
    };
    let mut cluster = Cluster::start(&python, 3);
    let scene = Scene::new(Duration::from_millis(60));
    let place = Place::cluster(&python, &cluster.address, "cluster");
    scene.survives(&place, || {});
    all_are_gone(&place);
    eprintln!("the same on a cluster");

    let place = place.marked("cluster-worker");
    scene.survives(&place, || kill_a_worker(&place));
    eprintln!("the same when a worker was killed");

    let place = place.marked("cluster-node");
    // Long enough for Ray to notice.
    let slow = Scene::new(Duration::from_millis(500));
    slow.survives(&place, || {
        let workers = place.workers();
        cluster.does("kill");
        one_is_gone(&place, &workers);
    });
    eprintln!("the same when a node was killed");
    cluster.does("add");

    let place = place.marked("cluster-driver");
    scene.is_resumed(&place, |_| place.drivers().into_iter().for_each(kill));
    eprintln!("the same when the driver was killed and the run resumed");

    let place = place.marked("cluster-home");
    scene.is_resumed(&place, |running| running.child.kill().unwrap());
    eprintln!("the same when the program was killed and resumed");

    trains_as_on_one_machine(&place.marked("cluster-weights"));
    trains_where_a_server_samples(&place.marked("cluster-sampler"));
    tunes_prompts_as_on_one_machine(&place.marked("cluster-prompt"));
    eprintln!("the same prompt and the same weights");
}
