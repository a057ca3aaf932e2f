"""Turns become rows, and no sampled token is lost or counted twice."""

import pytest

from agentscope_trainers import Turn, best_row, rows


def test_a_clean_chain_is_one_row() -> None:
    # Prompt of three, two sampled, two by others, two sampled: the mask of the project's own reconciler.
    first = Turn([1, 2, 3], [4, 5], [-0.1, -0.2])
    second = Turn([1, 2, 3, 4, 5, 6, 7], [8, 9], [-0.3, -0.4])
    (row,) = rows([first, second])
    assert row.prompt_ids == [1, 2, 3]
    assert row.completion_ids == [4, 5, 6, 7, 8, 9]
    assert row.mask == [1, 1, 0, 0, 1, 1]
    assert row.logprobs == [-0.1, -0.2, 0.0, 0.0, -0.3, -0.4]


def test_a_drift_forks() -> None:
    drifted = Turn([1, 2, 9, 4], [5], [-0.3])
    both = rows([Turn([1, 2], [3, 4], [-0.1, -0.2]), drifted])
    assert [row.trained for row in both] == [2, 1]
    best, left_out = best_row([Turn([1, 2], [3, 4], [-0.1, -0.2]), drifted])
    assert best == both[0] and left_out == 1


def test_a_branch_continues_the_longest_row_that_it_shares() -> None:
    turns = [Turn([1], [2], [0.0]), Turn([1, 2, 3], [4], [0.0]), Turn([1, 2, 3, 4, 5], [6], [0.0])]
    turns.append(Turn([1, 2, 7], [8], [0.0]))
    assert [row.completion_ids for row in rows(turns)] == [[2, 3, 4, 5, 6], [8]]


def test_nothing_is_no_row() -> None:
    assert best_row([]) == (None, 0)


def test_a_missing_log_probability_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 sampled ids"):
        Turn([1], [2, 3], [0.0])
