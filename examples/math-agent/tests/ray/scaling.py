"""How rollouts scale over the nodes of a Ray cluster, and what the cluster adds to each.

    RAY_PYTHON=V/bin/python; cargo build -p math-agent
    $RAY_PYTHON examples/math-agent/tests/ray/scaling.py target/debug/math-agent

Each node is a raylet of this machine with one CPU and one worker. `sleeps` is a workflow that waits 0.2 s, sixteen of which are
under way on each node; `computes` is one that keeps a core busy, one on each node. `asks` is the workflow of math-agent with a
scripted model, which takes no time: what is left is the way to a node and back. A run of few rows is subtracted from one of
many, so that joining the cluster is not counted; it is shown apart.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from ray.cluster_utils import Cluster

SETTINGS = """
[dataset]
eval = { path = "rows.jsonl" }
[workflows.sleeps]
command = ["sh", "-c", "sleep 0.2; echo done"]
slots = {}
[workflows.computes]
command = ["awk", "BEGIN { for (i = 0; i < 6000000; i++) s += i; print s }"]
slots = {}
[judges.done]
kind = "contains"
field = "answer"
"""


def timed(program, directory, arguments):
    began = time.monotonic()
    done = subprocess.run([program, *arguments], cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return time.monotonic() - began


def of_one(program, directory, arguments, few, many):
    """Seconds of a rollout in a run, and of the run before its first one; the median of three."""
    both = []
    for _ in range(3):
        short = timed(program, directory, ["--limit", str(few), *arguments])
        long = timed(program, directory, ["--limit", str(many), *arguments])
        each = (long - short) / (many - few)
        both.append((each, short - few * each))
    return sorted(both)[1]


def main():
    program = os.path.abspath(sys.argv[1])
    math_agent = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "tuner.toml"), "w") as out:
            out.write(SETTINGS)
        with open(os.path.join(directory, "rows.jsonl"), "w") as out:
            out.writelines(json.dumps({"question": f"{row}?", "answer": ""}) + "\n" for row in range(2000))
        kept = ["--set", f"run.directory={directory}/runs"]
        sleeps = ["--workflow", "sleeps", "--judge", "done", "eval", *kept]
        computes = ["--workflow", "computes", "--judge", "done", "eval", *kept]
        asks = ["--set", "slots.solve.model=small", "eval", *kept]
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 300 << 20})
        ray = ["--engine", "ray", "--set", f"ray.address={cluster.address}", "--set", f"ray.python={sys.executable}"]
        print("| where | sleeps, rollouts/s | computes, rollouts/s | asks, ms a rollout | before the first rollout, s |")
        print("|---|---|---|---|---|")
        nodes = 0
        for wanted in (0, 1, 2, 4):
            while nodes < wanted:
                cluster.add_node(num_cpus=1, object_store_memory=300 << 20)
                nodes += 1
            cluster.wait_for_nodes()
            where = [] if wanted == 0 else ray
            width = max(1, wanted)
            slept, _ = of_one(program, directory, [*where, "--concurrency", str(16 * width), *sleeps], 32 * width, 192 * width)
            computed, _ = of_one(program, directory, [*where, "--concurrency", str(width), *computes], 2 * width, 10 * width)
            asked, start = of_one(program, math_agent, [*where, "--concurrency", str(16 * width), *asks], 20, 200)
            name = "one process" if wanted == 0 else f"{wanted} node{'s' if wanted > 1 else ''}"
            print(f"| {name} | {1 / slept:.0f} | {1 / computed:.1f} | {1000 * asked:.1f} | {start:.1f} |", flush=True)
        cluster.shutdown()


main()
