"""What the server's tests share: the real program as a child, raw requests, documents that it will serve.

The program's path comes from LANDFALL_SERVER_BIN. Nothing sleeps: tests wait for a line, an answer or an end, each with a
deadline."""

import base64
import hashlib
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

BINARY = os.environ.get("LANDFALL_SERVER_BIN", "")
SECRET = "7f3a9c5e21d04b68"
LIST = "v1/net/public-0/list"
PATIENCE = 20.0
Address = Union[str, Tuple[str, int]]


def envelope(kind: str, payload: dict) -> bytes:
    """A document as the server sees one: it never checks signatures, so these are invented."""
    data = json.dumps(payload, separators=(",", ":")).encode()
    signature = base64.b64encode(b"s" * 3373).decode()
    return json.dumps(
        {
            "payloadType": f"application/vnd.landfall.{kind}.v1+json",
            "payload": base64.b64encode(data).decode(),
            "signatures": [{"keyid": f"{n:064x}", "sig": signature} for n in range(2)],
        }
    ).encode()


def peer_list(version: int = 1, peers: int = 64, endpoints: Optional[List[str]] = None) -> bytes:
    """About 23 KB with 64 peers; or one peer with these endpoints."""
    ids = [base64.urlsafe_b64encode(hashlib.sha256(b"%d" % n).digest()).decode().rstrip("=") for n in range(peers)]
    described = [
        {"id": ids[n], "endpoints": [f"tcp://198.51.100.{n}:443"], "roles": ["relay"], "asn": 64496 + n, "cc": "DE",
         "seen": 1795132800, "weight": 100}
        for n in range(peers)
    ]  # fmt: skip
    if endpoints:
        described = [{**described[0], "endpoints": endpoints}]
    return envelope(
        "peerlist",
        {"type": "peerlist", "spec": 1, "network": "net", "channel": "public-0", "epoch": 1, "version": version,
         "root_version": 1, "issued": 1795132800, "fresh_until": 1795219200, "expires": 1796342400, "peers": described,
         "revoked": [], "servers": [], "routes": []},
    )  # fmt: skip


def tag_of(document: bytes) -> str:
    return '"%s"' % hashlib.sha256(base64.b64decode(json.loads(document)["payload"])).hexdigest()


def replace(path: Path, content: bytes) -> None:
    """As publishers write: never a half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name("." + path.name)
    temporary.write_bytes(content)
    os.replace(temporary, path)


class Server:
    """landfall-server as a child, ready once made."""

    def __init__(self, *arguments: str, cwd: Optional[Path] = None, secret: Optional[str] = None,
                 environment: Optional[Dict[str, str]] = None) -> None:  # fmt: skip
        self.process = subprocess.Popen(
            [BINARY, *arguments], stdin=subprocess.PIPE if secret else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=cwd, env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self.lines: "queue.Queue[Optional[str]]" = queue.Queue()
        self.told: List[str] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        if secret and self.process.stdin:
            self.process.stdin.write(secret.encode())
            self.process.stdin.close()
        assert self.process.stdout
        ready = self.process.stdout.readline()
        if not ready:
            self.stop()
            raise AssertionError(f"the server did not start: {self.told}")
        self.ready: Dict[str, Any] = json.loads(ready)
        self.listening: List[str] = self.ready["listening"]

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.put(line.decode().rstrip())
        self.lines.put(None)

    def wait_for(self, pattern: str) -> str:
        """The next line on stderr that matches."""
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if line is None:
                raise AssertionError(f"ended without a line like {pattern!r}; told: {self.told}")
            self.told.append(line)
            if re.search(pattern, line):
                return line

    def address(self, index: int = 0) -> Address:
        name = self.listening[index]
        if name.startswith("unix:"):
            return name[len("unix:") :]
        host, port = name.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        self.reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        while True:
            line = self.lines.get() if not self.lines.empty() else None
            if line is None:
                return status
            self.told.append(line)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Asks until it holds; select is the pause between."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in time: {what}")
        select.select([], [], [], 0.02)


def connect(address: Address, tls: Optional[ssl.SSLContext] = None, name: str = "localhost") -> socket.socket:
    if isinstance(address, str):
        out = socket.socket(socket.AF_UNIX)
        out.settimeout(PATIENCE)
        try:
            out.connect(address)
        except OSError:
            out.close()
            raise
        return out
    out = socket.create_connection(address, timeout=PATIENCE)
    return tls.wrap_socket(out, server_hostname=name) if tls else out


def read_all(connection: socket.socket) -> bytes:
    """Until the other side closes; a reset counts as the end."""
    parts = []
    try:
        while True:
            part = connection.recv(65536)
            if not part:
                break
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def ask_raw(address: Address, request: bytes) -> bytes:
    """Sends, closes our half, and reads until the other side closes."""
    with connect(address) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused while we were still sending
        return read_all(connection)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def without_date(answer: bytes) -> bytes:
    return re.sub(rb"Date: [^\r]*\r\n", b"", answer)


def make_certificate(folder: Path, name: str = "localhost") -> Tuple[Path, Path]:
    """A self-signed certificate and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


# What strangers and scanners send; none of it knows the secret.
STRANGE = [
    b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /nothing HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nRange: bytes=1-3\r\n\r\n",
    b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nIf-None-Match: *\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /v1/net/live HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n",
    b"DELETE / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    b"BREW / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"PROPFIND / HTTP/1.1\r\nHost: example.com\r\nDepth: 1\r\n\r\n",
    b"GET /v1/net/public-0/list HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /7f3a9c5e21d04b6/v1/net/public-0/list HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET //etc/passwd HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /index.html%00.jpg HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET http://other.example/nothing HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: example.com\r\n\r\n",
    b"GET /\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: example.com\r\nX: a\x00b\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1073741824\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"\x05\x01\x00",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"",
]


class ServerTest(unittest.TestCase):
    """Gives each test a folder with one list and a small decoy."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="landfall-server-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.documents, self.decoy = self.folder / "documents", self.folder / "decoy"
        self.list = peer_list()
        replace(self.documents / LIST, self.list)
        replace(self.decoy / "index.html", b"<h1>My garden</h1>\n")
        replace(self.decoy / "roses.css", b"h1 { color: red }\n")
        (self.folder / "secret").write_text(SECRET + "\n")

    def serve(self, *arguments: str, listen: Tuple[str, ...] = ("127.0.0.1:0",)) -> Server:
        where = [word for one in listen for word in ("--listen", one)]
        server = Server(
            "--documents", str(self.documents), "--secret-file", str(self.folder / "secret"), "--decoy", str(self.decoy), *where, *arguments
        )  # fmt: skip
        self.addCleanup(self.assert_ends_well, server)
        return server

    def serve_decoy(self, *arguments: str) -> Server:
        """The same program without documents."""
        server = Server("--decoy", str(self.decoy), "--listen", "127.0.0.1:0", *arguments)
        self.addCleanup(self.assert_ends_well, server)
        return server

    def assert_ends_well(self, server: Server) -> None:
        """Whatever a test did to it: no crash, and under a sanitizer nothing to report."""
        self.assertIn(server.stop(), (0, -signal.SIGKILL), server.told)
