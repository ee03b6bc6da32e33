"""Mistral and a subscriber, both at one address on loopback."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from relay.domain.answer import Answer
from tests.fakes.mistral import chat_answer


@dataclass
class Outside:
    """Answers as told, or else with a chat's answer, which is good enough for a subscriber too."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What happens while the next request waits for its answer."""

    def answer(self, path: str) -> Answer:
        self.paths.append(path)
        if self.meanwhile:
            self.meanwhile.pop()()
        return self.answers.pop(0) if self.answers else chat_answer()

    @contextmanager
    def listening(self) -> Iterator[None]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                found = answer(self.path)
                self.send_response(found.status)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()
