"""From messages to token ids and back, with a tokenizer of ``transformers``."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .capture import Answer, Conversation, EndpointError
from .tokens import Turn

CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What one call asks of the policy."""

    prompt_ids: list[int]
    max_tokens: int
    """Most tokens to sample, at least 1."""
    stop: tuple[str, ...] = ()


class Chat:
    """Renders conversations with the tokenizer's chat template.

    Args:
        tokenizer: with a chat template.
        max_tokens: most tokens of an answer; a request may ask for fewer.
        eos_ids: ids that end a turn; the tokenizer's when not given.
    """

    def __init__(self, tokenizer: Any, *, max_tokens: int, eos_ids: Iterable[int] | None = None) -> None:
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.eos_ids = frozenset([tokenizer.eos_token_id] if eos_ids is None else eos_ids)

    def asked(self, body: dict[str, Any], conversation: Conversation) -> Asked:
        """Reads the body of a chat completion; temperature and its like are the trainer's, not the agent's.

        Raises:
            EndpointError: for what the policy cannot do.
        """
        form = body.get("response_format")
        if form and form.get("type", "text") != "text":
            raise EndpointError(400, "`response_format` is not supported here: ask for it in the prompt")
        most = body.get("max_completion_tokens") or body.get("max_tokens") or self.max_tokens
        stop = body.get("stop") or ()
        tools = None if body.get("tool_choice") == "none" else body.get("tools")
        return Asked(
            prompt_ids=self._prompt(body["messages"], tools, conversation),
            max_tokens=max(1, min(int(most), self.max_tokens)),
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
        )

    def answer(self, asked: Asked, ids: list[int], logprobs: list[float]) -> Answer:
        """What the sampled ``ids`` say; those after the end of the turn, or after a stop text, are dropped."""
        ids, stopped = self._ended(ids[: asked.max_tokens], asked.stop)
        turn = Turn(asked.prompt_ids, ids, logprobs[: len(ids)])
        words = [i for i in ids if i not in self.eos_ids]
        text = self.tokenizer.decode(words, skip_special_tokens=False)
        for mark in asked.stop:
            text = text.split(mark, 1)[0]
        content, calls = _split_calls(text)
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if calls:
            message["tool_calls"] = calls
        return Answer(message, ("tool_calls" if calls else "stop") if stopped else "length", turn)

    def _ended(self, ids: list[int], stop: tuple[str, ...]) -> tuple[list[int], bool]:
        for at, token in enumerate(ids):
            if token in self.eos_ids:
                return ids[: at + 1], True
            if stop and any(mark in self.tokenizer.decode(ids[: at + 1]) for mark in stop):
                return ids[: at + 1], True
        return ids, False

    def _prompt(self, messages: list[dict[str, Any]], tools: Any, conversation: Conversation) -> list[int]:
        text = self._render(messages, tools, generate=True)
        said = [_comparable(message) for message in messages]
        for before, answer in reversed(conversation.calls):
            length = len(before) + 1
            if length < len(said) and said[:length] == [_comparable(m) for m in [*before, answer.message]]:
                ids = self._continued(messages, length, tools, text, answer.turn)
                if ids is not None:
                    return ids
        return self._encode(text)

    def _continued(self, messages: list[Any], length: int, tools: Any, text: str, turn: Turn) -> list[int] | None:
        """The sampled ids of the earlier call, then what the template writes after the end of that turn."""
        head = self._render(messages[:length], tools, generate=False)
        if not text.startswith(head):
            return None
        written = self._encode(head)
        ends = [at for at, token in enumerate(written) if token in self.eos_ids]
        if not ends:
            return None
        # A turn that was cut has no end of its own: the template's is added, and nobody is trained on it.
        complete = bool(turn.ids) and turn.ids[-1] in self.eos_ids
        tail = written[ends[-1] + complete :]
        return turn.prompt_ids + turn.ids + tail + self._encode(text[len(head) :])

    def _render(self, messages: list[dict[str, Any]], tools: Any, *, generate: bool) -> str:
        try:
            return self.tokenizer.apply_chat_template(
                [_templated(message) for message in messages], tools=tools, add_generation_prompt=generate, tokenize=False
            )
        except Exception as error:
            raise EndpointError(400, f"the chat template refuses the messages: {error}") from error

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))


def _arguments(call: dict[str, Any]) -> Any:
    arguments = call["function"].get("arguments")
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _comparable(message: dict[str, Any]) -> tuple[Any, ...]:
    calls = [(call["function"]["name"], _arguments(call)) for call in message.get("tool_calls") or []]
    return message.get("role"), _text(message.get("content")), calls, message.get("tool_call_id")


def _templated(message: dict[str, Any]) -> dict[str, Any]:
    """As templates expect it: content as text, arguments as an object."""
    plain = {**message, "content": _text(message.get("content"))}
    if message.get("tool_calls"):
        plain["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": _arguments(call)}} for call in message["tool_calls"]
        ]
    return plain


def _split_calls(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Text and calls of an answer in the form of Hermes; a call that is no JSON stays text."""
    calls: list[dict[str, Any]] = []

    def taken(match: re.Match[str]) -> str:
        try:
            call = json.loads(match.group(1))
            name, arguments = str(call["name"]), call.get("arguments", {})
        except (ValueError, KeyError, TypeError, AttributeError):
            return match.group(0)
        function = {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)}
        calls.append({"id": f"call_{secrets.token_hex(6)}", "type": "function", "function": function})
        return ""

    content = CALL.sub(taken, text)
    return (content.strip() if calls else content), calls
