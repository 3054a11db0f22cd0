"""What the tests and the bench of obfs4 share: our two halves (obfs4_pair), Debian's obfs4proxy as either half, a target that
echoes, and requests made by hand. Standard library only; programs are ended by pid."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Optional

PATIENCE = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Echo:
    """Sends back what it gets, and the end too."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Slicer:
    """A relay in front of `port` that hands every byte on by itself."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.to = port
        self.sockets: list[socket.socket] = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            self.sockets += [near, far]
            for a, b in ((near, far), (far, near)):
                b.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.threads.append(threading.Thread(target=self._pump, args=(a, b), daemon=True))
                self.threads[-1].start()

    @staticmethod
    def _pump(a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(1 << 16):
                for i in range(len(data)):
                    b.send(data[i : i + 1])
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join()
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # ended by itself
        for thread in self.threads:
            thread.join()
        for one in self.sockets:
            one.close()


class Program:
    """A child whose stdout is read up to what makes it ready; it ends when its stdin closes, or by SIGTERM."""

    def __init__(self, arguments: list[str], environment: Optional[dict[str, str]] = None) -> None:
        self.process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{self.process.args!r} ended: {self.process.wait()}")
        return line.strip()

    def stop(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def socks_arguments(arguments: list[str]) -> tuple[bytes, bytes]:
    joined = ";".join(arguments).encode()
    return joined[:255], joined[255:] or b"\0"


class Pair:
    """obfs4 from `port` to `target`; the bridge listens at `bridge_port`."""

    def __init__(self, client: str, server: str, target: int, iat: int = 0, pair: Optional[str] = None,
                 between: Optional[Callable[[int], int]] = None, seed: str = "") -> None:  # fmt: skip
        self.folder = Path(tempfile.mkdtemp(prefix="landfall-obfs4-"))
        self.pair = pair or os.environ["LANDFALL_OBFS4_PAIR"]
        self.seed = seed
        self.programs: list[Program] = []
        self.pids: dict[str, int] = {}
        self.socks: Optional[tuple[bytes, bytes]] = None
        self.arguments, self.bridge_port = getattr(self, "_server_" + server)(target, iat)
        via = between(self.bridge_port) if between else self.bridge_port
        self.port = getattr(self, "_client_" + client)(via)
        self.via = via

    def _start(self, name: str, arguments: list[str], environment: Optional[dict[str, str]] = None) -> Program:
        self.programs.append(Program(arguments, environment))
        self.pids[name] = self.programs[-1].process.pid
        return self.programs[-1]

    def _environment(self, name: str, **more: str) -> dict[str, str]:
        (self.folder / name).mkdir()
        return {"TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_STATE_LOCATION": str(self.folder / name),
                "TOR_PT_EXIT_ON_STDIN_CLOSE": "1", **more}  # fmt: skip

    def _server_theirs(self, target: int, iat: int) -> tuple[list[str], int]:
        port = free_port()
        environment = self._environment("server")
        if self.seed:
            (self.folder / "server" / "obfs4_state.json").write_text(json.dumps(identity(iat, self.seed)))
        program = self._start("server", ["obfs4proxy"], dict(environment, TOR_PT_SERVER_TRANSPORTS="obfs4", TOR_PT_SERVER_BINDADDR=f"obfs4-127.0.0.1:{port}",
            TOR_PT_ORPORT=f"127.0.0.1:{target}", TOR_PT_SERVER_TRANSPORT_OPTIONS=f"obfs4:iat-mode={iat}"))  # fmt: skip
        arguments: list[str] = []
        while (line := program.line()) != "SMETHODS DONE":
            if line.startswith("SMETHOD obfs4"):
                arguments = line.split("ARGS:")[1].split(",")
        return arguments, port

    def _client_theirs(self, bridge: int) -> int:
        program = self._start("client", ["obfs4proxy"], self._environment("client", TOR_PT_CLIENT_TRANSPORTS="obfs4"))
        port = 0
        while (line := program.line()) != "CMETHODS DONE":
            if line.startswith("CMETHOD obfs4"):
                port = int(line.rsplit(":", 1)[1])
        self.socks = socks_arguments(self.arguments)
        return port

    def _server_ours(self, target: int, iat: int) -> tuple[list[str], int]:
        state = self.folder / "state.json"
        state.write_text(json.dumps(identity(iat, self.seed)))
        program = self._start("server", [self.pair, "server", str(state), f"127.0.0.1:{target}"])
        arguments = json.loads(program.line())["arguments"].split()
        return arguments, int(json.loads(program.line())["listening"].rsplit(":", 1)[1])

    def _client_ours(self, bridge: int) -> int:
        program = self._start("client", [self.pair, "client", f"127.0.0.1:{bridge}", *self.arguments])
        return int(json.loads(program.line())["listening"].rsplit(":", 1)[1])

    def connect(self) -> socket.socket:
        return connect(self.port, self.via, self.socks)

    def close(self) -> None:
        for program in reversed(self.programs):
            program.stop()
        shutil.rmtree(self.folder)


def connect(port: int, bridge: int, socks: Optional[tuple[bytes, bytes]]) -> socket.socket:
    """A connection through a client half: at once, or by SOCKS5 with a bridge's arguments."""
    out = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    if socks is None:
        return out
    user, password = socks
    out.sendall(b"\x05\x01\x02")
    assert read_exactly(out, 2) == b"\x05\x02"
    out.sendall(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
    assert read_exactly(out, 2) == b"\x01\x00"
    out.sendall(b"\x05\x01\x00\x01" + socket.inet_aton("127.0.0.1") + struct.pack(">H", bridge))
    reply = read_exactly(out, 10)
    assert reply[1] == 0, reply
    return out


def read_exactly(connection: socket.socket, size: int) -> bytes:
    parts, got = [], 0
    while got < size:
        part = connection.recv(min(size - got, 1 << 18))
        if not part:
            raise AssertionError(f"ended after {got} of {size} bytes")
        parts.append(part)
        got += len(part)
    return b"".join(parts)


def identity(iat: int = 0, seed: str = "") -> dict[str, object]:
    """A state file's content. The key pair is fixed; node id and, where none is given, the seed of lengths and pauses are new each time."""
    return {
        "node-id": os.urandom(20).hex(), "iat-mode": iat, "drbg-seed": seed or os.urandom(24).hex(),
        "private-key": bytes(range(1, 33)).hex(),
        "public-key": "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c",
    }  # fmt: skip


def secret_of_line(arguments: list[str]) -> bytes:
    """B and node id: the key of marks and MACs, which everybody knows who knows the line."""
    cert = base64.b64decode(arguments[0].removeprefix("cert=") + "==")
    return cert[20:] + cert[:20]


def this_hour(ahead: int = 0) -> bytes:
    return str(int(time.time()) // 3600 + ahead).encode()


def request(arguments: list[str], *, hour: int = 0, padding: int = 200, trailing: bytes = b"") -> bytes:
    """What a client says first, from the bridge line alone: any 32 bytes are a key."""
    key = secret_of_line(arguments)
    out = os.urandom(32)
    out += os.urandom(padding) + hmac.new(key, out, hashlib.sha256).digest()[:16]
    return out + hmac.new(key, out + this_hour(hour), hashlib.sha256).digest()[:16] + trailing


def answer_without_the_key(arguments: list[str]) -> bytes:
    """What somebody can answer who knows the bridge's line and not its key: all is right but AUTH."""
    key = secret_of_line(arguments)
    out = os.urandom(32)
    mark = hmac.new(key, out, hashlib.sha256).digest()[:16]
    out += os.urandom(32 + 500) + mark
    return out + hmac.new(key, out + this_hour(), hashlib.sha256).digest()[:16]


class Impostor:
    """Where a bridge should be, somebody who has its line, as whoever asks a distributor has, and not its key."""

    def __init__(self, line: str, host: str = "127.0.0.1", port: int = 0) -> None:
        words = line.split()
        self.arguments = words[words.index(next(word for word in words if word.startswith("cert="))) :]
        self.listener = socket.create_server((host, port))
        self.port: int = self.listener.getsockname()[1]
        self.line = " ".join(["obfs4", f"{host}:{self.port}", *self.arguments])
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.recv(1 << 16)
                client.sendall(answer_without_the_key(self.arguments))
                while client.recv(1 << 16):
                    pass

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
