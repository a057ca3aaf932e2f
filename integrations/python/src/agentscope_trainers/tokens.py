"""From captured turns to the rows that a trainer takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """One call of the policy, as the sampler saw it."""

    prompt_ids: list[int]
    """Ids of the rendered conversation."""
    ids: list[int]
    """Ids that were sampled, the end of the turn among them."""
    logprobs: list[float]
    """Log-probability of each sampled id."""

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.logprobs):
            raise ValueError(f"{len(self.ids)} sampled ids came with {len(self.logprobs)} log-probabilities")


@dataclass(frozen=True)
class Row:
    """One sequence to be trained on. The last three fields have one length."""

    prompt_ids: list[int]
    completion_ids: list[int]
    logprobs: list[float]
    """0 where the policy did not sample."""
    mask: list[int]
    """1 where the policy sampled, 0 where others wrote."""

    @property
    def trained(self) -> int:
        """Number of sampled tokens."""
        return sum(self.mask)

    def cut(self, most: int) -> Row:
        """The same row with at most ``most`` tokens after the prompt."""
        return Row(self.prompt_ids, self.completion_ids[:most], self.logprobs[:most], self.mask[:most])


def rows(turns: Iterable[Turn]) -> list[Row]:
    """Joins the turns of a rollout.

    A turn continues a row when its prompt begins with all of that row's tokens; then what lies between was written by others
    and is masked. Any other turn begins a row of its own, so every sampled token stands in exactly one row.
    """
    joined: list[Row] = []
    for turn in turns:
        fitting = [i for i, row in enumerate(joined) if _starts_with(turn.prompt_ids, row)]
        # The longest, for a branch belongs to the conversation that it shares most with.
        at = max(fitting, key=lambda i: _length(joined[i]), default=None)
        if at is None:
            joined.append(Row(list(turn.prompt_ids), list(turn.ids), list(turn.logprobs), [1] * len(turn.ids)))
        else:
            joined[at] = _continued(joined[at], turn)
    return joined


def best_row(turns: Iterable[Turn]) -> tuple[Row | None, int]:
    """The row with the most sampled tokens, and how many sampled tokens stand in the others.

    For trainers that take one row for each rollout.
    """
    all_rows = rows(turns)
    best = max(all_rows, key=lambda row: row.trained, default=None)
    return best, sum(row.trained for row in all_rows if row is not best)


def _length(row: Row) -> int:
    return len(row.prompt_ids) + len(row.completion_ids)


def _starts_with(ids: list[int], row: Row) -> bool:
    at = len(row.prompt_ids)
    return ids[:at] == row.prompt_ids and ids[at : _length(row)] == row.completion_ids


def _continued(row: Row, turn: Turn) -> Row:
    between = turn.prompt_ids[_length(row) :]
    return Row(
        row.prompt_ids,
        row.completion_ids + between + turn.ids,
        row.logprobs + [0.0] * len(between) + turn.logprobs,
        row.mask + [0] * len(between) + [1] * len(turn.ids),
    )
