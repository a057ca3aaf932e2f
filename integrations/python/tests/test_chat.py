"""The endpoint and the chat template: what was sampled is what is trained."""

import json
import urllib.error
from typing import Any

import pytest
from fakes import EOS, Letters, ask

from agentscope_trainers import Answer, Capture, Conversation, rows
from agentscope_trainers.chat import Chat

CALL = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'


def chat(said: list[str], asked: list[list[int]], end: bool = True) -> Any:
    """A policy that says ``said``, one after the other."""
    template, left = Chat(Letters(), max_tokens=200), list(said)

    def policy(body: dict[str, Any], conversation: Conversation) -> Answer:
        call = template.asked(body, conversation)
        asked.append(call.prompt_ids)
        ids = Letters().encode(left.pop(0)) + [EOS] * end
        return template.answer(call, ids, [-0.5] * len(ids))

    return policy


def test_a_conversation_with_a_tool_is_one_row() -> None:
    asked: list[list[int]] = []
    with Capture(chat([CALL, "2"], asked)) as endpoint, endpoint.conversation() as opened:
        messages = [{"role": "user", "content": "1+1"}]
        first = ask(endpoint.base_url, opened.key, messages=messages)["choices"][0]
        assert first["finish_reason"] == "tool_calls"
        (call,) = first["message"]["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == {"a": 1}
        messages += [first["message"], {"role": "tool", "content": "2", "tool_call_id": call["id"]}]
        second = ask(endpoint.base_url, opened.key, messages=messages)["choices"][0]
        assert second["message"]["content"] == "2" and second["finish_reason"] == "stop"
        (row,) = rows(opened.turns)
    # The template spells the call without spaces; the sampled ids stand all the same.
    letters = Letters()
    between = letters.encode("\n\x02t2\x00\n\x02a")
    assert row.completion_ids == letters.encode(CALL) + [EOS] + between + letters.encode("2") + [EOS]
    assert row.mask == [1] * (len(CALL) + 1) + [0] * len(between) + [1, 1]
    assert asked[1] == row.prompt_ids + letters.encode(CALL) + [EOS] + between


def test_a_turn_that_was_cut_gets_its_end_from_the_template() -> None:
    asked: list[list[int]] = []
    with Capture(chat(["4", "5"], asked, end=False)) as endpoint, endpoint.conversation() as opened:
        messages = [{"role": "user", "content": "2+2"}]
        first = ask(endpoint.base_url, opened.key, messages=messages)["choices"][0]
        assert first["finish_reason"] == "length"
        messages += [first["message"], {"role": "user", "content": "?"}]
        ask(endpoint.base_url, opened.key, messages=messages)
        (row,) = rows(opened.turns)
    assert row.completion_ids == Letters().encode("4\x00\n\x02u?\x00\n\x02a5")
    assert row.mask == [1] + [0] * 9 + [1]


def test_a_history_that_was_rewritten_begins_a_row() -> None:
    asked: list[list[int]] = []
    with Capture(chat(["4", "5"], asked)) as endpoint, endpoint.conversation() as opened:
        ask(endpoint.base_url, opened.key, messages=[{"role": "user", "content": "2+2"}])
        ask(endpoint.base_url, opened.key, messages=[{"role": "user", "content": "2+3"}])
        assert len(rows(opened.turns)) == 2


def test_a_stop_text_ends_the_answer() -> None:
    with Capture(chat(["ab;cd"], [])) as endpoint, endpoint.conversation() as opened:
        said = ask(endpoint.base_url, opened.key, messages=[{"role": "user", "content": "?"}], stop=";")
        assert said["choices"][0]["message"]["content"] == "ab"
        assert opened.turns[0].ids == Letters().encode("ab;")


def test_a_key_is_good_for_its_rollout_only() -> None:
    with Capture(chat(["4"], [])) as endpoint:
        with endpoint.conversation() as opened:
            pass
        for key in ("", "wrong", opened.key):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(endpoint.base_url, key, messages=[{"role": "user", "content": "?"}])
            assert refused.value.code == 401


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": [{"role": "user", "content": "?"}], "n": 2}])
def test_a_malformed_request_is_refused(body: dict[str, Any]) -> None:
    with Capture(chat(["4"], [])) as endpoint, endpoint.conversation() as opened:
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(endpoint.base_url, opened.key, **body)
        assert refused.value.code == 400
        assert not opened.turns
