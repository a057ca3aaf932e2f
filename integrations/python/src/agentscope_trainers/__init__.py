"""Workflows and judges of agentscope-tuner as the environment of TRL, verl and Trinity-RFT.

A program written with agentscope-tuner serves its workflow and its judge with the verb ``worker``. The adapters here put the
policy under training behind an OpenAI-compatible endpoint on loopback, send each task to the worker, and hand the trainer the
token ids that were sampled, their log-probabilities, and the reward. Nothing is tokenised twice.
"""

from .capture import Answer, Capture, Conversation, EndpointError
from .tokens import Row, Turn, best_row, rows
from .worker import Rollout, Worker, WorkerError

__all__ = [
    "Answer",
    "Capture",
    "Conversation",
    "EndpointError",
    "Rollout",
    "Row",
    "Turn",
    "Worker",
    "WorkerError",
    "best_row",
    "rows",
]
