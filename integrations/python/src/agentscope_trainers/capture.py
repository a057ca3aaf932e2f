"""An OpenAI-compatible endpoint on loopback that keeps what the policy sampled, each rollout under a key of its own."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .tokens import Turn

MAX_BODY = 32 << 20


class EndpointError(Exception):
    """A call that cannot be answered, with the HTTP status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What the policy said."""

    message: dict[str, Any]
    """An assistant's message in the form of chat completions."""
    finish_reason: str
    turn: Turn


@dataclass
class Conversation:
    """The calls of one rollout."""

    key: str
    calls: list[tuple[list[dict[str, Any]], Answer]] = field(default_factory=list)
    """Messages and answer of each call, in the order in which they ended."""

    @property
    def turns(self) -> list[Turn]:
        """The tokens of each call."""
        return [answer.turn for _, answer in self.calls]


Policy = Callable[[dict[str, Any], Conversation], Answer]
"""Answers the body of a chat completion; called from many threads at once."""


class Capture:
    """Serves ``policy`` until it is closed.

    A key is good for one rollout, and useless after it. Use it as a context manager.
    """

    def __init__(self, policy: Policy, host: str = "127.0.0.1") -> None:
        self._policy = policy
        self._open: dict[str, Conversation] = {}
        self._lock = threading.Lock()
        self._server = _Server((host, 0), _handler(self))
        self.base_url = f"http://{host}:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        """A rollout's conversation, whose key works inside the block."""
        opened = Conversation(secrets.token_urlsafe(24))
        with self._lock:
            self._open[opened.key] = opened
        try:
            yield opened
        finally:
            with self._lock:
                del self._open[opened.key]

    def answer(self, key: str, body: dict[str, Any]) -> Answer:
        """Answers one call and keeps it.

        Raises:
            EndpointError: for a wrong key, and where the policy refuses.
        """
        with self._lock:
            found = next((c for k, c in self._open.items() if hmac.compare_digest(k.encode(), key.encode())), None)
        if found is None:
            raise EndpointError(401, "the key is wrong, or its rollout is over")
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise EndpointError(400, "`messages` must be a list of at least one message")
        if body.get("n", 1) != 1:
            raise EndpointError(400, "`n` must be 1: ask several times")
        answer = self._policy(body, found)
        with self._lock:
            found.calls.append((messages, answer))
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def completion(answer: Answer, model: str) -> dict[str, Any]:
    """``answer`` as a chat completion."""
    prompt, sampled = len(answer.turn.prompt_ids), len(answer.turn.ids)
    return {
        "id": f"chatcmpl-{secrets.token_hex(8)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": answer.message, "finish_reason": answer.finish_reason}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": sampled, "total_tokens": prompt + sampled},
    }


def stream(whole: dict[str, Any]) -> bytes:
    """A chat completion as a stream of two pieces: the message, and why it ended."""
    (choice,) = whole["choices"]
    delta = dict(choice["message"])
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": i, **call} for i, call in enumerate(delta["tool_calls"])]
    head = {**{k: whole[k] for k in ("id", "created", "model")}, "object": "chat.completion.chunk"}
    pieces: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
        {**head, "choices": [], "usage": whole["usage"]},
    ]
    return b"".join(f"data: {json.dumps(piece)}\n\n".encode() for piece in pieces) + b"data: [DONE]\n\n"


def _handler(capture: Capture) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Bounds how long a client may take over its request.
        timeout = 600

        def do_POST(self) -> None:  # noqa: N802
            try:
                body = self._body()
                if self.path.rstrip("/") != "/v1/chat/completions":
                    raise EndpointError(404, "only POST /v1/chat/completions is served")
                key = self.headers.get("Authorization", "").removeprefix("Bearer ")
                whole = completion(capture.answer(key, body), str(body.get("model", "policy")))
            except EndpointError as error:
                self._send(error.status, _refusal(str(error), error.status))
            except Exception as error:  # noqa: BLE001
                self._send(500, _refusal(f"the policy failed: {error}", 500))
            else:
                if body.get("stream"):
                    self._send(200, stream(whole), "text/event-stream")
                else:
                    self._send(200, json.dumps(whole).encode())

        def _body(self) -> dict[str, Any]:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= MAX_BODY:
                self.close_connection = True
                raise EndpointError(413, f"the body must have a length of 1 to {MAX_BODY} bytes")
            try:
                body = json.loads(self.rfile.read(length))
            except ValueError as error:
                raise EndpointError(400, f"the body is no JSON: {error}") from error
            if not isinstance(body, dict):
                raise EndpointError(400, "the body must be a JSON object")
            return body

        def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _refusal(message: str, status: int) -> bytes:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return json.dumps({"error": {"message": message, "type": kind, "code": status}}).encode()
