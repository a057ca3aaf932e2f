"""Tasks through Trinity-RFT's own ``WorkflowRunner``, model wrapper and OpenAI client, to real programs; skipped without Trinity, or
where ``MATH_AGENT_BINARY`` names no build of ``examples/math-agent``.

The rollout model is vLLM where ``VLLM`` names its program, else the verb ``serve``: Trinity's own vLLM needs a GPU. The verb ``worker``
is the agent.
"""

import asyncio
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

pytest.importorskip("trinity.explorer.workflow_runner")
BINARY = os.environ.get("MATH_AGENT_BINARY", "")
pytestmark = pytest.mark.skipif(not BINARY, reason="MATH_AGENT_BINARY names no program of examples/math-agent")
EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "examples" / "math-agent"
TASK = {"question": "Ada has 2 apples and gets 3 more. How many apples does Ada have now?", "answer": "5"}


@contextmanager
def program(*arguments: str) -> Iterator[str]:
    """A verb that listens; its address."""
    command = [str(pathlib.Path(BINARY).resolve()), *arguments, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=EXAMPLE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("listening at "))
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def vllm(path: str, log: pathlib.Path) -> Iterator[str]:
    """vLLM on the CPU, with the example's model; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [path, "serve", str(EXAMPLE / "models" / "medium"), "--served-model-name", "tiny-medium", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--dtype", "float32", "--enforce-eager", "--logprobs-mode", "processed_logprobs"]
    command += ["--max-model-len", "256", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    added = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("w") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, env={**os.environ, **added}, start_new_session=True
        )
    try:
        until = time.monotonic() + 300
        while True:
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs a task several times as the explorer does."""
    from trinity.common.config import Config, InferenceModelConfig
    from trinity.common.models.allocator import Allocator
    from trinity.common.models.model import ModelWrapper
    from trinity.common.workflows.workflow import Task
    from trinity.explorer.workflow_runner import WorkflowRunner

    from agentscope_trainers.trinity import WorkerWorkflow

    path = os.environ.get("VLLM")
    rollout_model = vllm(path, tmp_path / "vllm.log") if path else program("serve", "tiny-medium")
    with rollout_model as served, program("worker", "--token-env", "WORKER_TOKEN") as worker:
        rollout = InferenceModelConfig(
            model_path="tiny-medium", engine_type="external", enable_openai_api=True, enable_history=True, max_response_tokens=48
        )
        wrapper = ModelWrapper(config=rollout, api_address=served.removesuffix("/v1"))
        # The explorer's models are actors of Ray; this one is found at its address.
        monkeypatch.setattr(Allocator, "get_model", lambda *_: wrapper)
        config = Config()
        config.explorer.rollout_model = rollout
        config.explorer.concurrent_mode = "asynchronous"

        def run(raw_task: dict[str, Any], times: int) -> tuple[Any, list[Any]]:
            task = Task(workflow=WorkerWorkflow, raw_task=raw_task, workflow_args={"worker_url": worker}, batch_id=1, task_id=2)
            runner = WorkflowRunner(config, 0)
            asyncio.run(runner.prepare())
            done = asyncio.run(runner._run_task(task, times, 0))
            return done.status, done.experiences

        yield run


def test_an_agent_of_a_worker_is_explored(run: Any) -> None:
    status, experiences = run(TASK, 8)
    assert status.ok and status.completed_runs == 8
    assert {experience.eid.run for experience in experiences} == set(range(8))
    for experience in experiences:
        length = len(experience.tokens) - experience.prompt_length
        assert length == len(experience.action_mask) == len(experience.logprobs) > 0
        assert experience.action_mask.any() and (experience.logprobs[experience.action_mask] <= 0).all()
    # It is asked with the temperature of training, so the answers differ, and some of them are right.
    assert len({tuple(experience.tokens.tolist()) for experience in experiences}) > 1
    assert {experience.reward for experience in experiences} <= {0.0, 1.0}


def test_an_agent_that_fails_before_it_asks_says_so(run: Any) -> None:
    status, experiences = run({"question": 1}, 2)
    assert not status.ok and experiences == []
    assert "the worker refused" in status.message
