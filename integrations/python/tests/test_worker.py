"""The client of the verb ``worker``."""

import pytest
from fakes import worker

from agentscope_trainers import Rollout, Worker, WorkerError


def test_a_missing_token_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKER_TOKEN")
    with pytest.raises(WorkerError, match="WORKER_TOKEN"):
        Worker("http://127.0.0.1:9/rollout").rollout({}, base_url="", key="")


def test_a_worker_that_is_not_there_is_said_so() -> None:
    with pytest.raises(WorkerError, match="no worker answers"):
        Worker("http://127.0.0.1:9/rollout", retries=0).rollout({}, base_url="", key="")


def test_a_refusal_keeps_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker(lambda task, ask: {}) as environment:
        monkeypatch.setenv("WORKER_TOKEN", "wrong")
        with pytest.raises(WorkerError, match="401"):
            environment.rollout({}, base_url="", key="")


@pytest.mark.parametrize(
    ("status", "reward", "trained"),
    [("scored", 0.5, 0.5), ("task-failed", None, -1.0), ("infrastructure-failed", None, None), ("judge-failed", None, None)],
)
def test_only_the_agents_own_failure_is_punished(status: str, reward: float | None, trained: float | None) -> None:
    assert Rollout.from_record({"status": status, "reward": reward}).reward_or(-1.0) == trained
