"""Prompt tuning against GEPA and DSPy in the simulated world, with the same enforced budget of calls for each.

    cargo build -p agentscope-tuner --bench prompt
    pip install gepa==0.1.4 dspy==3.4.1
    python agentscope-tuner/benches/peers/prompt_bench.py --ours target/debug/deps/prompt-HASH --seeds 5

Prints one line a run as JSON to `--log`, and the table of mean test scores at the end. A run whose line is in the log already
is not made again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from prompt_peers import Client, dspy_run, gepa, rollout
from prompt_world import FAMILIES, Handler, serve, world

TRAIN, EVAL, TEST = 50, 50, 200


def ours(binary, address, run, here, budget, train, val, test):
    with tempfile.TemporaryDirectory() as directory:
        asked = {
            "address": address, "run": run, "family": here.family, "seed": here.seed, "budget": budget,
            "train": train, "eval": val, "directory": directory,
        }
        done = subprocess.run([binary], input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    said = json.loads(done.stdout.splitlines()[-1])
    texts = {path.split(".")[1]: value["prompt"] for path, value in said["slots"].items()}
    prompts = {name: texts[name] for name in here.prompts}
    return tested(address, here, prompts, test), said["winner"] != "seed", said["headline"]


def tested(address, here, prompts, test):
    client = Client(address, "free", 0, f"{here.family}@{here.seed}")
    scored = [here.judge(row["question"], rollout(client, prompts, row["question"])[0])[0] for row in test]
    return sum(scored) / len(scored)


def one(options, address, system, family, budget, seed):
    here = world(family, str(seed))
    train, val, test = (here.rows(split, count) for split, count in (("train", TRAIN), ("eval", EVAL), ("heldout", TEST)))
    run, began, note = f"{system}-{family}-{budget}-{seed}", time.time(), ""
    # Peers evaluate all validation rows; where those would eat the budget they get fewer, as a user would give them.
    fewer = val[: min(EVAL, max(12, budget // (6 * len(here.prompts))))]
    client = Client(address, run, budget, f"{family}@{seed}")
    if system == "seed":
        score, changed = tested(address, here, here.prompts, test), False
    elif system == "ours":
        score, changed, note = ours(options.ours, address, run, here, budget, train, val, test)
    elif system == "gepa":
        prompts = gepa(here, client, train, fewer, seed)
        score, changed = tested(address, here, prompts, test), prompts != here.prompts
    else:
        score, changed = dspy_run(system, here, client, train, fewer, seed, test)
    answered, refused = Handler.counts.get(run, (0, 0))
    return {
        "system": system, "family": family, "budget": budget, "seed": seed, "score": score, "changed": changed,
        "calls": answered, "refused": refused, "seconds": round(time.time() - began, 1), "note": note,
    }


def table(lines, options):
    systems = [system for system in options.systems if any(line["system"] == system for line in lines)]
    print(f"| family | calls | {' | '.join(systems)} | seeds |\n|---|---|{'---|' * len(systems)}---|")
    for family in options.families:
        for budget in options.budgets:
            cells, seeds = [], set()
            for system in systems:
                own = [line for line in lines if (line["system"], line["family"], line["budget"]) == (system, family, budget)]
                seeds.add(len(own))
                cells.append(f"{statistics.mean(line['score'] for line in own):.3f}" if own else "")
            print(f"| {family} | {budget} | {' | '.join(cells)} | {min(seeds)} |")
    for system in systems:
        own = [line for line in lines if line["system"] == system]
        over = max(line["calls"] + line["refused"] - line["budget"] for line in own) if system != "seed" else 0
        kept = [not line["changed"] for line in own if line["family"] == "none"]
        print(f"{system}: most calls asked for beyond the budget {max(over, 0)}; seed returned without headroom {sum(kept)} of {len(kept)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", help="the bench program `prompt`")
    parser.add_argument("--log", default="prompt_bench.jsonl")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--families", type=lambda text: text.split(","), default=FAMILIES)
    parser.add_argument("--budgets", type=lambda text: [int(one) for one in text.split(",")], default=[100, 300, 600, 1200])
    parser.add_argument("--systems", type=lambda text: text.split(","), default=["seed", "ours", "gepa", "dspy-gepa", "mipro", "random-search"])
    options = parser.parse_args()
    lines = []
    if os.path.exists(options.log):
        lines = [json.loads(line) for line in open(options.log)]
    done = {(line["system"], line["family"], line["budget"], line["seed"]) for line in lines}
    address = serve()
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for family in options.families:
            for budget in options.budgets:
                for system in options.systems:
                    if (system, family, budget, seed) in done:
                        continue
                    line = one(options, address, system, family, budget, seed)
                    lines.append(line)
                    with open(options.log, "a") as log:
                        log.write(json.dumps(line) + "\n")
                    print(json.dumps(line), file=sys.stderr, flush=True)
    table(lines, options)


if __name__ == "__main__":
    main()
