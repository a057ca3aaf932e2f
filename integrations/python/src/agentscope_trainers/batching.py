"""Calls of many rollouts, collected into batches for a sampler that belongs to one thread."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from .chat import Asked

Sampled = tuple[list[int], list[float]]
"""Sampled ids and their log-probabilities."""


@dataclass
class Call:
    """A call that waits for its tokens."""

    asked: Asked
    sampled: Future[Sampled] = field(default_factory=Future)


class Desk:
    """Where the threads of an endpoint wait, and the trainer's thread takes their calls.

    Args:
        linger: seconds without a new call after which a batch is not waited for any longer.
    """

    def __init__(self, linger: float = 0.2) -> None:
        self._linger = linger
        self._changed = threading.Condition()
        self._waiting: list[Call] = []
        self._under_way = 0
        self._closed: BaseException | None = None

    def watch(self, rollouts: list[Future[Any]]) -> None:
        """Counts rollouts that may still call."""
        self._under_way += len(rollouts)
        for rollout in rollouts:
            rollout.add_done_callback(self._ended)

    def ask(self, asked: Asked) -> Sampled:
        """Waits for tokens; called by the endpoint."""
        call = Call(asked)
        with self._changed:
            if self._closed is not None:
                raise RuntimeError(f"sampling failed: {self._closed}")
            self._waiting.append(call)
            self._changed.notify_all()
        return call.sampled.result()

    def batch(self) -> list[Call]:
        """All calls that wait, as soon as no more are expected at once; none when every rollout has ended."""
        with self._changed:
            while self._under_way and len(self._waiting) < self._under_way:
                if not self._changed.wait(self._linger if self._waiting else None) and self._waiting:
                    break
            taken, self._waiting = self._waiting, []
            return taken

    def close(self, error: BaseException) -> None:
        """Fails the calls that wait, and all that come."""
        with self._changed:
            self._closed = error
            taken, self._waiting = self._waiting, []
        for call in taken:
            call.sampled.set_exception(RuntimeError(f"sampling failed: {error}"))

    def _ended(self, _: Future[Any]) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()
