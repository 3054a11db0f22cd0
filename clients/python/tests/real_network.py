"""A network of its own for a test: keys, root, lists, a landfall-server that serves them, and `landfall run` children.

The two programs' paths come from LANDFALL_BIN and LANDFALL_SERVER_BIN. All of it is on loopback and in one temporary folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Optional

LANDFALL = os.environ.get("LANDFALL_BIN", "")
SERVER = os.environ.get("LANDFALL_SERVER_BIN", "")
SECRET = "7f3a9c5e21d04b68aa41"
NETWORK = "test-net"
PATIENCE = 20.0


def run(*command: str) -> str:
    """The program's output; its errors too when it fails."""
    ended = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {ended.returncode}: {ended.stdout}")
    return ended.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Network:
    """Publisher and server. `close()` ends and removes everything."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="landfall-net-"))
        self.port = free_port()
        self._server: Optional[subprocess.Popen[str]] = None
        passphrase = self.folder / "passphrase"
        passphrase.write_text("test\n")
        self._with_passphrase = ["--passphrase-file", str(passphrase)]
        for name in ("root", "list"):
            run(LANDFALL, "list", "keygen", "--out", str(self.folder / name), *self._with_passphrase)
        self.root = self.folder / "root.dsse.json"
        run(LANDFALL, "root", "init", "--network", NETWORK, "--out", str(self.root),
            "--root-key", f"{self.folder}/root.pub", "--root-threshold", "1",
            "--list-key", f"{self.folder}/list.pub", "--list-threshold", "1")
        run(LANDFALL, "root", "sign", str(self.root), "--key", f"{self.folder}/root.pem", *self._with_passphrase)

        self.certificate, self._key = str(self.folder / "tls.pem"), str(self.folder / "tls.key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self._key, "-out", self.certificate)

    def publish(self, version: int, *, age: int = 0, peers: int = 12) -> None:
        """A list of `peers` peers in as many networks, issued `age` seconds ago; fresh for a day, valid for a week."""
        described = [{
            "id": base64.urlsafe_b64encode(hashlib.sha256(b"peer %d" % n).digest()).decode().rstrip("="),
            "endpoints": [f"tcp://10.{n}.0.1:443"], "asn": 64496 + n, "cc": "DEFRSENL"[2 * (n % 4) : 2 * (n % 4) + 2],
        } for n in range(peers)]
        source, made = self.folder / "list.json", self.folder / "list.dsse.json"
        source.write_text(json.dumps({"peers": described}))
        run(LANDFALL, "list", "build", "--from", str(source), "--root", str(self.root), "--version", str(version),
            "--lab", "--issued", str(int(time.time()) - age), "--fresh", "1d", "--life", "7d", "--out", str(made))
        run(LANDFALL, "list", "sign", str(made), "--key", f"{self.folder}/list.pem", *self._with_passphrase)
        served = self.folder / "documents" / "v1" / NETWORK / "public-0" / "list"
        served.parent.mkdir(parents=True, exist_ok=True)
        os.replace(made, served)

    def serve(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(SECRET)
        self._server = subprocess.Popen(
            [SERVER, "--listen", f"127.0.0.1:{self.port}", "--documents", str(self.folder / "documents"),
             "--secret-file", str(secret), "--tls-cert", self.certificate, "--tls-key", self._key,
             "--exit-with-parent"],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._server.stdout
        ready = self._server.stdout.readline()
        assert "listening" in ready, ready

    def stop_serving(self) -> None:
        server, self._server = self._server, None
        if server:
            server.terminate()
            server.communicate(timeout=PATIENCE)

    def sidecar(self, name: str) -> Sidecar:
        """A sidecar with a state folder of its own, not started yet. The same name means the same state."""
        return Sidecar(self, name)

    def close(self) -> None:
        self.stop_serving()
        shutil.rmtree(self.folder)


class Sidecar:
    """`landfall run` of one configuration; runs while it is entered."""

    def __init__(self, network: Network, name: str) -> None:
        home = network.folder / name
        home.mkdir(mode=0o700, exist_ok=True)
        self.socket = str(home / "api.sock")
        self.configuration = home / "landfall.toml"
        self.configuration.write_text(
            f'[network]\nid = "{NETWORK}"\nroot = "{network.root}"\nlab = true\n[sidecar]\nstate = "{home}/state"\n'
            + "".join(
                f'[[route]]\nkind = "https"\nname = "{route}"\nca = "{network.certificate}"\n'
                f'url = "https://127.0.0.1:{network.port}/{secret}/"\n'
                for route, secret in (("first", SECRET), ("second", SECRET[::-1]))))
        self.command = [LANDFALL, "run", "-c", str(self.configuration)]
        self.process: Optional[subprocess.Popen[str]] = None

    def __enter__(self) -> Sidecar:
        environment = {**os.environ, "LANDFALL_API": self.socket}
        self.process = subprocess.Popen(self.command, env=environment, text=True, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        assert self.process.stderr
        told = []
        for line in self.process.stderr:
            told.append(line)
            if "ready" in line:
                return self
        self.process.wait(PATIENCE)
        raise AssertionError(f"the sidecar did not get ready: {told}")

    def __exit__(self, *_: object) -> None:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)
