"""TRL for real, on the CPU: opt in with the path of the built example in ``ADDITION_BINARY``; it takes some minutes."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

BINARY = os.environ.get("ADDITION_BINARY")


@pytest.mark.skipif(not BINARY, reason="ADDITION_BINARY names no program of examples/addition")
def test_a_model_learns_to_add_through_a_worker() -> None:
    script = pathlib.Path(__file__).with_name("learning.py")
    done = subprocess.run([sys.executable, script, BINARY], check=True, stdout=subprocess.PIPE, text=True)
    came = json.loads(done.stdout.splitlines()[-1])
    assert came["after"] > came["before"] + 0.1, came
    assert came["rewards"][-1] > came["rewards"][0] + 0.05, came
