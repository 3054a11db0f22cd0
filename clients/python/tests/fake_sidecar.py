"""A Unix socket that answers as a test says: well, badly, slowly, or not at all. One answer per connection, in turn."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from typing import Any, Callable

Answer = Callable[[socket.socket, threading.Event], None]
"""Writes to the connection; the event is set when the test is over."""


def peer(n: int, **changes: Any) -> dict[str, Any]:
    """A peer as `/v1/peers` gives it."""
    return {"id": f"{n:043d}", "endpoints": [f"tcp://198.18.{n}.1:443"], "roles": ["relay"], "source": "list",
            "tier": "A", "list_version": 7, "first_seen": 1795132800, "proxy": False, **changes}


def peers_answer(*listed: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"peers": list(listed), "short": False, "degraded": [], "provisional": False,
            "socks": {"address": "127.0.0.1:1080", "user": "u", "password": "hunter2"}, **changes}


def raw(data: bytes) -> Answer:
    """These bytes, then the end of the connection."""
    return lambda stream, _: stream.sendall(data)


def http(status: int, body: Any = None) -> Answer:
    """A proper answer with a length. The connection is closed after it."""
    content = b"" if body is None else json.dumps(body).encode()
    return raw(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)


def then_silence(data: bytes) -> Answer:
    """These bytes; then the connection stays open without another one."""

    def answer(stream: socket.socket, over: threading.Event) -> None:
        stream.sendall(data)
        over.wait()

    return answer


def endless(data: bytes, unit: bytes, pause: float) -> Answer:
    """These bytes, then `unit` again and again, `pause` seconds apart."""

    def answer(stream: socket.socket, over: threading.Event) -> None:
        stream.sendall(data)
        while not over.wait(pause):
            stream.sendall(unit)

    return answer


class FakeSidecar:
    """Listens at `path` while it is entered; `requests` has what clients sent: method, target, JSON body."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._folder = tempfile.mkdtemp(prefix="landfall-fake-")
        self.path = os.path.join(self._folder, "api.sock")
        self.requests: list[tuple[str, str, Any]] = []
        self._over = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> FakeSidecar:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        for thread in self._threads:
            thread.join()
        self._listener.close()
        shutil.rmtree(self._folder)

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(stream,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, stream: socket.socket) -> None:
        with stream:
            reader = stream.makefile("rb")
            request = reader.readline().decode().split(" ")
            length = 0
            for line in iter(reader.readline, b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self.requests.append((request[0], request[1], json.loads(reader.read(length)) if length else None))
            try:
                self._answers.pop(0)(stream, self._over)
            except OSError:  # the client went away: what some tests want
                pass
