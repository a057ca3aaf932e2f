"""A client of the verb ``worker``: one HTTP call is one rollout."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any


class WorkerError(RuntimeError):
    """The worker could not be asked, or refused what it was asked."""


@dataclass(frozen=True)
class Rollout:
    """What came of one rollout."""

    status: str
    """``scored``, ``task-failed``, ``infrastructure-failed`` or ``judge-failed``."""
    reward: float | None
    """The judge's reward; ``None`` when there is none."""
    metrics: dict[str, float] = field(default_factory=dict)
    response: Any = None
    error: str | None = None

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Rollout:
        """Reads the record that a worker answers with."""
        error = record.get("error")
        return cls(
            status=record["status"],
            reward=record.get("reward"),
            metrics=record.get("metrics") or {},
            response=record.get("response"),
            error=error if error is None or isinstance(error, str) else json.dumps(error),
        )

    def reward_or(self, failed: float) -> float | None:
        """The reward to train on: ``failed`` where the agent failed, ``None`` where it is not to blame."""
        if self.status == "scored":
            return self.reward
        return failed if self.status == "task-failed" else None


@dataclass(frozen=True)
class Worker:
    """Where a worker listens, and what it is asked besides the task."""

    url: str
    """As the worker prints it, for example ``http://127.0.0.1:8300/rollout``."""
    token_env: str = "WORKER_TOKEN"
    """Environment variable that holds the worker's token."""
    timeout: float = 3600.0
    """Seconds that one rollout may take."""
    retries: int = 3
    """How often a connection that broke is tried again."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further fields of each request: ``slot``, ``workflow``, ``judge``, ``sampling``."""

    def rollout(self, task: Any, *, base_url: str, key: str, model: str = "policy", attempt: int = 0) -> Rollout:
        """Runs ``task`` once, with its model at ``base_url``.

        Raises:
            WorkerError: when the worker cannot be reached, or refuses the request.
        """
        asked = {"task": task, "base_url": base_url, "key": key, "model": model, "attempt": attempt, **self.options}
        request = urllib.request.Request(
            self.url,
            data=json.dumps(asked).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token()}"},
        )
        for tried in range(self.retries + 1):
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                    return Rollout.from_record(json.load(answer))
            except urllib.error.HTTPError as error:
                said = error.read().decode(errors="replace")
                raise WorkerError(f"the worker refused the rollout with status {error.code}: {said}") from error
            except (urllib.error.URLError, ConnectionError) as error:
                if tried == self.retries:
                    raise WorkerError(f"no worker answers at {self.url}; start one with the verb `worker`") from error
                time.sleep(0.2 * 2**tried)
        raise AssertionError("the loop returns or raises")

    def _token(self) -> str:
        token = os.environ.get(self.token_env)
        if not token:
            raise WorkerError(f"the environment variable {self.token_env} is not set; give it the worker's token")
        return token
