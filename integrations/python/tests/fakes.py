"""What the tests stand on: a tokenizer of characters, and a worker that is an agent in Python."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agentscope_trainers import Worker

EOS, PAD, START = 0, 1, 2


class Letters:
    """One id for each character; a turn is ``<role's letter>text`` and the end, which the template follows with a line break."""

    eos_token_id = EOS
    pad_token_id = PAD
    MARKS = {"\x00": EOS, "\x01": PAD, "\x02": START}

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        return [self.MARKS.get(letter, ord(letter)) for letter in text]

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return "".join(chr(i) for i in ids)

    def apply_chat_template(
        self, messages: list[dict[str, Any]], tools: Any = None, add_generation_prompt: bool = False, tokenize: bool = True
    ) -> str:
        assert not tokenize
        text = "T" if tools else ""
        for message in messages:
            text += f"\x02{message['role'][0]}{message['content']}"
            for call in message.get("tool_calls") or []:
                # Spelled otherwise than a model would: a template writes JSON in its own way.
                text += f"<tool_call>{json.dumps(call['function'], separators=(',', ':'))}</tool_call>"
            text += "\x00\n"
        return text + ("\x02a" if add_generation_prompt else "")


Agent = Callable[[Any, Callable[..., dict[str, Any]]], dict[str, Any]]
"""Takes a task and a way to ask the model, and gives a record."""


def ask(base_url: str, key: str, **body: Any) -> dict[str, Any]:
    """One chat completion."""
    request = urllib.request.Request(
        f"{base_url}/chat/completions",
        data=json.dumps({"model": "policy", **body}).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@contextmanager
def worker(agent: Agent) -> Iterator[Worker]:
    """A server that speaks as the verb ``worker`` does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != "Bearer secret":
                self.send_error(401)
                return
            record = agent(asked["task"], lambda **body: ask(asked["base_url"], asked["key"], **body))
            said = json.dumps({"status": "scored", "metrics": {}, **record}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Worker(f"http://127.0.0.1:{server.server_address[1]}/rollout")
    finally:
        server.shutdown()
        server.server_close()
