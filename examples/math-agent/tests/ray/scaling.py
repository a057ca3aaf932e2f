"""How rollouts scale over the nodes of a Ray cluster, and what the cluster adds to each.

    RAY_PYTHON=V/bin/python; cargo build --release -p math-agent
    $RAY_PYTHON examples/math-agent/tests/ray/scaling.py target/release/math-agent

Each node is a raylet of this machine with one CPU and one worker. `sleeps` is a workflow that waits 0.2 s, sixteen of which are
under way on each node; `computes` is one that keeps a core busy, one on each node. `asks` is the workflow of math-agent with a
scripted model, which takes no time: what is left is the way to a node and back. A run of few rows is subtracted from one of
many, so that joining the cluster is not counted; it is shown apart. The lines of one process, with as many at once as so many
nodes have, say what the machine can do at best.
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

MATH_AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def timed(program, directory, arguments):
    began = time.monotonic()
    done = subprocess.run([program, *arguments], cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return time.monotonic() - began


def of_one(program, directory, arguments, few, many, repeats=1):
    """Seconds of a rollout in a run, and of the run before its first one; the median of three."""
    both = []
    for _ in range(3):
        short = timed(program, directory, [*arguments, "--limit", str(few)])
        long = timed(program, directory, [*arguments, "--limit", str(many), "--repeats", str(repeats)])
        each = (long - short) / (many * repeats - few)
        both.append((each, short - few * each))
    return sorted(both)[1]


def line(name, program, directory, where, width):
    """One line of the table: `width` workers, or as many at once in one process."""
    kept = ["--set", f"run.directory={directory}/runs", *where, "--concurrency"]
    sleeps = ["--workflow", "sleeps", "--judge", "done", "eval", *kept, str(16 * width)]
    computes = ["--workflow", "computes", "--judge", "done", "eval", *kept, str(width)]
    asks = ["--set", "slots.solve.model=small", "eval", *kept, str(16 * width)]
    slept, _ = of_one(program, directory, sleeps, 32 * width, 512 * width)
    computed, _ = of_one(program, directory, computes, 4 * width, 64 * width)
    asked, start = of_one(program, MATH_AGENT, asks, 20, 200, repeats=20)
    over = 1000 * (16 * width * slept - 0.2)
    print(f"| {name} | {1 / slept:.0f} | {over:.0f} | {1 / computed:.1f} | {1000 * asked:.2f} | {start:.1f} |", flush=True)


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "tuner.toml"), "w") as out:
            out.write(SETTINGS)
        with open(os.path.join(directory, "rows.jsonl"), "w") as out:
            out.writelines(json.dumps({"question": f"{row}?", "answer": ""}) + "\n" for row in range(3000))
        print("| where | sleeps, rollouts/s | beyond its 0.2 s, ms | computes, rollouts/s | asks, ms a rollout | before the first rollout, s |")
        print("|---|---|---|---|---|---|")
        for width in (1, 2, 4):
            line(f"one process, as {width} node{'s' if width > 1 else ''}", program, directory, [], width)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 300 << 20})
        ray = ["--engine", "ray", "--set", f"ray.address={cluster.address}", "--set", f"ray.python={sys.executable}"]
        nodes = 0
        for wanted in (1, 2, 4):
            while nodes < wanted:
                cluster.add_node(num_cpus=1, object_store_memory=300 << 20)
                nodes += 1
            cluster.wait_for_nodes()
            line(f"{wanted} node{'s' if wanted > 1 else ''}", program, directory, ray, wanted)
        cluster.shutdown()


main()
