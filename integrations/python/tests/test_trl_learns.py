"""TRL for real, on the CPU: opt in with the path of the built example in ``ADDITION_BINARY``; it takes some minutes."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

BINARY = os.environ.get("ADDITION_BINARY", "")
pytestmark = pytest.mark.skipif(not BINARY, reason="ADDITION_BINARY names no program of examples/addition")


def learnt(*arguments: str) -> dict[str, Any]:
    script = pathlib.Path(__file__).with_name("learning.py")
    # Of vLLM: gigabytes for keys and values, and no word to its makers.
    added = {"PYTHONPATH": str(script.parents[1] / "src"), "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment = {**os.environ, **added}
    command = [sys.executable, str(script), BINARY, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_model_learns_to_add_through_a_worker() -> None:
    came = learnt()
    assert came["after"] > came["before"] + 0.1, came
    assert came["rewards"][-1] > came["rewards"][0] + 0.05, came


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_a_model_learns_to_add_sampled_by_vllm() -> None:
    came = learnt("--vllm", "--warm-steps", "230")
    assert came["after"] > came["before"] + 0.1, came
    assert came["rewards"][-1] > came["rewards"][0] + 0.03, came
